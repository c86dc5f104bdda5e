"""How much was used: the lots of any day, drawn only from the seed and the date, and remembered for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import date
from random import Random

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.fake_openai.large_batches import LargeBatches
from meterhouse.fake_openai.lots import DAY_MINUTES, SHAPES_PER_KIND, Lot, running_weights
from meterhouse.fake_openai.restatement import Round, restate
from meterhouse.fake_openai.workloads import Stream

_GROWTH_STARTS = date(2025, 10, 1).toordinal()
_GROWTH_DAYS = 400
_SATURDAY = 5
_REMEMBERED_LOTS = 60_000


class Activity:
    """The usage of an organization, by endpoint and day (ordinal)."""

    def __init__(self, seed: int, streams: Mapping[str, tuple[Stream, ...]], large_batches: LargeBatches) -> None:
        self.seed = seed
        self.streams = streams
        self._large_batches = large_batches
        self._days: OrderedDict[tuple[str, int, tuple[Round, ...]], list[Lot]] = OrderedDict()
        self._remembered = 0

    def lots(self, endpoint: str, day: int, rounds: tuple[Round, ...] = ()) -> list[Lot]:
        """Return what every combination used on `day`, as `rounds` of restatement left it."""
        changes = tuple(change for change in rounds if change.touches_usage(day))
        key = (endpoint, day, changes)
        found = self._days.get(key)
        if found is None:
            found = self._drawn(endpoint, day)
            for change in changes:
                present = {lot.stream.index for lot in found}
                dormant = [stream for stream in self._existing(endpoint, day) if stream.index not in present]
                found = restate(found, dormant, endpoint, day, change, self.seed, lambda stream, rng: self._lot(stream, day, rng))
            self._remember(key, found)
        else:
            self._days.move_to_end(key)
        return found

    def _remember(self, key: tuple[str, int, tuple[Round, ...]], lots: list[Lot]) -> None:
        self._days[key] = lots
        self._remembered += len(lots)
        while self._remembered > _REMEMBERED_LOTS and len(self._days) > 1:
            self._remembered -= len(self._days.popitem(last=False)[1])

    def _existing(self, endpoint: str, day: int) -> list[Stream]:
        return [stream for stream in self.streams.get(endpoint, ()) if stream.first_day <= day < stream.last_day]

    def _drawn(self, endpoint: str, day: int) -> list[Lot]:
        rng = Random(f"{self.seed}:{endpoint}:{day}")
        weekend = date.fromordinal(day).weekday() >= _SATURDAY
        level = not ENDPOINTS[endpoint].metrics[0].additive
        found = []
        for stream in self._existing(endpoint, day):
            chance = stream.weekend_chance if weekend else stream.weekday_chance
            if level or rng.random() < chance or self._large_batches.more_pace(stream, day):
                found.append(self._lot(stream, day, rng))
        return found

    def _lot(self, stream: Stream, day: int, rng: Random) -> Lot:
        weekend = date.fromordinal(day).weekday() >= _SATURDAY
        running = running_weights(stream.shape, weekend, rng.randrange(SHAPES_PER_KIND))
        if stream.endpoint == "vector_stores":
            return Lot(stream, (self._level(stream, day), self._level(stream, day + 1)), running, 0)
        volume = stream.pace * growth(day) * (0.4 + 1.2 * rng.random())
        if weekend and not stream.shape:
            volume *= 0.3
        if rng.random() > 0.9985:
            # Now and then something runs wild: a retry loop, a forgotten job.
            volume *= 9
        volume += self._large_batches.more_pace(stream, day) * growth(day)
        pace = max(1, round(volume))
        wobble = 0.9 + 0.2 * rng.random()
        leaves = (pace, *[round(pace * mean * wobble) if mean else 0 for mean in stream.per_pace])
        return Lot(stream, leaves, running, int(rng.random() * running[DAY_MINUTES]))

    def _level(self, stream: Stream, day: int) -> int:
        """Return the bytes stored at the start of `day`; yesterday's end is today's start."""
        noise = Random(f"{self.seed}:level:{stream.index}:{day}").random()
        return int(stream.pace * growth(day) * (0.95 + 0.1 * noise))


def growth(day: int) -> float:
    """Return the organization's appetite relative to autumn 2026: 0.45 a year before, slowly rising forever after."""
    passed = day - _GROWTH_STARTS
    if passed >= _GROWTH_DAYS:
        return min(2.0, 1 + (passed - _GROWTH_DAYS) / 2000)
    return 0.45 + 0.55 * max(0, passed) / _GROWTH_DAYS
