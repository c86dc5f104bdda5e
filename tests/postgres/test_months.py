"""What a month of facts says of its days, by which the planner leaves it out: of new months, and of an older warehouse's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import COPIES_OF_COSTS, ENDPOINTS, MODERATIONS
from meterhouse.load.store import Store
from meterhouse.warehouse.migrate import migrate, script_location
from meterhouse.windows import Window

from .fingerprints import places
from .loaded_organization import LoadedOrganization, rows
from .revisions import before, since
from .test_replace_window import NOW, Loading, key

# Every month of a fact table, and the definition of its check in UTC; null without one.
MONTHS = """
SELECT c.relname, pg_get_constraintdef(k.oid)
FROM pg_class c
JOIN pg_inherits i ON i.inhrelid = c.oid
LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'c' AND k.conname = 'ck_usage_date' AND k.convalidated
WHERE i.inhparent::regclass::text = ANY(%s) AND c.relkind = 'r'
ORDER BY 1
"""
# The table of costs by user came later, so it is not there while the warehouse is an older one.
FACTS = [f"warehouse.{endpoint.table}" for endpoint in ENDPOINTS.values() if endpoint not in COPIES_OF_COSTS]
YEAR = Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
NOVEMBER = {
    "usage_moderations_2026_11": (
        "CHECK (((((bucket_start AT TIME ZONE 'UTC'::text))::date >= '2026-11-01'::date)"
        " AND (((bucket_start AT TIME ZONE 'UTC'::text))::date < '2026-12-01'::date)))"
    )
}


@pytest.fixture
def store(warehouse: Warehouse) -> Iterator[Store]:
    with Store(warehouse.loader_url) as opened:
        yield opened


def months(warehouse: Warehouse) -> dict[str, str | None]:
    return dict(rows(warehouse.superuser_url, MONTHS, [FACTS]))


def run_sql(warehouse: Warehouse, name: str) -> None:
    with psycopg.connect(warehouse.owner_url, autocommit=True) as owner:
        owner.execute((script_location() / "sql" / name).read_bytes())


def test_a_month_that_a_load_makes_says_which_days_it_has(store: Store, warehouse: Warehouse) -> None:
    loading = Loading(store, store.start_run("sync", {}, NOW))
    loading.replace(YEAR, {datetime(2025, month, 1, tzinfo=UTC): {key("a"): (1, 1, None)} for month in range(1, 13)})
    found = months(warehouse)
    assert len(found) == 12
    starts = [date(2025, number, 1) for number in range(1, 13)] + [date(2026, 1, 1)]
    for check, first, following in zip(found.values(), starts, starts[1:], strict=False):
        assert f">= '{first}'::date" in str(check)
        assert f"< '{following}'::date" in str(check)


@pytest.mark.parametrize("time_zone", ["UTC", "Pacific/Kiritimati", "America/New_York"])
@pytest.mark.parametrize("date_style", ["ISO, MDY", "SQL, DMY", "German"])
def test_a_months_first_and_last_second_are_its_own_in_every_session(warehouse: Warehouse, time_zone: str, date_style: str) -> None:
    insert = (
        "INSERT INTO warehouse.usage_moderations (bucket_start, bucket_width, group_id) VALUES (%s, 1, 1)"
        " RETURNING tableoid::regclass::text"
    )
    with psycopg.connect(warehouse.loader_url, autocommit=True) as loader:
        loader.execute(f"SET timezone = '{time_zone}'".encode())
        loader.execute(f"SET datestyle = '{date_style}'".encode())
        loader.execute("SELECT warehouse.ensure_partition('usage_moderations', date '2026-11-30')")
        for instant in ("2026-11-01T00:00:00Z", "2026-11-30T23:59:59Z", "2026-11-30T23:59:59.999999Z"):
            assert loader.execute(insert, [instant]).fetchone() == ("warehouse.usage_moderations_2026_11",)
        for instant in ("2026-10-31T23:59:59.999999Z", "2026-12-01T00:00:00Z"):
            with pytest.raises(psycopg.errors.CheckViolation, match="no partition of relation"):
                loader.execute(insert, [instant])
    assert months(warehouse) == NOVEMBER


def test_an_upgraded_warehouse_has_it_on_every_month_and_a_downgraded_one_on_none(acme: LoadedOrganization) -> None:
    acme.sync().raise_first()
    wanted, stood = months(acme.warehouse), places(acme.warehouse.superuser_url, FACTS)
    assert len(wanted) > 10
    assert None not in wanted.values()
    assert len(stood) > 100
    assert migrate(acme.warehouse.owner_url, before("usage_date")) == since("usage_date")[::-1]
    assert months(acme.warehouse) == dict.fromkeys(wanted)
    with psycopg.connect(acme.warehouse.loader_url, autocommit=True) as loader:
        loader.execute("SELECT warehouse.ensure_partition('costs', '2031-01-01')")
    assert months(acme.warehouse) == dict.fromkeys([*wanted, "costs_2031_01"])
    assert migrate(acme.warehouse.owner_url) == since("usage_date")
    found = months(acme.warehouse)
    assert ">= '2031-01-01'::date" in str(found.pop("costs_2031_01"))
    assert found == wanted
    assert places(acme.warehouse.superuser_url, FACTS) == stood


def test_what_others_attached_to_a_table_is_left_alone_and_does_not_stop_the_upgrade(warehouse: Warehouse) -> None:
    migrate(warehouse.owner_url, before("usage_date"))
    with psycopg.connect(warehouse.superuser_url, autocommit=True) as superuser:
        superuser.execute("SELECT warehouse.ensure_partition('usage_moderations', '2026-11-01')")
        for name, bounds in {
            "usage_moderations_rest": "DEFAULT",
            "usage_moderations_2019": "FOR VALUES FROM ('2019-01-01Z') TO ('2020-01-01Z')",
            "usage_moderations_2020_13": "FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z')",
            # The name of a month, with the first of the next one.
            "usage_moderations_2021_01": "FOR VALUES FROM ('2021-01-01Z') TO ('2021-02-02Z')",
            "usage_moderations_2022_01": "FOR VALUES FROM ('2022-01-01Z') TO ('2022-02-01Z') PARTITION BY LIST (bucket_width)",
        }.items():
            superuser.execute(f"CREATE TABLE warehouse.{name} PARTITION OF warehouse.usage_moderations {bounds}".encode())
        superuser.execute("CREATE TABLE warehouse.of_a_day PARTITION OF warehouse.usage_moderations_2022_01 DEFAULT")
        # A table of ours that hangs on nothing.
        superuser.execute("CREATE TABLE warehouse.usage_moderations_2023_01 (LIKE warehouse.usage_moderations)")
        insert = "INSERT INTO warehouse.usage_moderations (bucket_start, bucket_width, group_id) VALUES (%s, 1440, 1)"
        for instant in ("2018-05-05Z", "2019-06-06Z", "2021-02-01Z", "2026-11-30Z"):
            superuser.execute(insert.encode(), [instant])
        assert migrate(warehouse.owner_url) == since("usage_date")
        for instant in ("2018-05-06Z", "2019-06-07Z", "2021-02-01T05:00Z", "2022-01-01Z"):
            superuser.execute(insert.encode(), [instant])
    found = months(warehouse)
    assert {name for name, check in found.items() if check} == {"usage_moderations_2026_11"}
    assert len(found) == 5
    assert migrate(warehouse.owner_url, before("usage_date")) == since("usage_date")[::-1]


def test_a_month_that_the_older_version_made_meanwhile_gets_it_from_the_next_load_that_nobody_is_in_the_way_of(
    store: Store, warehouse: Warehouse
) -> None:
    run_sql(warehouse, "0001_ensure_partition.sql")
    november = datetime(2026, 11, 1, tzinfo=UTC)
    store.ensure_partition(MODERATIONS, november)
    assert months(warehouse) == {"usage_moderations_2026_11": None}
    run_sql(warehouse, "0012_ensure_partition.sql")
    with psycopg.connect(warehouse.superuser_url) as reader:
        reader.execute("SELECT count(*) FROM warehouse.usage_moderations")
        store.connection.execute("SET statement_timeout = '5s'")
        for _ in range(2):
            store.connection.execute("SELECT warehouse.ensure_partition('usage_moderations', '2026-11-17')")
        assert months(warehouse) == {"usage_moderations_2026_11": None}
    store.connection.execute("SELECT warehouse.ensure_partition('usage_moderations', '2026-11-17')")
    assert months(warehouse) == NOVEMBER


def test_a_month_that_retention_emptied_or_rewrote_still_has_it(warehouse: Warehouse) -> None:
    with psycopg.connect(warehouse.loader_url, autocommit=True) as loader:
        loader.execute("SELECT warehouse.ensure_partition('usage_moderations', '2026-11-01')")
        loader.execute("SELECT warehouse.empty_partition('usage_moderations', '2026-11-01', 'infinity', 'infinity')")
        loader.execute("SELECT warehouse.compact_partition('usage_moderations', '2026-11-01')")
    assert months(warehouse) == NOVEMBER
