"""Words of an import: what a saved file is and holds, what becomes of its days, and what all files of a command add up to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from meterhouse.accounting.finality import Finality
from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.load.saved_days import SavedDays, Source, Verdict
from meterhouse.money import add, plain
from meterhouse.vendors.saved_file import SavedFigures
from meterhouse.windows import days_in_a_row

_RANGES_SHOWN = 5
_UNFINISHED = {
    Finality.OPEN: "not whole, or not over when it was saved, so open",
    Finality.SETTLING: "saved too early to be final, so settling",
}
_KEPT = (Verdict.OF_API, Verdict.OF_ANOTHER_FILE, Verdict.SAME)


@dataclass(frozen=True)
class ReadFile:
    """A file that was read and recognized: its name as it is shown, the digest of its bytes, and its figures, without its text."""

    name: str
    sha256: str
    source: Source
    figures: SavedFigures


def in_words(one: ReadFile, label: str, streams: Sequence[SavedDays], *, dry_run: bool) -> Iterator[str]:
    """Yield what a file is and holds, and below it, stream by stream, what becomes of its days."""
    rows = sum(days.row_count() for days in streams)
    totals = _added(days.totals() for days in streams)
    every = sorted(day for days in streams for day in days.days())
    yield (
        f"{one.name}: {one.figures.kind}, saved {one.source.saved_at:%Y-%m-%d}, for {label}, {_span(every[0], every[-1])},"
        f" {counted(rows, 'row')}{_in_words(totals)}"
    )
    for remark in (*one.figures.remarks, *(warning for days in streams for warning in days.fetch.warnings)):
        yield f"  {visible(remark)}"
    for days in streams:
        yield from (f"  {days.stream.endpoint.name}: {line}" for line in _becomes(days, dry_run))


def _becomes(days: SavedDays, dry_run: bool) -> Iterator[str]:
    stored = days.days(Verdict.STORED)
    if stored:
        yield f"{'would store' if dry_run else 'stores'} {_days_in_words(stored)}"
    for state, why in _UNFINISHED.items():
        if left := [day for day in stored if days.covered[day].finality is state]:
            yield f"of them {why}: {_days_in_words(left)}"
    for verdict in _KEPT:
        if kept := days.days(verdict):
            yield f"{verdict}, left as it is: {_days_in_words(kept)}"
    if days.fetch.unknown_fields:
        yield f"columns that are not known are kept in extra: {visible(', '.join(days.fetch.unknown_fields))}"


def _days_in_words(days: Sequence[datetime]) -> str:
    ranges = [_span(window.start, window.end - timedelta(days=1)) for window in days_in_a_row(days)]
    more = f" and {len(ranges) - _RANGES_SHOWN} more" if len(ranges) > _RANGES_SHOWN else ""
    return f"{counted(len(days), 'day')}, {', '.join(ranges[:_RANGES_SHOWN])}{more}"


def _span(first: datetime, last: datetime) -> str:
    return f"{first:%Y-%m-%d}" if first == last else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def in_sum(files: int, done: Sequence[SavedDays], *, dry_run: bool) -> str:
    """Return the line that ends an import of some files: their number, days, range, rows, and exact totals."""
    stored = [day for days in done for day in days.days(Verdict.STORED)]
    head = f"{'would import' if dry_run else 'imported'} {counted(files, 'file')}"
    if not stored:
        return f"{head}: nothing changes, all of their days are as they were"
    return f"{head}: {counted(len(set(stored)), 'day')}, {_span(min(stored), max(stored))}{totals_in_words(done)}"


def totals_in_words(done: Sequence[SavedDays]) -> str:
    """Return the rows and exact totals of what is stored, each behind a comma."""
    rows = sum(days.row_count(Verdict.STORED) for days in done)
    return f", {counted(rows, 'row')}{_in_words(_added(days.totals(Verdict.STORED) for days in done))}"


def _added(parts: Iterable[dict[str, Decimal]]) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for part in parts:
        for name, figure in part.items():
            totals[name] = add(totals.get(name, Decimal(0)), figure)
    return totals


def _in_words(totals: dict[str, Decimal]) -> str:
    return "".join(f", {plain(figure)} {name}" for name, figure in totals.items())
