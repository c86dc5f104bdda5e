"""How a month that is over ended, against its budget and its forecast. Pure; the views have the rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from meterhouse import formats
from meterhouse.answers.answer import Answer, State, month, quoted, total, unknown
from meterhouse.answers.rows import AnswerRows, Budget, ForecastMiss
from meterhouse.counts import counted

KEY, LABEL = "forecast", "Budget and forecast"
# The forecast that is looked back at is one of the middle of the month: of the last days every forecast is right.
_MIDDLE = 15


def past_month(rows: AnswerRows, start: date, currency: str) -> Answer:
    """Return whether the month's budgets were kept in one currency, and how far its forecast of half-time was off."""
    budgets = [row for row in rows.budgets or () if row.currency == currency]
    parts = [_kept(budgets), _missed([row for row in rows.forecast_misses or () if row.currency == currency], currency)]
    said = "; ".join(part for part in parts if part)
    if not said:
        return unknown(KEY, LABEL, f"{month(start)} had no budget, and no forecast to compare it with")
    over = [row for row in budgets if row.state == "exceeded"]
    value = counted(len(over), "budget") + " exceeded" if over else "budgets kept" if budgets else "no budget"
    return Answer(KEY, LABEL, value, said, f"For {month(start)} {said}.", State.ATTENTION if over else State.PLAIN)


def _kept(budgets: Sequence[Budget]) -> str:
    if not budgets:
        return ""
    over = [row for row in budgets if row.state == "exceeded"]
    if not over:
        return f"every budget was kept ({len(budgets)} in all)" if len(budgets) > 1 else f"the budget was kept: {_used(budgets[0])}"
    names = ", ".join(f"{quoted(row.budget)} ({_used(row)})" for row in over[:2]) + (", ..." if len(over) > 2 else "")
    return f"{len(over)} of {counted(len(budgets), 'budget')} {'was' if len(over) == 1 else 'were'} exceeded: {names}"


def _used(budget: Budget) -> str:
    return f"{formats.percent(budget.used_share)} of {formats.money(budget.budget_cost, budget.currency)}"


def _missed(misses: Sequence[ForecastMiss], currency: str) -> str:
    """What was expected at half-time; several organizations or projects are added up when all of them had a forecast then."""
    if not misses:
        return ""
    left = min((row.days_left for row in misses), key=lambda days: abs(days - _MIDDLE))
    found = [row for row in misses if row.days_left == left]
    expected, actual = total([row.expected_cost for row in found]), total([row.actual_cost for row in found])
    if expected is None or actual is None or len(found) < len({(row.organization, row.series_key) for row in misses}):
        return ""
    off = "right" if expected == actual else f"{_distance(expected, actual)} too {'high' if expected > actual else 'low'}"
    return f"the forecast of {formats.day(found[0].as_of_date)}, {formats.money(expected, currency)}, was {off}"


def _distance(expected: Decimal, actual: Decimal) -> str:
    return formats.percent(abs(expected - actual) / actual) if actual > 0 else "far"
