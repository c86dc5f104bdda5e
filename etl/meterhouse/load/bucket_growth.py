"""Bucket growth: the totals of every young day, one for each reading that changed it; they show how fast a stream settles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from psycopg.types.json import Jsonb

from meterhouse.load.chain import CoveredBucket
from meterhouse.warehouse.database import Connection

# Older days are no longer watched: a lookback that goes back to the start of the previous month ends before.
WATCHED = timedelta(days=45)


def keep_totals(
    connection: Connection,
    identity: tuple[int, str, int],
    buckets: Sequence[CoveredBucket],
    totals: Mapping[datetime, Mapping[str, Decimal]],
    now: datetime,
) -> None:
    """Write the totals of those young `buckets` whose total is another one than at their last reading, in the caller's transaction.

    `identity` is the stream's key: organization, endpoint, width in minutes. `totals` are by bucket start and then by currency or metric.
    """
    young = [bucket for bucket in buckets if bucket.start in totals and bucket.start > now - WATCHED]
    if not young:
        return
    connection.execute(
        "INSERT INTO ops.bucket_totals (organization_id, endpoint, bucket_width, bucket_start, read_at, totals)"
        " SELECT %s, %s, %s, b.bucket_start, %s, b.totals FROM unnest(%s::timestamptz[], %s::jsonb[]) AS b (bucket_start, totals)"
        " WHERE b.totals IS DISTINCT FROM (SELECT t.totals FROM ops.bucket_totals t WHERE t.organization_id = %s AND t.endpoint = %s"
        " AND t.bucket_width = %s AND t.bucket_start = b.bucket_start ORDER BY t.read_at DESC LIMIT 1)"
        # Two readings within one minute: the later one counts.
        " ON CONFLICT (organization_id, endpoint, bucket_width, bucket_start, read_at) DO UPDATE SET totals = excluded.totals",
        (
            *identity,
            now,
            [bucket.start for bucket in young],
            [Jsonb({name: str(total) for name, total in totals[bucket.start].items()}) for bucket in young],
            *identity,
        ),
    )
