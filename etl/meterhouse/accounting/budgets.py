"""Budgets: calendar periods, which thresholds spending has reached, the day on which it passes the budget, and the state of it all. Pure.

Only settled days are looked at. What is expected comes from the forecast of a month, so that no budget has a forecast of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from functools import reduce
from itertools import accumulate

from meterhouse.counts import counted
from meterhouse.money import EXACT, add

DEFAULT_THRESHOLDS = (Decimal("0.8"), Decimal(1))
NO_FORECAST = "there is no forecast of it"
NO_RANGE = "the forecast has too little history for a low and a high end"
_SHARE = Decimal("0.000001")
# Of a budget of a cent, which says that nothing should be spent, a share may have too many digits to be shown.
_LARGEST_SHARE = Decimal(999999)
_DAY = timedelta(days=1)


class Scope(StrEnum):
    """Whose spending a budget limits."""

    ORGANIZATION = "organization"
    PROJECT = "project"
    TEAM = "team"
    API_KEY = "api_key"
    USER = "user"


class Period(StrEnum):
    """The calendar period in which a budget may be spent; its value is in words."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class State(StrEnum):
    """The state of a budget in a period."""

    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    WILL_EXCEED = "will_exceed"
    EXCEEDED = "exceeded"
    UNKNOWN = "unknown"


_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}


@dataclass(frozen=True)
class Span:
    """One period of a budget; both days are included."""

    first: date
    last: date

    def days(self) -> int:
        """Return its number of days."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Budget:
    """An amount that may be spent in every period that begins from `valid_from` to `valid_to`; None is no beginning or no end.

    `thresholds` are shares of the amount, ascending. `place` is where the file says so.
    """

    place: str
    organization: str
    name: str
    scope: Scope
    scope_key: str
    currency: str
    period: Period
    amount: Decimal
    thresholds: tuple[Decimal, ...]
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True)
class Spent:
    """What settled days of a period cost, by day, and how many days up to the newest of them are not known."""

    by_day: Mapping[date, Decimal]
    settled_through: date | None
    unknown_days: int = 0


@dataclass(frozen=True)
class Expected:
    """What the forecast of a month adds to its settled days, of which `as_of` is the newest; amounts in units of currency.

    Low and high ends are None while the forecast has too little history for a range.
    """

    as_of: date
    rest: Decimal
    low_rest: Decimal | None
    high_rest: Decimal | None


@dataclass(frozen=True)
class Judgement:
    """The status of a budget in one period; amounts in units of currency, shares of the budget. `reason`: why something is not known."""

    spent: Decimal | None
    settled_through: date | None
    used_share: Decimal | None
    expected: Decimal | None
    low: Decimal | None
    high: Decimal | None
    passes_on: date | None
    state: State
    highest_threshold: Decimal | None
    next_threshold: Decimal | None
    reason: str | None
    unknown_days: int


def span_of(day: date, period: Period) -> Span:
    """Return the calendar period that a day lies in."""
    months = _MONTHS[period]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    after = date(first.year + (first.month + months > 12), (first.month + months - 1) % 12 + 1, 1)
    return Span(first, after - _DAY)


def spans(budget: Budget, first_day: date, last_day: date) -> Iterator[Span]:
    """Yield the periods of a budget that any of the days from `first_day` to `last_day` lies in, oldest first."""
    span = span_of(max(first_day, budget.valid_from or first_day), budget.period)
    while span.first <= min(last_day, budget.valid_to or last_day):
        yield span
        span = span_of(span.last + _DAY, budget.period)


def contradiction(budgets: Sequence[Budget]) -> tuple[Budget, Budget, str] | None:
    """Return the first two lines of one budget that contradict each other, and in what; None if there are none.

    Lines of one name are one budget with amounts that change over time: of the same scope, period and currency, and never two at once.
    """
    of_same: dict[tuple[str, str], list[Budget]] = {}
    for one in budgets:
        for other in of_same.setdefault((one.organization, one.name), []):
            if (one.scope, one.scope_key, one.period, one.currency) != (other.scope, other.scope_key, other.period, other.currency):
                return other, one, "has another scope, period or currency"
            starts = max(one.valid_from or date.min, other.valid_from or date.min)
            if starts <= min(one.valid_to or date.max, other.valid_to or date.max):
                return other, one, "is valid on the same days"
        of_same[one.organization, one.name].append(one)
    return None


def judged(budget: Budget, span: Span, spent: Spent, expected: Expected | None, no_forecast: str = NO_FORECAST) -> Judgement:
    """Return the status of a budget in one period, given the forecast of the month that is going on, if there is one."""
    if spent.settled_through is None:
        return Judgement(
            None, None, None, None, None, None, None, State.UNKNOWN, None, next(iter(budget.thresholds), None),
            "no day of the period is settled yet", spent.unknown_days,
        )  # fmt: skip
    total = reduce(add, spent.by_day.values(), Decimal(0))
    used = max(-_LARGEST_SHARE, min(_LARGEST_SHARE, total / budget.amount)).quantize(_SHARE, ROUND_HALF_EVEN)
    # Of the exact amounts: a share that is rounded up to a threshold has not reached it.
    reached = [share for share in budget.thresholds if total >= EXACT.multiply(share, budget.amount)]
    ends, reason = _end(span, spent, total, expected, no_forecast)
    passed = _passed_on(budget.amount, spent)
    passes = _passes_on(budget.amount, spent, total, expected, span)
    state = _state(budget.amount, spent, total, ends, passes)
    low, middle, high = ends or (None, None, None)
    return Judgement(
        total, spent.settled_through, used, middle, low, high, passed if total > budget.amount else passes, state,
        max(reached, default=None), next((share for share in budget.thresholds if share not in reached), None), reason, spent.unknown_days,
    )  # fmt: skip


_Ends = tuple[Decimal | None, Decimal, Decimal | None]


def _end(span: Span, spent: Spent, total: Decimal, expected: Expected | None, no_forecast: str) -> tuple[_Ends | None, str | None]:
    """Where spending ends: low, expected and high; without them, why they are not known."""
    if spent.unknown_days:
        return None, f"the costs of {counted(spent.unknown_days, 'day')} of the period are not known"
    if spent.settled_through == span.last:
        return (total, total, total), None
    if expected is None:
        return None, no_forecast
    if expected.as_of != spent.settled_through:
        return None, f"the forecast knows the days to {expected.as_of}"
    if span_of(expected.as_of, Period.MONTH).last != span.last:
        return None, "the forecast ends with the month"
    low, high = (None if rest is None else add(total, rest) for rest in (expected.low_rest, expected.high_rest))
    return (low, add(total, expected.rest), high), None if high is not None else NO_RANGE


def _state(amount: Decimal, spent: Spent, total: Decimal, ends: _Ends | None, passes: date | None) -> State:
    if total > amount:
        return State.EXCEEDED
    if spent.unknown_days:
        return State.UNKNOWN
    if passes is not None or (ends and ends[1] > amount):
        return State.WILL_EXCEED
    if ends is None:
        return State.UNKNOWN
    return State.AT_RISK if ends[2] is not None and ends[2] > amount else State.ON_TRACK


def _passed_on(amount: Decimal, spent: Spent) -> date | None:
    """The first day after which more was spent than the budget, if it still is."""
    days = sorted(spent.by_day)
    sums = accumulate((spent.by_day[day] for day in days), add)
    return next((day for day, total in zip(days, sums, strict=True) if total > amount), None)


def _passes_on(amount: Decimal, spent: Spent, total: Decimal, expected: Expected | None, span: Span) -> date | None:
    """The day of this month on which the budget is passed, if the rest of the month is spent evenly; None if it is not passed in it."""
    if expected is None or total > amount or expected.as_of != spent.settled_through:
        return None
    month_end = min(span_of(expected.as_of, Period.MONTH).last, span.last)
    days_left = (month_end - expected.as_of).days
    if days_left <= 0 or add(total, expected.rest) <= amount:
        return None
    # Whole days after which the sum is more than the budget, not equal to it.
    days = (amount - total) * days_left // expected.rest + 1
    return expected.as_of + min(int(days), days_left) * _DAY
