"""Retention: hours and minutes older than a limit are dropped, days are kept forever.

Data flow: settings, clock -> limits -> months with something to drop, counted in the coverage -> a month that holds nothing to keep is
emptied in one step; from others, stream after stream is deleted in batches of the size of a load -> a partition that is mostly free space
is rewritten. A bucket's totals, coverage, revisions and rows set aside are dropped with its rows, and `loaded_from` of its stream moves to
the limit: no view and no check misses it, and no run loads it again. Every transaction locks its stream first, as a load does.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from importlib import resources

import psycopg
from psycopg.sql import SQL, Composable, Identifier, Literal

from meterhouse.catalogue.endpoints import ENDPOINTS, HOUR, MINUTE, BucketWidth, Endpoint
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.load.store import Store
from meterhouse.settings import Settings
from meterhouse.warehouse.database import Connection, translated
from meterhouse.warehouse.rollup_tables import rollups_of
from meterhouse.warehouse.rollups import WITHOUT_STATISTICS
from meterhouse.warehouse.schema import OF_A_BUCKET, OPS, WAREHOUSE, group_table
from meterhouse.warehouse.session import LOAD, READ
from meterhouse.windows import Window, chunks, floor_to_day, midnight

log = logging.getLogger(__name__)

_WIDTHS = {width.minutes: width for width in (HOUR, MINUTE)}
# A row without `extra`: its header and place, its key, and eight bytes a figure; pages are filled to nine tenths.
_ROW_BYTES, _METRIC_BYTES, _FILLED = 44, 8, 0.9
# Rewriting a month is worth it when two thirds of it are free space, which rarely happens more than once or twice.
_TIMES_TOO_LARGE = 3
_SMALLEST_WORTH_BYTES = 1 << 20


@dataclass(frozen=True)
class Limits:
    """The instants before which hours and minutes are over; None keeps them forever."""

    hours_before: datetime | None
    minutes_before: datetime | None

    @classmethod
    def of(cls, settings: Settings, now: datetime) -> Limits | None:
        """Return the limits that the settings ask for, whole UTC days before `now`; None when they keep everything.

        Raises `FixConfiguration` for a limit within the days that every run reads again.
        """
        days = {
            "METERHOUSE_RETENTION_HOURLY_DAYS": settings.retention_hourly_days,
            "METERHOUSE_RETENTION_MINUTELY_DAYS": settings.retention_minutely_days,
        }
        for variable, wanted in days.items():
            if wanted is not None and wanted <= settings.usage_lookback_days:
                raise FixConfiguration(
                    f"{variable} must be more than METERHOUSE_USAGE_LOOKBACK_DAYS, {settings.usage_lookback_days}, not {wanted}:"
                    " every run would load again what was dropped"
                )
        hours, minutes = (None if wanted is None else floor_to_day(now) - timedelta(days=wanted) for wanted in days.values())
        return None if hours is None and minutes is None else cls(hours, minutes)

    def before(self, width: BucketWidth) -> datetime | None:
        """Return the limit of one width."""
        return {HOUR: self.hours_before, MINUTE: self.minutes_before}.get(width)


@dataclass(frozen=True)
class Month:
    """One month of one fact table: rows and buckets that are over, rows that stay, bytes of its rows and of all its files."""

    endpoint: Endpoint
    first_day: date
    buckets: int
    hours: int
    minutes: int
    rows_kept: int
    row_bytes: int
    total_bytes: int

    @property
    def rows(self) -> int:
        """Rows that are over."""
        return self.hours + self.minutes

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it stays, so that it can be emptied in one step."""
        return self.rows > 0 and not self.rows_kept

    @property
    def bytes_over(self) -> int:
        """About how many bytes the rows take that are over."""
        return self.total_bytes * self.rows // (self.rows + self.rows_kept) if self.rows else 0

    @property
    def is_mostly_space(self) -> bool:
        """Whether its file is several times as large as the rows that stay need."""
        needed = self.rows_kept * (_ROW_BYTES + _METRIC_BYTES * len(self.endpoint.metrics)) / _FILLED
        return self.row_bytes > max(_TIMES_TOO_LARGE * needed, _SMALLEST_WORTH_BYTES)

    @property
    def window(self) -> Window:
        """The month."""
        following = (self.first_day + timedelta(days=31)).replace(day=1)
        return Window(midnight(self.first_day), midnight(following))


@dataclass(frozen=True)
class Dropped:
    """What retention drops, or would drop, of one fact table. Sizes are bytes: before the drop an estimate, after it what files lost."""

    table: str
    hours: int = 0
    minutes: int = 0
    buckets: int = 0
    months: int = 0
    whole_months: int = 0
    bytes_freed: int = 0

    def __str__(self) -> str:
        return (
            f"{self.table}: {counted(self.hours, 'hourly row')} and {counted(self.minutes, 'minutely row')}"
            f" in {counted(self.buckets, 'bucket')} of {counted(self.months, 'month')} ({self.whole_months} whole);"
            f" about {self.bytes_freed / 1e6:,.1f} MB"
        )

    def plus(self, month: Month) -> Dropped:
        """Add what is over in one month."""
        return replace(
            self,
            hours=self.hours + month.hours,
            minutes=self.minutes + month.minutes,
            buckets=self.buckets + month.buckets,
            months=self.months + 1,
            whole_months=self.whole_months + month.is_whole,
            bytes_freed=self.bytes_freed + month.bytes_over,
        )


def retain(settings: Settings, now: datetime, *, drops: bool) -> Iterator[str]:
    """Drop what is over, or only look, and yield lines that say what went or would go.

    Raises `FixConfiguration` when the settings keep everything.
    """
    limits = Limits.of(settings, now)
    if limits is None:
        raise FixConfiguration(
            "neither METERHOUSE_RETENTION_HOURLY_DAYS nor METERHOUSE_RETENTION_MINUTELY_DAYS is set, so everything is kept: set one"
        )
    with Store(settings.require_warehouse(), LOAD if drops else READ) as store:
        found = (drop if drops else what_is_over)(store.connection, limits)
    yield from (f"{'dropped' if drops else 'would drop'} {one}" for one in found)
    if not found:
        yield "nothing is older than its limit"
    elif not drops:
        yield "nothing was dropped: to drop it, run meterhouse retain --drop"


def what_is_over(connection: Connection, limits: Limits) -> list[Dropped]:
    """Return what retention would drop now, by table; writes nothing."""
    return _by_table(month for month in _months(connection, limits) if month.buckets)


def drop(connection: Connection, limits: Limits) -> list[Dropped]:
    """Drop what is over and give its space back; return what was dropped, by table.

    Loads and readers may continue meanwhile, and it may be stopped at any time. Raises `TryAgainLater`, when all else is done, if readers
    held a month for too long.
    """
    found = _months(connection, limits)
    size = {(month.endpoint, month.first_day): month.total_bytes for month in found}
    gone = [_drop_month(connection, limits, month) for month in found if month.buckets]
    held: list[str] = []
    newest = max(before for before in (limits.hours_before, limits.minutes_before) if before is not None)
    for month in _months(connection, limits):
        if month.is_mostly_space and month.window.start < newest:
            try:
                with translated("retention"):
                    connection.execute("SELECT warehouse.compact_partition(%s, %s)", (month.endpoint.table, month.first_day))
            except TryAgainLater:
                held.append(f"{month.endpoint.table} of {month.first_day:%Y-%m}")
    after = {(month.endpoint, month.first_day): month.total_bytes for month in _months(connection, limits)}
    result = _by_table(gone)
    freed = {one.table: sum(size[key] - after.get(key, 0) for key in size if key[0].table == one.table) for one in result}
    if held:
        raise TryAgainLater(
            f"the old data was dropped, but {', '.join(held)} was being read, so its space is not free yet: run meterhouse retain --drop"
            " again later"
        )
    return [replace(one, bytes_freed=max(0, freed[one.table])) for one in result]


def _by_table(months: Iterator[Month] | Sequence[Month]) -> list[Dropped]:
    found: dict[str, Dropped] = {}
    for month in months:
        table = month.endpoint.table
        found[table] = found.get(table, Dropped(table)).plus(month)
    return list(found.values())


def _months(connection: Connection, limits: Limits) -> list[Month]:
    query = resources.files("meterhouse.warehouse").joinpath("sql", "retention", "months.sql").read_bytes()
    usage = [endpoint for endpoint in ENDPOINTS.values() if not endpoint.is_costs]  # costs have days only
    with translated("retention"):
        rows = connection.execute(
            query,
            {
                "hours_before": limits.hours_before,
                "minutes_before": limits.minutes_before,
                "endpoints": [endpoint.name for endpoint in usage],
                "tables": [endpoint.table for endpoint in usage],
            },
        ).fetchall()
    return [Month(ENDPOINTS[name], *rest) for name, *rest in rows]


def _drop_month(connection: Connection, limits: Limits, month: Month) -> Month:
    """Drop what is over of one month; return the month with what went."""
    if month.is_whole and (emptied := _empty(connection, limits, month)):
        return emptied
    went = {HOUR: 0, MINUTE: 0}
    with translated("retention"):
        streams = connection.execute(
            "SELECT organization_id, bucket_width, min(bucket_start) FROM ops.coverage"
            " WHERE endpoint = %s AND bucket_width = ANY(%s) AND bucket_start >= %s AND bucket_start < %s GROUP BY 1, 2 ORDER BY 1, 2",
            (month.endpoint.name, list(_WIDTHS), month.window.start, month.window.end),
        ).fetchall()
    buckets = 0
    for organization_id, minutes, first in streams:
        width = _WIDTHS[minutes]
        end = min(limits.before(width) or first, month.window.end)
        for piece in chunks(Window(first, max(first, end)), width):
            with translated("retention"), connection.transaction():
                rows, covered = _drop_piece(connection, month.endpoint, organization_id, width, piece)
            went[width] += rows
            buckets += covered
    log.info("%s of %s: %d buckets dropped", month.endpoint.table, f"{month.first_day:%Y-%m}", buckets)
    return replace(month, hours=went[HOUR], minutes=went[MINUTE], buckets=buckets)


def _empty(connection: Connection, limits: Limits, month: Month) -> Month | None:
    """Empty the whole partition in one step; None when that was not possible: somebody reads it, or a load has added what is to stay."""
    try:
        with connection.transaction():
            # All streams, in the order in which a migration locks them.
            connection.execute("SELECT FROM ops.watermarks FOR UPDATE")
            row = connection.execute(
                "SELECT warehouse.empty_partition(%s, %s, %s, %s)",
                (month.endpoint.table, month.first_day, limits.hours_before, limits.minutes_before),
            ).fetchone()
            if row is None or row[0] is None:
                return None
            went = dict.fromkeys(_WIDTHS.values(), (0, 0))
            for width in went:
                end = min(limits.before(width) or month.window.start, month.window.end)
                if end > month.window.start:
                    went[width] = _forget(connection, month.endpoint, SQL("true"), width, Window(month.window.start, end))
    except psycopg.errors.LockNotAvailable:
        log.info("%s of %s is being read: its rows are deleted one by one", month.endpoint.table, f"{month.first_day:%Y-%m}")
        return None
    except psycopg.Error:
        with translated("retention"):
            raise
    return replace(month, hours=went[HOUR][1], minutes=went[MINUTE][1], buckets=sum(buckets for buckets, _ in went.values()))


def _drop_piece(connection: Connection, endpoint: Endpoint, organization_id: int, width: BucketWidth, piece: Window) -> tuple[int, int]:
    """Drop one stream's buckets of a window, in the caller's transaction; return the rows and buckets that went."""
    connection.execute(
        "SELECT FROM ops.watermarks WHERE organization_id = %s AND endpoint = %s AND bucket_width = %s FOR UPDATE",
        (organization_id, endpoint.name, width.minutes),
    )
    connection.execute(WITHOUT_STATISTICS)
    delete = SQL(
        "DELETE FROM {} f USING {} g WHERE g.group_id = f.group_id AND g.organization_id = {}"
        " AND f.bucket_width = {} AND f.bucket_start >= {} AND f.bucket_start < {}"
    ).format(
        Identifier(WAREHOUSE, endpoint.table),
        Identifier(WAREHOUSE, group_table(endpoint).name),
        Literal(organization_id),
        Literal(width.minutes),
        Literal(piece.start),
        Literal(piece.end),
    )
    rows = connection.execute(delete).rowcount
    own = SQL("organization_id = {}").format(Literal(organization_id))
    return rows, _forget(connection, endpoint, own, width, piece)[0]


def _forget(connection: Connection, endpoint: Endpoint, whose: Composable, width: BucketWidth, window: Window) -> tuple[int, int]:
    """Forget what is known of the buckets of a window, and expect nothing before its end any more; return the buckets and their rows.

    `whose` is the condition on organizations.
    """
    own = SQL("{} AND endpoint = {}").format(whose, Literal(endpoint.name))
    streams = SQL("{} AND bucket_width = {}").format(own, Literal(width.minutes))
    span = SQL("bucket_start >= {} AND bucket_start < {}").format(Literal(window.start), Literal(window.end))
    within = SQL("{} AND {}").format(streams, span)
    query = SQL("WITH gone AS (DELETE FROM ops.coverage WHERE {} RETURNING row_count) SELECT count(*), sum(row_count) FROM gone")
    buckets, rows = connection.execute(query.format(within)).fetchone() or (0, None)
    for table in OF_A_BUCKET:
        connection.execute(SQL("DELETE FROM {} WHERE {}").format(Identifier(OPS, table), within))
    days = SQL("usage_date BETWEEN {} AND {}").format(Literal(window.start.date()), Literal(window.end.date()))
    for rollup in rollups_of(endpoint, width):
        connection.execute(SQL("DELETE FROM {} WHERE {} AND {} AND {}").format(Identifier(WAREHOUSE, rollup.name), own, days, span))
    moved = SQL("UPDATE ops.watermarks SET loaded_from = {end} WHERE {streams} AND loaded_from < {end}")
    connection.execute(moved.format(end=Literal(window.end), streams=streams))
    return buckets, rows or 0
