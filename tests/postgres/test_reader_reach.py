"""What the reader and the loader can do, judged by its effect: a statement that succeeds without one is no danger."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.load.store import Store
from meterhouse.warehouse.harden import harden
from meterhouse.warehouse.view_reach import VIEW_NAMES

FORBIDDEN_TO_READ = (
    "SELECT * FROM warehouse.costs",
    "SELECT * FROM warehouse.usage_completions",
    "SELECT * FROM warehouse.usage_named",
    "SELECT * FROM warehouse.dim_user",
    "SELECT * FROM warehouse.dim_group",
    "SELECT * FROM ops.coverage",
    "SELECT * FROM ops.run_log",
    "SELECT * FROM ops.alembic_version",
    "TABLE warehouse.dim_api_key",
    "COPY warehouse.costs TO STDOUT",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_shadow",
    "SELECT * FROM pg_user_mapping",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_get(1)",
    "COPY (SELECT 1) TO '/tmp/reader-was-here'",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_stat_file('postgresql.conf')",
    "EXPLAIN ANALYZE SELECT * FROM warehouse.costs",
    "SELECT query_to_xml('SELECT * FROM warehouse.dim_user', true, true, '')",
    "SELECT * FROM (SELECT * FROM warehouse.costs) t",
    "SELECT nextval('ops.fetch_number')",
    "SELECT last_value FROM ops.fetch_number",
)
FORBIDDEN_TO_DO = (
    "INSERT INTO bi.usage_daily (usage_date) VALUES ('2026-01-01')",
    "UPDATE bi.checks SET is_ok = true",
    "DELETE FROM bi.coverage",
    "DELETE FROM bi.dim_organization",
    "UPDATE bi.dim_organization SET vendor = 'x'",
    "INSERT INTO warehouse.dim_model VALUES ('x', 'x')",
    "UPDATE ops.alembic_version SET version_num = '9'",
    "TRUNCATE warehouse.costs",
    "DROP VIEW bi.costs_daily",
    "ALTER VIEW bi.costs_daily RENAME TO mine",
    "CREATE VIEW bi.mine AS SELECT 1",
    "CREATE OR REPLACE VIEW bi.checks AS SELECT 1",
    "COMMENT ON VIEW bi.costs_daily IS 'x'",
    "CREATE TABLE public.mine (a int)",
    "CREATE TABLE bi.mine (a int)",
    "CREATE TEMPORARY TABLE mine (a int)",
    "CREATE TEMPORARY SEQUENCE mine",
    "CREATE SCHEMA mine",
    "CREATE DATABASE mine",
    "CREATE ROLE mine",
    "CREATE EXTENSION pg_trgm",
    "CREATE FUNCTION bi.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION now()",
    "CREATE SERVER mine FOREIGN DATA WRAPPER postgres_fdw",
    "ALTER ROLE meterhouse_loader SUPERUSER",
    "ALTER ROLE meterhouse_reader SUPERUSER",
    "ALTER ROLE meterhouse_reader CREATEROLE",
    "ALTER DATABASE postgres RENAME TO mine",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "GRANT meterhouse_loader TO meterhouse_reader",
    "SET ROLE meterhouse_owner",
    "SET ROLE meterhouse_loader",
    "SET SESSION AUTHORIZATION meterhouse_owner",
    "SELECT warehouse.ensure_partition('costs', '2030-01-01')",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user",
    "SELECT pg_reload_conf()",
    "SELECT lo_create(4711)",
    "SELECT lo_from_bytea(4712, 'x')",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_notify('a', 'b')",
    "LOCK TABLE warehouse.costs",
    "SELECT * FROM bi.costs_daily FOR UPDATE",
    "VACUUM warehouse.costs",
    "ANALYZE warehouse.costs",
    "REASSIGN OWNED BY meterhouse_owner TO meterhouse_reader",
    "DO $$ BEGIN EXECUTE 'SELECT count(*) FROM warehouse.costs'; END $$",
    "PREPARE TRANSACTION 'mine'",
)


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A hardened warehouse with a row where a secret would be."""
    harden(warehouse.superuser_url)
    harden(warehouse.superuser_url)
    with psycopg.connect(warehouse.owner_url, autocommit=True) as owner:
        owner.execute("INSERT INTO warehouse.dim_organization (label, vendor) VALUES ('acme', 'openai')")
        owner.execute("INSERT INTO warehouse.dim_cost_group (organization_id, project_id, currency) VALUES (1, 'proj_secret', 'usd')")
        owner.execute("SELECT warehouse.ensure_partition('costs', '2026-11-01')")
        owner.execute("INSERT INTO warehouse.costs (bucket_start, bucket_width, group_id, amount) VALUES ('2026-11-01Z', 1440, 1, 1.25)")
    return warehouse


@pytest.fixture
def reader(filled: Warehouse) -> Iterator[psycopg.Connection]:
    with psycopg.connect(filled.reader_url, autocommit=True) as connection:
        yield connection


def fingerprint(url: str) -> list[object]:
    """Everything that a statement could have changed: objects, rights, roles and their settings, large objects, rows."""
    questions = (
        "SELECT n.nspname, c.relname, c.relkind, c.relowner, c.relacl::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2",
        "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolcanlogin FROM pg_roles ORDER BY 1",
        "SELECT m.roleid, m.member FROM pg_auth_members m ORDER BY 1, 2",
        "SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting ORDER BY 1, 2",
        "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast_temp)' ORDER BY 1",
        "SELECT proname, pronamespace, proacl::text FROM pg_proc WHERE pronamespace NOT IN ('pg_catalog'::regnamespace) ORDER BY 1, 2",
        "SELECT oid FROM pg_largeobject_metadata ORDER BY 1",
        "SELECT objoid, description FROM pg_description WHERE objoid >= 16384 ORDER BY 1, 2",
        "SELECT * FROM warehouse.costs",
        "SELECT * FROM warehouse.dim_model",
        "SELECT * FROM warehouse.dim_organization",
        "SELECT * FROM ops.alembic_version",
        "SELECT last_value FROM ops.fetch_number",
        "SELECT datname FROM pg_database ORDER BY 1",
    )
    with psycopg.connect(url, autocommit=True) as connection:
        return [connection.execute(question.encode()).fetchall() for question in questions]


def test_the_reader_can_select_from_every_view(reader: psycopg.Connection) -> None:
    for view in VIEW_NAMES:
        reader.execute(f"SELECT * FROM bi.{view} LIMIT 1".encode()).fetchall()
    assert reader.execute("SELECT cost FROM bi.costs_daily").fetchall()


@pytest.mark.parametrize("statement", FORBIDDEN_TO_READ)
def test_the_reader_reads_nothing_beyond_bi(reader: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.Error):
        reader.execute(statement.encode()).fetchall()


def test_nothing_that_the_reader_tries_has_an_effect(filled: Warehouse, reader: psycopg.Connection) -> None:
    before = fingerprint(filled.superuser_url)
    succeeded = []
    for statement in FORBIDDEN_TO_DO:
        try:
            reader.execute(statement.encode())
        except psycopg.Error:
            continue
        succeeded.append(statement)
    assert fingerprint(filled.superuser_url) == before
    # These report success and do nothing, or what they do ends with the session; anything else that succeeds is news.
    harmless = {
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user",
        "DO $$ BEGIN EXECUTE 'SELECT count(*) FROM warehouse.costs'; END $$",
        "ANALYZE warehouse.costs",
        "VACUUM warehouse.costs",
        "PREPARE TRANSACTION 'mine'",
    }
    assert set(succeeded) <= harmless


def test_a_function_of_the_readers_own_cannot_look_behind_a_view_because_it_cannot_make_one(reader: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.001 AS 'BEGIN RETURN true; END'")


def test_the_loader_loads_and_makes_partitions_and_cannot_change_the_schema(filled: Warehouse) -> None:
    with Store(filled.loader_url) as store:
        assert store.organization_id("acme") == 1
        for statement in (
            "CREATE TABLE warehouse.mine (a int)",
            "ALTER TABLE warehouse.costs ADD COLUMN mine int",
            "DROP TABLE warehouse.costs",
            "TRUNCATE warehouse.costs",
            "CREATE ROLE mine",
            "UPDATE ops.alembic_version SET version_num = '9'",
            "CREATE VIEW bi.mine AS SELECT 1",
            "SELECT warehouse.ensure_partition('dim_model', '2030-01-01')",
            "SELECT warehouse.ensure_partition('costs; DROP TABLE warehouse.costs', '2030-01-01')",
            "SET ROLE meterhouse_owner",
        ):
            with pytest.raises(psycopg.Error):
                store.connection.execute(statement.encode())
        store.connection.execute("SELECT warehouse.ensure_partition('costs', '2030-01-01')")
        assert store.connection.execute("SELECT to_regclass('warehouse.costs_2030_01') IS NOT NULL").fetchone() == (True,)


def test_other_databases_are_closed_to_the_reader(filled: Warehouse) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(filled.reader_url.rpartition("/")[0] + "/airflow_of_a_test")


@pytest.fixture(autouse=True)
def airflow_database(server) -> Iterator[None]:
    """A database of somebody else on the same server, as the local stack makes it for Airflow."""
    server.ensure_database("airflow_of_a_test")
    yield
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE airflow_of_a_test WITH (FORCE)")
