"""What a chart is: series over labels, a total, a table and words, no matter what draws it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from meterhouse import formats
from meterhouse.answers.answer import capital
from meterhouse.counts import counted
from meterhouse.dashboard.coverage import LOADED, Coverage
from meterhouse.dashboard.tables import Table

Kind = Literal["bars", "lines", "ranks", "pie"]
Number = int | Decimal
OTHER = -1
SLOTS = 6
RANKS = 10
NOTHING = "Nothing was reported for this choice. Choose more days, or clear a filter."


@dataclass(frozen=True)
class Series:
    """One colour of a chart: a value for each label, None where it is not known; `slot` picks the colour, OTHER is grey."""

    name: str
    values: tuple[Number | None, ...]
    slot: int
    legend: str = ""
    # What a click on it chooses, as `pick` writes it.
    pick: str = ""


@dataclass(frozen=True)
class Mark:
    """A label that a chart points to: its place, what is written there, and what is said of it."""

    place: int
    name: str
    words: str


@dataclass(frozen=True)
class Chart:
    """One chart with everything that stands around it."""

    key: str
    title: str
    about: str
    kind: Kind
    unit: str
    labels: tuple[str | datetime, ...]
    series: tuple[Series, ...]
    total: str
    table: Table
    empty: str = ""
    notes: tuple[str, ...] = ()
    wide: bool = False
    is_hourly: bool = False
    incomplete: tuple[bool, ...] = ()
    # Of each label: whether it has no figure because it is not loaded.
    absent: tuple[bool, ...] = ()
    # The values are differences: more and less have a colour each.
    is_change: bool = False
    # Of each label: what is said beside its value.
    hints: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    # Of each label: what a click on it chooses, as `pick` writes it; nothing for all others together.
    picks: tuple[str, ...] = ()

    def show(self, value: Number | None) -> str:
        """Return a value with the chart's unit."""
        if value is None:
            return "unknown"
        return (
            formats.money(Decimal(value), self.unit.partition(":")[2])
            if self.is_money
            else formats.counted(value, self.unit.removesuffix("s"))
        )

    @property
    def is_money(self) -> bool:
        """Whether the values are amounts of the currency that the unit names."""
        return self.unit.startswith("money:")

    @property
    def alternative(self) -> str:
        """What the picture says, in words."""
        if self.empty:
            return f"{self.title}: {self.empty}"
        words = [f"{self.title}. Total {self.total}."]
        if self.kind in {"bars", "lines"}:
            words += [self._extremes(), f"{sum(self.absent):,} of {len(self.labels):,} not loaded." if any(self.absent) else ""]
        if self.kind in {"ranks", "pie"} and self.labels:
            sums = [sum(one.values[index] or 0 for one in self.series) for index in range(len(self.labels))]
            words += [f"{label}: {self.show(value)}." for label, value in list(zip(self.labels, sums, strict=True))[:5]]
        elif len(self.series) > 1:
            words += [f"{one.name}: {self.show(total_of(one.values))}." for one in self.series]
        words += [f"{one.words}." for one in self.marks]
        return " ".join([*(word for word in words if word), "The table below shows every figure."])

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """The spans of labels that are not loaded, as (first, last) places."""
        places = [place for place, is_absent in enumerate(self.absent) if is_absent]
        starts = [place for place in places if place == 0 or not self.absent[place - 1]]
        ends = [place for place in places if place == len(self.absent) - 1 or not self.absent[place + 1]]
        return list(zip(starts, ends, strict=True))

    def pick_at(self, series: Series, place: int) -> str:
        """Return what a click on a label's part of a series chooses; the part says more than the whole."""
        return series.pick or (self.picks[place] if self.picks else "")

    def _extremes(self) -> str:
        sums = {
            label: sum(known)
            for index, label in enumerate(self.labels)
            if (known := [value for one in self.series if (value := one.values[index]) is not None])
        }
        if not sums:
            return ""
        top = max(sums, key=lambda label: sums[label])
        moment = top if isinstance(top, str) else (f"{formats.day(top)} {top:%H:%M}" if self.is_hourly else formats.day(top))
        return f"Highest on {moment}: {self.show(sums[top])}."


def total_of(values: Iterable[Number | None]) -> Number | None:
    """Add up what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def folded(labelled: Sequence[tuple[str, Number | None]]) -> tuple[tuple[str, ...], tuple[Number | None, ...]]:
    """The largest members, and the rest as one."""
    if len(labelled) <= RANKS + 1:
        return tuple(label for label, _ in labelled), tuple(value for _, value in labelled)
    rest = labelled[RANKS:]
    return (
        (*(label for label, _ in labelled[:RANKS]), f"Other ({len(rest)})"),
        (*(value for _, value in labelled[:RANKS]), total_of(value for _, value in rest)),
    )


def pick(dimension: str, value: str | None) -> str:
    """Return what a click chooses: a member of a dimension of the filters, or `days` with one day or the first and the last of several."""
    return f"{dimension}:{value or ''}" if dimension else ""


def folded_picks(picks: Sequence[str], labels: Sequence[object]) -> tuple[str, ...]:
    """Return the picks of folded labels: the last one stands for many members."""
    return tuple(picks) if len(picks) == len(labels) else (*picks[: len(labels) - 1], "")


def coverage_note(coverage: Coverage) -> tuple[str, ...]:
    """Return the line under a chart that says how many of its days are loaded and settled; none when all or none are."""
    return () if coverage.is_settled or coverage.is_none else (f"{capital(coverage.words())}.",)


def nothing_words(coverage: Coverage) -> str:
    """Return why there is no figure: it is not loaded, or all that is loaded holds nothing."""
    if coverage.is_none:
        return f"{capital(coverage.words())}. Choose other days, or load these with meterhouse backfill."
    if not coverage.is_whole:
        loaded = f"{coverage.count(*LOADED):,} of {counted(len(coverage.states), coverage.unit)}"
        return f"Nothing was reported for this choice in what is loaded: {loaded}."
    return NOTHING
