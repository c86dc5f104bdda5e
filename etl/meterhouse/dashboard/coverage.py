"""How much of the chosen days is loaded, and how final it is: one state per bucket over all streams that feed a figure. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property

from meterhouse.accounting.finality import Finality
from meterhouse.counts import counted

STEPS = {"1d": timedelta(days=1), "1h": timedelta(hours=1)}
UNITS = {"1d": "day", "1h": "hour"}


class State(StrEnum):
    """What is known of a bucket, in the words of tables; the first three are loaded whole."""

    SETTLED = "final"
    SETTLING = "not final"
    OPEN = "in progress"
    IN_PART = "loaded in part"
    NOT_LOADED = "not loaded"
    NOT_YET = "not loaded yet"


LOADED_WHOLE = (State.SETTLED, State.SETTLING, State.OPEN)
LOADED = (*LOADED_WHOLE, State.IN_PART)
_RANKS = {Finality.OPEN: 0, Finality.SETTLING: 1, Finality.SETTLED: 2, Finality.INVOICED: 2}
_STATES = (State.OPEN, State.SETTLING, State.SETTLED)


@dataclass(frozen=True)
class StreamRow:
    """How far a stream, one endpoint of an organization in one width, is loaded; all times are UTC."""

    organization: str
    endpoint: str
    bucket_width: str | None
    is_offered: bool
    loaded_until_utc: datetime | None
    last_loaded_at_utc: datetime | None
    first_bucket_utc: datetime | None
    last_bucket_utc: datetime | None
    settled_through_date: date | None


@dataclass(frozen=True)
class CoveredSpan:
    """Loaded buckets of a stream that follow each other and are equally final; first and last are the starts of buckets."""

    organization: str
    endpoint: str
    bucket_width: str
    finality: str
    first_bucket: datetime
    last_bucket: datetime


@dataclass(frozen=True)
class Coverage:
    """The state of every bucket of some days, in their order."""

    unit: str
    states: Mapping[datetime, State]

    def count(self, *states: State) -> int:
        """Return how many buckets are in one of these states."""
        return sum(self._counts.get(state, 0) for state in states)

    @cached_property
    def _counts(self) -> Mapping[State, int]:
        counts: dict[State, int] = {}
        for state in self.states.values():
            counts[state] = counts.get(state, 0) + 1
        return counts

    @property
    def is_none(self) -> bool:
        """Whether nothing at all is loaded."""
        return not self.count(*LOADED)

    @property
    def is_whole(self) -> bool:
        """Whether no bucket is missing; those that are not there yet do not count."""
        return not self.count(State.NOT_LOADED, State.IN_PART)

    @property
    def is_settled(self) -> bool:
        """Whether every bucket is settled."""
        return self.count(State.SETTLED) == len(self.states)

    def buckets(self, *states: State) -> list[datetime]:
        """Return the starts of the buckets that are in one of these states."""
        return [bucket for bucket, state in self.states.items() if state in states]

    def with_settled_only(self) -> Coverage:
        """Return the same buckets where nothing is to be had of one that is not settled."""
        early = {State.OPEN, State.SETTLING}
        return Coverage(self.unit, {bucket: State.NOT_YET if state in early else state for bucket, state in self.states.items()})

    def words(self) -> str:
        """Return how many buckets are loaded and final, as people say it."""
        number, loaded = len(self.states), self.count(*LOADED)
        units = counted(number, self.unit)
        if not loaded:
            yet = "" if self.count(State.NOT_LOADED) else " yet"
            return f"the {self.unit} is not loaded{yet}" if number == 1 else f"none of the {units} are loaded{yet}"
        if not self.is_whole:
            return f"{self._missing(loaded, units)}: the range is incomplete"
        if self.is_settled:
            return f"{units}, {'all ' if number != 1 else ''}final"
        return f"{units}: {self._finality(*LOADED, State.NOT_YET)}"

    def _missing(self, loaded: int, units: str) -> str:
        held = f"{loaded:,} of {units} {'is' if loaded == 1 else 'are'} loaded"
        final = "final" if loaded == 1 else "all final"
        return f"{held} ({final if self.count(State.SETTLED) == loaded else self._finality(*LOADED)})"

    def _finality(self, *states: State) -> str:
        """How many buckets are in each state; what is in progress is not final either, and only tables tell the two apart."""
        counts: dict[State, int] = {}
        for state in states:
            name = State.SETTLING if state is State.OPEN else state
            counts[name] = counts.get(name, 0) + self.count(state)
        return ", ".join(f"{number:,} {state}" for state, number in counts.items() if number)


def coverage(
    streams: Iterable[StreamRow], spans: Iterable[CoveredSpan], first: date, last: date, width: str, newest: datetime | None
) -> Coverage:
    """Return the state of every bucket from `first` to `last` over some streams of one width.

    A bucket is as final as the least final stream, and loaded in part while a stream lacks it. An endpoint that its organization does not
    offer lacks nothing. Buckets after `newest`, the last one that is loaded of anything like it, are not there yet.
    """
    expected = {(one.organization, one.endpoint) for one in streams if one.is_offered}
    step, start = STEPS[width], datetime.combine(first, time())
    size = (last - first + timedelta(days=1)) // step
    ranks: list[int | None] = [None] * size
    held = [0] * size
    for span in spans:
        rank, counts = _RANKS[Finality(span.finality)], (span.organization, span.endpoint) in expected
        for index in range(max((span.first_bucket - start) // step, 0), min((span.last_bucket - start) // step, size - 1) + 1):
            known = ranks[index]
            ranks[index] = rank if known is None else min(known, rank)
            held[index] += counts

    def state(index: int, bucket: datetime) -> State:
        rank = ranks[index]
        if rank is None:
            return State.NOT_YET if newest is not None and bucket > newest else State.NOT_LOADED
        return State.IN_PART if held[index] < len(expected) else _STATES[rank]

    buckets = [start + step * index for index in range(size)]
    return Coverage(UNITS[width], {bucket: state(index, bucket) for index, bucket in enumerate(buckets)})


def newest_bucket(streams: Iterable[StreamRow]) -> datetime | None:
    """Return the start of the last bucket that any of these streams has."""
    return max((one.last_bucket_utc for one in streams if one.last_bucket_utc is not None), default=None)


def by_day(hours: Coverage) -> Coverage:
    """Return the state of every day, given those of its hours. Hours that are not there yet leave a day open."""
    days: dict[datetime, set[State]] = {}
    for bucket, one in hours.states.items():
        days.setdefault(datetime.combine(bucket.date(), time()), set()).add(one)

    def state(found: set[State]) -> State:
        if len(found) == 1:
            return next(iter(found))
        if found & {State.IN_PART, State.NOT_LOADED}:
            return State.IN_PART if found & set(LOADED) else State.NOT_LOADED
        return State.SETTLING if State.SETTLING in found and not found & {State.OPEN, State.NOT_YET} else State.OPEN

    return Coverage(UNITS["1d"], {day: state(found) for day, found in days.items()})
