"""How good forecasts are, on invented months: python benchmarks/forecast_backtest.py

For each kind of series and number of known days, months that are made from seeds are forecast from their first days, and compared with
what they cost in the end. The mean of the last seven days, with the cheapest and dearest of them as its range, is the rule to beat.
"""

from __future__ import annotations

import random
import sys
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import fmean, median, quantiles

from meterhouse.accounting.daily_series import DailySeries, SeriesKind
from meterhouse.accounting.forecast import HISTORY_DAYS, Forecast, forecasts

MONTHS = 150
KNOWN_DAYS = (5, 10, 20)
_WEEK = 7


@dataclass(frozen=True)
class Kind:
    """A kind of series: what it is called, how much it grows per day, and the noise of its days (the deviation of their logarithm)."""

    name: str
    growth: float
    noise: float


KINDS = (Kind("flat, noise 0.15", 0, 0.15), Kind("+0.3% a day, noise 0.15", 0.003, 0.15), Kind("flat, noise 0.4", 0, 0.4))


@dataclass(frozen=True)
class Judged:
    """How far a forecast was off, as a share of the month; whether the month was within its range; and how wide that was, as a share."""

    error: float
    is_inside: bool
    width: float


def invented_series(kind: Kind, seed: int) -> tuple[DailySeries, date]:
    """Return a series of a year that ends with a whole month, and the first day of it. Saturdays and Sundays cost a third."""
    chance = random.Random(f"{kind.name} {seed}")  # noqa: S311  # invented figures, the same for each seed
    month_start = date(2025 + seed // 12 % 2, seed % 12 + 1, 1)
    last = month_start.replace(day=monthrange(month_start.year, month_start.month)[1])
    count = HISTORY_DAYS + 31
    costs: dict[date, Decimal | None] = {}
    for number in range(count):
        day = last - timedelta(days=count - 1 - number)
        level = 1000 * (1 + kind.growth) ** number * (0.33 if day.weekday() >= 5 else 1)
        costs[day] = Decimal(str(round(level * chance.lognormvariate(0, kind.noise), 6)))
    return DailySeries(1, SeriesKind.ORGANIZATION, "", None, "usd", costs, frozenset(costs)), month_start


def known_until(series: DailySeries, day: date) -> DailySeries:
    """Return what was known of a series when `day` was its last settled day."""
    costs = {one: cost for one, cost in series.costs.items() if one <= day}
    return DailySeries(series.organization_id, series.kind, series.key, series.project_id, series.currency, costs, frozenset(costs))


def judged_months(kind: Kind, known_days: int, months: int = MONTHS) -> Iterator[tuple[Judged, Judged]]:
    """Yield for each month how good the mean of seven days was, and how good the forecast."""
    for seed in range(months):
        series, month_start = invented_series(kind, seed)
        last = max(series.costs)
        as_of = month_start + timedelta(days=known_days - 1)
        actual = float(sum(_amounts(series, month_start, last)))
        (month,) = forecasts(known_until(series, as_of))
        yield _of_the_mean(series, as_of, (last - as_of).days, actual), _of_the_forecast(month, actual)


def _of_the_mean(series: DailySeries, as_of: date, days_left: int, actual: float) -> Judged:
    billed = float(sum(_amounts(series, as_of.replace(day=1), as_of)))
    week = [float(cost) for cost in _amounts(series, as_of - timedelta(days=_WEEK - 1), as_of)]
    low, high = billed + days_left * min(week), billed + days_left * max(week)
    return Judged(abs(billed + days_left * fmean(week) - actual) / actual, low <= actual <= high, (high - low) / actual)


def _of_the_forecast(month: Forecast, actual: float) -> Judged:
    if month.expected_cost is None or month.low_cost is None or month.high_cost is None:
        raise ValueError(f"a year of days gives no forecast: {month.reason}")
    low, high = float(month.low_cost), float(month.high_cost)
    return Judged(abs(float(month.expected_cost) - actual) / actual, low <= actual <= high, (high - low) / actual)


def _amounts(series: DailySeries, first: date, last: date) -> list[Decimal]:
    return [cost for day, cost in series.costs.items() if first <= day <= last and cost is not None]


def table() -> Iterator[str]:
    """Yield the lines of the table in docs/answers.md."""
    yield "| series | known days | mean of 7 days: error | in range / width | forecast: error | in range / width |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for kind in KINDS:
        for known_days in KNOWN_DAYS:
            means, chosen = zip(*judged_months(kind, known_days), strict=True)
            yield f"| {kind.name} | {known_days} | {' | '.join((*_words(means), *_words(chosen)))} |"


def _words(judged: tuple[Judged, ...]) -> tuple[str, str]:
    errors = [one.error for one in judged]
    inside, width = fmean(one.is_inside for one in judged), median(one.width for one in judged)
    return f"{median(errors):.1%} / {quantiles(errors, n=10)[-1]:.1%}", f"{inside:.0%} / {width:.0%}"


if __name__ == "__main__":
    for line in table():
        sys.stdout.write(f"{line}\n")
