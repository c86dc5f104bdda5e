"""Totals equal the rows whatever a load does to them, are written only if they differ, and are repaired automatically."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import DAY, HOUR, MINUTE, MODERATIONS
from meterhouse.load.store import Store
from meterhouse.load.stream import Stream
from meterhouse.warehouse.migrate import migrate
from meterhouse.warehouse.rollups import fill
from meterhouse.warehouse.tables import ROLLUPS

from .added_up import not_added_up
from .fingerprints import places
from .loaded_organization import FEW, LoadedOrganization, rows
from .revisions import before, revision
from .test_replace_window import LOADS, Loading, day, key, loading, window

__all__ = ["loading"]
SUMS = tuple(f"warehouse.{name}" for name in ROLLUPS)
VIEWS = {name: name.removeprefix("rollup_").replace("_by", "_daily_by", 1) for name in ROLLUPS} | {
    "rollup_usage_by_hour": "usage_hourly_by_project",
}
MODERATED = (
    "SELECT usage_date, project_id, model, row_count::int, input_tokens::numeric, requests::numeric"
    " FROM warehouse.rollup_usage_by_model ORDER BY 1, 2, 3"
)


def shown(loading: Loading, query: str = MODERATED) -> list[tuple[Any, ...]]:
    return loading.store.connection.execute(query.encode()).fetchall()


def test_a_first_load_later_days_restatements_and_a_backfill_leave_sums_of_the_rows(acme: LoadedOrganization) -> None:
    url = acme.warehouse.superuser_url
    acme.sync().raise_first()
    for view in ("usage_daily_by_user", "usage_hourly_by_project"):
        assert rows(url, f"SELECT count(*) > 100 FROM bi.{view}") == [(True,)]
    assert not_added_up(url) == []
    acme.advance(days=2)
    acme.sync(FEW).raise_first()
    assert not_added_up(url) == []
    acme.backfill(acme.today - timedelta(days=40), acme.today - timedelta(days=9), FEW).raise_first()
    acme.backfill(acme.today - timedelta(days=40), acme.today - timedelta(days=30), FEW[:-1], width=HOUR).raise_first()
    assert not_added_up(url) == []
    for facts, sums in (("usage_daily", "usage_daily_by_model"), ("usage_hourly", "usage_hourly_by_project")):
        assert rows(url, f"SELECT DISTINCT endpoint FROM bi.{facts} EXCEPT SELECT endpoint FROM bi.{sums}") == []


def test_a_row_that_grows_vanishes_or_appears_changes_only_the_totals_of_its_day(loading: Loading) -> None:
    first = {day(0): {key("a"): (10, 1, None), key("b"): (5, 1, None)}, day(1): {key("a"): (7, 1, None)}}
    loading.replace(window(0, 2), first)
    assert shown(loading) == [
        (day(0).date(), "a", "omni", 1, 10, 1),
        (day(0).date(), "b", "omni", 1, 5, 1),
        (day(1).date(), "a", "omni", 1, 7, 1),
    ]
    other_day = f"SELECT ctid::text, xmin::text FROM warehouse.rollup_usage_by_model WHERE usage_date = '{day(1).date()}'"
    stood = shown(loading, other_day)
    loading.replace(window(0, 2), {day(0): {key("a"): (11, 2, None), key("c"): (1, 1, None)}, day(1): first[day(1)]})
    assert shown(loading)[:2] == [(day(0).date(), "a", "omni", 1, 11, 2), (day(0).date(), "c", "omni", 1, 1, 1)]
    assert shown(loading, other_day) == stood


def test_rows_of_one_model_and_project_are_one_sum_and_what_nobody_says_is_a_member_of_its_own(loading: Loading) -> None:
    keyed = {("a", user, None, "omni"): (10, 1, None) for user in ("u", "v", None)} | {key(None): (3, 1, None)}
    loading.replace(window(0, 1), {day(0): keyed})
    assert shown(loading) == [(day(0).date(), "a", "omni", 3, 30, 3), (day(0).date(), None, "omni", 1, 3, 1)]
    assert shown(loading, "SELECT project_id, user_id, input_tokens::int FROM warehouse.rollup_usage_by_user ORDER BY 1, 2") == [
        ("a", "u", 10), ("a", "v", 10), ("a", None, 10), (None, None, 3),
    ]  # fmt: skip
    loading.replace(window(0, 1), {day(0): {}})
    assert shown(loading) == []


HOURS = Stream(LOADS.organization, MODERATIONS, HOUR)
BY_HOUR = "SELECT usage_date, bucket_start, project_id, row_count::int, input_tokens::int FROM warehouse.rollup_usage_by_hour ORDER BY 2, 3"


def hour(number: int) -> datetime:
    return day(0) + timedelta(hours=number)


def test_a_width_is_in_its_own_totals_only(loading: Loading) -> None:
    loading.replace(window(0, 1), {day(0): {key("a"): (10, 1, None)}}, stream=HOURS)
    loading.replace(window(0, 1), {day(0): {key("b"): (9, 1, None)}}, stream=Stream(LOADS.organization, MODERATIONS, MINUTE))
    assert shown(loading) == []
    assert shown(loading, BY_HOUR) == [(day(0).date(), hour(0), "a", 1, 10)]
    loading.replace(window(0, 1), {day(0): {key("c"): (7, 1, None)}})
    assert shown(loading, BY_HOUR) == [(day(0).date(), hour(0), "a", 1, 10)]


def test_a_row_that_grows_vanishes_or_appears_changes_only_the_totals_of_its_hour(loading: Loading) -> None:
    last = {hour(23): {key("a"): (7, 1, None)}, hour(24): {key("a"): (8, 1, None)}}
    users = {("a", user, None, "omni"): (10, 1, None) for user in ("u", "v")}
    loading.replace(window(0, 2), {hour(5): users | {key("b"): (5, 1, None)}, **last}, stream=HOURS)
    first = [(day(0).date(), hour(5), "a", 2, 20), (day(0).date(), hour(5), "b", 1, 5)]
    others = [(day(0).date(), hour(23), "a", 1, 7), (day(1).date(), hour(24), "a", 1, 8)]
    assert shown(loading, BY_HOUR) == first + others
    places_of_others = f"SELECT ctid::text, xmin::text FROM warehouse.rollup_usage_by_hour WHERE bucket_start > '{hour(5)}'"
    stood = shown(loading, places_of_others)
    loading.replace(window(0, 2), {hour(5): {key("a"): (11, 2, None), key("c"): (1, 1, None)}, **last}, stream=HOURS)
    assert shown(loading, BY_HOUR)[:2] == [(day(0).date(), hour(5), "a", 1, 11), (day(0).date(), hour(5), "c", 1, 1)]
    assert shown(loading, places_of_others) == stood
    loading.replace(window(0, 2), {hour(5): {}, **last}, stream=HOURS)
    assert shown(loading, BY_HOUR) == others


def test_two_counts_that_do_not_fit_a_bigint_when_added_up_do_not_stop_a_load(loading: Loading) -> None:
    largest = 2**63 - 1
    loading.replace(window(0, 1), {day(0): {("a", user, None, "omni"): (largest, 1, None) for user in ("u", "v")}})
    assert shown(loading) == [(day(0).date(), "a", "omni", 2, 2 * largest, 2)]


@pytest.mark.parametrize("by", ["sync", "backfill", "rebuild-totals"])
def test_sums_that_drifted_are_mended_by_the_next_load_of_their_day_and_the_others_stay(acme: LoadedOrganization, by: str) -> None:
    url = acme.warehouse.superuser_url
    acme.sync().raise_first()
    yesterday = acme.today - timedelta(days=1)
    stood = places(url, SUMS, f"usage_date <> '{yesterday}'")
    for name in ROLLUPS:
        rows(url, f"UPDATE warehouse.{name} SET row_count = row_count + 1 WHERE usage_date = '{yesterday}'")
    rows(url, f"DELETE FROM warehouse.rollup_usage_by_user WHERE usage_date = '{yesterday}' AND endpoint = 'completions'")
    invented = "SELECT usage_date, organization_id, 'of nobody', 'usd', 1, 0, 9, 9 FROM warehouse.rollup_costs_by_api_key"
    rows(
        url,
        "INSERT INTO warehouse.rollup_costs_by_api_key (usage_date, organization_id, api_key_id, currency, row_count, rows_without_cost,"
        f" amount, cost) {invented} WHERE usage_date = '{yesterday}' LIMIT 1",
    )
    assert {found[0] for found in not_added_up(url)} == set(VIEWS.values())
    if by == "rebuild-totals":
        with Store(acme.warehouse.loader_url) as store:
            assert store.rebuild_totals() > 0
            assert store.rebuild_totals() == 0
    else:
        loads = [acme.sync()] if by == "sync" else [acme.backfill(yesterday, acme.today, width=width) for width in (DAY, HOUR)]
        for done in loads:
            done.raise_first()
            assert sum(one.rows_inserted + one.rows_updated + one.rows_removed for one in done.summaries) == 0
    assert not_added_up(url) == []
    assert places(url, SUMS, f"usage_date <> '{yesterday}'") == stood


@pytest.mark.parametrize("time_zone", ["UTC", "Pacific/Kiritimati", "America/New_York"])
def test_an_upgrade_adds_up_all_days_in_every_time_zone_of_the_server(warehouse: Warehouse, loading: Loading, time_zone: str) -> None:
    loading.replace(window(0, 2), {day(0): {key("a"): (10, 1, None)}, day(1): {key("b"): (20, 1, None)}})
    loading.store.connection.close()
    rows(warehouse.superuser_url, f"ALTER DATABASE {warehouse.superuser_url.rpartition('/')[2]} SET timezone = '{time_zone}'")
    migrate(warehouse.owner_url, before("rollups"))
    assert migrate(warehouse.owner_url)[0] == revision("rollups")
    assert not_added_up(warehouse.superuser_url) == []
    added = "SELECT usage_date, input_tokens::int FROM warehouse.rollup_usage_by_model ORDER BY 1"
    assert rows(warehouse.superuser_url, added) == [(day(0).date(), 10), (day(1).date(), 20)]


def test_days_that_have_no_rows_any_more_lose_their_sums(warehouse: Warehouse, loading: Loading) -> None:
    loading.replace(window(0, 2), {day(0): {key("a"): (10, 1, None)}, day(1): {key("b"): (20, 1, None)}})
    rows(warehouse.superuser_url, "UPDATE warehouse.rollup_usage_by_model SET usage_date = usage_date + 400")
    with psycopg.connect(warehouse.owner_url) as owner:
        fill(owner)
    assert [(row[0], row[4]) for row in shown(loading)] == [(day(0).date(), 10), (day(1).date(), 20)]


def test_the_sums_of_an_organization_go_with_it(acme: LoadedOrganization) -> None:
    acme.sync(FEW).raise_first()
    url = acme.warehouse.superuser_url
    assert rows(url, "SELECT count(*) > 0 FROM warehouse.rollup_costs_by_line_item") == [(True,)]
    with Store(acme.warehouse.loader_url) as store:
        removed = store.purge(acme.label)
    assert removed["rollup_costs_by_line_item"] > 0
    assert {name: rows(url, f"SELECT count(*) FROM {name}") for name in SUMS} == {name: [(0,)] for name in SUMS}


@pytest.mark.fault(81)
def test_a_day_of_the_vendor_is_a_day_of_the_sums_in_every_time_zone_of_the_server(acme: LoadedOrganization) -> None:
    url = acme.warehouse.superuser_url
    database = url.rpartition("/")[2]
    rows(url, f"ALTER DATABASE {database} SET timezone = 'Pacific/Kiritimati'")
    acme.sync(["embeddings", "costs"]).raise_first()
    assert not_added_up(url) == []
    assert rows(url, "SELECT max(usage_date) FROM warehouse.rollup_usage_by_model") == [(acme.today,)]
