"""Windows: pure arithmetic over half-open, UTC-aligned spans of time. No clock, no network, no database.

Data flow: watermark, data interval, lookback and now go in; the window to read again comes out, and is cut into chunks that
fit on one maximal page each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from meterhouse.catalogue.endpoints import DAY, BucketWidth

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Window:
    """A span [start, end) of UTC instants; empty when start equals end."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() != timedelta(0) or self.end.utcoffset() != timedelta(0):
            raise ValueError("a window is made of UTC instants")
        if self.start > self.end:
            raise ValueError(f"a window cannot start ({self.start}) after its end ({self.end})")

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return self.start == self.end

    def __str__(self) -> str:
        return f"[{_short(self.start)}, {_short(self.end)})"


def _short(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d") if instant == floor_to_day(instant) else instant.strftime("%Y-%m-%dT%H:%MZ")


def from_epoch(seconds: int) -> datetime:
    """Return the UTC instant of Unix `seconds`; raises ValueError or OverflowError outside of years 1 to 9999."""
    return _EPOCH + timedelta(seconds=seconds)


def to_epoch(instant: datetime) -> int:
    """Return whole Unix seconds of `instant`."""
    return (instant - _EPOCH) // timedelta(seconds=1)


def floor_to(instant: datetime, width: BucketWidth) -> datetime:
    """Return the start of the bucket that holds `instant`."""
    seconds = to_epoch(instant)
    return from_epoch(seconds - seconds % width.seconds)


def ceil_to(instant: datetime, width: BucketWidth) -> datetime:
    """Return `instant` if it is a bucket's start, else the start of the next bucket."""
    start = floor_to(instant, width)
    return start if start == instant else start + timedelta(seconds=width.seconds)


def floor_to_day(instant: datetime) -> datetime:
    """Return UTC midnight of the day of `instant`."""
    return floor_to(instant, DAY)


def midnight(day: date) -> datetime:
    """Return the start of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def days_in_a_row(days: Iterable[datetime]) -> list[Window]:
    """Return UTC days, given by their starts, as few windows that hold no other day, oldest first."""
    windows: list[Window] = []
    for day in sorted(days):
        end = day + timedelta(days=1)
        if windows and windows[-1].end == day:
            windows[-1] = Window(windows[-1].start, end)
        else:
            windows.append(Window(day, end))
    return windows


def buckets(window: Window, width: BucketWidth) -> Iterator[datetime]:
    """Yield the start of every bucket of an aligned window."""
    step = timedelta(seconds=width.seconds)
    start = window.start
    while start < window.end:
        yield start
        start += step


def increment(
    *,
    now: datetime,
    interval: Window | None,
    watermark: datetime | None,
    lookback: timedelta,
    history_start: datetime,
    width: BucketWidth,
    month_close_days: int = 0,
) -> Window:
    """Return what a scheduled run reads: [min(watermark, interval start) - lookback, interval end), aligned.

    Without a watermark it begins at `history_start`, and it never begins before that. It never ends later than the bucket that holds
    `now`; that bucket is read too when the interval ends where it begins, or when there is no interval. In the first `month_close_days`
    of a month it reaches back to the start of the last one.
    """
    newest = ceil_to(now, width)
    end = newest
    if interval and not interval.is_empty and ceil_to(interval.end, width) < floor_to(now, width):
        end = ceil_to(interval.end, width)
    floor = floor_to(history_start, width)
    if watermark is None:
        start = floor
    else:
        known = min(watermark, interval.start) if interval else watermark
        start = floor_to(known - lookback, width)
        today = floor_to_day(now)
        if today.day <= month_close_days:
            last_month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
            start = min(start, floor_to(last_month, width))
    start = max(start, floor)
    return Window(min(start, end), end)


def chunks(window: Window, width: BucketWidth, *, cuts: tuple[datetime, ...] = ()) -> list[Window]:
    """Cut an aligned window into consecutive windows that fit on one maximal page each, oldest first, and at `cuts`."""
    span = timedelta(seconds=width.seconds * width.max_buckets)
    pieces = []
    start = window.start
    while start < window.end:
        end = min([start + span, window.end, *(cut for cut in cuts if start < cut < window.end)])
        pieces.append(Window(start, end))
        start = end
    return pieces


def clamp(window: Window, earliest: datetime, width: BucketWidth) -> Window:
    """Return the part of `window` whose whole buckets begin at or after `earliest`."""
    start = min(max(window.start, ceil_to(earliest, width)), window.end)
    return Window(start, window.end)
