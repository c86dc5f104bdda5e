"""The range of a backfill as people write it: two days, both included. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from meterhouse.errors import FixConfiguration
from meterhouse.windows import Window, floor_to_day


def parse_day(text: str) -> datetime:
    """Return UTC midnight of a day written as YYYY-MM-DD; raises `FixConfiguration` otherwise."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise FixConfiguration(f"{text!r} is not a day: write it as YYYY-MM-DD") from None


def future_in_words(last: datetime, now: datetime) -> str | None:
    """Say that the days after today are left out, when `last` is one of them."""
    today = floor_to_day(now)
    return f"the days after today, {today:%Y-%m-%d}, are in the future and left out" if last > today else None


def backfill_window(first: datetime, last: datetime, now: datetime) -> Window:
    """Return the window of the days `first` to `last`, both included, up to the end of today."""
    if first > last:
        raise FixConfiguration(f"the first day {first:%Y-%m-%d} is after the last day {last:%Y-%m-%d}: swap them")
    if first > now:
        raise FixConfiguration(f"the first day {first:%Y-%m-%d} is in the future: there is nothing to load yet")
    return Window(first, min(last, floor_to_day(now)) + timedelta(days=1))
