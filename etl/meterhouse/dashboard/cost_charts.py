"""Charts of what was billed: by day, model, project, line item, category, key, user and month. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from meterhouse import formats
from meterhouse.counts import counted
from meterhouse.dashboard.axis import STATE, axis, day_picks, is_absent, value_at, will_grow
from meterhouse.dashboard.chart import (
    OTHER,
    SLOTS,
    Chart,
    Kind,
    Mark,
    Series,
    coverage_note,
    folded,
    folded_picks,
    nothing_words,
    pick,
    total_of,
)
from meterhouse.dashboard.coverage import LOADED_WHOLE
from meterhouse.dashboard.month_invoices import invoice_rows, invoice_words, invoices_note
from meterhouse.dashboard.odd_day_marks import odd_day_marks
from meterhouse.dashboard.snapshot import UNNAMED, CostRow, MonthRow, Snapshot, category_name
from meterhouse.dashboard.tables import Column, Table


def cost_per_day(snapshot: Snapshot) -> Chart:
    """Billed amount per UTC day."""
    rows = {row.usage_date: row for row in _costs(snapshot, "day")}
    states = axis(snapshot.cost_coverage)
    values = tuple(value_at(rows.get(one.date()), "cost", state) for one, state in states.items())
    table = Table(
        f"Cost per UTC day, {snapshot.currency.upper()}",
        (Column("day", "day"), _money(snapshot), STATE),
        tuple((one.date(), value, state.value) for (one, state), value in zip(states.items(), values, strict=True)),
        picks=day_picks(states),
    )
    about = (
        "Costs per UTC day of the granted projects, as the vendor bills them."
        if snapshot.is_of_a_team
        else "Costs per UTC day, as the vendor bills them."
    )
    return _cost_chart(
        snapshot, "cost_per_day", "Cost per day", about, "bars", states,
        (Series("Cost", values, 0),), table, wide=True, incomplete=will_grow(states), absent=is_absent(states, values),
        marks=odd_day_marks(snapshot, [one.date() for one in states]), picks=day_picks(states),
    )  # fmt: skip


def cost_over_time_by_model(snapshot: Snapshot) -> Chart:
    """Billed amount per UTC day and model."""
    states = axis(snapshot.cost_coverage)
    by_model: dict[str, dict[date, Decimal | None]] = defaultdict(dict)
    for row in _costs(snapshot, "day and model"):
        if row.usage_date is not None:
            by_model[row.model_or_category][row.usage_date] = row.cost
    named = {row.model_or_category: row.model for row in _costs(snapshot, "day and model")}
    sums = {model: sum((cost for cost in costs.values() if cost is not None), Decimal(0)) for model, costs in by_model.items()}
    ranked = sorted(sums, key=lambda model: (-sums[model], model))

    def value(model: str, one: datetime) -> Decimal | None:
        return by_model[model].get(one.date(), Decimal(0) if states[one] in LOADED_WHOLE else None)

    series = [
        Series(
            model,
            tuple(value(model, one) for one in states),
            slot,
            formats.money(sums[model], snapshot.currency),
            pick("models", named[model]),
        )
        for slot, model in enumerate(ranked[:SLOTS])
    ]
    if rest := ranked[SLOTS:]:
        values = tuple(total_of(value(model, one) for model in rest) for one in states)
        legend = formats.money(sum((sums[model] for model in rest), Decimal(0)), snapshot.currency)
        series.append(Series(f"Other ({counted(len(rest), 'model')})", values, OTHER, legend))
    table = Table(
        f"Cost per UTC day and model, {snapshot.currency.upper()}",
        (Column("day", "day"), _money(snapshot), *(Column(model, "money", snapshot.currency) for model in ranked), STATE),
        tuple(
            (one.date(), total_of(line), *line, state.value)
            for one, state in states.items()
            for line in [[value(model, one) for model in ranked]]
        ),
    )
    about = "Lines of the bill without a model are shown by kind: storage is billed per project, tools per call."
    return _cost_chart(
        snapshot, "cost_over_time_by_model", "Cost over time by model", about, "bars", states, tuple(series), table, wide=True,
        incomplete=will_grow(states), absent=is_absent(states, *(one.values for one in series)),
    )  # fmt: skip


def cost_by_project(snapshot: Snapshot) -> Chart:
    """Who spent what, by project."""
    return _cost_ranks(snapshot, "project", "projects", "cost_by_project", "Cost by project", "Who spent what.", lambda row: row.project_id)


def cost_by_line_item(snapshot: Snapshot) -> Chart:
    """Cost by line of the invoice."""
    about = "The lines of the invoice."
    return _cost_ranks(snapshot, "line item", "", "cost_by_line_item", "Cost by line item", about, lambda row: row.line_item)


def cost_by_category(snapshot: Snapshot) -> Chart:
    """What the money was for: tokens, tools, storage and so on."""
    rows = sorted(_costs(snapshot, "category"), key=lambda row: (-(row.cost or Decimal(0)), row.category or ""))
    labelled = [(category_name(row.category), row.cost) for row in rows]
    return _ranked(snapshot, "cost_by_category", "Cost by category", "What the money was for.", "category", labelled, ())


def cost_by_user(snapshot: Snapshot) -> Chart:
    """Who caused what was billed."""
    about = "Whose use caused the cost. Days that are not final yet, and what nobody in particular causes, have no user."
    found = _cost_ranks(snapshot, "user", "users", "cost_by_user", "Cost by user", about, lambda row: row.user_id)
    # Of chosen keys its own, as keys are found for more of the cost than the bill names one for.
    total = _money_sum(row.cost for row in _costs(snapshot, "user"))
    return replace(found, total=formats.money(total, snapshot.currency))


def cost_by_api_key(snapshot: Snapshot) -> Chart:
    """Who spent what, by key."""
    about = "Keys and the projects they belong to. The bill names no key for anything not billed per request, such as storage."
    return _cost_ranks(snapshot, "api key", "api_keys", "cost_by_api_key", "Cost by API key", about, lambda row: row.api_key_id)


def months(snapshot: Snapshot) -> Chart:
    """Exact totals of calendar months, to hold against invoices."""
    code = snapshot.currency
    rows = [row for row in snapshot.months if row.currency == code]
    invoices = invoice_rows(snapshot)
    # A part of an organization has no invoice.
    of_invoice = [() if invoices is None else (invoice_words(invoices, row.month_start),) for row in rows]
    table = Table(
        f"Cost per calendar month, {code.upper()}",
        (
            Column("month", "month"),
            _money(snapshot),
            Column("complete", "yes"),
            *(() if invoices is None else (Column("invoice", "text"),)),
            STATE,
        ),
        tuple((row.month_start, row.cost, row.is_complete, *own, _month_state(row)) for row, own in zip(rows, of_invoice, strict=True)),
        picks=_month_picks(rows),
    )
    unknown = sum(row.unknown_costs for row in rows)
    labels = tuple(f"{row.month_start:%b %Y}" for row in rows)
    notes = [f"{row.month_start:%B %Y}: {_month_state(row)}." for row in rows if not row.is_complete]
    return Chart(
        "months", "Cost per month", f"All loaded months, whichever days are chosen. {invoices_note(snapshot)}", "bars",
        f"money:{code}", labels, (Series("Cost", tuple(row.cost for row in rows), 0),),
        formats.money(_money_sum(row.cost for row in rows), code), table,
        empty="" if rows else nothing_words(snapshot.cost_coverage),
        notes=(*notes[-4:], *without_amount(unknown)), wide=True,
        incomplete=tuple(not row.is_complete and row.cost is not None for row in rows),
        absent=tuple(not row.loaded_days and row.cost is None for row in rows), picks=_month_picks(rows),
    )  # fmt: skip


def _month_picks(rows: list[MonthRow]) -> tuple[str, ...]:
    return tuple(pick("days", f"{row.month_start}/{row.month_start.replace(day=row.days_in_month)}") for row in rows)


def _month_state(row: MonthRow) -> str:
    if row.is_complete:
        return "final"
    if not row.loaded_days:
        return "not loaded"
    through = row.settled_through
    if through is None:
        return f"no day final, {row.loaded_days} of {counted(row.days_in_month, 'day')} loaded"
    held = "" if row.settled_days == through.day else f", {row.settled_days} of {counted(row.days_in_month, 'day')} final"
    return f"final through {formats.span(through, through)}{held}"


def without_amount(number: int) -> tuple[str, ...]:
    """Return the line that says how many rows a sum leaves out, none for none."""
    return (f"{counted(number, 'row')} of costs without an amount {'is' if number == 1 else 'are'} not included.",) if number else ()


def cost_total(snapshot: Snapshot, currency: str) -> CostRow | None:
    """Return the total of the chosen rows in one currency."""
    return next((row for row in snapshot.costs if row.grain == "total" and row.currency == currency), None)


def _cost_chart(
    snapshot: Snapshot, key: str, title: str, about: str, kind: Kind, labels: Iterable[str | datetime], series: tuple[Series, ...],
    table: Table, *, wide: bool = False, incomplete: tuple[bool, ...] = (), absent: tuple[bool, ...] = (), marks: tuple[Mark, ...] = (),
    picks: tuple[str, ...] = (),
) -> Chart:  # fmt: skip
    total = cost_total(snapshot, snapshot.currency)
    unknown = total.unknown_costs if total else 0
    notes = coverage_note(snapshot.cost_coverage)
    notes += without_amount(unknown)
    if others := [code for code in snapshot.currencies if code != snapshot.currency]:
        notes += (f"Also billed in {', '.join(code.upper() or 'an unknown currency' for code in others)}: choose the currency above.",)
    return Chart(
        key, title, about, kind, f"money:{snapshot.currency}", tuple(labels), series,
        formats.money(total.cost, snapshot.currency) if total else formats.UNKNOWN, table,
        empty="" if total else nothing_words(snapshot.cost_coverage), notes=notes, wide=wide,
        incomplete=incomplete, absent=absent, marks=marks, picks=picks,
    )  # fmt: skip


def _cost_ranks(
    snapshot: Snapshot, grain: str, dimension: str, key: str, title: str, about: str, member: Callable[[CostRow], str | None]
) -> Chart:
    names = snapshot.names(dimension) if dimension else {}
    rows = sorted(_costs(snapshot, grain), key=lambda row: (-(row.cost or Decimal(0)), member(row) or ""))
    labelled = [(names.get(member(row) or "", member(row) or UNNAMED), row.cost) for row in rows]
    picks = tuple(pick(dimension, member(row)) for row in rows) if dimension else ()
    return _ranked(snapshot, key, title, about, "API key" if grain == "api key" else grain, labelled, picks)


def _ranked(
    snapshot: Snapshot, key: str, title: str, about: str, heading: str, labelled: list[tuple[str, Decimal | None]], picks: tuple[str, ...]
) -> Chart:
    whole = cost_total(snapshot, snapshot.currency)
    table = Table(
        f"{title}, {snapshot.currency.upper()}",
        (Column(heading, "text"), _money(snapshot), Column("share", "share")),
        tuple((label, cost, formats.share(cost, whole.cost if whole else None)) for label, cost in labelled),
        picks=picks,
        id_name=f"{heading.lower().replace(' ', '_')}_id" if picks else "",
    )
    labels, values = folded(labelled)
    found = _cost_chart(snapshot, key, title, about, "ranks", labels, (Series("Cost", values, 0),), table)
    return replace(found, picks=folded_picks(picks, labels) if picks else ())


def _costs(snapshot: Snapshot, grain: str) -> list[CostRow]:
    return [row for row in snapshot.costs if row.grain == grain and row.currency == snapshot.currency]


def _money_sum(values: Iterable[Decimal | None]) -> Decimal | None:
    found = total_of(values)
    return None if found is None else Decimal(found)


def _money(snapshot: Snapshot) -> Column:
    return Column(f"cost, {snapshot.currency or 'unknown currency'}", "money", snapshot.currency)
