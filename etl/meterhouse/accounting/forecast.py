"""What a month will cost: billed so far, and for the days left the model that was best in the series' own past weeks. Pure.

The models are judged as they would have been used: at the ends of earlier weeks, each for as many days ahead, with nothing but the days
up to then. The range is how far the chosen one was off in those cases.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache

from meterhouse.accounting.daily_series import DailySeries
from meterhouse.accounting.forecast_models import SHARE_WEEKS, WEEK, ForecastModel, PastWeeks

# Earlier weeks that the models are judged by, and how many of these there must be for a choice and for a range.
CASES = 12
FEWEST_CASES = 4
_LONGEST_MONTH_WEEKS = 5
# How far back a forecast looks: the cases, those that the ranges of these come from, each with its days ahead, and the weeks before.
_CASES_AND_EARLIER = 2 * CASES + _LONGEST_MONTH_WEEKS
HISTORY_DAYS = (_CASES_AND_EARLIER + _LONGEST_MONTH_WEEKS + SHARE_WEEKS) * WEEK
_TWELVE_PLACES = Decimal("1e-12")
_NOTHING = Decimal(0)
_SIX_PLACES = Decimal("1e-6")
# Digits beyond these are those of divisions, and make no model better than another.
_AS_GOOD = 1e-9
_LARGEST_SHARE = 100_000
# Where that many times as much came as was expected, as when a trial becomes a product, it is money that says how far off a model was.
_LARGEST_RATIO = 10


@dataclass(frozen=True)
class Forecast:
    """One month of a series as seen on its last settled day. Amounts are in units of the series' currency.

    Without a forecast the amounts that are not known are None, and `reason` says why: no_history (fewer than seven days), not_settled (a
    day of the month, or of the last seven, is not) or amount_unknown. With one, `reason` is None, or short_history if the mean has to do
    because there is too little to choose by. `low_cost` and `high_cost` are None if fewer than four past cases are known. The shares are
    of what the days ahead cost in the past cases; None if that is not known.
    """

    month_start: date
    as_of_date: date
    days_left: int
    billed_cost: Decimal | None
    previous_month_cost: Decimal | None
    forecast_rest_cost: Decimal | None = None
    low_cost: Decimal | None = None
    high_cost: Decimal | None = None
    model: ForecastModel | None = None
    origins: int = 0
    mean_error_share: Decimal | None = None
    bias_share: Decimal | None = None
    inside_share: Decimal | None = None
    reason: str | None = None

    @property
    def expected_cost(self) -> Decimal | None:
        """What the whole month is expected to cost."""
        return None if self.billed_cost is None or self.forecast_rest_cost is None else self.billed_cost + self.forecast_rest_cost


@dataclass(frozen=True)
class PastCase:
    """What a model would have expected at the end of an earlier week, by its number, and what the days ahead then cost."""

    week: int
    expected: float
    actual: float

    @property
    def error(self) -> float:
        """How far it was off; positive if it expected too much."""
        return self.expected - self.actual


def forecasts(series: DailySeries) -> list[Forecast]:
    """Return what can be said of the month of the last settled day and, if that month is over, of the next one.

    Only settled days count. Nothing for a series without any.
    """
    as_of = series.last_settled_day
    if as_of is None:
        return []
    months = sorted({as_of.replace(day=1), (as_of + timedelta(days=1)).replace(day=1)})
    return [_forecast(series, as_of, month) for month in months]


def _forecast(series: DailySeries, as_of: date, month_start: date) -> Forecast:
    month_end = month_start.replace(day=monthrange(month_start.year, month_start.month)[1])
    before = month_start - timedelta(days=1)
    month = Forecast(
        month_start,
        as_of,
        (month_end - as_of).days,
        _settled_cost(series, month_start, as_of),
        _settled_cost(series, before.replace(day=1), before),
    )
    if month.billed_cost is None:
        return replace(month, reason=_why_unknown(series, month_start, as_of))
    if not month.days_left:
        return replace(month, forecast_rest_cost=_NOTHING, low_cost=month.billed_cost, high_cost=month.billed_cost)
    first = _first_day(series)
    if (as_of - first).days + 1 < WEEK:
        return replace(month, reason="no_history")
    if (reason := _why_unknown(series, as_of - timedelta(days=WEEK - 1), as_of)) is not None:
        return replace(month, reason=reason)
    days = [series.settled_cost(day) for day in _days(first, as_of)]
    return _with_rest(month, month.billed_cost, days)


def _with_rest(month: Forecast, billed: Decimal, days: Sequence[Decimal | None]) -> Forecast:
    tried = PastWeeks([None if day is None else float(day) for day in days], 0.0)
    chosen = _best_model(tried, month.days_left)
    model = chosen or ForecastModel.MEAN_OF_7
    exact = PastWeeks(days[-SHARE_WEEKS * WEEK :], _NOTHING)
    rest = exact.forecast(model, exact.count, month.days_left) or _NOTHING
    cases_and_earlier = past_cases(tried, model, month.days_left)
    cases = _newest(cases_and_earlier, tried, month.days_left)
    actual = sum(abs(case.actual) for case in cases)
    found = replace(
        month,
        forecast_rest_cost=rest.quantize(_TWELVE_PLACES),
        model=model,
        origins=len(cases),
        mean_error_share=_share(sum(abs(case.error) for case in cases), actual),
        bias_share=_share(sum(case.error for case in cases), actual),
        inside_share=_inside_share(cases, cases_and_earlier, month.days_left),
        reason=None if chosen else "short_history",
    )
    if len(cases) < FEWEST_CASES:
        return found
    low, high = _range(float(rest), cases)
    return replace(found, low_cost=billed + _amount(low, min, rest), high_cost=billed + _amount(high, max, rest))


def past_cases(weeks: PastWeeks[float], model: ForecastModel, days_ahead: int, most: int = _CASES_AND_EARLIER) -> list[PastCase]:
    """Return the cases at the ends of the `most` newest weeks whose days ahead are over by now, newest first, where they are known."""
    newest = weeks.count - _weeks_ahead(days_ahead)
    cases = []
    for end in range(newest, max(0, newest - most), -1):
        expected, actual = weeks.forecast(model, end, days_ahead), weeks.actual(end, days_ahead)
        if expected is not None and actual is not None:
            cases.append(PastCase(end, expected, actual))
    return cases


def _best_model(weeks: PastWeeks[float], days_ahead: int) -> ForecastModel | None:
    """The model with the least mean error over the same cases, of equal ones the simplest; None if too little is known to choose."""
    if weeks.count < SHARE_WEEKS or weeks.forecast(ForecastModel.WEEKDAY, weeks.count, days_ahead) is None:
        return None
    cases = {model: {case.week: case for case in past_cases(weeks, model, days_ahead, CASES)} for model in ForecastModel}
    common = sorted(set.intersection(*map(set, cases.values())))
    if len(common) < FEWEST_CASES:
        return None
    errors = {model: sum(abs(of_model[week].error) for week in common) for model, of_model in cases.items()}
    tolerance = _AS_GOOD * sum(abs(cases[ForecastModel.MEAN_OF_7][week].actual) for week in common)
    return next(model for model, error in errors.items() if error <= min(errors.values()) + tolerance)


def _range(rest: float, cases: Sequence[PastCase]) -> tuple[float, float]:
    """What the days left would cost if the model were as far off as it was at most in some past cases, either way."""
    if all(case.expected > 0 and abs(case.actual) < _LARGEST_RATIO * case.expected for case in cases):
        ends = [rest * case.actual / case.expected for case in cases]
    else:
        ends = [rest - case.error for case in cases]
        if rest >= 0 and all(case.actual >= 0 for case in cases):
            ends = [max(0.0, end) for end in ends]
    return min(rest, *ends), max(rest, *ends)


def _newest(cases: Sequence[PastCase], weeks: PastWeeks[float], days_ahead: int) -> list[PastCase]:
    return [case for case in cases if case.week > weeks.count - _weeks_ahead(days_ahead) - CASES]


def _inside_share(cases: Sequence[PastCase], cases_and_earlier: Sequence[PastCase], days_ahead: int) -> Decimal | None:
    """How many of the cases were within the range that those known by then would have given."""
    judged = inside = 0
    for case in cases:
        known = [one for one in cases_and_earlier if one.week <= case.week - _weeks_ahead(days_ahead)][:CASES]
        if len(known) >= FEWEST_CASES:
            low, high = _range(case.expected, known)
            judged += 1
            inside += low <= case.actual <= high
    return _share(inside, judged)


def _weeks_ahead(days_ahead: int) -> int:
    return -(-days_ahead // WEEK)


def _share(part: float, whole: float) -> Decimal | None:
    """A share for people, None of almost nothing."""
    return Decimal(part / whole).quantize(_SIX_PLACES) if abs(part) < whole * _LARGEST_SHARE else None


def _amount(end: float, outer: Callable[[Decimal, Decimal], Decimal], rest: Decimal) -> Decimal:
    """An end of the range as it is shown; the days left are never outside of it."""
    return outer(Decimal(end), rest).quantize(_TWELVE_PLACES)


def _first_day(series: DailySeries) -> date:
    """The day on which the series first cost something, or else the first settled one: nothing before it is known."""
    first_settled = min(series.settled)
    return max(first_settled, min((day for day, cost in series.costs.items() if cost != 0), default=first_settled))


def _settled_cost(series: DailySeries, first: date, last: date) -> Decimal | None:
    """What some days cost, 0 without any; None if one of them is not settled or not known."""
    costs = [series.settled_cost(day) for day in _days(first, last)]
    known = [cost for cost in costs if cost is not None]
    return sum(known, _NOTHING) if len(known) == len(costs) else None


def _why_unknown(series: DailySeries, first: date, last: date) -> str | None:
    if any(day not in series.settled for day in _days(first, last)):
        return "not_settled"
    return "amount_unknown" if any(series.settled_cost(day) is None for day in _days(first, last)) else None


@cache
def _days(first: date, last: date) -> tuple[date, ...]:
    return tuple(first + timedelta(days=number) for number in range((last - first).days + 1))
