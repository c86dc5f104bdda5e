"""What keeping the totals of days and hours costs, compared with rebuilding all of them, on data from `large_organization.py`.

Everything is rolled back.

.venv/bin/python benchmarks/rollup_upkeep.py --home /var/tmp/large
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any

import psycopg

# Beside this script, where the type checker does not look.
from large_organization import LAST_DAY, is_filled, place, say  # type: ignore[import-not-found]
from psycopg.sql import SQL, Identifier

from meterhouse.catalogue.endpoints import COMPLETIONS, COSTS, DAY, HOUR, BucketWidth, Endpoint
from meterhouse.warehouse.columns import WAREHOUSE
from meterhouse.warehouse.rollup_tables import ROLLUPS
from meterhouse.warehouse.rollups import fill, replace_sums
from meterhouse.windows import Window, buckets

Connection = psycopg.Connection[Any]


def replace(connection: Connection, endpoint: Endpoint, width: BucketWidth, days: int) -> int:
    """Bring the sums of the last days up to date as a load does; return the rows written."""
    end = datetime.combine(LAST_DAY + timedelta(days=1), clock(), UTC)
    return replace_sums(connection, endpoint, width, 1, list(buckets(Window(end - timedelta(days=days), end), width)))


def spoil(connection: Connection, days: int) -> None:
    """Make the last days differ, as a load that changed them would."""
    for rollup in ROLLUPS:
        connection.execute(
            SQL("DELETE FROM {} WHERE usage_date > %s").format(Identifier(WAREHOUSE, rollup.name)), (LAST_DAY - timedelta(days=days),)
        )


def measured(url: str, rounds: int, work: Callable[[Connection], Any], before: Callable[[Connection], Any] = lambda _: None) -> str:
    """Return median seconds and bytes of write-ahead log of some work, each time rolled back."""
    seconds, wal_bytes = [], []
    for _ in range(rounds):
        with psycopg.connect(url) as connection:
            before(connection)
            (at,) = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone() or (None,)
            started = time.monotonic()
            work(connection)
            seconds.append(time.monotonic() - started)
            (written,) = connection.execute("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", (at,)).fetchone() or (0,)
            wal_bytes.append(float(written))
            connection.rollback()
    return f"{statistics.median(seconds):8.3f} s {statistics.median(wal_bytes) / 1e6:8.1f} MB of log"


def anew(connection: Connection) -> None:
    """Add every day up again, as a materialized view does when it is refreshed."""
    for rollup in ROLLUPS:
        connection.execute(SQL("TRUNCATE {}").format(Identifier(WAREHOUSE, rollup.name)))
    fill(connection)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="folder that large_organization.py filled")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    # So that the server is stopped when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with place(given.home) as found:
        if not is_filled(found.superuser_url):
            sys.exit(f"{given.home} holds no data: run large_organization.py first")
        url = found.superuser_url
        for endpoint, width in ((COMPLETIONS, DAY), (COMPLETIONS, HOUR), (COSTS, DAY)):
            for days in (1, 3, 31):
                what = f"{endpoint.name} by {width.name}, {days} days"
                same = measured(url, given.rounds, lambda connection, e=endpoint, w=width, d=days: replace(connection, e, w, d))  # type: ignore[misc]
                say(f"{what + ', nothing changed':40} {same}")
                changed = measured(
                    url,
                    given.rounds,
                    lambda connection, e=endpoint, w=width, d=days: replace(connection, e, w, d),  # type: ignore[misc]
                    lambda connection, d=days: spoil(connection, d),  # type: ignore[misc]
                )
                say(f"{what + ', every day changed':40} {changed}")
        say(f"{'everything anew':40} {measured(url, 1, anew)}")


if __name__ == "__main__":
    main()
