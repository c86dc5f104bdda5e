"""What is stored, and whether it was written again: row counts, places of rows, and the server's own statistics."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import psycopg

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.warehouse.tables import FACTS, metadata

from .loaded_organization import rows

# Days of the calendar and list prices are not about any organization: a migration writes them.
OF_NOBODY = ("warehouse.dim_date", "warehouse.list_price")
TABLES = tuple(name for name in sorted(metadata.tables) if name not in OF_NOBODY)
_KEY = "ARRAY['bucket_start', 'bucket_width', 'group_id']"


def row_counts(url: str) -> dict[str, int]:
    """How many rows each table of the warehouse holds, empty tables left out."""
    query = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in TABLES)
    return {name: count for name, count in rows(url, query) if count}


def places(url: str, tables: Iterable[str] = TABLES, where: str = "true") -> set[tuple[Any, ...]]:
    """(table, place, writing transaction, text) of every row: equal only if no row was written again."""
    with psycopg.connect(url, autocommit=True) as connection:
        return {
            (name, *row)
            for name in tables
            for row in connection.execute(f"SELECT tableoid::text, ctid::text, xmin::text, t::text FROM {name} t WHERE {where}".encode())
        }


def writes(url: str) -> dict[str, int]:
    """How many rows were ever inserted, updated or deleted, by table, as the server counted them; partitions count separately."""
    # A session hands in its counts when it ends, so the others have to be gone.
    deadline = time.monotonic() + 10
    others = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    while rows(url, others)[0][0]:
        assert time.monotonic() < deadline, "somebody is still connected"
        time.sleep(0.02)
    return dict(
        rows(
            url,
            "SELECT schemaname || '.' || relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables"
            " WHERE schemaname IN ('warehouse', 'ops')",
        )
    )


def facts(url: str, since: datetime) -> dict[tuple[Any, ...], str]:
    """Every fact from `since` on, by (endpoint, bucket start, width, group), as the revision log words its values."""
    query = " UNION ALL ".join(
        f"SELECT '{name}', bucket_start, bucket_width, group_id, jsonb_strip_nulls(to_jsonb(f) - {_KEY})::text"
        f" FROM warehouse.{FACTS[name].name} f WHERE bucket_start >= '{since.isoformat()}'"
        for name in ENDPOINTS
    )
    return {tuple(row[:-1]): row[-1] for row in rows(url, query)}


def revisions(url: str, after: int = 0) -> list[tuple[Any, ...]]:
    """(endpoint, bucket start, width, group, change, old values, new values) of the revisions behind number `after`."""
    return rows(
        url,
        "SELECT endpoint, bucket_start, bucket_width, group_id, change, old_values::text, new_values::text FROM ops.revisions"
        " WHERE revision_id > %s ORDER BY revision_id",
        [after],
    )


def last_revision(url: str) -> int:
    """The number of the newest revision, 0 without any."""
    return int(rows(url, "SELECT coalesce(max(revision_id), 0) FROM ops.revisions")[0][0])


def expected_revisions(
    before: dict[tuple[Any, ...], str], after: dict[tuple[Any, ...], str], settled: Collection[datetime]
) -> set[tuple[Any, ...]]:
    """What the revision log must say about going from one state of the facts to another; `settled` are the days of costs that were."""
    changed = {(*key, "changed", old, after[key]) for key, old in before.items() if key in after and after[key] != old}
    removed = {(*key, "removed", old, None) for key, old in before.items() if key not in after}
    added = {(*key, "added", "{}", new) for key, new in after.items() if key not in before and key[0] == "costs" and key[1] in settled}
    return changed | removed | added


def settled_days_of_costs(url: str) -> set[datetime]:
    """The days of costs that are settled."""
    return {start for (start,) in rows(url, "SELECT bucket_start FROM ops.coverage WHERE endpoint = 'costs' AND is_complete")}
