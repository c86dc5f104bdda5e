"""Cost comparisons: which settled days are compared with which to see what changed. Pure.

Data flow: settled days of an organization -> the last one with the same weekday a week before, the last seven with the seven before, the
month to date and the last whole month by the rule of `comparison` -> the days of both sides, and why they are not all of them.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from meterhouse.accounting.comparison import comparison

NOTHING_TO_COMPARE = "nothing_to_compare"
DAYS_LEFT_OUT = "days_left_out"
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class CostComparison:
    """Two sets of settled days, and `reason` if a day that should be among them is not; None if none is missing.

    If no day has a counterpart, `before_days` is empty and `days` are the settled days of the period.
    """

    name: str
    days: frozenset[date]
    before_days: frozenset[date]
    reason: str | None = None


def cost_comparisons(settled: Collection[date]) -> list[CostComparison]:
    """Return the comparisons that end with the last settled day, without those whose period has no settled day; none for no day."""
    return [found for found in _comparisons(settled) if found.days] if settled else []


def _comparisons(settled: Collection[date]) -> Iterator[CostComparison]:
    last = max(settled)
    yield _with_week_before("day", {last}, settled)
    yield _with_week_before("week", {last - timedelta(days=number) for number in range(7)}, settled)
    yield _with_month_before("month_to_date", last.replace(day=1), settled, last.day)
    end = last + timedelta(days=1)
    yield _with_month_before("month", (end.replace(day=1) - timedelta(days=1)).replace(day=1), settled, None)


def _with_week_before(name: str, wanted: set[date], settled: Collection[date]) -> CostComparison:
    compared = {day for day in wanted if day in settled and day - _WEEK in settled}
    return _found(name, compared, {day - _WEEK for day in compared}, wanted & set(settled), is_whole=compared == wanted)


def _with_month_before(name: str, first: date, settled: Collection[date], days: int | None) -> CostComparison:
    """`days` are those of the month that are over and settled; None for all days of both months."""
    last, before_last = _month_end(first), first - timedelta(days=1)
    found = comparison(first, last, settled)
    is_whole = found.is_whole_months if days is None else len(found.days) >= min(days, before_last.day)
    of_period = {day for day in settled if first <= day <= last}
    return _found(name, set(found.days), set(found.before_days), of_period, is_whole=is_whole)


def _found(name: str, days: set[date], before_days: set[date], of_period: set[date], *, is_whole: bool) -> CostComparison:
    if not days:
        return CostComparison(name, frozenset(of_period), frozenset(), NOTHING_TO_COMPARE)
    return CostComparison(name, frozenset(days), frozenset(before_days), None if is_whole else DAYS_LEFT_OUT)


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
