"""Stored names: how many stored rows have a value of each dimension, to compare with an answer that has none. Reads only."""

from __future__ import annotations

from datetime import datetime, timedelta

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from meterhouse.errors import RejectedAnswer
from meterhouse.load.grouping import Answered, Named
from meterhouse.load.stream import Stream
from meterhouse.warehouse.database import Connection, translated
from meterhouse.warehouse.schema import WAREHOUSE, group_table
from meterhouse.windows import Window

# Days on either side of a window whose rows say what the stream is like.
_AROUND = timedelta(days=31)


def refuse_ignored_grouping(
    connection: Connection, stream: Stream, organization_id: int | None, window: Window, answered: Answered
) -> None:
    """Raise `RejectedAnswer` when the answer to `window` ignored dimensions that it was asked for, as the rows in the warehouse show."""
    if organization_id is None:
        return
    if answered.stored_starts:
        answered.look_at_stored(_count(connection, stream, organization_id, answered, window, _in_buckets(stream, answered.stored_starts)))
    # Not by the combinations in dim_group, which keeps those of refused answers too.
    same = _in_buckets(stream, answered.bucket_starts)
    stored = _count(connection, stream, organization_id, answered, window, same)
    around = Window(window.start - _AROUND, window.end + _AROUND)
    known = stored if stored.rows else _count(connection, stream, organization_id, answered, around, SQL(""))
    if ignored := answered.ignored(stored, known):
        names = ", ".join(dimension.name for dimension in ignored)
        raise RejectedAnswer(
            f"{stream} {window}: the vendor ignored the grouping: no row of its answer has {names}, and rows in the warehouse do; they stay"
            " as they are, run again later, or, if the vendor really has no more to say, repeat it as a backfill with --force"
        )


def _in_buckets(stream: Stream, starts: list[datetime]) -> Composed:
    return SQL(" AND f.bucket_width = {} AND f.bucket_start = ANY({})").format(Literal(stream.width.minutes), Literal(starts))


def _count(
    connection: Connection, stream: Stream, organization_id: int, answered: Answered, window: Window, condition: Composable
) -> Named:
    """Count the rows of an endpoint within `window`, and those that have a value of each dimension."""
    names = [Identifier("g", dimension.name) for dimension in answered.dimensions]
    query = SQL(
        "SELECT count(*), count(*) FILTER (WHERE num_nonnulls({}) = 0){} FROM {} f JOIN {} g ON g.group_id = f.group_id"
        " WHERE g.organization_id = {} AND f.bucket_start >= {} AND f.bucket_start < {}{}"
    ).format(
        SQL(", ").join(names),
        SQL("").join(SQL(", count({})").format(name) for name in names),
        Identifier(WAREHOUSE, stream.endpoint.table),
        Identifier(WAREHOUSE, group_table(stream.endpoint).name),
        Literal(organization_id),
        Literal(window.start),
        Literal(window.end),
        condition,
    )
    with translated(str(stream)):
        counts = connection.execute(query).fetchone() or (0, 0, *(0 for _ in names))
    return Named(int(counts[0]), tuple(int(count) for count in counts[2:]), int(counts[1]))
