"""Staging: the rows of one window on their way into the warehouse, and the transaction that puts them in place.

Data flow: the rows of each page are kept as COPY data, no transaction open -> one transaction: lock the stream's control row, leave out
buckets that a newer fetch has stored, and buckets that are stored as they were answered; keep what differs from a closed month as
corrections; COPY the rest into its place when that is empty, else into a temporary table: log and update what changed, log and remove
what vanished, insert what is new; then rollups, coverage, watermark, load log -> commit. Replaying it changes nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any, LiteralString, Self

from psycopg.sql import Composable
from psycopg.types.json import Jsonb

from meterhouse.accounting.growth import bucket_totals
from meterhouse.catalogue.endpoints import Dimension, Endpoint, Key, Values
from meterhouse.errors import ConfirmToEmpty
from meterhouse.load.bucket_growth import keep_totals
from meterhouse.load.chain import CoveredBucket
from meterhouse.load.closing import close_tied_months, is_bill, logs_additions, without_closed
from meterhouse.load.groups import Groups
from meterhouse.load.imported_days import without_imported
from meterhouse.load.set_aside import keep_set_aside
from meterhouse.load.spool import Spool
from meterhouse.load.statements import Statements, row_types
from meterhouse.load.stream import API, Fetch, Replaced, Stream
from meterhouse.warehouse.database import Connection, translated
from meterhouse.warehouse.rollups import WITHOUT_STATISTICS, drifted_buckets, replace_sums
from meterhouse.warehouse.schema import SCHEMA_REVISION, fact_columns
from meterhouse.windows import Window
from meterhouse.windows import buckets as starts_of

log = logging.getLogger(__name__)

_GROUP = itemgetter(2)


class StoredSince(Exception):
    """Buckets were taken for stored, and another load has replaced them since: their rows are needed after all."""


class Stage:
    """The rows of one window, collected page by page and then put in the place of what the warehouse holds. Use as a context manager."""

    def __init__(
        self,
        connection: Connection,
        stream: Stream,
        organization_id: int,
        dimensions: tuple[Dimension, ...],
        ensure_partition: Callable[[Endpoint, datetime], None],
    ) -> None:
        self._connection = connection
        self._ensure_partition = ensure_partition
        self._stream = stream
        self._dimensions = dimensions
        self._columns = [*(dimension.name for dimension in dimensions), *stream.endpoint.family.keys]
        self._organization_id = organization_id
        self._sql = Statements(stream.endpoint, stream.width, organization_id)
        self._groups = Groups(self._connection, stream.endpoint, organization_id, self._columns)
        self._totals: dict[datetime, Mapping[str, Decimal]] = {}
        with translated(str(stream)):
            self._spool = Spool(connection, row_types(stream.endpoint))
            self._connection.execute(
                "INSERT INTO ops.watermarks (organization_id, endpoint, bucket_width) SELECT %s, %s, %s WHERE NOT EXISTS (SELECT FROM"
                " ops.watermarks WHERE organization_id = %s AND endpoint = %s AND bucket_width = %s) ON CONFLICT DO NOTHING",
                self._identity * 2,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    @property
    def _identity(self) -> tuple[int, str, int]:
        return (self._organization_id, self._stream.endpoint.name, self._stream.width.minutes)

    def collect(self, buckets: Iterable[tuple[datetime, Mapping[Key, Values]]]) -> None:
        """Add the rows of some buckets, each under its aligned start."""
        buckets = list(buckets)
        with translated(str(self._stream)):
            ids = self._groups.ids(key for _, rows in buckets for key in rows)
            if self._stream.endpoint.is_costs:
                unit = fact_columns(self._stream.endpoint).index("quantity_unit")
                self._groups.name_line_items((key, values[unit]) for _, rows in buckets for key, values in rows.items())
        minutes = self._stream.width.minutes
        for start, rows in buckets:
            staged = [(start, minutes, ids[key], *(values if values[-1] is None else _with_extra(values))) for key, values in rows.items()]
            # In the order of the key an index grows at its end, where its pages stay full.
            staged.sort(key=_GROUP)
            self._spool.add(staged)
            if self._stream.width.is_day and (totals := bucket_totals(self._stream.endpoint, rows.items())) is not None:
                self._totals[start] = totals

    def go_on_in(self, connection: Connection, ensure_partition: Callable[[Endpoint, datetime], None]) -> None:
        """Use another session from here on, in which the rows are written; nothing more can be collected."""
        self._connection = connection
        self._ensure_partition = ensure_partition

    def would_empty(self, window: Window, buckets: Sequence[CoveredBucket]) -> bool:
        """Whether the answer has no row for `buckets` although the warehouse holds rows in their window."""
        if not buckets or any(bucket.row_count for bucket in buckets):
            return False
        with translated(str(self._stream)):
            row = self._connection.execute(self._sql.has_rows(window)).fetchone()
        return bool(row and row[0])

    def replace(
        self,
        window: Window,
        buckets: Sequence[CoveredBucket],
        fetch: Fetch,
        *,
        run_id: int,
        now: datetime,
        moves_watermark: bool,
        protected: Window | None,
    ) -> Replaced:
        """Make the warehouse equal to the staged rows for `buckets` of `window`, in one transaction.

        `moves_watermark` is false for a backfill. Raises `ConfirmToEmpty` when the warehouse holds rows in the `protected` part of the
        window and the answer has buckets but no row there.
        """
        started = time.monotonic()
        with translated(str(self._stream)):
            # A bucket that is stored as it was answered has its partition.
            needed = [bucket for bucket in buckets if bucket.row_count and not bucket.is_stored]
            for month in sorted({bucket.start.replace(day=1, hour=0, minute=0) for bucket in needed}):
                self._ensure_partition(self._stream.endpoint, month)
            with self._connection.transaction():
                self._connection.execute(
                    "SELECT FROM ops.watermarks WHERE organization_id = %s AND endpoint = %s AND bucket_width = %s FOR UPDATE",
                    self._identity,
                )
                self._connection.execute(WITHOUT_STATISTICS)
                self._is_staged = False
                answered = self._without_superseded(window, buckets, fetch.number)
                self._require_stored([bucket for bucket in answered if bucket.is_stored])
                if protected is not None:
                    answered = without_imported(self._connection, self._stream, self._organization_id, protected, answered)
                    self._require_rows(protected, answered)
                current = without_closed(self._connection, self._stream, self._organization_id, answered, self._staged, now)
                changed = [bucket for bucket in current if not bucket.is_stored]
                counts = self._replace_rows(changed, fetch, has_all=len(current) == len(buckets))
                self._replace_rollups(current)
                self._write_coverage(current, fetch, now)
                keep_set_aside(self._connection, self._identity, [bucket for bucket in answered if not bucket.is_stored], fetch.number)
                if fetch.origin == API:
                    # A file says what was known when it was saved, not now.
                    keep_totals(self._connection, self._identity, changed, self._totals, now)
                self._move_watermark(window, buckets, now, moves_watermark=moves_watermark)
                if is_bill(self._stream):
                    close_tied_months(self._connection, self._organization_id, now)
                replaced = Replaced(
                    *counts,
                    unchanged=sum(bucket.row_count for bucket in current) - counts[0] - counts[1],
                    buckets=len(answered),
                    superseded_buckets=len(buckets) - len(answered),
                    restated_buckets=self._restated,
                    load_seconds=time.monotonic() - started,
                )
                present = {bucket.start for bucket in buckets}
                missing = [start for start in starts_of(window, self._stream.width) if start < now and start not in present]
                self._log_load(window, fetch, replaced, run_id, missing)
        return replaced

    def _without_superseded(self, window: Window, buckets: Sequence[CoveredBucket], number: int) -> list[CoveredBucket]:
        """Leave out the buckets that a fetch which began later has already stored: its answer is newer than this one."""
        newer = self._connection.execute(
            "SELECT window_start, window_end, coalesce(missing_buckets, '{}') FROM ops.load_log"
            " WHERE organization_id = %s AND endpoint = %s AND bucket_width = %s"
            " AND fetch_number > %s AND window_start < %s AND window_end > %s",
            (*self._identity, number, window.end, window.start),
        ).fetchall()
        superseded = [
            bucket
            for bucket in buckets
            if any(start <= bucket.start < end and bucket.start not in missing for start, end, missing in newer)
        ]
        if superseded:
            log.info("%s %s: %d buckets were stored by a newer fetch meanwhile and stay", self._stream, window, len(superseded))
        return [bucket for bucket in buckets if bucket not in superseded]

    def _staged(self) -> Composable:
        """Send the collected rows into the temporary table, once per transaction, and return its name."""
        if not self._is_staged:
            self._connection.execute(self._sql.create_stage())
            self._spool.send(self._connection, self._sql.copy_stage())
            self._is_staged = True
        return self._sql.stage

    def _require_stored(self, buckets: Sequence[CoveredBucket]) -> None:
        """Raise `StoredSince` unless each of `buckets` still is stored with the digest by which it was left out."""
        if not buckets:
            return
        found = self._value(
            "SELECT count(*) FROM ops.coverage c JOIN unnest(%s::timestamptz[], %s::bytea[]) AS b (bucket_start, digest)"
            " ON c.bucket_start = b.bucket_start AND c.content_digest = b.digest"
            " WHERE c.organization_id = %s AND c.endpoint = %s AND c.bucket_width = %s",
            ([bucket.start for bucket in buckets], [bucket.digest for bucket in buckets], *self._identity),
        )
        if found != len(buckets):
            raise StoredSince

    def _replace_rows(self, buckets: Sequence[CoveredBucket], fetch: Fetch, *, has_all: bool) -> tuple[int, int, int]:
        """Return the rows inserted, updated and removed; `has_all` unless rows of other buckets were collected too."""
        self._restated = 0
        if not buckets:
            return (0, 0, 0)
        execute = self._connection.execute
        window = self._span([bucket.start for bucket in buckets])
        row = execute(self._sql.has_rows(window)).fetchone()
        is_empty = not (row and row[0]) and not logs_additions(self._connection, self._stream, self._organization_id, buckets)
        if is_empty and has_all:
            return (self._spool.send(self._connection, self._sql.copy_fact()), 0, 0)
        self._staged()
        if not has_all:
            execute(self._sql.keep_buckets(), ([bucket.start for bucket in buckets],))
        if is_empty:
            return (execute(self._sql.insert_all()).rowcount, 0, 0)
        parameters = {
            "endpoint": self._stream.endpoint.name,
            "grouping": fetch.grouping,
            "origin": fetch.origin,
            "buckets": [bucket.start for bucket in buckets],
            # In others a row may be missing because it was set aside.
            "whole": [bucket.start for bucket in buckets if not bucket.set_aside],
        }
        inserted, changed, removed, self._restated = execute(self._sql.replace(window), parameters).fetchone() or (0, 0, 0, 0)
        return (inserted, changed, removed)

    def _span(self, starts: Sequence[datetime]) -> Window:
        """The window from the first of some buckets to the end of the last."""
        return Window(min(starts), max(starts) + timedelta(seconds=self._stream.width.seconds))

    def _replace_rollups(self, buckets: Sequence[CoveredBucket]) -> None:
        """Update the totals of the buckets that were loaded again, and repair totals of others that drifted."""
        stream = (self._stream.endpoint, self._stream.width, self._organization_id)
        stored = {bucket.start: bucket.row_count for bucket in buckets if bucket.is_stored}
        starts = [bucket.start for bucket in buckets if not bucket.is_stored]
        replace_sums(self._connection, *stream, [*starts, *drifted_buckets(self._connection, *stream, stored)])

    def _value(self, query: LiteralString, parameters: Sequence[Any] = ()) -> Any:
        row = self._connection.execute(query, parameters).fetchone()
        return row[0] if row else None

    def _require_rows(self, protected: Window, buckets: Sequence[CoveredBucket]) -> None:
        """Refuse an answer that is empty for its buckets of the protected part while the warehouse is not."""
        answered = [bucket for bucket in buckets if protected.start <= bucket.start < protected.end]
        if not answered or any(bucket.row_count for bucket in answered):
            return
        row = self._connection.execute(self._sql.has_rows_of(protected), ([bucket.start for bucket in answered],)).fetchone()
        if row and row[0]:
            raise ConfirmToEmpty(
                f"{self._stream} {protected}: the answer is empty, but the warehouse holds rows there and it is older than the lookback;"
                " if the vendor really has nothing any more, repeat it as a backfill with --force"
            )

    def _write_coverage(self, buckets: Sequence[CoveredBucket], fetch: Fetch, now: datetime) -> None:
        self._connection.execute(
            "INSERT INTO ops.coverage (organization_id, endpoint, bucket_width, source_grouping, origin, changed_at,"
            " bucket_start, reported_start, reported_end, finality, is_complete, row_count, content_digest)"
            " SELECT %s, %s, %s, %s, %s, %s, b.bucket_start, b.reported_start, b.reported_end, b.finality, b.finality >= 'settled',"
            " b.row_count, b.content_digest FROM unnest(%s::timestamptz[], %s::timestamptz[], %s::timestamptz[],"
            " %s::warehouse.finality[], %s::integer[], %s::bytea[])"
            " AS b (bucket_start, reported_start, reported_end, finality, row_count, content_digest)"
            " WHERE NOT EXISTS (SELECT FROM ops.coverage c WHERE c.organization_id = %s AND c.endpoint = %s AND c.bucket_width = %s"
            " AND c.bucket_start = b.bucket_start"
            " AND (c.reported_start, c.reported_end, c.finality, c.row_count, c.content_digest, c.source_grouping, c.origin)"
            " IS NOT DISTINCT FROM (b.reported_start, b.reported_end, b.finality, b.row_count, b.content_digest, %s, %s))"
            " ON CONFLICT (organization_id, endpoint, bucket_width, bucket_start) DO UPDATE SET reported_start = excluded.reported_start,"
            " reported_end = excluded.reported_end, finality = excluded.finality, is_complete = excluded.is_complete,"
            " row_count = excluded.row_count, source_grouping = excluded.source_grouping, content_digest = excluded.content_digest,"
            " origin = excluded.origin, changed_at = excluded.changed_at",
            (
                *self._identity,
                fetch.grouping,
                fetch.origin,
                now,
                [bucket.start for bucket in buckets],
                [bucket.reported_start for bucket in buckets],
                [bucket.reported_end for bucket in buckets],
                [str(bucket.finality) for bucket in buckets],
                [bucket.row_count for bucket in buckets],
                [bucket.digest for bucket in buckets],
                *self._identity,
                fetch.grouping,
                fetch.origin,
            ),
        )

    def _move_watermark(self, window: Window, buckets: Sequence[CoveredBucket], now: datetime, *, moves_watermark: bool) -> None:
        """Move the watermark forward to the end of what is loaded without a gap; never past now, never back."""
        present = {bucket.start for bucket in buckets}
        reach = window.start
        while reach < window.end and reach in present:
            reach += timedelta(seconds=self._stream.width.seconds)
        target = min(reach, window.end, now) if moves_watermark and present else None
        self._connection.execute(
            "UPDATE ops.watermarks SET updated_at = %s, loaded_from = CASE WHEN %s THEN least(loaded_from, %s) ELSE loaded_from END,"
            " watermark = CASE WHEN %s::timestamptz IS NULL"
            " OR watermark < %s THEN watermark ELSE greatest(watermark, %s::timestamptz) END"
            " WHERE organization_id = %s AND endpoint = %s AND bucket_width = %s",
            (now, target is not None, window.start, target, window.start, target, *self._identity),
        )

    def _log_load(self, window: Window, fetch: Fetch, replaced: Replaced, run_id: int, missing: Sequence[datetime]) -> None:
        self._connection.execute(
            "INSERT INTO ops.load_log (run_id, organization_id, endpoint, bucket_width, window_start, window_end, fetch_number,"
            " source_grouping, pages, buckets, missing_buckets, rows_inserted, rows_updated, rows_removed, rows_unchanged, unknown_fields,"
            " warnings, fetch_seconds, load_seconds, schema_revision)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                run_id,
                *self._identity,
                window.start,
                window.end,
                fetch.number,
                fetch.grouping,
                fetch.pages,
                replaced.buckets,
                missing or None,
                replaced.inserted,
                replaced.updated,
                replaced.removed,
                replaced.unchanged,
                list(fetch.unknown_fields) or None,
                list(fetch.warnings) or None,
                round(fetch.seconds, 3),
                round(replaced.load_seconds, 3),
                SCHEMA_REVISION,
            ),
        )


def _with_extra(values: Values) -> Values:
    """Leave the JSON text of the extra fields as it is: it was made by the decoder."""
    return (*values[:-1], Jsonb(values[-1], dumps=str))
