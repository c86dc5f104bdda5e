"""Set aside: rows of the vendor that could not be typed, kept with the reason until a later reading of their bucket has no such row."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.sql import SQL

from meterhouse.load.chain import CoveredBucket
from meterhouse.warehouse.database import Connection

# A vendor that changes a type breaks every row at once; these say enough.
_KEPT_OF_A_BUCKET = 100

_CAME = SQL(
    "(SELECT * FROM unnest(%(starts)s::timestamptz[], %(positions)s::integer[], %(reasons)s::text[], %(rows)s::text[])"
    " AS c (bucket_start, position, reason, source_row)) came"
)
_SAME = SQL("(s.bucket_start, s.position, s.reason, s.source_row) = (came.bucket_start, came.position, came.reason, came.source_row)")
_OF_STREAM = SQL("s.organization_id = %(organization)s AND s.endpoint = %(endpoint)s AND s.bucket_width = %(width)s")
_FORGET = SQL(
    "DELETE FROM ops.set_aside s WHERE {of_stream} AND s.bucket_start = ANY(%(buckets)s) AND NOT EXISTS (SELECT FROM {came} WHERE {same})"
).format(of_stream=_OF_STREAM, came=_CAME, same=_SAME)
_KEEP = SQL(
    "INSERT INTO ops.set_aside (organization_id, endpoint, bucket_width, bucket_start, position, reason, source_row, fetch_number)"
    " SELECT %(organization)s, %(endpoint)s, %(width)s, came.bucket_start, came.position, came.reason, came.source_row, %(fetch_number)s"
    " FROM {came} WHERE NOT EXISTS (SELECT FROM ops.set_aside s WHERE {of_stream} AND {same})"
).format(of_stream=_OF_STREAM, came=_CAME, same=_SAME)


def keep_set_aside(connection: Connection, stream: tuple[int, str, int], buckets: Sequence[CoveredBucket], fetch_number: int) -> None:
    """Make the entries of these buckets equal to what was set aside this time; `stream` is the organization, endpoint and width.

    Writes nothing where nothing changed. Belongs into the transaction that replaces the buckets.
    """
    kept = [
        (bucket.start, position, left_out.reason, left_out.row)
        for bucket in buckets
        for position, left_out in enumerate(sorted(bucket.set_aside, key=repr)[:_KEPT_OF_A_BUCKET], 1)
    ]
    parameters = {
        **dict(zip(("organization", "endpoint", "width"), stream, strict=True)),
        **dict(zip(("starts", "positions", "reasons", "rows"), ([row[place] for row in kept] for place in range(4)), strict=True)),
        "buckets": [bucket.start for bucket in buckets],
        "fetch_number": fetch_number,
    }
    connection.execute(_FORGET, parameters)
    if kept:
        connection.execute(_KEEP, parameters)
