"""What was measured, kept as JSON: single passes, and what medians and ratios are made of."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from pathlib import Path

import msgspec

FIRST, SAME, CHANGED = "first", "same", "5 % changed"
PASSES = (FIRST, SAME, CHANGED)


@dataclass(frozen=True)
class Machine:
    """What it was measured on. Nothing in it names the machine."""

    cores: int
    memory_gigabytes: int
    system: str
    python: str
    meterhouse: str

    @classmethod
    def here(cls) -> Machine:
        """Describe this machine."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return cls(
            cores=os.cpu_count() or 1,
            memory_gigabytes=round(memory / 2**30),
            system=f"{platform.system()} {platform.machine()}",
            python=platform.python_version(),
            meterhouse=importlib.metadata.version("meterhouse"),
        )


@dataclass(frozen=True)
class Pass:
    """One load by one contender: `seconds` from its start to its exit, `work_seconds` from its first request to its exit."""

    who: str
    what: str
    seconds: float
    work_seconds: float
    peak_megabytes: float
    wal_bytes_per_row: float


@dataclass(frozen=True)
class Floor:
    """The least that the same rows cost on one core: decoding, then COPY of ready bytes into a narrow keyed table."""

    decode_seconds: float
    copy_seconds: float
    rows: int

    @property
    def seconds(self) -> float:
        """Both, one after the other."""
        return self.decode_seconds + self.copy_seconds


@dataclass(frozen=True)
class State:
    """One load on statistics of some kind, and the like of it on fresh ones; no seconds when it took longer than anybody waits."""

    server: str
    what: str
    seconds: float | None
    fresh_seconds: float | None


@dataclass(frozen=True)
class Wait:
    """One load, or one fetch, at some latency per page: seconds from the first request to the exit."""

    who: str
    milliseconds_per_page: int
    seconds: float
    compressed: bool = False


@dataclass(frozen=True)
class Sync:
    """One `meterhouse sync` of the demo organization, without waiting: `load_seconds` of it went by in loading, `sums_seconds` in the
    statements that keep the daily totals, `vendor_seconds` until its pages had come."""

    what: str
    seconds: float
    vendor_seconds: float
    load_seconds: float
    sums_seconds: float


@dataclass(frozen=True)
class Command:
    """One command, from its start to its exit."""

    what: str
    seconds: float


@dataclass(frozen=True)
class Answer:
    """One question of the reading benchmark, or a page of it: its median on a warm server."""

    question: str
    seconds: float


@dataclass(frozen=True)
class Figures:
    """Everything, part by part, and the day of each part; one that was not measured is empty."""

    machine: Machine
    server: str
    rows: int
    days: int
    measured_on: Mapping[str, date] = field(default_factory=dict)
    peers: Mapping[str, str] = field(default_factory=dict)
    peers_left_out: tuple[str, ...] = ()
    passes: tuple[Pass, ...] = ()
    short_passes: tuple[Pass, ...] = ()
    floors: tuple[Floor, ...] = ()
    bytes_per_row: float | None = None
    states: tuple[State, ...] = ()
    servers_left_out: tuple[str, ...] = ()
    waits: tuple[Wait, ...] = ()
    syncs: tuple[Sync, ...] = ()
    commands: tuple[Command, ...] = ()
    answers: tuple[Answer, ...] = ()
    paints: tuple[Answer, ...] = ()
    reading_rows: int | None = None

    def each(self, who: str, what: str, name: str) -> list[float]:
        """Return one figure of a contender's passes, round by round."""
        return [getattr(one, name) for one in self.passes if (one.who, one.what) == (who, what)]

    def median(self, who: str, what: str, name: str) -> float | None:
        """Return the median of one figure of a contender's passes; None when it did not run."""
        return median(self.each(who, what, name))

    @classmethod
    def read(cls, path: Path) -> Figures:
        """Read what `write` wrote."""
        return msgspec.json.decode(path.read_bytes(), type=cls)

    def write(self, path: Path) -> None:
        """Keep it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    def over(self, earlier: Figures | None) -> Figures:
        """Return these figures, with those of an earlier run for every part that this one did not measure."""
        if earlier is None:
            return self
        parts = [one.name for one in fields(self) if one.name not in ("machine", "server", "rows", "days", "measured_on")]
        dates = {**earlier.measured_on, **self.measured_on}
        return replace(self, measured_on=dates, **{name: getattr(self, name) or getattr(earlier, name) for name in parts})


def median(values: Iterable[float | None]) -> float | None:
    """Return the median of what is known; None of nothing."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def paired(above: Sequence[float | None], below: Sequence[float | None]) -> float | None:
    """Return the median of the quotients of what was measured in the same round: the machine's mood changes from round to round."""
    return median(ratio(one, other) for one, other in zip(above, below, strict=False))


def ratio(above: float | None, below: float | None) -> float | None:
    """Return a quotient; None when a side of it is not known."""
    return above / below if above is not None and below else None
