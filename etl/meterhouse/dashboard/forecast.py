"""What a month will cost: a plain rule that is said beside its result. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

FORECAST_DAYS = 7
RULE = (
    f"Rule: the cost of the month's settled days, plus the mean of the last {FORECAST_DAYS} settled days for every other day of the month. "
    "The range uses the cheapest and the most expensive of those days instead. Plans, credits and price changes are not considered."
)


@dataclass(frozen=True)
class Forecast:
    """The month that the first day after the last settled one is in: what is billed, and what it may come to, all in one currency."""

    month_start: date
    last_day: date
    spent: Decimal
    days_left: int
    expected: Decimal
    low: Decimal
    high: Decimal


def forecast(days: Mapping[date, Decimal | None], settled: Collection[date], last_settled_day: date | None) -> Forecast | None:
    """Return the forecast of the month that the first day after the last settled one is in: a month that is settled needs none.

    None when one of the seven days up to it, or of the month's days up to it, is not settled or has an unknown amount. `days` holds the
    billed amount per day; a settled day that is not in it cost nothing.
    """
    if last_settled_day is None:
        return None
    month_start = (last_settled_day + timedelta(days=1)).replace(day=1)
    recent = [last_settled_day - timedelta(days=back) for back in range(FORECAST_DAYS)]
    past = [month_start + timedelta(days=number) for number in range((last_settled_day - month_start).days + 1)]
    if any(one not in settled or days.get(one, Decimal(0)) is None for one in {*recent, *past}):
        return None
    spent = sum((days.get(one) or Decimal(0) for one in past), Decimal(0))
    rates = [days.get(one) or Decimal(0) for one in recent]
    left = monthrange(month_start.year, month_start.month)[1] - len(past)
    return Forecast(
        month_start,
        last_settled_day,
        spent,
        left,
        spent + left * sum(rates, Decimal(0)) / FORECAST_DAYS,
        spent + left * min(rates),
        spent + left * max(rates),
    )
