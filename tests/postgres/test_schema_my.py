"""Schema my: made once, the customer's from then on; neither migrations nor upgrades touch it, readers read it, and backups hold it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tests.conftest import OWNER, PASSWORDS, READER, Server, Warehouse

from meterhouse.warehouse.migrate import migrate

from .loaded_organization import rows
from .postgres_programs import folder_of_programs
from .restored_warehouse import other_server
from .revisions import before, revision
from .test_security_page import ROLES, rows_of_the_page

THEIRS = """
SET ROLE meterhouse_my;
CREATE TABLE my.customer_projects (id serial, project_id varchar(128) PRIMARY KEY, customer varchar(255) NOT NULL);
INSERT INTO my.customer_projects (project_id, customer) VALUES ('proj_a', 'Globex');
CREATE VIEW my.dates AS SELECT usage_date FROM bi.dim_date;
REVOKE SELECT ON my.dates FROM meterhouse_reader;
"""
THEIRS_BEFORE = "CREATE SCHEMA my; CREATE TABLE my.customer_projects AS SELECT 1 AS id, 'p' AS project_id, 'c' AS customer"
# All that the schema holds, with owners, rights and physical places.
STATE = """
SELECT 'schema', nspname::text, nspowner::regrole::text, nspacl::text, obj_description(oid, 'pg_namespace'), ''
FROM pg_namespace WHERE nspname = 'my'
UNION ALL SELECT relkind::text, relname, relowner::regrole::text, relacl::text, relfilenode::text, ''
FROM pg_class WHERE relnamespace = 'my'::regnamespace
UNION ALL SELECT 'default', defaclrole::regrole::text, defaclacl::text, '', '', '' FROM pg_default_acl
WHERE defaclnamespace = 'my'::regnamespace
UNION ALL SELECT 'row', id::text, project_id, customer, ctid::text, xmin::text FROM my.customer_projects
ORDER BY 1, 2
"""
CUSTOMERS = "SELECT customer FROM my.customer_projects"
OWNED = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'my'::regnamespace"


@pytest.fixture
def used(warehouse: Warehouse) -> Warehouse:
    """A warehouse whose owner made something in the schema, as the cookbook says, and took a right back."""
    rows(warehouse.owner_url, THEIRS)
    return warehouse


def test_it_belongs_to_its_role_is_empty_at_first_and_only_readers_may_look_into_it(warehouse: Warehouse) -> None:
    ((owner, rights),) = rows(
        warehouse.superuser_url, "SELECT nspowner::regrole::text, nspacl::text FROM pg_namespace WHERE nspname = 'my'"
    )
    assert (owner, rights) == ("meterhouse_my", "{meterhouse_my=UC/meterhouse_my,meterhouse_reader=U/meterhouse_my}")
    assert rows(warehouse.superuser_url, "SELECT FROM pg_class WHERE relnamespace = 'my'::regnamespace") == []
    assert rows(warehouse.superuser_url, "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'meterhouse_my'") == [(False,)]


def test_what_its_role_makes_readers_read_and_nobody_else_does(used: Warehouse) -> None:
    assert rows(used.reader_url, CUSTOMERS) == [("Globex",)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(used.loader_url, CUSTOMERS)
    for statement in ("CREATE TABLE my.other (a int)", "DELETE FROM my.customer_projects", "SELECT usage_date FROM my.dates"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(used.reader_url, statement)


def test_a_member_of_its_role_makes_tables_there_and_views_on_bi(server: Server, warehouse: Warehouse) -> None:
    planner = f"planner_{uuid4().hex[:8]}"
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        superuser.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(planner), PASSWORDS[READER]))
    try:
        rows(warehouse.owner_url, f"GRANT meterhouse_my TO {planner}")
        url = f"postgresql://{planner}:{PASSWORDS[READER]}@{warehouse.superuser_url.rpartition('@')[2]}"
        rows(url, THEIRS)
        assert rows(url, "SELECT count(*) > 0 FROM my.dates") == [(True,)]
        assert rows(warehouse.reader_url, CUSTOMERS) == [("Globex",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(url, "SELECT FROM warehouse.costs")
    finally:
        with psycopg.connect(server.url(), autocommit=True) as superuser:
            superuser.execute(SQL("DROP ROLE {}").format(Identifier(planner)))


def test_migrations_of_the_owner_and_of_a_superuser_change_nothing_in_it(used: Warehouse) -> None:
    stood = rows(used.superuser_url, STATE)
    for url in (used.owner_url, used.owner_url, used.superuser_url, used.owner_url):
        assert migrate(url) == []
        assert rows(used.superuser_url, STATE) == stood


def test_going_back_to_an_older_version_and_forth_leaves_it_as_it_is_unless_it_is_empty(used: Warehouse) -> None:
    rows(used.owner_url, "DROP VIEW my.dates")  # an older version makes the views of bi again
    stood = rows(used.superuser_url, STATE)
    assert revision("my") in migrate(used.owner_url, before("my"))
    assert rows(used.superuser_url, STATE) == stood
    migrate(used.owner_url)
    assert rows(used.superuser_url, STATE) == stood
    rows(used.owner_url, "DROP TABLE my.customer_projects")
    migrate(used.owner_url, before("my"))
    assert rows(used.superuser_url, "SELECT to_regnamespace('my')") == [(None,)]


def test_a_schema_of_this_name_that_was_there_before_stays_somebodys(empty_database: Warehouse) -> None:
    rows(
        empty_database.owner_url,
        "CREATE SCHEMA my; CREATE TABLE my.customer_projects AS SELECT 1 AS id, 'p' AS project_id, 'c' AS customer",
    )
    stood = rows(empty_database.superuser_url, STATE)
    for url in (empty_database.owner_url, empty_database.superuser_url):
        migrate(url)
        assert rows(empty_database.superuser_url, STATE) == stood
    migrate(empty_database.owner_url, before("my"))
    assert rows(empty_database.superuser_url, STATE) == stood


def test_one_that_was_given_to_another_role_or_dropped_stays_so(server: Server, used: Warehouse) -> None:
    with psycopg.connect(used.superuser_url, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE of_the_customer")
        try:
            superuser.execute("ALTER SCHEMA my OWNER TO of_the_customer")
            stood = rows(used.superuser_url, STATE)
            for url in (used.owner_url, used.superuser_url):
                migrate(url)
                assert rows(used.superuser_url, STATE) == stood
            superuser.execute("DROP SCHEMA my CASCADE")
            assert migrate(used.owner_url) == []
            assert rows(used.superuser_url, "SELECT to_regnamespace('my')") == [(None,)]
        finally:
            superuser.execute("DROP ROLE of_the_customer")


@pytest.fixture(scope="module")
def programs(server: Server) -> Path:
    return folder_of_programs(server.url())


@pytest.fixture
def dump(programs: Path, used: Warehouse, tmp_path: Path) -> Path:
    rows(used.owner_url, "DROP VIEW my.dates")
    ran = [programs / "pg_dump", "--format=custom", f"--file={tmp_path / 'dump'}", used.owner_url]
    subprocess.run(ran, check=True, capture_output=True, timeout=120)
    return tmp_path / "dump"


@pytest.mark.parametrize("options", [("--no-owner", "--no-privileges"), ()], ids=str)
def test_a_backup_of_the_owner_holds_it_and_a_migration_gives_it_back_to_its_role(
    programs: Path, dump: Path, empty_database: Warehouse, options: tuple[str, ...]
) -> None:
    ran = [programs / "pg_restore", "--exit-on-error", *options, f"--dbname={empty_database.owner_url}", dump]
    subprocess.run(ran, check=True, capture_output=True, timeout=120)
    migrate(empty_database.owner_url)
    assert rows(empty_database.reader_url, CUSTOMERS) == [("Globex",)]
    assert rows(empty_database.superuser_url, OWNED) == [("meterhouse_my",)]
    stood = rows(empty_database.superuser_url, STATE)
    migrate(empty_database.owner_url)
    assert rows(empty_database.superuser_url, STATE) == stood


def test_an_owner_who_may_not_give_it_away_says_who_does(caplog: pytest.LogCaptureFixture) -> None:
    with other_server() as (warehouse, server_url):
        with psycopg.connect(server_url, autocommit=True) as superuser:
            superuser.execute(SQL("ALTER ROLE {} NOCREATEROLE").format(Identifier(OWNER)))
            for role in ("loader", "reader", "team", "my"):
                superuser.execute(SQL("CREATE ROLE {}").format(Identifier(f"meterhouse_{role}")))
        migrate(warehouse.owner_url)
        assert f"schema my belongs to {OWNER}: a superuser who runs meterhouse migrate once gives it to meterhouse_my" in caplog.text
        migrate(warehouse.superuser_url)
        caplog.clear()
        migrate(warehouse.owner_url)
        assert "schema my" not in caplog.text
        rows(warehouse.owner_url, THEIRS)
        assert rows(warehouse.superuser_url, OWNED) == [("meterhouse_my",)]


def test_the_page_on_security_says_who_may_use_it(warehouse: Warehouse) -> None:
    page = rows_of_the_page()["schema `my`"]
    found: dict[str, set[str]] = {role: set() for role in ROLES}
    for role, privilege in rows(
        warehouse.superuser_url,
        "SELECT coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC'), a.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) a"
        " WHERE n.nspname = 'my' AND a.grantee <> n.nspowner",
    ):
        found[role].add(privilege)
    assert page == list(found.values())
