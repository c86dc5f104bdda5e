"""Saved days: days of a file on their way into the warehouse, through the same door as answers, and only where the API has none.

Data flow: the days that a file covers -> what the warehouse holds of each -> one verdict for each day -> those that are to be stored
replace what an earlier file left there, in one transaction. A day that the API has covered is never touched; a later answer of the API
replaces a file's day. No watermark moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from meterhouse.accounting.finality import Finality
from meterhouse.catalogue.endpoints import COPIES_OF_COSTS, DAY, Key, Values
from meterhouse.load.chain import Chain, CoveredBucket
from meterhouse.load.store import Store
from meterhouse.load.stream import API, Fetch, Replaced, Stream
from meterhouse.money import add
from meterhouse.vendors.saved_file import SavedStream
from meterhouse.warehouse.database import translated
from meterhouse.windows import Window, floor_to_day, from_epoch

# Exports of one evening have disagreed; after two days nobody has seen one change.
FILES_SETTLE_AFTER = timedelta(hours=48)
# Older than any answer of the API, which therefore wins even if it commits first.
_BEFORE_EVERY_ANSWER = 0
_ONE_DAY = timedelta(days=1)
_ORDER = tuple(Finality)


class Verdict(StrEnum):
    """What becomes of a file's day."""

    STORED = "stored"
    SAME = "unchanged"
    OF_API = "covered by the API"
    OF_ANOTHER_FILE = "covered by another file"


@dataclass(frozen=True)
class Source:
    """Where days come from: the origin that coverage records, and when it was saved, which says what it could know.

    `is_dated` when somebody said so, and not the file system; `is_answer` for an answer of now, which replaces earlier ones of its origin.
    """

    origin: str
    saved_at: datetime
    is_dated: bool = False
    is_answer: bool = False


@dataclass(frozen=True)
class HeldDay:
    """What the warehouse holds of a day: where it came from, what it is grouped by, and how final it is."""

    origin: str
    grouping: str
    finality: Finality


@dataclass(frozen=True)
class SavedDays:
    """The days of one stream of a file, as far as they can be stored: rows, coverage, and what is to become of each day."""

    stream: Stream
    fetch: Fetch
    rows: Mapping[datetime, Mapping[Key, Values]]
    covered: Mapping[datetime, CoveredBucket]
    verdicts: Mapping[datetime, Verdict]

    def days(self, *verdicts: Verdict) -> list[datetime]:
        """Return the days with one of these verdicts, oldest first; all days for none."""
        return sorted(day for day, verdict in self.verdicts.items() if not verdicts or verdict in verdicts)

    @property
    def is_copy(self) -> bool:
        """Whether these are the amounts of another stream once more."""
        return self.stream.endpoint in COPIES_OF_COSTS

    def as_held(self, day: datetime) -> HeldDay:
        """Return what the warehouse holds of a day once it is stored."""
        return HeldDay(self.fetch.origin, self.fetch.grouping, self.covered[day].finality)

    def following(self, original: SavedDays) -> SavedDays:
        """Return these days of a copy of the bill as they go with it: a copy is stored only of a day whose bill is of the same file."""
        verdicts = {
            day: kept if (kept := original.verdicts.get(day)) in {Verdict.OF_API, Verdict.OF_ANOTHER_FILE} else verdict
            for day, verdict in self.verdicts.items()
        }
        return replace(self, verdicts=verdicts)

    def row_count(self, *verdicts: Verdict) -> int:
        """Return how many combinations these days have, none for a copy."""
        return 0 if self.is_copy else sum(len(self.rows[day]) for day in self.days(*verdicts))

    def totals(self, *verdicts: Verdict) -> dict[str, Decimal]:
        """Return the exact totals of these days: money by currency, for usage every metric that says something; none for a copy."""
        found: dict[str, Decimal] = {}
        endpoint = self.stream.endpoint
        if self.is_copy:
            return found
        for day in self.days(*verdicts):
            for key, values in self.rows[day].items():
                if endpoint.is_costs:
                    named = {str(key[-1] or "no currency"): values[0]}
                else:
                    named = {one.name: value for one, value in zip(endpoint.metrics, values, strict=False) if one.additive}
                for name, value in named.items():
                    if value is not None:
                        found[name] = add(found.get(name, Decimal(0)), Decimal(value))
        return found


def judged(held: HeldDay | None, bucket: CoveredBucket, source: Source, grouping: str) -> Verdict:
    """Return what becomes of a day. Of two files the more final one is kept, then the one that is grouped by more, then the first. Pure.

    A copy of a file may look younger than the file: its days become no more final, unless somebody says when it was saved. A day of a
    closed month stays, wherever it came from.
    """
    if held is None:
        return Verdict.STORED
    if held.origin == API:
        return Verdict.OF_API
    ours, theirs = (bucket.finality, grouping), (held.finality, held.grouping)
    if held.finality is Finality.INVOICED:
        return Verdict.SAME if held.origin == source.origin else Verdict.OF_ANOTHER_FILE
    if held.origin == source.origin:
        is_younger_copy = held.grouping == grouping and not source.is_dated and _rank(*ours) > _rank(*theirs)
        return Verdict.SAME if not source.is_answer and (is_younger_copy or ours == theirs) else Verdict.STORED
    return Verdict.STORED if _rank(*ours) > _rank(*theirs) else Verdict.OF_ANOTHER_FILE


def _rank(finality: Finality, grouping: str) -> tuple[int, int]:
    return _ORDER.index(finality), len([name for name in grouping.split(",") if name])


def planned(
    store: Store, label: str, saved: SavedStream, source: Source, settling_time: timedelta, before: Iterable[SavedDays] = ()
) -> SavedDays:
    """Return the days of a file's stream with their verdicts; nothing is written.

    Days of other files that came `before` count as held, whether they are written yet or not.
    """
    starts = [from_epoch(bucket.start) for bucket in saved.page.buckets]
    window = Window(floor_to_day(min(starts)), floor_to_day(max(starts)) + _ONE_DAY)
    chain = Chain(window, DAY, source.saved_at, max(settling_time, FILES_SETTLE_AFTER))
    rows = dict(chain.accept(saved.page))
    covered = {bucket.start: bucket for bucket in chain.covered()}
    stream = Stream(label, saved.endpoint, saved.endpoint.width(DAY.name) or DAY)
    held = held_days(store, stream, window)
    for other in before:
        if other.stream == stream:
            held |= {day: other.as_held(day) for day in other.days(Verdict.STORED)}
    unknown, warnings = tuple(sorted(chain.unknown_fields)), tuple(sorted(chain.warnings))
    fetch = Fetch(_BEFORE_EVERY_ANSWER, saved.dimensions, 0, 0, unknown, warnings, source.origin)
    verdicts = {day: judged(held.get(day), bucket, source, fetch.grouping) for day, bucket in covered.items()}
    return SavedDays(stream, fetch, rows, covered, verdicts)


def store_days(store: Store, days: SavedDays, *, run_id: int, now: datetime) -> Replaced:
    """Put the days that are to be stored in their place; the caller holds the transaction in which all of a file goes in."""
    chosen = days.days(Verdict.STORED)
    with store.stage(days.stream, days.fetch.dimensions) as stage:
        stage.collect((day, days.rows[day]) for day in chosen)
        return stage.replace(
            Window(chosen[0], chosen[-1] + _ONE_DAY),
            [days.covered[day] for day in chosen],
            days.fetch,
            run_id=run_id,
            now=now,
            moves_watermark=False,
            protected=None,
        )


def held_days(store: Store, stream: Stream, window: Window) -> dict[datetime, HeldDay]:
    """Return what the warehouse holds of a window's days, none for those that it does not cover."""
    with translated(str(stream)):
        rows = store.connection.execute(
            "SELECT c.bucket_start, c.origin, c.source_grouping, c.finality::text FROM ops.coverage c"
            " JOIN warehouse.dim_organization o USING (organization_id)"
            " WHERE o.label = %s AND c.endpoint = %s AND c.bucket_width = %s AND c.bucket_start >= %s AND c.bucket_start < %s",
            (stream.organization, stream.endpoint.name, stream.width.minutes, window.start, window.end),
        ).fetchall()
    return {start: HeldDay(origin, grouping, Finality(state)) for start, origin, grouping, state in rows}
