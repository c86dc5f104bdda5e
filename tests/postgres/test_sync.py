"""Sync: what a scheduled run writes, what it leaves alone, how it heals a gap, and that a refused run writes nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import DAY, ENDPOINTS, HOUR
from meterhouse.errors import ConfirmToEmpty, FixConfiguration, TryAgainLater
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.queries import Capabilities
from meterhouse.load.directory import sync_directory
from meterhouse.load.store import Store
from meterhouse.load.sync import sync
from meterhouse.windows import Window, to_epoch

from .comparison import assert_equals_source
from .fingerprints import TABLES, places, row_counts, writes
from .loaded_organization import FEW, LABEL, NOW, LoadedOrganization, midnight, organization, rows, served

FACTS = tuple(name for name in TABLES if name.startswith(("warehouse.usage_", "warehouse.costs")))
GROUPS = ("warehouse.dim_group", "warehouse.dim_cost_group", "warehouse.dim_cost_by_user_group")
ALLOCATION = ("warehouse.cost_allocation", "warehouse.rollup_cost_allocation", "ops.allocated_days", "warehouse.cost_changes",
              "warehouse.cost_comparisons")  # fmt: skip
LEDGER = ("ops.coverage", "ops.revisions", "ops.capabilities")


def watermarks(loaded: LoadedOrganization) -> dict[tuple[str, int], datetime | None]:
    found = loaded.query(
        "SELECT endpoint, bucket_width, watermark FROM ops.watermarks JOIN warehouse.dim_organization USING (organization_id)"
        " WHERE label = %s",
        [loaded.label],
    )
    return {(endpoint, width): watermark for endpoint, width, watermark in found}


def status_of(loaded: LoadedOrganization, endpoint: str, width: str, start: datetime) -> tuple[str, bool]:
    (found,) = loaded.read(
        "SELECT status, is_complete FROM bi.coverage WHERE endpoint = %s AND bucket_width = %s AND bucket_at = %s", [endpoint, width, start]
    )
    return found


def test_a_second_sync_straight_after_writes_no_row_and_no_revision(acme: LoadedOrganization) -> None:
    url = acme.warehouse.superuser_url
    first = acme.sync()
    first.raise_first()
    before, stood = writes(url), places(url, [*FACTS, *LEDGER, *GROUPS, *ALLOCATION])
    second = acme.sync()
    second.raise_first()
    after = writes(url)

    moved = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    # What says that it ran: a run, a load per window, the time on each stream's row.
    assert set(moved) == {"ops.run_log", "ops.load_log", "ops.watermarks"}
    assert stood == places(url, [*FACTS, *LEDGER, *GROUPS, *ALLOCATION])
    assert rows(url, "SELECT count(*) FROM ops.revisions") == [(0,)]
    assert sum(one.rows_inserted + one.rows_updated + one.rows_removed for one in second.summaries) == 0
    assert sum(one.rows_unchanged for one in second.summaries) > 500
    assert {(one.endpoint, one.bucket_width) for one in first.summaries} == {
        *((name, "1d") for name in ENDPOINTS),
        *((name, "1h") for name in ENDPOINTS if not ENDPOINTS[name].is_costs),
    }


def test_the_watermark_is_never_past_now_never_goes_back_and_is_not_moved_by_a_backfill(acme: LoadedOrganization) -> None:
    acme.sync(FEW).raise_first()
    now = acme.now.replace(second=0)
    assert watermarks(acme) == {(name, width.minutes): now for name in FEW for width in ENDPOINTS[name].widths if width in (DAY, HOUR)}
    # A backfill up to today after a day, and a run for an interval of last week: neither moves it, in either direction.
    acme.advance(days=1)
    acme.backfill(acme.today - timedelta(days=6), acme.today + timedelta(days=1), FEW).raise_first()
    past = Window(midnight(acme.today - timedelta(days=6)), midnight(acme.today - timedelta(days=5)))
    acme.sync(["images"], interval=past).raise_first()
    assert set(watermarks(acme).values()) == {now}
    acme.sync(["images"]).raise_first()
    assert watermarks(acme)["images", DAY.minutes] == watermarks(acme)["images", HOUR.minutes] == acme.now
    assert watermarks(acme)["completions", DAY.minutes] == now


def test_a_backfill_before_the_first_sync_does_not_keep_it_from_beginning_where_history_does(acme: LoadedOrganization) -> None:
    acme.backfill(acme.today - timedelta(days=2), acme.today, ["images"]).raise_first()
    assert watermarks(acme) == {("images", DAY.minutes): None}
    acme.sync(["images"]).raise_first()
    assert_equals_source(acme, acme.today.replace(day=1), acme.today + timedelta(days=1), ["images"])


def test_five_days_of_downtime_are_healed_by_the_next_run(acme: LoadedOrganization) -> None:
    acme.sync(FEW).raise_first()
    acme.advance(days=5, hours=3)
    acme.sync(FEW).raise_first()
    assert_equals_source(acme, NOW.date().replace(day=1), acme.today + timedelta(days=1), FEW)
    assert acme.read("SELECT count(*) FROM bi.coverage WHERE status = 'missing'") == [(0,)]
    assert acme.read("SELECT sum(missing_bucket_count) FROM bi.freshness") == [(0,)]


def test_a_run_for_an_interval_reads_what_was_missed_before_it(acme: LoadedOrganization) -> None:
    acme.sync(["completions"]).raise_first()
    acme.advance(days=6)
    yesterday = midnight(acme.today - timedelta(days=1))
    acme.sync(["completions"], interval=Window(yesterday, yesterday + timedelta(days=1))).raise_first()
    assert_equals_source(acme, NOW.date().replace(day=1), acme.today, ["completions"])
    assert acme.read("SELECT count(*) FROM bi.coverage WHERE status = 'missing'") == [(0,)]


@pytest.mark.fault(82)
def test_the_current_bucket_is_provisional_and_complete_once_it_is_over(acme: LoadedOrganization) -> None:
    day, hour = midnight(acme.today), acme.now.replace(minute=0)
    acme.sync(["completions", "costs"]).raise_first()
    assert status_of(acme, "completions", "1d", day) == ("provisional", False)
    assert status_of(acme, "completions", "1h", hour) == ("provisional", False)
    assert status_of(acme, "costs", "1d", day) == ("provisional", False)
    assert acme.read("SELECT bool_or(is_complete) FROM bi.usage_daily WHERE usage_date = %s", [acme.today]) == [(False,)]
    assert acme.read("SELECT bool_and(is_complete) FROM bi.usage_daily WHERE usage_date < %s", [acme.today]) == [(True,)]
    # Its end is the vendor's, so a reader sees how much of it is in.
    of_today = "WHERE endpoint = 'completions' AND bucket_width = '1d' AND usage_date = %s"
    assert acme.read(f"SELECT reported_end_utc FROM bi.coverage {of_today}", [day.date()]) == [(acme.now.replace(tzinfo=None),)]
    acme.advance(hours=18)
    acme.sync(["completions", "costs"]).raise_first()
    assert status_of(acme, "completions", "1d", day) == ("loaded", True)
    assert status_of(acme, "completions", "1h", hour) == ("loaded", True)
    # The bill of a day grows for hours after its end.
    assert status_of(acme, "costs", "1d", day) == ("provisional", False)
    assert acme.read(f"SELECT DISTINCT finality FROM bi.coverage {of_today}", [day.date()]) == [("settled",)]
    assert acme.read("SELECT DISTINCT finality FROM bi.costs_daily WHERE usage_date = %s", [day.date()]) == [("settling",)]
    acme.advance(hours=24)
    acme.sync(["costs"]).raise_first()
    assert status_of(acme, "costs", "1d", day) == ("loaded", True)
    # What grew while the day went on is in the revisions, but is no restatement.
    assert acme.read(f"SELECT DISTINCT is_restatement FROM bi.revisions {of_today}", [day.date()]) == [(False,)]


def test_hours_of_the_oldest_day_that_is_read_again_are_read_from_midnight_on(acme: LoadedOrganization) -> None:
    acme.sync(["completions"]).raise_first()
    acme.advance(hours=1)
    acme.forget_requests()
    acme.sync(["completions"]).raise_first()
    oldest = midnight(acme.today - timedelta(days=3))
    widths = {request.values("bucket_width")[0] for request in acme.server.requests}
    assert widths == {"1d", "1h"}
    assert {start for _, start, _ in acme.windows_asked()} <= {oldest, midnight(acme.today - timedelta(days=2))}


def test_costs_of_the_last_month_are_read_again_while_it_may_still_be_closed(acme: LoadedOrganization) -> None:
    acme.sync(["costs", "images"]).raise_first()
    starts = {}
    for day in (date(2026, 11, 30), date(2026, 12, 5), date(2026, 12, 6)):
        acme.fake.clock.set(midnight(day) + timedelta(hours=6))
        acme.sync(["costs", "images"]).raise_first()
        acme.forget_requests()
        acme.sync(["costs", "images"]).raise_first()
        starts[day] = {path.rpartition("/")[2]: start.date() for path, start, _ in reversed(acme.windows_asked())}
    assert starts == {
        date(2026, 11, 30): {"costs": date(2026, 11, 20), "images": date(2026, 11, 27)},
        date(2026, 12, 5): {"costs": date(2026, 11, 1), "images": date(2026, 12, 2)},
        date(2026, 12, 6): {"costs": date(2026, 11, 26), "images": date(2026, 12, 3)},
    }


def test_two_organizations_in_one_warehouse_do_not_touch_each_other(acme: LoadedOrganization) -> None:
    url = acme.warehouse.superuser_url
    with served(FakeOrganization(NOW, seed=11, scale=0.3), acme.warehouse, "demo") as demo:
        demo.defaults = acme.defaults
        for loaded in (acme, demo):
            loaded.sync(FEW).raise_first()
            (names,) = sync_directory(loaded.settings(), clock=loaded.fake.clock.now)
            assert names.projects.added > 0
        own = "organization_id = (SELECT organization_id FROM warehouse.dim_organization WHERE label = 'acme')"
        owned = [name for name in TABLES if name not in FACTS and "organization_id" in _columns(url, name)]
        groups = f"group_id IN (SELECT group_id FROM warehouse.{{}} WHERE {own})"

        def of_acme() -> set[object]:
            return {
                *places(url, owned, own),
                *places(url, [name for name in FACTS if "costs" not in name], groups.format("dim_group")),
                *places(url, ["warehouse.costs"], groups.format("dim_cost_group")),
            }

        stood = of_acme()
        assert len(stood) > 500
        demo.advance(days=1)
        demo.fake.restate(1)
        demo.sync(FEW).raise_first()
        assert of_acme() == stood
        assert_equals_source(demo, demo.today - timedelta(days=15), demo.today + timedelta(days=1), FEW)
        assert_equals_source(acme, acme.today - timedelta(days=15), acme.today + timedelta(days=1), FEW)

        with Store(demo.warehouse.loader_url) as store:
            removed = store.purge("demo")
            assert {"costs", "usage_completions", "dim_project", "dim_api_key", "run_log", "revisions"} <= removed.keys()
            with pytest.raises(FixConfiguration, match=r"'demo'; loaded are: acme$"):
                store.purge("demo")
        assert of_acme() == stood
        assert row_counts(url)["warehouse.dim_organization"] == 1
        # Nothing of it is left under any name, and what both use stays.
        everything = {text for *_, text in places(url)}
        names = {*demo.fake.roster.projects, *demo.fake.roster.users, *demo.fake.roster.api_keys, "demo"}
        assert [text for text in everything if any(name in text for name in names)] == []
        assert_equals_source(acme, acme.today - timedelta(days=15), acme.today + timedelta(days=1), FEW)
        assert acme.read("SELECT count(*) FROM bi.dim_model") > [(1,)]


def _columns(url: str, table: str) -> set[str]:
    return {name for (name,) in rows(url, "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0", [table])}


def test_purging_the_only_organization_leaves_no_row_in_any_table(acme: LoadedOrganization) -> None:
    acme.sync(FEW).raise_first()
    sync_directory(acme.settings(), clock=acme.fake.clock.now)
    assert len(row_counts(acme.warehouse.superuser_url)) > 12
    with Store(acme.warehouse.loader_url) as store:
        store.purge(LABEL)
    assert row_counts(acme.warehouse.superuser_url) == {}


def test_fields_that_nobody_knows_are_kept_and_reported(warehouse: Warehouse) -> None:
    unknown = {"completions": {"output_thought_tokens": 30, "region": "eu"}, "costs": {"discount": 0.100000000000000000000000000001}}
    with served(FakeOrganization(NOW, scale=0.3, extra_fields=unknown), warehouse) as loaded:
        loaded.defaults["history_start"] = midnight(loaded.today - timedelta(days=3))
        loaded.sync(["completions", "costs", "images"]).raise_first()
        assert_equals_source(loaded, loaded.today - timedelta(days=3), loaded.today + timedelta(days=1), ["completions", "costs", "images"])
    assert rows(warehouse.superuser_url, "SELECT DISTINCT endpoint, unknown_fields FROM ops.load_log ORDER BY 1") == [
        ("completions", ["output_thought_tokens", "region"]),
        ("costs", ["discount"]),
        ("images", None),
    ]
    kept = rows(
        warehouse.superuser_url, "SELECT DISTINCT extra ->> 'region', extra ->> 'output_thought_tokens' FROM warehouse.usage_completions"
    )
    assert kept == [("eu", "30")]
    assert rows(warehouse.superuser_url, "SELECT count(*) FILTER (WHERE extra IS NOT NULL), count(*) > 0 FROM warehouse.usage_images") == [
        (0, True)
    ]


@pytest.mark.fault(71)
def test_an_old_window_that_comes_back_empty_is_emptied_only_by_force(acme: LoadedOrganization) -> None:
    first, end = date(2026, 9, 1), date(2026, 9, 4)
    acme.backfill(first, end, ["images"]).raise_first()
    stood = places(acme.warehouse.superuser_url, FACTS)
    assert stood
    buckets = [
        {"start_time": to_epoch(midnight(first)) + n * 86400, "end_time": to_epoch(midnight(first)) + (n + 1) * 86400, "results": []}
        for n in range(3)
    ]
    acme.server.fail_next(2, status=200, body={"object": "page", "data": buckets, "has_more": False})
    with pytest.raises(ConfirmToEmpty, match="--force") as refused:
        acme.backfill(first, end, ["images"]).raise_first()
    assert refused.value.exit_status == 2
    assert places(acme.warehouse.superuser_url, FACTS) == stood
    acme.backfill(first, end, ["images"], force=True).raise_first()
    assert places(acme.warehouse.superuser_url, FACTS) == set()
    assert rows(acme.warehouse.superuser_url, "SELECT count(*) FROM ops.revisions WHERE change = 'removed'") == [(len(stood),)]
    assert status_of(acme, "images", "1d", midnight(first)) == ("empty", True)


@pytest.mark.fault(78)
def test_one_endpoint_that_fails_leaves_the_others_to_be_loaded(acme: LoadedOrganization) -> None:
    acme.server.fail_next(20, status=500, path_contains="/usage/images")
    outcome = acme.sync(FEW)
    assert [type(error) for error in outcome.errors] == [TryAgainLater]
    with pytest.raises(TryAgainLater, match="images"):
        outcome.raise_first()
    assert_equals_source(acme, acme.today.replace(day=1), acme.today + timedelta(days=1), [name for name in FEW if name != "images"])
    assert rows(acme.warehouse.superuser_url, "SELECT status FROM ops.run_log") == [("failed",)]


def test_an_empty_first_minute_of_a_day_asks_for_nothing_that_has_not_begun(acme: LoadedOrganization) -> None:
    # A window that began this very minute holds no whole minute yet; the vendor refuses an empty span.
    acme.fake.clock.set(midnight(date(2026, 11, 21)) + timedelta(seconds=20))
    acme.backfill(date(2026, 11, 21), date(2026, 11, 22), ["images"]).raise_first()
    acme.sync(["images"]).raise_first()
    assert all(start < end for _, start, end in acme.windows_asked())


def test_an_organization_without_any_history_left_is_loaded_from_now_on(acme: LoadedOrganization) -> None:
    acme.fake.offers = Capabilities(history_days=1)
    acme.sync(["images"]).raise_first()
    assert_equals_source(acme, acme.today - timedelta(days=1), acme.today + timedelta(days=1), ["images"])
    assert watermarks(acme)["images", DAY.minutes] == acme.now


def test_one_sync_of_several_organizations_keeps_them_apart_and_ends_with_the_fault_of_one(acme: LoadedOrganization) -> None:
    with served(FakeOrganization(NOW, seed=5, scale=0.3), acme.warehouse, "second") as second:
        both = (organization(acme.server, LABEL), organization(second.server, "second"))
        acme.server.fail_next(20, status=503, path_contains="/usage/images")
        outcome = sync(acme.settings(organizations=both), ["images", "costs"], clock=lambda: datetime(2026, 11, 20, 12, 9, tzinfo=UTC))
        assert len(outcome.errors) == 1
        assert_equals_source(second, second.today.replace(day=1), second.today + timedelta(days=1), ["images", "costs"])
    found = rows(acme.warehouse.superuser_url, "SELECT parameters ->> 'organization', status FROM ops.run_log ORDER BY 1")
    assert found == [("acme", "failed"), ("second", "done")]


def test_a_run_whose_entry_cannot_be_closed_does_not_end_as_if_it_were(acme: LoadedOrganization) -> None:
    acme.query("REVOKE UPDATE ON ops.run_log FROM meterhouse_loader")
    with pytest.raises(FixConfiguration, match="permission denied for table run_log"):
        acme.sync(["images"])
    assert acme.query("SELECT status FROM ops.run_log") == [("running",)]
    # What was loaded stays, and is not loaded twice.
    acme.query("GRANT UPDATE ON ops.run_log TO meterhouse_loader")
    acme.sync(["images"]).raise_first()
    assert_equals_source(acme, acme.today.replace(day=1), acme.today, ["images"])
