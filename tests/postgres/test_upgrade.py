"""Upgrades of a warehouse that is in use: a year of rows under an older migration, loads and readers in the way, and processes that die."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from meterhouse.catalogue.vendors import OPENAI
from meterhouse.checks.warehouse_checks import run_warehouse_checks
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.load.directory import sync_directory
from meterhouse.load.store import Store
from meterhouse.warehouse import migrate as migrations
from meterhouse.warehouse.migrate import migrate
from meterhouse.warehouse.schema import SCHEMA_REVISION
from meterhouse.warehouse.view_reach import VIEW_NAMES
from meterhouse.warehouse.views import views

from .added_up import not_added_up
from .comparison import assert_equals_source
from .fingerprints import places, row_counts, writes
from .loaded_organization import FEW, NOW, LoadedOrganization, rows
from .old_loader import loaded_by_the_old, old_load, put
from .revisions import FIRST_REVISION, LATER, REVISIONS
from .test_migrate import differences, schemas
from .year_of_the_first_version import (
    END,
    FIRST,
    FIRST_VIEWS,
    KEPT,
    LOADS,
    NEW,
    NEW_SEQUENCES,
    OLD,
    ORGANIZATIONS,
    RUNS,
    SINCE_THE_FIRST,
    holding_the_version,
    migrating,
    old,
    rights,
    until,
    version,
    waiting,
    year,
)

__all__ = ["old", "year"]  # fixtures, which pytest finds by their names

pytestmark = pytest.mark.upgrade


def test_a_year_of_rows_is_as_it_was_after_the_upgrade_and_the_views_are_this_versions(old: LoadedOrganization) -> None:
    warehouse = old.warehouse
    stood, organizations, granted = places(warehouse.superuser_url, KEPT), old.query(ORGANIZATIONS), rights(warehouse)
    loads, runs = old.query(LOADS), old.query(RUNS)
    assert len(stood) > 20_000
    with psycopg.connect(warehouse.owner_url, autocommit=True) as owner:
        # What an older version shipped under this name, and what somebody built on another view.
        owner.execute("DROP VIEW bi.checks")
        owner.execute("CREATE VIEW bi.checks AS SELECT 1 AS a_column_of_an_older_version")
        owner.execute("CREATE SCHEMA mine")
        owner.execute("CREATE VIEW mine.spend AS SELECT sum(cost) AS cost FROM bi.costs_daily")
    spent = old.query("SELECT cost FROM mine.spend")

    assert migrate(warehouse.owner_url) == LATER

    assert version(warehouse) == [(SCHEMA_REVISION,)]
    assert differences(warehouse.owner_url) == []
    assert places(warehouse.superuser_url, KEPT) == stood
    assert old.query(ORGANIZATIONS) == organizations
    assert old.query(LOADS) == loads
    assert old.query(RUNS) == runs
    assert old.query("SELECT DISTINCT vendor_organization_id FROM warehouse.dim_organization") == [(None,)]
    assert old.query("SELECT cost FROM mine.spend") == spent
    assert not_added_up(warehouse.superuser_url) == []
    new = {view.qualified for view in views() if (view.schema, view.name) not in FIRST_VIEWS} | NEW | {"mine", "bi_team", "my"}
    assert {right for right in rights(warehouse) if right[1] not in new and not right[1].startswith(NEW_SEQUENCES)} == granted
    assert {right[4] for right in rights(warehouse) if right[1] == "ops.alerts" and right[3] == "meterhouse_loader"} >= {"INSERT", "SELECT"}
    assert {name for (name,) in old.query("SELECT viewname FROM pg_views WHERE schemaname = 'bi'")} == set(VIEW_NAMES)
    assert old.read("SELECT count(check_name) FROM bi.checks") == [(0,)]
    assert_equals_source(old, FIRST, END, SINCE_THE_FIRST)


def test_the_upgrade_reads_the_words_of_models_and_lines_again_and_finds_the_units_of_quantities(old: LoadedOrganization) -> None:
    dear = "priority | gpt-5.6-sol, output, long context"
    old.query("INSERT INTO warehouse.dim_line_item (line_item, surface) VALUES (%s, 'priority')", [dear])
    old.query("UPDATE warehouse.dim_line_item SET model = 'as an older version read it' WHERE line_item = 'whisper'")
    migrate(old.warehouse.owner_url)
    query = "SELECT tier, surface, model, direction, context_band, category, is_parsed, quantity_unit FROM warehouse.dim_line_item"
    assert old.query(f"{query} WHERE line_item = %s", [dear]) == [
        ("priority", None, "gpt-5.6-sol", "output", "long context", "text_tokens", True, None)
    ]
    assert old.query(f"{query} WHERE line_item = 'whisper'") == [(None, None, "whisper", None, None, "audio", True, "duration_seconds")]
    assert old.query("SELECT canonical_model FROM warehouse.dim_model WHERE model IN ('gpt-5.6-sol', 'whisper') ORDER BY 1") == [
        ("gpt-5.6-sol",),
        ("whisper-1",),
    ]
    # Its words say file search.
    assert old.read("SELECT DISTINCT category FROM bi.costs_daily WHERE quantity_unit = 'gibibyte_hours'") == [("storage",)]
    assert old.read("SELECT count(*) FROM bi.costs_daily WHERE category = 'unknown'") == [(0,)]


def test_the_roles_can_do_after_the_upgrade_what_they_could_before_and_no_more(old: LoadedOrganization) -> None:
    migrate(old.warehouse.owner_url)
    for name in VIEW_NAMES:
        old.read(f"SELECT * FROM bi.{name} LIMIT 1")
    with psycopg.connect(old.warehouse.reader_url) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("SELECT vendor_organization_id FROM warehouse.dim_organization")
    old.advance(days=1)
    old.sync().raise_first()
    assert_equals_source(old, FIRST + timedelta(days=1), END + timedelta(days=1))
    assert old.query("SELECT vendor_organization_id FROM warehouse.dim_organization") == [(old.fake.roster.organization_id,)]


def test_the_loader_refuses_the_older_warehouse_in_one_line_and_neither_asks_nor_writes(old: LoadedOrganization) -> None:
    stood, written = places(old.warehouse.superuser_url, OLD), writes(old.warehouse.superuser_url)
    loads: list[Callable[[], Any]] = [
        lambda: old.sync(["costs"]),
        lambda: old.backfill(FIRST, END, ["costs"]),
        lambda: sync_directory(old.settings()),
    ]
    for load in loads:
        with pytest.raises(FixConfiguration) as refused:
            load()
        assert str(refused.value) == f"the warehouse is at migration 0001, this version needs {SCHEMA_REVISION}: run meterhouse migrate"
    assert old.server.requests == []
    assert places(old.warehouse.superuser_url, OLD) == stood
    assert writes(old.warehouse.superuser_url) == written


def test_a_load_goes_on_through_migrators_that_have_only_views_to_rebuild(old: LoadedOrganization, tmp_path: Path) -> None:
    migrate(old.warehouse.owner_url)
    old.advance(days=40)
    # So slow that endpoints side by side do not end before a migrator begins.
    old.server.latency_seconds = 0.4
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(old.sync)
        finished = []
        for requests in (2, 12, 22):
            until(lambda asked=requests: len(old.server.requests) >= asked, "the load does not begin")  # type: ignore[misc]
            with migrating(old.warehouse, tmp_path) as process:
                out, err = process.communicate(timeout=60)
                finished.append((process.returncode, out, err, load.done()))
        outcome = load.result(120)
    outcome.raise_first()
    assert {(code, err) for code, _, err, _ in finished} == {(0, "")}
    assert not finished[0][3], "the load was over before the first migrator was"
    assert differences(old.warehouse.owner_url) == []
    assert_equals_source(old, NOW.date(), old.today + timedelta(days=1))
    assert old.query("SELECT count(*) FROM ops.run_log WHERE status <> 'done'") == [(0,)]
    old.server.latency_seconds = 0.0
    again = old.sync()
    again.raise_first()
    assert sum(one.rows_inserted + one.rows_updated + one.rows_removed for one in again.summaries) == 0


def test_the_upgrade_waits_for_a_window_that_the_old_version_is_putting_in_place(
    old: LoadedOrganization, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = old.warehouse
    with old_load(warehouse, monkeypatch) as loading, psycopg.connect(warehouse.superuser_url) as holder, ThreadPoolExecutor(2) as pool:
        put(loading, 0)
        # The load log is written last, so the load stands just before its commit.
        holder.execute("LOCK TABLE ops.load_log IN EXCLUSIVE MODE")
        load = pool.submit(put, loading, 1)
        until(lambda: len(waiting(warehouse)) == 1, "the load does not wait")
        upgrade = pool.submit(migrate, warehouse.owner_url)
        until(lambda: len(waiting(warehouse)) == 2, "the migrator does not wait")
        assert version(warehouse) == [(FIRST_REVISION,)]
        holder.rollback()
        assert load.result(20) == 1
        assert upgrade.result(20) == LATER
        # The old task is still running. It would write rows without their daily totals, so it can write no more.
        with pytest.raises(FixConfiguration, match=r"migrated meanwhile, to a newer version .*start that one; nothing was written"):
            put(loading, 2)
    assert loaded_by_the_old(old) == [(0,), (1,)]
    assert differences(warehouse.owner_url) == []
    found = {result.check.name: result.detail for result in run_warehouse_checks(old.settings(), clock=old.fake.clock.now)}
    assert found["rollups_equal_facts"] is None
    old.sync().raise_first()
    assert_equals_source(old, FIRST, END, SINCE_THE_FIRST)


def test_a_load_of_the_old_version_waits_for_the_upgrade_and_then_writes_nothing(
    old: LoadedOrganization, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = old.warehouse
    with old_load(warehouse, monkeypatch) as loading, ThreadPoolExecutor(2) as pool:
        put(loading, 0)
        with holding_the_version(warehouse) as holder:
            upgrade = pool.submit(migrate, warehouse.owner_url)
            until(lambda: len(waiting(warehouse)) == 1, "the migrator does not wait")
            load = pool.submit(put, loading, 1)
            until(lambda: len(waiting(warehouse)) == 2, "the load does not wait for the changed table")
            holder.rollback()
            assert upgrade.result(20) == LATER
            with pytest.raises(FixConfiguration, match="migrated meanwhile"):
                load.result(20)
    assert loaded_by_the_old(old) == [(0,)]
    assert not_added_up(warehouse.superuser_url) == []


def test_an_old_load_that_does_not_end_makes_the_upgrade_give_up_in_one_line_and_change_nothing(
    old: LoadedOrganization, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = old.warehouse
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT", "300ms")
    granted = rights(warehouse)
    with old_load(warehouse, monkeypatch) as loading, loading.store.connection.transaction():
        put(loading, 0)
        with pytest.raises(TryAgainLater, match=r"the migration changed nothing: .*run again") as refused:
            migrate(warehouse.owner_url)
        assert "\n" not in str(refused.value)
        assert version(warehouse) == [(FIRST_REVISION,)]
        assert put(loading, 1) == 1
    assert loaded_by_the_old(old) == [(0,), (1,)]
    assert rights(warehouse) == granted
    assert migrate(warehouse.owner_url) == LATER


def test_a_migrator_that_is_killed_after_it_changed_the_tables_leaves_the_old_version(old: LoadedOrganization, tmp_path: Path) -> None:
    warehouse = old.warehouse
    stood, granted = places(warehouse.superuser_url, OLD), rights(warehouse)
    with holding_the_version(warehouse), migrating(warehouse, tmp_path) as process:
        until(lambda: bool(waiting(warehouse)), "the migrator does not wait")
        (migrator,) = waiting(warehouse)
        # It holds the migrators' lock and the changed table, and has not written down the version.
        held = "SELECT locktype, relation::regclass::text, mode FROM pg_locks WHERE pid = %s AND granted"
        locks = rows(warehouse.superuser_url, held, [migrator])
        assert ("advisory", None, "ExclusiveLock") in locks
        assert ("relation", "warehouse.dim_organization", "AccessExclusiveLock") in locks
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    gone = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
    until(lambda: rows(warehouse.superuser_url, gone, [migrator]) == [(0,)], "the killed migrator's session stays")
    assert version(warehouse) == [(FIRST_REVISION,)]
    assert places(warehouse.superuser_url, OLD) == stood
    assert rights(warehouse) == granted
    with pytest.raises(FixConfiguration, match="at migration 0001"):
        Store(warehouse.loader_url)
    with migrating(warehouse, tmp_path) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("applied 0002, 0003")
    assert differences(warehouse.owner_url) == []
    assert_equals_source(old, FIRST, END, FEW)


@pytest.mark.parametrize("view", ["fact_costs_daily", "usage_daily", "tokens_by_model_daily", "coverage"])
def test_a_reader_that_comes_in_the_middle_of_the_upgrade_waits_and_is_answered(old: LoadedOrganization, view: str) -> None:
    warehouse = old.warehouse
    counted = f"SELECT count(*) FROM bi.{view}"
    before = old.read(counted)
    with holding_the_version(warehouse) as holder, ThreadPoolExecutor(2) as pool:
        upgrade = pool.submit(migrate, warehouse.owner_url)
        until(lambda: len(waiting(warehouse)) == 1, "the migrator does not wait")
        reader = pool.submit(old.read, counted)
        until(lambda: len(waiting(warehouse)) == 2, "the reader does not wait")
        holder.rollback()
        assert upgrade.result(20) == LATER
        assert reader.result(20) == before


def test_a_superuser_who_migrates_leaves_the_views_to_their_owner(old: LoadedOrganization) -> None:
    owned = "SELECT schemaname, viewname, viewowner FROM pg_views WHERE schemaname IN ('bi', 'bi_team', 'warehouse')"
    before = set(old.query(owned))
    assert {owner for *_, owner in before} == {"meterhouse_owner"}
    assert migrate(old.warehouse.superuser_url) == LATER
    after = set(old.query(owned))
    assert before < after
    assert {owner for *_, owner in after} == {"meterhouse_owner"}
    assert migrate(old.warehouse.owner_url) == []
    old.sync(["costs"]).raise_first()


def test_two_migrators_at_once_upgrade_a_loaded_warehouse_once(old: LoadedOrganization) -> None:
    barrier = threading.Barrier(2)

    def run(_: int) -> list[str]:
        barrier.wait(20)
        return migrate(old.warehouse.owner_url)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, range(2))) == [[], LATER]
    assert differences(old.warehouse.owner_url) == []
    assert_equals_source(old, FIRST, END, FEW)


def test_down_to_the_first_version_keeps_every_row_and_up_again_shows_them(old: LoadedOrganization) -> None:
    warehouse = old.warehouse
    migrate(warehouse.owner_url)
    old.sync(["costs"]).raise_first()
    stood, granted = places(warehouse.superuser_url, KEPT), rights(warehouse)
    assert migrate(warehouse.owner_url, FIRST_REVISION) == list(reversed(LATER))
    assert version(warehouse) == [(FIRST_REVISION,)]
    assert places(warehouse.superuser_url, KEPT) == stood
    column = "SELECT FROM pg_attribute WHERE attname = 'vendor_organization_id'"
    assert old.query(column) == []
    # The older version brings its own views.
    assert old.query("SELECT FROM pg_views WHERE schemaname = 'bi'") == []
    assert migrate(warehouse.owner_url) == LATER
    assert places(warehouse.superuser_url, KEPT) == stood
    assert rights(warehouse) == granted
    assert_equals_source(old, FIRST, END, SINCE_THE_FIRST)
    # Their organization was forgotten, and is learned again.
    old.sync(["costs"]).raise_first()
    assert old.query("SELECT vendor_organization_id FROM warehouse.dim_organization") == [(old.fake.roster.organization_id,)]


def test_down_to_nothing_drops_the_rows_and_up_again_loads_them_from_the_vendor(old: LoadedOrganization) -> None:
    warehouse = old.warehouse
    assert migrate(warehouse.owner_url, "base") == [FIRST_REVISION]
    assert schemas(warehouse.superuser_url) == {"public", "ops"}
    assert rows(warehouse.superuser_url, "SELECT version_num FROM ops.alembic_version") == []
    with pytest.raises(FixConfiguration, match="the warehouse is empty: run meterhouse migrate"):
        Store(warehouse.loader_url)
    assert migrate(warehouse.owner_url) == REVISIONS
    assert differences(warehouse.owner_url) == []
    assert row_counts(warehouse.superuser_url) == {}
    old.sync(FEW).raise_first()
    assert_equals_source(old, FIRST, END, FEW)


def test_an_open_load_reports_that_the_warehouse_was_migrated_down(old: LoadedOrganization) -> None:
    migrate(old.warehouse.owner_url)
    with Store(old.warehouse.loader_url) as store:
        assert store.organizations.vendor_id(old.label) is None
        migrate(old.warehouse.owner_url, FIRST_REVISION)
        for ask in (lambda: store.organizations.vendor_id(old.label), lambda: store.organizations.claim(old.label, "org-x", OPENAI)):
            with pytest.raises(FixConfiguration, match="older migration: run meterhouse migrate"):
                ask()
