"""The store by its own contract: what is written by hand is read back to the letter, and each error says what was being done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.accounting.finality import Finality
from meterhouse.catalogue.endpoints import COMPLETIONS, DAY, HOUR, MODERATIONS
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.errors import FixConfiguration
from meterhouse.load.chain import CoveredBucket
from meterhouse.load.names_history import Listing, NamesReplaced
from meterhouse.load.store import Capability, Store
from meterhouse.load.stream import Fetch, Stream
from meterhouse.warehouse.schema import PROJECT_NAMES
from meterhouse.warehouse.session import READ
from meterhouse.windows import Window

from .loaded_organization import rows
from .opened_store import NEVER_LOADED, place, store
from .test_replace_window import NOW, Buckets, Loading, day, key, until_somebody_waits, window

__all__ = ["place", "store"]  # fixtures, which pytest finds by their names

ONE = {key("a"): (1, 1, None)}


def test_a_label_of_one_vendor_is_not_given_to_another(store: Store) -> None:
    other = replace(OPENAI, name="other", key_variable="OTHER_KEY")
    ours = store.organization_id("ours", create_for=OPENAI)
    with pytest.raises(FixConfiguration, match=r"the label ours holds an organization of openai: give the key of other a label"):
        store.organizations.key("ours", create_for=other)
    with pytest.raises(FixConfiguration, match="OTHER_KEY_<LABEL>"):
        store.replace_names("ours", [], store.next_fetch_number(), NOW, other)
    theirs = store.organizations.key("theirs", create_for=other)
    assert theirs not in {None, ours}
    assert "theirs" not in store.organizations.all_labels(OPENAI)
    with pytest.raises(FixConfiguration, match="theirs is an organization of other, which this version does not know"):
        store.organizations.vendor("theirs")


def test_a_store_that_is_opened_to_read_writes_nothing(place: Warehouse) -> None:
    with Store(place.loader_url, READ) as reading, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reading.connection.execute("DELETE FROM ops.watermarks")


@pytest.fixture
def loading(store: Store) -> Loading:
    return Loading(store, store.start_run("sync", {}, NOW))


def stream(label: str) -> Stream:
    return Stream(label, MODERATIONS, DAY)


def test_an_organization_is_made_only_when_asked_and_keeps_its_key(store: Store, place: Warehouse) -> None:
    assert store.organization_id("made") is None
    made = store.organization_id("made", create_for=OPENAI)
    assert rows(place.superuser_url, "SELECT organization_id FROM warehouse.dim_organization WHERE label = 'made'") == [(made,)]
    assert store.organization_id("made") == made


def test_a_watermark_is_the_end_of_what_was_loaded_and_of_its_own_stream(loading: Loading) -> None:
    assert loading.store.watermark(stream("marked")) is None
    loading.replace(window(0, 2), {day(0): ONE, day(1): {}}, stream=stream("marked"))
    assert loading.store.watermark(stream("marked")) == day(2)
    others = [NEVER_LOADED, Stream("marked", COMPLETIONS, DAY), Stream("marked", MODERATIONS, HOUR)]
    assert [loading.store.watermark(other) for other in others] == [None, None, None]


def test_a_capability_is_read_back_as_it_was_found_out_last(store: Store) -> None:
    first, second = Capability(True, None, NOW), Capability(False, "not for you", NOW + timedelta(days=1))
    store.remember_capability("able", MODERATIONS, "endpoint", second)
    store.remember_capability("able", MODERATIONS, "history", first)
    store.remember_capability("able", COMPLETIONS, "endpoint", first)
    assert store.capabilities("able", MODERATIONS) == {"endpoint": second, "history": first}
    store.remember_capability("able", MODERATIONS, "endpoint", first)
    store.remember_capability("able", MODERATIONS, "history", second)
    assert store.capabilities("able", MODERATIONS) == {"endpoint": first, "history": second}
    assert store.capabilities("nobody", MODERATIONS) == {}


def test_a_run_is_logged_with_what_was_asked_how_it_ended_and_why(store: Store, place: Warehouse) -> None:
    run = store.start_run("backfill", {"organization": "logged"}, NOW)
    logged = "SELECT command, parameters, status, started_at, finished_at, error FROM ops.run_log WHERE run_id = %s"
    begun = ("backfill", {"organization": "logged"})
    assert rows(place.superuser_url, logged, [run]) == [(*begun, "running", NOW, None, None)]
    store.finish_run(run, "failed", NOW + timedelta(hours=1), "for a reason")
    assert rows(place.superuser_url, logged, [run]) == [(*begun, "failed", NOW, NOW + timedelta(hours=1), "for a reason")]
    store.finish_run(run, "done", NOW)
    assert rows(place.superuser_url, logged, [run]) == [(*begun, "done", NOW, NOW, None)]


def test_a_window_counts_as_loaded_by_its_run_when_it_was_over_and_whole(loading: Loading, store: Store) -> None:
    mine = stream("windows")
    loading.replace(window(0, 2), {day(0): ONE, day(1): {}}, stream=mine)
    loading.replace(window(2, 4), {day(2): ONE}, stream=mine)  # one of its days did not come
    today = NOW.replace(hour=0)
    loading.replace(Window(today, today + timedelta(days=1)), {today: ONE}, stream=mine)
    assert store.loaded_windows(loading.run_id, mine) == {window(0, 2)}
    others = [NEVER_LOADED, Stream("windows", COMPLETIONS, DAY), Stream("windows", MODERATIONS, HOUR)]
    assert [store.loaded_windows(loading.run_id, other) for other in others] == [set(), set(), set()]
    assert store.loaded_windows(store.start_run("sync", {}, NOW), mine) == set()


def test_a_partition_is_made_for_the_month_of_any_instant_and_asked_for_once(store: Store, place: Warehouse) -> None:
    store.ensure_partition(MODERATIONS, datetime(2027, 5, 17, 13, 14, 15, 16, tzinfo=UTC))
    made = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE 'usage_%%_2027_05'"
    assert rows(place.superuser_url, made) == [("usage_moderations_2027_05",)]
    store.connection.close()
    store.ensure_partition(MODERATIONS, datetime(2027, 5, 31, 23, 59, 59, 999999, tzinfo=UTC))
    for other in (datetime(2027, 6, 1, tzinfo=UTC), datetime(2028, 5, 17, tzinfo=UTC)):
        with pytest.raises(psycopg.OperationalError):
            store.ensure_partition(MODERATIONS, other)
    with pytest.raises(psycopg.OperationalError):
        store.ensure_partition(COMPLETIONS, datetime(2027, 5, 17, tzinfo=UTC))


def test_nothing_of_a_window_that_was_given_up_comes_into_the_next(loading: Loading, place: Warehouse) -> None:
    given_up = loading.store.stage(stream("staged"), MODERATIONS.dimensions)
    given_up.collect([(day(0), ONE)])
    loading.replace(window(0, 1), {day(0): {}}, stream=stream("staged"))
    loaded = "SELECT count(*) FROM warehouse.usage_moderations JOIN warehouse.dim_group USING (group_id) WHERE organization_id = %s"
    assert rows(place.superuser_url, loaded, [loading.store.organization_id("staged")]) == [(0,)]


def test_results_of_checks_are_kept_for_a_hundred_days(store: Store, place: Warehouse) -> None:
    now = datetime.now(UTC)
    results = [
        ("old", "warn", False, 2, "two places", now - timedelta(days=101)),
        ("young", "fail", True, 0, None, now - timedelta(days=99)),
    ]
    store.keep_check_results(results)
    kept = "SELECT check_name, severity, is_ok, findings, detail, checked_at FROM ops.check_results ORDER BY checked_at"
    assert rows(place.superuser_url, kept) == results
    store.keep_check_results([])
    assert rows(place.superuser_url, kept) == results[1:]


def test_a_claim_of_alerts_returns_the_new_ones_in_utc_days_and_can_be_taken_back(store: Store, place: Warehouse) -> None:
    night = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert store.alerts.claim(["a", "b", "a"], night) == {"a", "b"}
    assert store.alerts.claim(["b", "c"], night + timedelta(minutes=1)) == {"c"}
    store.alerts.give_back(["b", "c"], night)
    kept = "SELECT problem, told_on, told_at FROM ops.alerts ORDER BY problem"
    assert [row[0] for row in rows(place.superuser_url, kept)] == ["a", "c"]
    assert store.alerts.claim(["a"], night + timedelta(hours=1)) == {"a"}
    assert store.alerts.claim(["d"], night + timedelta(days=100, seconds=30)) == {"d"}
    assert [row[0] for row in rows(place.superuser_url, kept)] == ["a", "c", "d"]
    assert rows(place.superuser_url, kept)[0][1:] == (night.date() + timedelta(days=1), night + timedelta(hours=1))


def test_the_buckets_of_a_window_are_counted_by_what_became_of_them(loading: Loading, store: Store) -> None:
    mine = stream("counted")
    stage = store.stage(mine, MODERATIONS.dimensions)
    stage.collect([(day(0), ONE), (day(1), ONE)])
    states = {0: (Finality.SETTLED, 1), 1: (Finality.OPEN, 1), 2: (Finality.SETTLED, 0), 3: (Finality.SETTLING, 0)}
    covered = [CoveredBucket(day(n), day(n), day(n + 1), finality, count) for n, (finality, count) in states.items()]
    fetch = Fetch(store.next_fetch_number(), MODERATIONS.dimensions, 1, 0.0)
    stage.replace(window(0, 4), covered, fetch, run_id=loading.run_id, now=NOW, moves_watermark=True, protected=None)
    counted = [("loaded", 1), ("provisional", 2), ("empty", 1), ("missing", 2)]
    assert sorted(store.coverage_counts("counted", "moderations", DAY, window(-1, 5)).items()) == sorted(counted)
    assert store.coverage_counts("counted", "moderations", DAY, window(0, 1)) == {"loaded": 1}
    assert store.coverage_counts("counted", "moderations", HOUR, window(0, 1)) == {"missing": 24}
    assert store.coverage_counts("counted", "completions", DAY, window(0, 1)) == {"missing": 1}
    assert store.coverage_counts("nobody", "moderations", DAY, window(0, 1)) == {"missing": 1}


def test_freshness_has_a_heading_for_each_figure(loading: Loading, store: Store) -> None:
    loading.replace(window(0, 3), {day(0): ONE, day(1): {}}, stream=stream("fresh"))
    headings, found = store.freshness()
    (row,) = [dict(zip(headings, row, strict=True)) for row in found if row[0] == "fresh"]
    assert headings == [
        "organization", "endpoint", "bucket_width", "status", "read_at_utc", "loaded_until_utc", "settled_through", "buckets", "settled",
        "missing", "rows", "detail",
    ]  # fmt: skip
    assert row | {"read_at_utc": None} == {
        "organization": "fresh",
        "endpoint": "moderations",
        "bucket_width": "1d",
        "status": "loaded",
        "read_at_utc": None,
        "loaded_until_utc": day(2).replace(tzinfo=None),
        "settled_through": day(1).date(),
        "buckets": 2,
        "settled": 2,
        "missing": 0,
        "rows": 1,
        "detail": None,
    }
    assert row["read_at_utc"] == NOW.replace(tzinfo=None)
    assert found == sorted(found, key=lambda row: row[:3])


def test_a_purge_counts_what_it_removed_and_names_what_there_is_when_it_finds_nothing(loading: Loading, store: Store) -> None:
    buckets: Buckets = {day(0): ONE, day(1): {}}
    loading.replace(window(0, 2), buckets, stream=stream("purged"))
    with pytest.raises(FixConfiguration) as told:
        store.purge("nobody")
    labels = ", ".join(store.organizations.all_labels())
    assert str(told.value) == f"no organization is called 'nobody'; loaded are: {labels}"
    removed = store.purge("purged")
    assert {name: removed[name] for name in ("usage_moderations", "coverage", "watermarks", "load_log", "dim_organization")} == {
        "usage_moderations": 1,
        "coverage": 2,
        "watermarks": 1,
        "load_log": 1,
        "dim_organization": 1,
    }
    assert all(removed.values())
    assert store.organization_id("purged") is None


def test_where_nothing_was_loaded_a_purge_says_so(warehouse: Warehouse) -> None:
    with Store(warehouse.loader_url) as store, pytest.raises(FixConfiguration, match=r"loaded are: none$"):
        store.purge("nobody")


def projects(*names: str) -> Listing:
    return Listing(PROJECT_NAMES, {name: {"project_name": name.upper()} for name in names}, lambda _: True)


def test_names_are_written_with_one_entry_of_the_run_log_and_not_by_a_run_that_began_earlier(store: Store, place: Warehouse) -> None:
    logged = (
        "SELECT status, started_at, finished_at, (parameters ->> 'fetch_number')::int FROM ops.run_log"
        " WHERE command = 'directory' AND parameters ->> 'organization' = 'named' ORDER BY run_id"
    )
    assert store.replace_names("named", [projects("n1", "n2")], 7, NOW, OPENAI) == [NamesReplaced(added=2)]
    assert rows(place.superuser_url, logged) == [("done", NOW, NOW, 7)]
    assert store.replace_names("named", [projects("n1", "n3")], 6, NOW, OPENAI) is None
    assert store.replace_names("named", [projects("n1", "n2")], 8, NOW, OPENAI) == [NamesReplaced(unchanged=2)]
    assert rows(place.superuser_url, logged) == [("done", NOW, NOW, 7)]
    assert store.replace_names("named", [projects("n2", "n3")], 9, NOW, OPENAI) == [NamesReplaced(added=1, deleted=1, unchanged=1)]
    stored = "SELECT project_id, project_name, valid_from, deleted_at FROM warehouse.dim_project WHERE organization_id = %s ORDER BY 1"
    assert rows(place.superuser_url, stored, [store.organization_id("named")]) == [
        ("n1", "N1", NOW, NOW), ("n2", "N2", NOW, None), ("n3", "N3", NOW, None)
    ]  # fmt: skip


def test_a_list_with_none_of_the_known_projects_is_another_organization_s(store: Store) -> None:
    store.replace_names("known", [projects("k1", "k2")], 1, NOW, OPENAI)
    with pytest.raises(FixConfiguration) as told:
        store.replace_names("known", [projects("x1", "x2", "x3")], 2, NOW, OPENAI)
    assert str(told.value) == (
        "the key of known lists 3 projects and none of the 2 that the warehouse knows under this label, so it opens another organization:"
        " use the right key, give this one a label of its own (OPENAI_ADMIN_KEY_<LABEL>), or run meterhouse purge --organization known"
    )
    assert store.replace_names("known", [projects()], 3, NOW, OPENAI) == [NamesReplaced(deleted=2)]


@pytest.mark.parametrize("work", [Store.rebuild_totals, lambda store: store.purge("locked")], ids=["daily totals", "purge"])
def test_daily_totals_and_a_purge_wait_for_a_load_that_holds_its_stream(
    loading: Loading, place: Warehouse, work: Callable[[Store], Any]
) -> None:
    loading.replace(window(0, 1), {day(0): ONE}, stream=stream("locked"))
    with psycopg.connect(place.superuser_url) as holder, Store(place.loader_url) as other, ThreadPoolExecutor() as pool:
        holder.execute("SELECT FROM ops.watermarks WHERE organization_id = %s FOR UPDATE", [loading.store.organization_id("locked")])
        done = pool.submit(work, other)
        until_somebody_waits(place.superuser_url)
        assert not done.done()
        holder.rollback()
        done.result(timeout=20)


def test_daily_totals_are_made_equal_to_the_rows_and_counted(loading: Loading, store: Store, place: Warehouse) -> None:
    loading.replace(window(0, 1), {day(0): ONE}, stream=stream("added"))
    assert store.rebuild_totals() == 0
    with psycopg.connect(place.superuser_url) as connection:
        connection.execute("DELETE FROM warehouse.rollup_usage_by_model WHERE organization_id = %s", [store.organization_id("added")])
    assert store.rebuild_totals() == 1
    assert store.rebuild_totals() == 0
