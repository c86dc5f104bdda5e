"""Ways around the reader's rights that end in another session, in a lock, in an error's text or in a setting; judged by their effect."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.conftest import LOADER, READER, Warehouse

from meterhouse.load.store import Store
from meterhouse.warehouse.harden import harden
from meterhouse.warehouse.migrate import _LOCK_KEY, migrate
from meterhouse.warehouse.session import PLANNING

SECRET = "Name-that-was-taken-back"
REFUSED_ONCE_HARDENED = (
    f"SELECT pg_advisory_xact_lock({_LOCK_KEY})",
    f"SELECT pg_advisory_xact_lock_shared({_LOCK_KEY})",
    f"SELECT pg_try_advisory_xact_lock({_LOCK_KEY})",
    f"SELECT pg_try_advisory_xact_lock_shared({_LOCK_KEY})",
    "SELECT pg_advisory_xact_lock(1, 2)",
    "SELECT pg_advisory_lock_shared(1, 2)",
    "SELECT pg_try_advisory_lock(1, 2)",
    "SELECT lo_creat(-1)",
    "SELECT lo_open(1, 131072)",
    "SELECT lowrite(0, 'x')",
    "SELECT lo_truncate(0, 0)",
    "SELECT lo_unlink(1)",
    "SELECT lo_import('/etc/hostname')",
    "SELECT lo_export(1, '/tmp/reader-was-here')",
    "SELECT pg_logical_emit_message(false, 'a', repeat('x', 1000))",
    "SELECT pg_terminate_backend(pg_backend_pid())",
    "SELECT pg_cancel_backend(pg_backend_pid())",
    "DO $$ BEGIN NULL; END $$",
    "SET temp_file_limit = -1",
    "ALTER ROLE meterhouse_reader SET temp_file_limit = -1",
    "ALTER ROLE meterhouse_reader IN DATABASE postgres SET work_mem = '1GB'; SELECT 1 / (SELECT 0)",
    "ALTER ROLE meterhouse_loader SET work_mem = '1GB'",
    "ALTER ROLE meterhouse_loader PASSWORD 'x'",
    "ALTER DEFAULT PRIVILEGES FOR ROLE meterhouse_owner GRANT SELECT ON TABLES TO meterhouse_reader",
    "COPY warehouse.costs FROM '/etc/hostname'",
    "COPY bi.checks FROM STDIN",
    "CREATE MATERIALIZED VIEW bi.mine AS SELECT 1 AS a",
    "CREATE RULE mine AS ON INSERT TO bi.checks DO INSTEAD NOTHING",
    "CREATE TRIGGER mine INSTEAD OF INSERT ON bi.checks FOR EACH ROW EXECUTE FUNCTION warehouse.ensure_partition()",
    "CREATE POLICY mine ON warehouse.costs USING (true)",
    "CREATE PUBLICATION mine",
    "CREATE SUBSCRIPTION mine CONNECTION 'dbname=postgres' PUBLICATION mine",
    "CREATE OPERATOR bi.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
    "CREATE STATISTICS bi.mine ON a, b FROM warehouse.costs",
    "SELECT pg_create_physical_replication_slot('mine')",
    "SELECT setval('ops.fetch_number', 1)",
    "SELECT currval('ops.fetch_number')",
    "SELECT pg_stat_reset()",
    "SELECT pg_switch_wal()",
    "SELECT * FROM pg_largeobject",
    "SELECT * FROM pg_statistic",
    "SELECT pg_hba_file_rules()",
)


@pytest.fixture
def hardened(warehouse: Warehouse) -> Warehouse:
    """A hardened warehouse with a name that only its history holds."""
    harden(warehouse.superuser_url)
    with psycopg.connect(warehouse.owner_url, autocommit=True) as owner:
        owner.execute("INSERT INTO warehouse.dim_organization (label, vendor) VALUES ('acme', 'openai')")
        owner.execute(
            "INSERT INTO warehouse.dim_user (organization_id, user_id, user_name, user_email, valid_from, valid_to)"
            " VALUES (1, 'u', %s, %s, now(), now()), (1, 'u', 'Public', 'public@example.com', now(), NULL)",
            [SECRET, SECRET],
        )
        owner.execute("INSERT INTO warehouse.dim_group (organization_id, endpoint, user_id) VALUES (1, 'images', 'u')")
        owner.execute("SELECT warehouse.ensure_partition('usage_images', '2026-11-01')")
        owner.execute(
            "INSERT INTO warehouse.usage_images (bucket_start, bucket_width, group_id, images) VALUES ('2026-11-01Z', 1440, 1, 1)"
        )
    return warehouse


@pytest.fixture
def reader(hardened: Warehouse) -> Iterator[psycopg.Connection]:
    with psycopg.connect(hardened.reader_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("statement", REFUSED_ONCE_HARDENED)
def test_a_hardened_server_refuses_the_reader(reader: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        reader.execute(statement.encode())
    assert not reader.closed
    assert SECRET not in str(refused.value)


def test_the_owner_still_migrates_and_the_loader_still_loads_on_a_hardened_server(hardened: Warehouse) -> None:
    assert migrate(hardened.owner_url) == []
    with Store(hardened.loader_url) as store:
        assert store.next_fetch_number() == 1
        store.connection.execute("CREATE TEMPORARY TABLE stage (a int)")
        store.connection.execute("SELECT warehouse.ensure_partition('costs', '2031-01-01')")


@pytest.mark.parametrize("view", ["dim_user", "usage_daily", "fact_usage_daily"])
@pytest.mark.parametrize("probe", ["{}::int = 1", "1 / length({}) = 0 OR {}::date IS NULL", "{} ~ ('[' || {})"])
def test_an_error_provoked_on_the_way_tells_nothing_that_the_view_hides(reader: psycopg.Connection, view: str, probe: str) -> None:
    columns = [column.name for column in reader.execute(f"SELECT * FROM bi.{view} LIMIT 0".encode()).description or ()]
    texts = [name for name in columns if name in {"user_email", "user_name", "user_key"}]
    assert texts
    for settings in ("RESET ALL", "SET enable_indexscan = off; SET enable_bitmapscan = off", "SET enable_hashjoin = off"):
        reader.execute(settings.encode())
        for name in texts:
            try:
                rows = str(reader.execute(f"SELECT {name} FROM bi.{view} WHERE {probe.replace('{}', name)}".encode()).fetchall())
            except psycopg.Error as error:
                rows = str(error)
            assert SECRET not in rows


def test_what_a_reader_sets_for_itself_affects_only_itself_and_hardening_resets_it(hardened: Warehouse, reader: psycopg.Connection) -> None:
    def settings() -> list[tuple[object, ...]]:
        with psycopg.connect(hardened.superuser_url) as superuser:
            return superuser.execute(
                "SELECT setdatabase, rolname, setconfig FROM pg_db_role_setting LEFT JOIN pg_roles r ON r.oid = setrole ORDER BY 1, 2"
            ).fetchall()

    before = settings()
    # PostgreSQL lets every role do this; no grant is needed for it.
    reader.execute("ALTER ROLE CURRENT_USER SET work_mem = '1GB'")
    changed = [row for row in settings() if row not in before]
    assert [row[1] for row in changed] == [READER]
    harden(hardened.superuser_url)
    assert settings() == before


def test_a_hardened_reader_plans_as_the_dashboard_does(hardened: Warehouse) -> None:
    with psycopg.connect(hardened.reader_url) as fresh:
        assert {one: fresh.execute(f"SHOW {one}".encode()).fetchone() for one in PLANNING} == {one: (PLANNING[one],) for one in PLANNING}


@pytest.mark.parametrize("role", [LOADER, READER])
def test_neither_role_may_more_than_log_in(hardened: Warehouse, role: str) -> None:
    with psycopg.connect(hardened.superuser_url) as superuser:
        row = superuser.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,"
            # A team's role is lent to the loader, for its reports; there may be some of other tests on the server.
            " EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid"
            " AND NOT (%s AND pg_has_role(m.roleid, 'meterhouse_team', 'MEMBER'))) FROM pg_roles r WHERE rolname = %s",
            [role == LOADER, role],
        ).fetchone()
    assert row == (False,) * 6


def test_of_all_relations_the_reader_may_read_those_of_bi_and_the_catalogue(hardened: Warehouse) -> None:
    with psycopg.connect(hardened.superuser_url) as superuser:
        reach = superuser.execute(
            "SELECT DISTINCT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S') AND has_schema_privilege(%(role)s, n.oid, 'USAGE')"
            " AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(%(role)s, c.oid, 'USAGE, SELECT, UPDATE')"
            " ELSE has_table_privilege(%(role)s, c.oid, 'SELECT') OR has_any_column_privilege(%(role)s, c.oid, 'SELECT') END ORDER BY 1",
            {"role": READER},
        ).fetchall()
        functions = superuser.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
            " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND has_function_privilege(%s, p.oid, 'EXECUTE')",
            [READER],
        ).fetchall()
    assert reach == [("bi",), ("information_schema",), ("pg_catalog",)]
    assert functions == []
