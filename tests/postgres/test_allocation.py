"""Allocation: every billed cent has one place, whatever is billed, loaded, restated or missing; and nobody's share depends on an order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from tests.bi.test_reading_plans import nodes
from tests.conftest import Warehouse

from meterhouse.fake_openai import FakeOrganization
from meterhouse.load.store import Store

from .loaded_organization import NOW, LoadedOrganization, served

# Days, projects and line items on which the parts are not the bill, or are unknown where the bill is known.
DIFFERENT = """
SELECT usage_date, organization, project_id, line_item, currency, sum(CASE WHEN is_bill THEN cost ELSE -cost END)
FROM (
    SELECT true AS is_bill, usage_date, organization, project_id, line_item, currency, cost FROM bi.costs_daily
    UNION ALL
    SELECT false, usage_date, organization, project_id, line_item, currency, cost FROM bi.cost_allocation_daily
) both_sides
GROUP BY 1, 2, 3, 4, 5
HAVING sum(CASE WHEN is_bill THEN cost ELSE -cost END) <> 0
    OR bool_or(is_bill AND cost IS NULL) <> bool_or(NOT is_bill AND cost IS NULL)
    OR bool_or(is_bill) <> bool_or(NOT is_bill)
"""


STORED = (
    "SELECT usage_date, project_id, line_item, currency, user_id, api_key_id, model, cost, method, basis, reason, weight, weight_total"
    " FROM warehouse.cost_allocation ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"
)
SHARE_BY_METHOD = "SELECT method, sum(cost) > 0 FROM bi.cost_allocation_daily WHERE is_complete GROUP BY 1 ORDER BY 1"
MONTHS = ("spend_by_user_month", "spend_by_api_key_month", "spend_by_model_month")
FEW = ("completions", "web_search_calls", "costs", "costs_by_user")


@contextmanager
def offering(warehouse: Warehouse, **offers: Any) -> Iterator[LoadedOrganization]:
    """An organization that offers something else than usual."""
    with served(FakeOrganization(NOW, scale=0.2, **offers), warehouse) as loaded:
        yield loaded


def test_the_parts_are_the_bill_by_day_and_by_month(acme: LoadedOrganization) -> None:
    acme.backfill(acme.today - timedelta(days=40), acme.today + timedelta(days=1)).raise_first()
    assert acme.query(DIFFERENT) == []
    sums = "SELECT month_start, currency, sum(cost) FROM bi.{} GROUP BY 1, 2 ORDER BY 1, 2"
    bill = acme.query(sums.format("spend_by_project_month"))
    assert len(bill) == 2
    for view in MONTHS:
        assert acme.query(sums.format(view)) == bill, view
        split = "cost_billed_by_user + cost_billed_by_key + cost_by_quantity + cost_unallocated"
        assert acme.query(f"SELECT count(*) FROM bi.{view} WHERE cost <> {split}") == [(0,)]
    methods = [method for method, _ in acme.query(SHARE_BY_METHOD)]
    assert methods == ["billed_by_key", "billed_by_user", "by_quantity", "unallocated"]
    # Traffic of all kinds is billed.
    lines = str(acme.query("SELECT DISTINCT line_item FROM bi.cost_allocation_daily"))
    assert all(words in lines for words in ("long context", "priority | ", "flex | ", "credit", "bundle", "web search")), lines


def test_whether_a_month_is_allocated_is_looked_up_once_and_not_with_every_key_of_it(acme: LoadedOrganization) -> None:
    acme.backfill(acme.today - timedelta(days=2), acme.today + timedelta(days=1), FEW).raise_first()
    for view in MONTHS:
        ((found,),) = acme.query(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT * FROM bi.{view}")
        plan = found[0]["Plan"]
        assert plan["Actual Rows"] > 3, view
        # Where it is looked up: only while a month's days are added up, not where names are joined.
        asking = {one["Node Type"] for one in nodes(plan) if "SubPlan" in [part["Parent Relationship"] for part in one.get("Plans", ())]}
        assert asking == {"Aggregate"}, view


def test_a_second_run_allocates_nothing_and_everything_again_gives_the_same_rows(acme: LoadedOrganization) -> None:
    acme.sync(FEW).raise_first()
    first = acme.query(STORED)
    written = "SELECT max(xmin::text::bigint), count(*) FROM warehouse.cost_allocation"
    before = acme.query(written)
    acme.sync(FEW).raise_first()
    assert acme.query(written) == before
    with Store(acme.warehouse.loader_url) as store:
        assert store.allocate("acme") == 0
        store.rebuild_totals()
        assert store.allocate("acme") > 0
    assert acme.query(written) != before
    assert acme.query(STORED) == first


def test_restatements_are_followed_on_their_days_and_no_others(acme: LoadedOrganization) -> None:
    acme.sync(FEW).raise_first()
    before = acme.query("SELECT now()")[0][0]
    acme.advance(days=1)
    acme.fake.restate(1)
    acme.sync(FEW).raise_first()
    assert acme.query(DIFFERENT) == []
    again = acme.query("SELECT usage_date FROM ops.allocated_days WHERE allocated_at > %s ORDER BY 1", (before,))
    changed = acme.query(
        "SELECT DISTINCT (bucket_start AT TIME ZONE 'UTC')::date FROM ops.coverage"
        " WHERE changed_at >= %s AND bucket_width = 1440 ORDER BY 1",
        (acme.now - timedelta(hours=1),),
    )
    assert again == changed
    assert 3 < len(again) < 15


def test_an_organization_that_does_not_combine_users_is_spread_by_quantity(warehouse: Warehouse) -> None:
    with offering(warehouse, combines_user=False) as loaded:
        loaded.backfill(loaded.today - timedelta(days=5), loaded.today).raise_first()
        assert loaded.query("SELECT DISTINCT source_grouping FROM bi.coverage WHERE endpoint = 'costs_by_user'") == [
            ("user_id,api_key_id",)
        ]
        assert loaded.query("SELECT sum(cost) FROM bi.costs_by_user_daily") == loaded.query("SELECT sum(cost) FROM bi.costs_daily")
        assert loaded.query(DIFFERENT) == []
        assert [method for method, _ in loaded.query(SHARE_BY_METHOD)] == ["billed_by_key", "by_quantity", "unallocated"]


def test_an_organization_that_refuses_users_is_no_failed_run(warehouse: Warehouse) -> None:
    with offering(warehouse, unsupported_groupings={"costs": ["user_id"]}) as loaded:
        outcome = loaded.sync(FEW)
        outcome.raise_first()
        refused = [summary.not_offered for summary in outcome.summaries if summary.endpoint == "costs_by_user"]
        assert len(refused) == 1
        assert "user_id" in str(refused[0])
        assert loaded.query("SELECT status FROM bi.freshness WHERE endpoint = 'costs_by_user'") == [("not offered",)]
        assert loaded.query(DIFFERENT) == []
        loaded.forget_requests()
        loaded.sync(["costs_by_user"]).raise_first()
        assert loaded.paths_asked() == []


def test_users_that_the_settings_leave_out_are_never_asked_for(warehouse: Warehouse) -> None:
    with offering(warehouse) as loaded:
        outcome = loaded.backfill(loaded.today - timedelta(days=5), loaded.today, exclude_dimensions=("user_id",))
        outcome.raise_first()
        assert [one.left_out for one in outcome.summaries if one.endpoint == "costs_by_user"] == [
            "METERHOUSE_EXCLUDE_DIMENSIONS leaves out user_id"
        ]
        assert not any("user_id" in request.values("group_by") for request in loaded.server.requests)
        assert loaded.query(DIFFERENT) == []
        assert loaded.query("SELECT count(user_id) FROM bi.cost_allocation_daily WHERE basis <> 'key_owner'") == [(0,)]


def test_a_day_whose_text_has_no_digest_is_allocated_again_when_its_rows_change(acme: LoadedOrganization) -> None:
    acme.backfill(acme.today - timedelta(days=5), acme.today, FEW).raise_first()
    with Store(acme.warehouse.loader_url) as store:
        acme.query("UPDATE ops.coverage SET content_digest = NULL WHERE endpoint = 'costs'")
        assert store.allocate("acme") == 5
        acme.query(
            "INSERT INTO ops.revisions (organization_id, endpoint, bucket_width, bucket_start, group_id, change, was_complete, old_values)"
            " SELECT organization_id, 'costs', 1440, max(bucket_start), 1, 'removed', true, '{}' FROM ops.coverage"
            " WHERE endpoint = 'costs' GROUP BY 1"
        )
        assert store.allocate("acme") == 1
