"""Imported days: days of files that an empty answer leaves as they are, once they are older than the lookback."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from meterhouse.counts import counted
from meterhouse.load.chain import CoveredBucket
from meterhouse.load.stream import API, Stream
from meterhouse.warehouse.database import Connection
from meterhouse.windows import Window

log = logging.getLogger(__name__)

_IMPORTED = """
SELECT c.bucket_start, c.origin
FROM ops.coverage c
WHERE c.organization_id = %s AND c.endpoint = %s AND c.bucket_width = %s AND c.origin <> %s AND c.row_count > 0 AND c.bucket_start = ANY(%s)
ORDER BY c.bucket_start
"""


def without_imported(
    connection: Connection, stream: Stream, organization_id: int, protected: Window, buckets: Sequence[CoveredBucket]
) -> list[CoveredBucket]:
    """Leave out the `protected` days for which the answer has no row and a file has: the vendor may not reach so far back any more."""
    empty = [bucket.start for bucket in buckets if protected.start <= bucket.start < protected.end and not bucket.row_count]
    parameters = (organization_id, stream.endpoint.name, stream.width.minutes, API, empty)
    kept: dict[datetime, str] = dict(connection.execute(_IMPORTED, parameters).fetchall()) if empty else {}
    if kept:
        log.warning(
            "%s: the vendor answers nothing for %s between %s and %s, imported from %s: what was imported stays; if the vendor is right,"
            " remove it by meterhouse backfill --force for these days",
            stream,
            counted(len(kept), "day"),
            f"{min(kept):%Y-%m-%d}",
            f"{max(kept):%Y-%m-%d}",
            ", ".join(sorted(set(kept.values()))),
        )
    return [bucket for bucket in buckets if bucket.start not in kept]
