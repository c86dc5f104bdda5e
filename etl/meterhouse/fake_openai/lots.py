"""A lot: what one combination used on one UTC day, and the exact share of it that falls into any minutes of that day.

Instead of handing a total down to 24 hours and 1440 minutes, a lot knows how much had been used *up to* any minute, by rounding a
running total down. Any stretch is a difference of two such figures, so minutes always add up to hours and hours to the day.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from random import Random
from typing import NamedTuple

from meterhouse.fake_openai.workloads import NIGHT, OFFICE, Stream

DAY_MINUTES = 1440
EPOCH_DAY = date(1970, 1, 1).toordinal()
SHAPES_PER_KIND = 8
VENDOR_LAG_MINUTES = 4
LONGEST_LAG_MINUTES = 60
# How many minutes pass until a combination's usage of an hour shows; most are on time, some come up to an hour late.
_LAGS = (4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 9, 15, 25, 40, LONGEST_LAG_MINUTES)

_OFFICE_HOURS = (1, 1, 1, 1, 1, 2, 6, 20, 50, 80, 90, 85, 60, 80, 95, 90, 75, 50, 25, 14, 9, 6, 4, 2)
_STEADY_HOURS = (30, 26, 24, 22, 22, 24, 30, 40, 52, 60, 64, 66, 64, 64, 66, 64, 60, 56, 54, 50, 46, 42, 38, 34)
_NIGHT_HOURS = (60, 90, 100, 80, 50, 20, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 10, 30)


class Lot(NamedTuple):
    """`leaves` are the day's totals, the pace first; `running` has the weight before each of 1440 minutes and after the last.

    `phase`, between 0 and the total weight, moves the instants at which whole units appear. For vector stores the two leaves are the
    levels in bytes at the start and at the end of the day.
    """

    stream: Stream
    leaves: tuple[int, ...]
    running: tuple[int, ...]
    phase: int

    @property
    def is_level(self) -> bool:
        """Whether the figures are a level instead of a flow."""
        return self.stream.endpoint == "vector_stores"


@lru_cache(maxsize=64)
def running_weights(kind: int, weekend: bool, variation: int) -> tuple[int, ...]:
    """Return 1441 running weights of a kind of day; variations differ by chance, so that no two days look the same."""
    hours: tuple[int, ...] = _OFFICE_HOURS if kind == OFFICE else _NIGHT_HOURS if kind == NIGHT else _STEADY_HOURS
    if weekend and kind == OFFICE:
        hours = tuple(20 + hour // 4 for hour in hours)
    rng = Random(f"weights:{kind}:{weekend}:{variation}")
    total, running = 0, [0]
    for hour in hours:
        level = hour * rng.randrange(60, 140)
        for _ in range(60):
            total += level * rng.randrange(1, 20) // 10
            running.append(total)
    return tuple(running)


def used_between(lot: Lot, first: int, last: int) -> tuple[int, ...] | None:
    """Return the leaves used in minutes [first, last) of the day, or None for nothing; a level is the one at minute `last`."""
    if last <= first:
        return None
    leaves = lot.leaves
    if lot.is_level:
        return (leaves[0] + (leaves[1] - leaves[0]) * last // DAY_MINUTES,)
    if first == 0 and last == DAY_MINUTES:
        return leaves
    pace, running, phase = leaves[0], lot.running, lot.phase
    whole = running[DAY_MINUTES]
    before = (pace * running[first] + phase) // whole
    after = (pace * running[last] + phase) // whole
    if before == after:
        return None
    return (after - before, *[leaf * after // pace - leaf * before // pace if leaf else 0 for leaf in leaves[1:]])


def lag_minutes(stream: Stream, day: int, hour: int) -> int:
    """Return how late the usage of one hour shows."""
    return _LAGS[(stream.index * 31 + hour * 17 + day * 7) % len(_LAGS)]


def visible_between(lot: Lot, day: int, first: int, last: int, now_minute: int) -> tuple[int, ...] | None:
    """Return what of minutes [first, last) of `day` (ordinal) shows at `now_minute` (minutes since 1970); it only grows."""
    clock = now_minute - (day - EPOCH_DAY) * DAY_MINUTES
    if last + LONGEST_LAG_MINUTES <= clock:
        return used_between(lot, first, last)
    if lot.is_level:
        return used_between(lot, first, min(last, clock - VENDOR_LAG_MINUTES))
    found: tuple[int, ...] | None = None
    # Hours before the longest lag show whole; after that each hour has its own lag.
    settled = max(first, min(last, (clock - LONGEST_LAG_MINUTES) // 60 * 60))
    parts = [(first, settled)]
    for hour in range(settled // 60, (last + 59) // 60):
        parts.append((max(settled, hour * 60), min(last, hour * 60 + 60, clock - lag_minutes(lot.stream, day, hour))))
    for start, end in parts:
        part = used_between(lot, start, end)
        if part is not None:
            found = part if found is None else tuple(map(int.__add__, found, part))
    return found
