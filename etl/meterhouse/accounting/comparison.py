"""Comparison: which days a span of days may be compared with, like with like. Pure; the rule of every face that compares costs.

Data flow: chosen days, settled days -> pairs of days, one of the span and one before it -> both sides, which have the same days settled.
A span that begins with a month is compared with the months before it, day by day of the month; whole months that are settled to the last
day with whole months. Any other span is compared with as many days right before it. A day counts only when its counterpart does too.
`bi.spend_month_to_date` says the same in SQL for every calendar month.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta


@dataclass(frozen=True)
class Comparison:
    """Two sets of settled days that may be compared, and the spans that they come from; both sets are empty or neither is.

    They have different lengths only when whole months of unequal length are compared (`is_whole_months`).
    """

    first: date
    last: date
    before_first: date
    before_last: date
    days: frozenset[date] = frozenset()
    before_days: frozenset[date] = frozenset()
    is_by_month: bool = False
    is_whole_months: bool = False

    @property
    def is_possible(self) -> bool:
        """Whether there is anything to compare."""
        return bool(self.days)


def comparison(first: date, last: date, settled: Collection[date]) -> Comparison:
    """Return what the days from `first` to `last` (both included) are compared with, given all settled days."""
    months = _months(first, last)
    return _with_days_right_before(first, last, settled) if months is None else _with_months_before(first, last, months, settled)


def _with_days_right_before(first: date, last: date, settled: Collection[date]) -> Comparison:
    length = timedelta(days=(last - first).days + 1)
    found = Comparison(first, last, first - length, last - length)
    return _paired(found, {day: day - length for day in _span(first, last)}, settled)


def _with_months_before(first: date, last: date, months: int, settled: Collection[date]) -> Comparison:
    before_first, before_month = _month_before(first, months), _month_before(last.replace(day=1), months)
    ends_with_month = last == _month_end(last)
    before_last = _month_end(before_month) if ends_with_month else min(_month_end(before_month), before_month + timedelta(last.day - 1))
    found = Comparison(first, last, before_first, before_last, is_by_month=True)
    days, before_days = _span(first, last), _span(before_first, before_last)
    if ends_with_month and all(day in settled for day in (*days, *before_days)):
        return replace(found, days=frozenset(days), before_days=frozenset(before_days), is_whole_months=True)
    # The 31st has no counterpart in a month of 30 days.
    counterparts = {day: _month_before(day.replace(day=1), months) + timedelta(day.day - 1) for day in days}
    return _paired(found, {day: before for day, before in counterparts.items() if before.day == day.day}, settled)


def _paired(found: Comparison, counterparts: Mapping[date, date], settled: Collection[date]) -> Comparison:
    compared = {day: before for day, before in counterparts.items() if day in settled and before in settled}
    return replace(found, days=frozenset(compared), before_days=frozenset(compared.values()))


def _months(first: date, last: date) -> int | None:
    """How many calendar months a span covers that begins with one; None for any other span."""
    return (last.year - first.year) * 12 + last.month - first.month + 1 if first.day == 1 else None


def _month_before(first: date, months: int) -> date:
    """The first day of an earlier month, given that of a month."""
    year, month = divmod(first.year * 12 + first.month - 1 - months, 12)
    return date(year, month + 1, 1)


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _span(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def runs(days: Collection[date]) -> list[tuple[date, date]]:
    """Return some days as spans without gaps, (first, last) of each, oldest first."""
    found: list[tuple[date, date]] = []
    for day in sorted(days):
        if found and found[-1][1] == day - timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
