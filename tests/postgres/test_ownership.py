"""What others have in our schemas is never taken for ours: it is named with its owner and stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tests.conftest import Server, Warehouse

from meterhouse.errors import FixConfiguration
from meterhouse.warehouse.migrate import migrate
from meterhouse.warehouse.schema import SCHEMA_REVISION

from .revisions import revision

EVERYTHING = """
SELECT 'class', c.oid::regclass::text, c.relkind::text, c.relowner::regrole::text, c.relacl::text, pg_get_viewdef(c.oid)
FROM pg_class c WHERE c.relnamespace::regnamespace::text IN ('warehouse', 'ops', 'bi', 'bi_team')
UNION ALL SELECT 'type', oid::regtype::text, '', typowner::regrole::text, '', '' FROM pg_type
WHERE typnamespace::regnamespace::text IN ('warehouse', 'ops', 'bi', 'bi_team')
UNION ALL SELECT 'function', oid::regprocedure::text, '', proowner::regrole::text, proacl::text, prosrc FROM pg_proc
WHERE pronamespace::regnamespace::text IN ('warehouse', 'ops', 'bi', 'bi_team')
UNION ALL SELECT 'schema', nspname, '', nspowner::regrole::text, nspacl::text, '' FROM pg_namespace WHERE nspname !~ '^pg_'
"""


def everything(warehouse: Warehouse) -> set[tuple[object, ...]]:
    with psycopg.connect(warehouse.superuser_url) as connection:
        return set(connection.execute(EVERYTHING))


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture
def team(server: Server) -> Iterator[str]:
    """A role of another team, with a name that needs quotes."""
    name = f'Team "{uuid4().hex[:8]}"'
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(SQL("CREATE ROLE {}").format(Identifier(name)))
        yield name
        connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def refused(warehouse: Warehouse, *words: str, url: str | None = None) -> None:
    """Migrating is refused in one line with these words, and changes nothing."""
    before = everything(warehouse)
    with pytest.raises(FixConfiguration) as error:
        migrate(url or warehouse.owner_url)
    text = str(error.value)
    assert "\n" not in text
    assert "CREATEROLE" not in text
    assert [word for word in (*words, "a database of its own") if word not in text] == []
    assert everything(warehouse) == before


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        ("CREATE VIEW bi.freshness AS SELECT 1 AS one", "view bi.freshness"),
        ("CREATE TABLE bi.costs_daily (id int)", "table bi.costs_daily"),
        ("CREATE MATERIALIZED VIEW bi.coverage AS SELECT 1 AS one", "materialized view bi.coverage"),
        ("CREATE SEQUENCE bi.checks", "sequence bi.checks"),
        ("CREATE TYPE bi.dim_date AS ENUM ('a')", "type bi.dim_date"),
        ("CREATE TYPE bi.dim_user AS (a int)", "type bi.dim_user"),
        ("CREATE DOMAIN bi.dim_model AS text", "type bi.dim_model"),
        ("CREATE TABLE bi.theirs (id int); CREATE INDEX freshness ON bi.theirs (id)", "index bi.freshness"),
        ("CREATE VIEW bi_team.freshness AS SELECT 1 AS one", "view bi_team.freshness"),
        ("CREATE VIEW warehouse.usage_named AS SELECT 1 AS one", "view warehouse.usage_named"),
        ("CREATE TABLE warehouse.costs (id int)", "table warehouse.costs"),
        ("CREATE TABLE ops.tickets (id int)", "table ops.tickets"),
        ("CREATE TYPE warehouse.finality AS ENUM ('a')", "type warehouse.finality"),
        (
            "CREATE FUNCTION warehouse.ensure_partition(text, date) RETURNS void LANGUAGE sql AS 'SELECT'",
            "function warehouse.ensure_partition",
        ),
    ],
)
def test_what_gets_in_the_way_of_a_new_warehouse_is_named_and_stays(empty_database: Warehouse, made: str, shown: str) -> None:
    schema = shown.rpartition(" ")[2].partition(".")[0]
    run(empty_database.owner_url, f"CREATE SCHEMA {schema}", *made.split("; "))
    for url in (empty_database.owner_url, empty_database.superuser_url):
        refused(empty_database, f"{shown} of meterhouse_owner", "nothing was changed", url=url)


def test_others_views_and_functions_beside_ours_in_bi_are_no_clash(empty_database: Warehouse) -> None:
    run(
        empty_database.owner_url,
        "CREATE SCHEMA bi",
        "CREATE VIEW bi.of_the_finance_team AS SELECT 1 AS one",
        "CREATE FUNCTION bi.freshness() RETURNS int LANGUAGE sql AS 'SELECT 7'",
    )
    assert migrate(empty_database.owner_url)[-1] == SCHEMA_REVISION
    assert migrate(empty_database.owner_url) == []
    with psycopg.connect(empty_database.owner_url) as owner:
        assert owner.execute("SELECT one, bi.freshness() FROM bi.of_the_finance_team").fetchone() == (1, 7)


def test_a_clash_that_was_cured_is_forgotten(empty_database: Warehouse) -> None:
    url = empty_database.owner_url
    run(url, "CREATE SCHEMA bi", "CREATE VIEW bi.freshness AS SELECT 'theirs' AS whose", "COMMENT ON VIEW bi.freshness IS 'Ours!'")
    run(url, "COMMENT ON COLUMN bi.freshness.whose IS 'Whose it is.'")
    refused(empty_database, "view bi.freshness of meterhouse_owner")
    run(url, "ALTER VIEW bi.freshness RENAME TO freshness_of_theirs")
    assert migrate(url)[-1] == SCHEMA_REVISION
    with psycopg.connect(url) as owner:
        assert owner.execute("SELECT whose FROM bi.freshness_of_theirs").fetchone() == ("theirs",)


def test_several_are_named_and_the_rest_counted(empty_database: Warehouse) -> None:
    tables = [f"CREATE TABLE ops.theirs_{number} (id int)" for number in range(5)]
    run(empty_database.owner_url, "CREATE SCHEMA ops", *tables)
    refused(empty_database, "ops.theirs_0", "ops.theirs_1", "ops.theirs_2", " and 2 more have names that meterhouse needs", "rename them")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            ["CREATE TABLE ops.alembic_version (version_num varchar(32))", "INSERT INTO ops.alembic_version VALUES ('0002')"],
            "says 0002 and",
        ),
        (["CREATE TABLE ops.alembic_version (version_num varchar(32))", "INSERT INTO ops.alembic_version VALUES ('a1')"], "says a1 and"),
        (["CREATE TABLE ops.alembic_version (id int)"], "is not that of"),
        (["CREATE VIEW ops.alembic_version AS SELECT '0002' AS version_num"], "is not that of"),
        (
            [
                "CREATE TABLE ops.alembic_version (version_num varchar(32))",
                "REVOKE ALL ON ops.alembic_version FROM PUBLIC, meterhouse_owner",
            ],
            "is",
        ),
    ],
)
def test_the_version_of_another_program_is_not_taken_for_ours(empty_database: Warehouse, made: list[str], said: str) -> None:
    run(empty_database.owner_url, "CREATE SCHEMA ops", *made)
    refused(empty_database, "ops.alembic_version of meterhouse_owner", said, "nothing was changed")


def test_a_schema_that_the_role_may_make_nothing_in_is_named_with_its_owner(empty_database: Warehouse, team: str) -> None:
    with psycopg.connect(empty_database.superuser_url, autocommit=True) as superuser:
        superuser.execute(SQL("CREATE SCHEMA bi AUTHORIZATION {}").format(Identifier(team)))
        refused(empty_database, "schema bi of " + Identifier(team).as_string())
        superuser.execute("DROP SCHEMA bi")


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_view_that_another_role_put_in_our_views_place_is_refused_with_its_owner(
    warehouse: Warehouse, team: str, is_recorded: bool
) -> None:
    theirs = Identifier(team)
    with psycopg.connect(warehouse.superuser_url, autocommit=True) as superuser:
        if not is_recorded:
            superuser.execute("COMMENT ON TABLE ops.alembic_version IS NULL")
        superuser.execute("DROP VIEW bi.settle_curve")
        superuser.execute("CREATE VIEW bi.settle_curve AS SELECT 1 AS one")
        superuser.execute(SQL("ALTER VIEW bi.settle_curve OWNER TO {}").format(theirs))
        for url in (warehouse.owner_url, warehouse.superuser_url):
            refused(warehouse, f"view bi.settle_curve of {theirs.as_string()}", url=url)
        superuser.execute("DROP VIEW bi.settle_curve")
    assert migrate(warehouse.owner_url) == []


def test_a_view_of_a_later_versions_name_is_refused_at_the_upgrade(warehouse: Warehouse) -> None:
    """As an older version left it, which wrote nothing down: all its views have comments, this one has none."""
    run(
        warehouse.owner_url,
        "COMMENT ON TABLE ops.alembic_version IS NULL",
        "DROP VIEW bi.settle_curve",
        "CREATE VIEW bi.settle_curve AS SELECT 1 AS one",
        "COMMENT ON VIEW bi.settle_curve IS 'A curve of theirs.'",
    )
    refused(warehouse, "view bi.settle_curve of meterhouse_owner")
    run(warehouse.owner_url, "ALTER VIEW bi.settle_curve RENAME TO curve_of_theirs")
    assert migrate(warehouse.owner_url) == []
    with psycopg.connect(warehouse.owner_url) as owner:
        assert owner.execute("SELECT one FROM bi.curve_of_theirs").fetchone() == (1,)


def test_a_table_of_a_later_versions_name_is_refused_at_the_upgrade(empty_database: Warehouse) -> None:
    url = empty_database.owner_url
    migrate(url, revision("finality"))
    run(url, "CREATE TABLE warehouse.model_alias (theirs int)")
    refused(empty_database, "table warehouse.model_alias of meterhouse_owner")
    run(url, "ALTER TABLE warehouse.model_alias RENAME TO of_theirs")
    assert migrate(url)[-1] == SCHEMA_REVISION


def test_a_downgrade_drops_nothing_of_others(warehouse: Warehouse) -> None:
    run(warehouse.owner_url, "DROP VIEW bi.data_dictionary", "CREATE TABLE bi.data_dictionary (id int)")
    with pytest.raises(FixConfiguration, match=r"table bi\.data_dictionary of meterhouse_owner"):
        migrate(warehouse.owner_url, revision("team_access"))


def test_an_older_versions_warehouse_with_and_without_comments_is_still_ours(warehouse: Warehouse) -> None:
    run(warehouse.owner_url, "COMMENT ON TABLE ops.alembic_version IS NULL")
    assert migrate(warehouse.owner_url) == []
    with psycopg.connect(warehouse.owner_url, autocommit=True) as owner:
        # As pg_restore --no-comments leaves it.
        for kind, name in owner.execute(
            "SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p', 'v')"
            " AND relnamespace::regnamespace::text IN ('warehouse', 'ops', 'bi', 'bi_team')"
        ).fetchall():
            owner.execute(f"COMMENT ON {kind} {name} IS NULL".encode())
    assert migrate(warehouse.owner_url) == []
