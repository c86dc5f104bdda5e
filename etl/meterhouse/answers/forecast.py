"""What the month will cost, compared with the month before and the budgets. Pure; the views have the rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from meterhouse import formats
from meterhouse.answers.answer import Answer, State, because, difference, month, other_length, quoted, total, unknown
from meterhouse.answers.past_month import past_month
from meterhouse.answers.rows import AnswerRows, Budget, MonthForecast
from meterhouse.counts import counted

KEY, LABEL = "forecast", "Forecast"
OVER = ("exceeded", "will_exceed", "at_risk")


def forecast(rows: AnswerRows, currency: str) -> Answer:
    """Return what the current month is expected to cost in one currency, and how the budgets stand; of a month that is over, how it ended.

    Several organizations or projects are added up; their ranges are not, as they seldom all miss to the same side.
    """
    if rows.month is not None:
        return past_month(rows, rows.month, currency)
    found = [row for row in rows.forecasts or () if row.currency == currency]
    budgets = [row for row in rows.budgets or () if row.currency == currency]
    state = State.ATTENTION if any(row.state in OVER for row in budgets) else State.PLAIN
    about = _budgets(budgets, rows)
    expected = total([row.expected_cost for row in found]) if found else None
    if expected is None or len({row.month_start for row in found}) > 1:
        why = because(row.reason for row in found)
        answer = unknown(KEY, LABEL, f"there is no forecast yet{why}{f'; {about}' if budgets else ''}")
        return Answer(KEY, LABEL, answer.value, answer.detail, answer.sentence, state if budgets else State.UNKNOWN)
    start, value = found[0].month_start, formats.money(expected, currency)
    within, compared = _range(found, currency), _compared(found, expected, start, currency)
    said = "; ".join(part for part in (", ".join(part for part in (within, compared) if part), about) if part)
    beginning = f"{month(start)} is expected to cost {value}"
    # A card says first what the figure is compared with.
    detail = "; ".join(part for part in (compared, about, within) if part)
    return Answer(KEY, f"{LABEL} for {month(start)}", value, detail, f"{beginning}, {said}." if said else f"{beginning}.", state)


def _range(found: Sequence[MonthForecast], currency: str) -> str:
    if len(found) > 1 or found[0].low_cost is None or found[0].high_cost is None:
        return ""
    (one,) = found
    past = ""
    if one.inside_share is not None:
        past = f" (such ranges were right in {formats.percent(one.inside_share)} of earlier cases)"
    return f"between {formats.money(one.low_cost, currency)} and {formats.money(one.high_cost, currency)}{past}"


def _compared(found: Sequence[MonthForecast], expected: Decimal, start: date, currency: str) -> str:
    """More or less than the month before, whether by less than the range allows, and what it is per day where months differ in length."""
    before, previous = total([row.previous_month_cost for row in found]), start - timedelta(days=1)
    if not before:
        return ""
    low, high = found[0].low_cost, found[0].high_cost
    is_within = len(found) == 1 and low is not None and high is not None and low <= before <= high and expected != before
    within = ", a difference within the range of the forecast" if is_within else ""
    return f"{difference(expected, before, currency, than=f'{previous:%B}')}{within}{other_length(start, expected, before)}"


def _budgets(budgets: Sequence[Budget], rows: AnswerRows) -> str:
    """How the organization's own budget of the month stands, and how many of the others are over or may be."""
    if not budgets:
        # There may be one in another currency.
        return "" if rows.budgets != () else "no budget is set for these projects" if rows.is_of_projects else "no budget is set"
    own = [row for row in budgets if row.scope_kind == "organization" and row.period == "month"]
    others = budgets if len(own) != 1 else [row for row in budgets if row is not own[0]]
    parts = [_own(own[0])] if len(own) == 1 else []
    over = [row for row in others if row.state in OVER]
    if over and len(others) == 1:
        parts.append(f"the budget {quoted(over[0].budget)} {outlook(over[0])}")
    elif over:
        names = ", ".join(f"{quoted(row.budget)} {outlook(row)}" for row in over[:2]) + (", ..." if len(over) > 2 else "")
        parts.append(f"{len(over)} of {counted(len(others), 'other budget' if own else 'budget')}: {names}")
    elif others and not own:
        parts.append(f"{counted(len(others), 'budget')}, none at risk")
    return "; ".join(parts)


def _own(budget: Budget) -> str:
    amount = formats.money(budget.budget_cost, budget.currency)
    words = {
        "on_track": f"within the budget of {amount}",
        "at_risk": f"the budget of {amount} is at risk",
        "will_exceed": f"above the budget of {amount}{_passes(budget)}",
        "exceeded": f"the budget of {amount} is exceeded",
    }
    return words.get(budget.state, f"whether the budget of {amount} will do is not known")


def outlook(budget: Budget) -> str:
    """Return how a budget that is over or may be stands, as the end of a sentence about it."""
    on = f" on {formats.day(budget.passes_on_date)}" if budget.passes_on_date else ""
    return {"exceeded": "is exceeded", "will_exceed": f"will be exceeded{on}"}.get(budget.state, "is at risk")


def _passes(budget: Budget) -> str:
    return f", which it will pass on {formats.day(budget.passes_on_date)}" if budget.passes_on_date else ""
