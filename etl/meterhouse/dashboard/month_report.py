"""The monthly report: a page of answers about a month that is over, how it ties to its invoice, and what it cost by whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from html import escape

from meterhouse import formats
from meterhouse.answers.answer import month as month_words
from meterhouse.answers.rows import Budget, TieOut
from meterhouse.dashboard.head_page import head_page
from meterhouse.dashboard.month_figures import MonthFigures, SpendRow
from meterhouse.dashboard.notices import OF_A_TEAM
from meterhouse.dashboard.static_report import framed
from meterhouse.dashboard.tables import Column, Table

_RESIDUALS = {
    "billed": "billed by day",
    "tax": "tax",
    "credit": "credits",
    "bundle": "commitments and bundles",
    "adjustment": "adjustments",
    "restatement": "restated since the invoice",
    "period_shift": "days of another month",
    "rounding": "rounding",
    "unexplained": "unexplained",
    "invoiced": "invoiced",
}
_NO_INVOICE = "no_invoice"
_KINDS = {"team": "Teams", "project": "Projects", "model": "Models"}
_STATES = {
    "on_track": "kept", "at_risk": "kept", "will_exceed": "kept", "exceeded": "exceeded", "unknown": "not known",
}  # fmt: skip


def month_report(figures: MonthFigures, now: datetime) -> str:
    """Return the whole page."""
    title = f"OpenAI costs of {month_words(figures.month)}"
    late = figures.unsettled_words
    lines = [f"Not final yet: {late}" if late else "All days final", f"Written {formats.moment(now)}"]
    currency = figures.answers.currency
    tables = [
        _tie_out(one, figures) for one in figures.answers.tie_outs or () if one.month_start == figures.month and one.state != _NO_INVOICE
    ]
    tables += [_budgets(currency, figures.answers.budgets or ())]
    kinds = [
        (kind, code) for code in sorted({row.currency for row in figures.spend}, key=lambda one: (one != currency, one)) for kind in _KINDS
    ]
    tables += [_spend(kind, code, [row for row in figures.spend if (row.kind, row.currency) == (kind, code)]) for kind, code in kinds]
    shown = "".join(f'<article class="panel"><div class="slot">{table.to_html()}</div></article>' for table in tables if table.rows)
    return framed(title, figures.organizations, lines, f"{_notices(figures)}<main>{head_page(figures.answers, currency)}{shown}</main>")


def _notices(figures: MonthFigures) -> str:
    lines = [OF_A_TEAM] if figures.is_of_a_team else []
    if late := figures.unsettled_words:
        lines.append(f"{month_words(figures.month)} is not final: {late}. Its figures may still grow, so this is not the month's close.")
    others = {code: cost for code, cost in figures.costs.items() if code != figures.answers.currency}
    if others:
        lines.append(
            f"Also billed: {' + '.join(formats.money(cost, code) for code, cost in others.items())}. The answers are in one currency."
        )
    return f'<div class="notices">{"".join(f"<p>{escape(line)}</p>" for line in lines)}</div>'


def _tie_out(row: TieOut, figures: MonthFigures) -> Table:
    of = f" of {row.organization}" if len(figures.organizations) > 1 else ""
    why = f" ({row.state_reason})" if row.state_reason else ""
    caption = f"Invoice{of}, {row.currency.upper()}: {row.state.replace('_', ' ')}{why}"
    rows = tuple((words, getattr(row, name)) for name, words in _RESIDUALS.items())
    if row.corrections:
        rows = (*rows, ("corrections of closed months, in none of these", row.corrections))
    return Table(caption, (Column("from bill to invoice", "text"), Column("amount", "money", row.currency)), rows, has_total=False)


def _budgets(currency: str, budgets: Iterable[Budget]) -> Table:
    columns = (
        Column("budget", "text"),
        Column("of", "text"),
        Column("budget amount", "money", currency),
        Column("spent", "money", currency),
        Column("used", "share"),
        Column("state", "text"),
    )
    rows = tuple(
        (row.budget, row.scope_name or row.scope_kind, row.budget_cost, row.spent_cost, row.used_share, _STATES.get(row.state, row.state))
        for row in budgets
        if row.currency == currency
    )
    return Table("Budgets of the month", columns, rows, has_total=False)


def _spend(kind: str, currency: str, rows: list[SpendRow]) -> Table:
    """A table of one kind; that of teams only where there are any."""
    has_several = len({row.organization for row in rows}) > 1
    cost_at = 2 if has_several else 1
    columns = (
        Column(kind, "text"),
        *((Column("organization", "text"),) if has_several else ()),
        Column("cost", "money", currency),
        Column("month before", "money", currency),
        Column("change", "money", currency, difference_of=(cost_at, cost_at + 1)),
        Column("share", "share"),
    )
    if kind == "team" and {row.name for row in rows} == {"(unassigned)"}:
        rows = []
    cells = tuple(
        (
            row.name or f"(no {kind})",
            *((row.organization,) if has_several else ()),
            row.cost,
            row.previous_month_cost,
            _change(row),
            row.share_of_month,
        )
        for row in rows
    )
    return Table(f"{_KINDS[kind]}, {currency.upper()}", columns, cells)


def _change(row: SpendRow) -> Decimal | None:
    return None if row.cost is None or row.previous_month_cost is None else row.cost - row.previous_month_cost


def month_before(day: date) -> date:
    """Return the first day of the last month that was over on a day."""
    return date(day.year - (day.month == 1), (day.month - 2) % 12 + 1, 1)
