"""All figures of a snapshot are of one moment, whether two sessions read them side by side or one reads them all."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.dashboard.queries import Reader

from .conftest import EVERYTHING

COUNT = "SELECT count(*) FROM dim_model"


@pytest.fixture
def limited(loaded: Warehouse) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A session that may change what the readers read, and what it changed is put back."""
    with psycopg.connect(loaded.superuser_url, autocommit=True) as connection:
        yield connection
        connection.execute("DELETE FROM warehouse.dim_model WHERE model = 'came-in-between'")
        connection.execute(f"ALTER ROLE {_role(loaded)} CONNECTION LIMIT -1".encode())


def _role(loaded: Warehouse) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(loaded.reader_url)["user"])


def _wait_until_gone(connection: psycopg.Connection[tuple[object, ...]], role: str) -> None:
    """Wait for the role's sessions: a server process counts until it has ended, a moment after its client has closed."""
    deadline = time.monotonic() + 30
    while connection.execute("SELECT FROM pg_stat_activity WHERE usename = %s", (role,)).fetchone() is not None:
        assert time.monotonic() < deadline, f"sessions of {role} do not end"
        time.sleep(0.01)


def test_a_second_session_sees_what_the_first_one_does_and_not_what_came_in_between(
    loaded: Warehouse, limited: psycopg.Connection[tuple[object, ...]]
) -> None:
    # The owner, so that it is the session that keeps it from writing and not a lack of rights.
    reader = Reader(loaded.owner_url)
    with reader._session() as (first, _):
        before = first.execute(COUNT).fetchone()
        limited.execute("INSERT INTO warehouse.dim_model (model) VALUES ('came-in-between')")
        with reader._second(first) as second:
            assert second is not None
            assert second.info.backend_pid != first.info.backend_pid
            assert second.execute(COUNT).fetchone() == before
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                second.execute("DELETE FROM warehouse.costs")
    with reader._session() as (later, _):
        assert later.execute(COUNT).fetchone() != before


def test_without_a_second_session_the_first_one_reads_everything(
    loaded: Warehouse, limited: psycopg.Connection[tuple[object, ...]]
) -> None:
    reader = Reader(loaded.reader_url)
    found = reader.snapshot(EVERYTHING)
    assert found.costs
    _wait_until_gone(limited, _role(loaded))
    limited.execute(f"ALTER ROLE {_role(loaded)} CONNECTION LIMIT 1".encode())
    with reader._session() as (first, _), reader._second(first) as second:
        assert second is None
    _wait_until_gone(limited, _role(loaded))
    alone = reader.snapshot(EVERYTHING)
    for name in ("costs", "usage", "months", "team_months", "drivers", "recent_days", "cost_spans", "usage_spans"):
        assert sorted(map(repr, getattr(alone, name))) == sorted(map(repr, getattr(found, name))), name
    assert alone.answers == found.answers


def test_a_server_that_exports_no_moment_is_read_over_one_session(
    loaded: Warehouse, limited: psycopg.Connection[tuple[object, ...]]
) -> None:
    limited.execute("REVOKE EXECUTE ON FUNCTION pg_catalog.pg_export_snapshot() FROM PUBLIC")
    try:
        reader = Reader(loaded.reader_url)
        with reader._session() as (first, _), reader._second(first) as second:
            assert second is None
        assert reader.snapshot(EVERYTHING).costs
    finally:
        limited.execute("GRANT EXECUTE ON FUNCTION pg_catalog.pg_export_snapshot() TO PUBLIC")
