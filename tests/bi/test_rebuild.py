"""Views recreated over older ones: in place if possible, otherwise only what must go is dropped, and always all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
import sqlalchemy as sa
from tests.conftest import Warehouse
from tests.postgres.test_migrate import REVISIONS

from meterhouse.errors import FixConfiguration
from meterhouse.warehouse import views as views_module
from meterhouse.warehouse.migrate import migrate, owner_engine
from meterhouse.warehouse.views import View, rebuild_views, views

DEFINITIONS = (
    "SELECT n.nspname, c.relname, pg_get_viewdef(c.oid), c.relacl::text, obj_description(c.oid, 'pg_class')"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'v' AND n.nspname IN ('bi', 'bi_team', 'warehouse', 'mine') ORDER BY 1, 2"
)


@pytest.fixture
def owner(warehouse: Warehouse) -> Iterator[psycopg.Connection]:
    with psycopg.connect(warehouse.owner_url, autocommit=True) as connection:
        yield connection


def change(monkeypatch: pytest.MonkeyPatch, name: str, old: str, new: str) -> None:
    """Let the next version of a view say `new` where it says `old`."""
    shipped = views()
    assert any(view.name == name and old in view.query for view in shipped)
    changed: list[View] = [replace(view, query=view.query.replace(old, new, 1)) if view.name == name else view for view in shipped]
    monkeypatch.setattr(views_module, "views", lambda *_: changed)


def test_rebuilding_again_changes_nothing(warehouse: Warehouse, owner: psycopg.Connection) -> None:
    before = owner.execute(DEFINITIONS).fetchall()
    assert migrate(warehouse.owner_url) == []
    assert owner.execute(DEFINITIONS).fetchall() == before


def test_a_mistake_in_the_last_file_leaves_every_view_as_it_was(
    warehouse: Warehouse, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = owner.execute(DEFINITIONS).fetchall()
    change(monkeypatch, "costs_daily", "f.amount::text::varchar(96) AS cost_exact", "'other'::varchar(96) AS cost_exact")
    wanted = views_module.views()
    monkeypatch.setattr(views_module, "views", lambda *_: [*wanted[:-1], replace(wanted[-1], query="SELECT nothing FROM nowhere")])
    with pytest.raises(sa.exc.ProgrammingError), owner_engine(warehouse.owner_url).begin() as connection:
        rebuild_views(connection)
    assert owner.execute(DEFINITIONS).fetchall() == before


def test_a_column_that_came_behind_the_others_leaves_what_people_built_on_the_view(
    warehouse: Warehouse, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.execute("CREATE SCHEMA mine")
    owner.execute("CREATE VIEW mine.spend AS SELECT * FROM bi.costs_daily")
    change(monkeypatch, "costs_daily", "AS origin\n", "AS origin,\n    1::bigint AS row_count\n")
    with owner_engine(warehouse.owner_url).begin() as connection:
        rebuild_views(connection)
    assert owner.execute("SELECT count(row_count) FROM bi.costs_daily").fetchone() == (0,)
    assert owner.execute("SELECT count(cost_exact) FROM mine.spend").fetchone() == (0,)


def test_a_renamed_column_takes_along_only_the_views_that_build_on_it(
    warehouse: Warehouse, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.execute("CREATE SCHEMA mine")
    owner.execute("CREATE VIEW mine.usage AS SELECT usage_date, requests FROM bi.usage_daily")
    # fact_costs_daily builds on costs_daily and has to go and come back; mine.usage depends on neither and must not get in the way.
    change(monkeypatch, "costs_daily", "AS quantity_reported", "AS quantity_exact")
    monkeypatch.setitem(views_module.COLUMNS, "quantity_exact", views_module.COLUMNS["quantity_reported"])
    with owner_engine(warehouse.owner_url).begin() as connection:
        rebuild_views(connection)
    assert owner.execute("SELECT count(quantity_exact) FROM bi.costs_daily").fetchone() == (0,)
    assert owner.execute("SELECT count(*) FROM bi.fact_costs_daily").fetchone() == (0,)
    with psycopg.connect(warehouse.reader_url) as reader:
        assert reader.execute("SELECT count(*) FROM bi.fact_costs_daily").fetchone() == (0,)


def test_a_renamed_column_under_somebodys_view_is_one_clear_line_and_no_change(
    warehouse: Warehouse, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.execute("CREATE SCHEMA mine")
    owner.execute("CREATE VIEW mine.spend AS SELECT usage_date, cost_exact FROM bi.costs_daily")
    before = owner.execute(DEFINITIONS).fetchall()
    change(monkeypatch, "costs_daily", "AS cost_exact", "AS quantity_exact")
    with pytest.raises(FixConfiguration, match=r"mine\.spend") as refused, owner_engine(warehouse.owner_url).begin() as connection:
        rebuild_views(connection)
    assert "\n" not in str(refused.value)
    assert owner.execute(DEFINITIONS).fetchall() == before


def test_a_view_that_belongs_to_somebody_else_is_neither_touched_nor_in_the_way(warehouse: Warehouse, owner: psycopg.Connection) -> None:
    with psycopg.connect(warehouse.superuser_url, autocommit=True) as administrator:
        administrator.execute("CREATE VIEW bi.of_the_administrator AS SELECT rolname FROM pg_authid")
    assert migrate(warehouse.owner_url) == []
    with psycopg.connect(warehouse.reader_url) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("SELECT * FROM bi.of_the_administrator")


def test_a_server_without_a_public_schema_is_migrated(empty_database: Warehouse) -> None:
    with psycopg.connect(empty_database.superuser_url, autocommit=True) as administrator:
        administrator.execute("DROP SCHEMA public")
    assert migrate(empty_database.owner_url) == REVISIONS


def test_a_public_schema_that_is_somebody_elses_is_left_alone(empty_database: Warehouse) -> None:
    with psycopg.connect(empty_database.superuser_url, autocommit=True) as administrator:
        administrator.execute("ALTER SCHEMA public OWNER TO CURRENT_USER")
        administrator.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    assert migrate(empty_database.owner_url) == REVISIONS
