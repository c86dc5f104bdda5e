"""Migrations for real: up, down, up again, two at once, behind a reader, and never against a database they do not know."""

from __future__ import annotations

import re
import threading
from itertools import pairwise

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.conftest import LOADER, OWNER, READER, Warehouse

from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.load.store import Store
from meterhouse.warehouse import migrate as migrations
from meterhouse.warehouse.migrate import migrate, owner_engine, script_location
from meterhouse.warehouse.schema import SCHEMA_REVISION
from meterhouse.warehouse.tables import metadata
from meterhouse.warehouse.view_reach import TEAM_VIEW_NAMES, VIEW_NAMES

from .revisions import LATER, REVISIONS, revision


def differences(url: str) -> list[object]:
    """What alembic would generate to bring the database to the catalogue's tables."""

    def ours(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
        if kind == "schema":
            return name in {"warehouse", "ops"}
        return kind != "table" or f"{parents['schema_name']}.{name}" in metadata.tables

    with owner_engine(url).connect() as connection:
        options = {"include_schemas": True, "include_name": ours, "compare_type": True, "version_table_schema": "ops"}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def schemas(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'")
        return {row[0] for row in found}


def test_there_is_one_head_and_the_loader_asks_for_it() -> None:
    config = Config()
    config.set_main_option("script_location", str(script_location()))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [SCHEMA_REVISION]
    assert [f"{number:04d}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS


@pytest.mark.upgrade
def test_up_and_down_one_revision_at_a_time_each_brings_its_own_and_takes_it_away_again(empty_database: Warehouse) -> None:
    url = empty_database.owner_url
    left: dict[str, set[str]] = {}
    for number in REVISIONS:
        assert migrate(url, number) == [number]
        left[number] = set(map(str, differences(url)))
    assert left[REVISIONS[-1]] == set()
    # What is not there yet only ever gets less: no migration undoes another's work.
    for earlier, later in pairwise(REVISIONS):
        assert len(left[later]) <= len(left[earlier]), later
    assert "alerts" in str(left[revision("initial_warehouse")])
    assert "team_access" in str(left[revision("organization_and_alerts")])
    assert "rollup_usage_by_model" in str(left[revision("team_access")])
    for later, earlier in pairwise(reversed(REVISIONS)):
        assert migrate(url, earlier) == [later]
        assert len(differences(url)) == len(left[earlier]), earlier
        assert ("bi_team" in schemas(url)) == (earlier >= revision("team_access"))
    assert migrate(url) == LATER
    assert differences(url) == []


def test_up_down_and_up_again_leave_what_the_catalogue_says(empty_database: Warehouse) -> None:
    url = empty_database.owner_url
    assert migrate(url) == REVISIONS
    assert migrate(url) == []
    assert differences(url) == []
    assert migrate(url, "base") == list(reversed(REVISIONS))
    assert schemas(url) == {"public", "ops"}
    assert migrate(url) == REVISIONS
    assert differences(url) == []
    with psycopg.connect(url) as connection:
        views = connection.execute("SELECT schemaname, viewname FROM pg_views WHERE schemaname IN ('bi', 'bi_team')").fetchall()
    assert set(views) == {("bi", name) for name in VIEW_NAMES} | {("bi_team", name) for name in TEAM_VIEW_NAMES}


def test_a_column_that_the_catalogue_gained_would_be_seen(owner_url: str) -> None:
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE warehouse.usage_images DROP COLUMN images CASCADE")
    assert "images" in str(differences(owner_url))


def test_every_constraint_has_a_name_of_ours(owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        names = connection.execute(
            "SELECT conname FROM pg_constraint WHERE connamespace IN ('warehouse'::regnamespace, 'ops'::regnamespace) AND contype <> 'n'"
        ).fetchall()
    strangers = [name for (name,) in names if not re.match(r"(pk|uq|fk|ck)_", name) and name != "alembic_version_pkc"]
    assert names
    assert strangers == []


@pytest.mark.fault(57)
def test_two_migrators_at_once_both_succeed_and_one_of_them_has_nothing_to_do(empty_database: Warehouse) -> None:
    applied: list[list[str]] = []
    barrier = threading.Barrier(2)

    def run() -> None:
        barrier.wait()
        applied.append(migrate(empty_database.owner_url))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [[], REVISIONS]


@pytest.mark.fault(58)
def test_an_open_transaction_of_a_reader_makes_it_give_up_with_one_line_and_change_nothing(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT", "200ms")
    with psycopg.connect(warehouse.reader_url) as reader:
        reader.execute("SELECT * FROM bi.costs_daily").fetchall()
        with pytest.raises(TryAgainLater, match=r"the migration changed nothing: the warehouse is busy.*run again") as refused:
            migrate(warehouse.owner_url)
        assert "\n" not in str(refused.value)
        assert reader.execute("SELECT count(*) FROM bi.costs_daily").fetchone() == (0,)
    assert migrate(warehouse.owner_url) == []


@pytest.mark.fault(55)
@pytest.mark.parametrize("revision", ["0000", "9999_from_the_future"])
def test_the_loader_refuses_a_database_at_another_migration_before_it_asks_the_vendor(warehouse: Warehouse, revision: str) -> None:
    with psycopg.connect(warehouse.owner_url, autocommit=True) as owner:
        owner.execute("UPDATE ops.alembic_version SET version_num = %s", [revision])
    with pytest.raises(FixConfiguration, match=f"at migration {revision}, this version needs {SCHEMA_REVISION}: run meterhouse migrate"):
        Store(warehouse.loader_url)


@pytest.mark.fault(56)
def test_a_database_of_a_later_version_is_not_touched(warehouse: Warehouse) -> None:
    with psycopg.connect(warehouse.owner_url, autocommit=True) as owner:
        owner.execute("UPDATE ops.alembic_version SET version_num = '9999_from_the_future'")
    with pytest.raises(FixConfiguration, match="install the version that wrote it") as refused:
        migrate(warehouse.owner_url)
    assert "\n" not in str(refused.value)


def test_the_loaders_role_cannot_migrate_and_learns_who_can(warehouse: Warehouse, empty_database: Warehouse) -> None:
    with psycopg.connect(empty_database.superuser_url, autocommit=True) as superuser:
        superuser.execute("GRANT CONNECT ON DATABASE " + superuser.info.dbname + " TO PUBLIC")
    with pytest.raises(FixConfiguration, match=r"permission denied for database .*: use its owner"):
        migrate(empty_database.loader_url)
    assert schemas(empty_database.superuser_url) == {"public"}
    for url, role in ((warehouse.loader_url, LOADER), (warehouse.reader_url, READER)):
        with pytest.raises(FixConfiguration, match=f"the warehouse belongs to {OWNER}, not to {role}: migrate as {OWNER}; nothing was"):
            migrate(url)


def test_a_view_that_somebody_built_on_ours_survives_and_a_strangers_view_stays(warehouse: Warehouse) -> None:
    with psycopg.connect(warehouse.owner_url, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA mine")
        owner.execute("CREATE VIEW mine.spend AS SELECT usage_date, cost FROM bi.costs_daily")
        owner.execute("CREATE VIEW bi.of_the_finance_team AS SELECT 1 AS one")
    migrate(warehouse.owner_url)
    with psycopg.connect(warehouse.owner_url) as owner:
        assert owner.execute("SELECT count(*) FROM mine.spend").fetchone() == (0,)
    with psycopg.connect(warehouse.reader_url) as reader:
        assert reader.execute("SELECT one FROM bi.of_the_finance_team").fetchone() == (1,), "a new view is readable by default"


def test_a_change_that_is_no_append_is_refused_while_somebody_builds_on_the_view(warehouse: Warehouse) -> None:
    with psycopg.connect(warehouse.owner_url, autocommit=True) as owner:
        owner.execute("DROP VIEW bi.checks")
        owner.execute("CREATE VIEW bi.checks AS SELECT 1 AS a_column_of_an_older_version")
        owner.execute("CREATE SCHEMA mine")
        owner.execute("CREATE VIEW mine.on_checks AS SELECT * FROM bi.checks")
    with pytest.raises(FixConfiguration, match="something of yours builds on it") as refused:
        migrate(warehouse.owner_url)
    assert "mine.on_checks" in str(refused.value)
    assert "\n" not in str(refused.value)
    with psycopg.connect(warehouse.owner_url, autocommit=True) as owner:
        assert owner.execute("SELECT * FROM mine.on_checks").fetchone() == (1,)
        assert owner.execute("SELECT count(*) FROM bi.costs_daily").fetchone() == (0,), "the other views are as they were"
        owner.execute("DROP VIEW mine.on_checks")
    migrate(warehouse.owner_url)
    with psycopg.connect(warehouse.owner_url) as owner:
        assert owner.execute("SELECT count(check_name) FROM bi.checks").fetchone() == (0,)


def test_the_engine_shows_neither_password_nor_parameters() -> None:
    engine = owner_engine("postgresql://owner:topsecret@127.0.0.1:1/d")
    assert "topsecret" not in repr(engine)
    assert engine.hide_parameters
    assert isinstance(engine.pool, sa.NullPool)
