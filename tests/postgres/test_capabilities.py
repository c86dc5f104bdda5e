"""Capabilities: what an organization does not offer is found out, dated, shown, asked for again after a day, and never a failed run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import COMPLETIONS, ENDPOINTS
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.queries import Capabilities
from meterhouse.load.directory import sync_directory
from meterhouse.load.store import Store
from meterhouse.load.sync import sync

from .comparison import COSTS_BY_API_KEY_SINCE, assert_equals_source
from .fingerprints import TABLES, places
from .loaded_organization import NOW, LoadedOrganization, midnight, served

FIRST = NOW.date() - timedelta(days=6)


@pytest.fixture
def serve(warehouse: Warehouse) -> Iterator[Any]:
    """Serves an organization that offers less."""
    opened = []

    def make(**options: Any) -> LoadedOrganization:
        context = served(FakeOrganization(NOW, scale=0.2, **options), warehouse)
        loaded = context.__enter__()
        opened.append(context)
        loaded.defaults |= {"history_start": midnight(FIRST), "hourly_history_days": 1}
        return loaded

    yield make
    for context in opened:
        context.__exit__(None, None, None)


def capabilities(loaded: LoadedOrganization, endpoint: str) -> dict[str, tuple[bool, datetime]]:
    found = loaded.query("SELECT capability, is_supported, probed_at FROM ops.capabilities WHERE endpoint = %s", [endpoint])
    return {name: (supported, probed_at) for name, supported, probed_at in found}


def status(loaded: LoadedOrganization, endpoint: str) -> set[tuple[Any, ...]]:
    return set(loaded.read("SELECT status, bucket_width FROM bi.freshness WHERE endpoint = %s", [endpoint]))


def totals(loaded: LoadedOrganization, query: str) -> list[tuple[Any, ...]]:
    return loaded.read(query, [FIRST])


def test_an_absent_endpoint_is_remembered_shown_and_asked_for_again_after_a_day(serve: Any) -> None:
    loaded = serve(absent_endpoints=["decisions"])
    outcome = loaded.sync(["decisions", "images"])
    outcome.raise_first()
    (one, other) = [summary for summary in outcome.summaries if summary.endpoint == "decisions"]
    assert one.not_offered
    assert one.not_offered == other.not_offered
    assert loaded.paths_asked().count("/v1/organization/usage/decisions") == 1
    assert capabilities(loaded, "decisions") == {"endpoint": (False, NOW)}
    assert status(loaded, "decisions") == {("not offered", None)}
    assert {word for word, _ in status(loaded, "images")} == {"loaded"}
    assert loaded.query("SELECT status FROM ops.run_log") == [("done",)]
    with Store(loaded.warehouse.loader_url) as store:
        columns, found = store.freshness()
    (shown,) = [dict(zip(columns, row, strict=True)) for row in found if row[1] == "decisions"]
    assert shown["status"] == "not offered"
    assert "decisions" in shown["detail"]

    loaded.advance(hours=23, minutes=59)
    loaded.forget_requests()
    loaded.sync(["decisions"]).raise_first()
    assert loaded.paths_asked() == []

    loaded.advance(minutes=1)
    loaded.sync(["decisions"]).raise_first()
    assert len(loaded.paths_asked()) == 1
    assert capabilities(loaded, "decisions") == {"endpoint": (False, NOW + timedelta(days=1))}

    # It is offered by and by, and then the first load goes back as far as any.
    loaded.fake.offers = Capabilities()
    loaded.advance(days=1)
    loaded.sync(["decisions"]).raise_first()
    assert capabilities(loaded, "decisions")["endpoint"] == (True, NOW + timedelta(days=2))
    assert status(loaded, "decisions") == {("loaded", "1d"), ("loaded", "1h")}
    assert_equals_source(loaded, FIRST, loaded.today + timedelta(days=1), ["decisions"])


@pytest.mark.fault(80)
@pytest.mark.parametrize("refused", ["endpoint", "grouping"])
def test_a_refusal_that_a_clock_ahead_of_its_time_wrote_down_does_not_stand_until_then(serve: Any, refused: str) -> None:
    loaded = serve(**{"absent_endpoints": ["web_search_calls"]} if refused == "endpoint" else {})
    if refused == "grouping":
        loaded.fake.offers = Capabilities(unsupported_groupings={"web_search_calls": frozenset(["api_source"])})
    settings = loaded.settings()
    sync(settings, ["web_search_calls"], clock=lambda: loaded.now + timedelta(days=300)).raise_first()
    loaded.fake.offers = Capabilities()
    loaded.sync(["web_search_calls"]).raise_first()
    assert_equals_source(loaded, loaded.today - timedelta(days=2), loaded.today + timedelta(days=1), ["web_search_calls"])


def test_an_endpoint_that_goes_away_keeps_what_was_loaded(serve: Any) -> None:
    loaded = serve()
    loaded.sync(["embeddings"]).raise_first()
    stood = places(loaded.warehouse.superuser_url, ["warehouse.usage_embeddings", "ops.coverage"])
    assert stood
    loaded.fake.offers = Capabilities(absent_endpoints=("embeddings",))
    loaded.advance(hours=1)
    # An hour later it may be an outage; after a week without it, it is gone.
    with pytest.raises(TryAgainLater, match="was there and is not found now"):
        loaded.sync(["embeddings"]).raise_first()
    assert status(loaded, "embeddings") == {("loaded", "1d"), ("loaded", "1h")}
    loaded.advance(days=8)
    loaded.sync(["embeddings"]).raise_first()
    assert places(loaded.warehouse.superuser_url, ["warehouse.usage_embeddings", "ops.coverage"]) == stood
    assert status(loaded, "embeddings") == {("not offered", "1d"), ("not offered", "1h")}


@pytest.mark.fault(88)
def test_another_grouping_of_the_same_figures_is_no_restatement(serve: Any) -> None:
    loaded = serve()
    loaded.sync(["costs"]).raise_first()
    before = loaded.read("SELECT sum(cost) FROM bi.costs_daily")
    loaded.fake.offers = Capabilities(unsupported_groupings={"costs": frozenset({"api_key_id"})})
    outcome = loaded.sync(["costs"])
    outcome.raise_first()
    assert sum(one.rows_removed for one in outcome.summaries) > 0
    assert sum(one.restated_buckets for one in outcome.summaries) == 0
    assert loaded.read("SELECT DISTINCT is_restatement FROM bi.revisions") == [(False,)]
    assert loaded.read("SELECT sum(cost) FROM bi.costs_daily") == before


@pytest.mark.parametrize(
    ("endpoint", "dimension"), [("completions", "api_source"), ("completions", "user_id"), ("costs", "api_key_id"), ("images", "source")]
)
def test_a_grouping_that_is_refused_makes_the_rows_coarser_and_says_so(serve: Any, endpoint: str, dimension: str) -> None:
    loaded = serve(unsupported_groupings={endpoint: [dimension]})
    loaded.sync([endpoint]).raise_first()
    left = ",".join(known.name for known in ENDPOINTS[endpoint].dimensions if known.name != dimension)
    assert set(loaded.query("SELECT DISTINCT source_grouping FROM ops.coverage")) == {(left,)}
    assert set(loaded.query("SELECT DISTINCT source_grouping FROM ops.load_log")) == {(left,)}
    assert set(loaded.read("SELECT DISTINCT source_grouping FROM bi.coverage")) == {(left,)}
    refused = {name: found for name, found in capabilities(loaded, endpoint).items() if not found[0]}
    assert refused == {f"group_by:{dimension}": (False, NOW)}
    assert loaded.query("SELECT DISTINCT status FROM ops.run_log") == [("done",)]
    # One question was in vain, for all windows and widths together.
    assert len(loaded.server.requests) == 1 + loaded.query("SELECT count(*) FROM ops.load_log")[0][0]

    truth = loaded.fake.truth(endpoint, FIRST, loaded.today + timedelta(days=1))
    if endpoint == "costs":
        assert loaded.read("SELECT DISTINCT source_grouping FROM bi.costs_daily") == [(left,)]
        found = dict(totals(loaded, "SELECT usage_date, sum(cost_exact::numeric) FROM bi.costs_daily WHERE usage_date >= %s GROUP BY 1"))
        assert found == {day: figures["amount"] for (day,), figures in truth.items()}
    else:
        found = dict(totals(loaded, "SELECT usage_date, sum(requests) FROM bi.usage_daily WHERE usage_date >= %s GROUP BY 1"))
        assert found == {day: figures["num_model_requests"] for (day,), figures in truth.items()}

    # Known refusals are not asked for again within the day, and are after it; the finer rows then replace the coarser ones.
    loaded.forget_requests()
    loaded.sync([endpoint]).raise_first()
    assert all(dimension not in request.values("group_by") for request in loaded.server.requests)
    loaded.fake.offers = Capabilities()
    loaded.advance(days=1)
    loaded.sync([endpoint]).raise_first()
    assert any(dimension in request.values("group_by") for request in loaded.server.requests)
    assert_equals_source(loaded, FIRST + timedelta(days=4), loaded.today + timedelta(days=1), [endpoint])


def test_costs_before_the_vendor_grouped_by_key_fall_back_and_tie_to_the_invoice(serve: Any) -> None:
    loaded = serve()
    first, end = COSTS_BY_API_KEY_SINCE - timedelta(days=3), COSTS_BY_API_KEY_SINCE + timedelta(days=3)
    loaded.backfill(first, end, ["costs"]).raise_first()
    assert_equals_source(loaded, first, end, ["costs"])
    found = loaded.read("SELECT usage_date, source_grouping FROM bi.coverage ORDER BY 1")
    assert [day for day, grouping in found if "api_key_id" not in grouping] == [first + timedelta(days=number) for number in range(3)]
    # No request was in vain: the date is known, and the windows are cut at it.
    assert [(start.date(), end.date()) for _, start, end in loaded.windows_asked()] == [
        (first, COSTS_BY_API_KEY_SINCE), (COSTS_BY_API_KEY_SINCE, end),
    ]  # fmt: skip


def test_a_start_before_the_vendors_reach_is_clamped_once_and_shown(serve: Any) -> None:
    loaded = serve(history_days=20)
    floor = NOW.date() - timedelta(days=20)
    loaded.defaults["history_start"] = midnight(NOW.date() - timedelta(days=90))
    loaded.sync(["completions", "costs"]).raise_first()
    assert_equals_source(loaded, floor, loaded.today + timedelta(days=1), ["completions", "costs"])
    assert loaded.read("SELECT min(usage_date) FROM bi.coverage WHERE bucket_width = '1d'") == [(floor,)]
    details = loaded.query("SELECT endpoint, is_supported, detail FROM ops.capabilities WHERE capability = 'history' ORDER BY 1")
    assert [(endpoint, supported) for endpoint, supported, _ in details] == [("completions", False), ("costs", False)]
    assert all(detail.startswith(f"begins {floor}: start_time is beyond the reporting lookback") for *_, detail in details)
    assert loaded.query("SELECT status FROM ops.run_log") == [("done",)]
    assert loaded.read("SELECT DISTINCT status FROM bi.freshness") == [("loaded",)]
    # The next run knows where it stands and asks for nothing that is refused.
    loaded.forget_requests()
    before = loaded.query("SELECT * FROM ops.capabilities ORDER BY 1, 2, 3")
    loaded.sync(["completions", "costs"]).raise_first()
    assert all(start.date() >= floor for _, start, _ in loaded.windows_asked())
    assert loaded.query("SELECT * FROM ops.capabilities ORDER BY 1, 2, 3") == before


def test_a_refusal_that_is_no_capability_is_a_configuration_fault(serve: Any) -> None:
    loaded = serve()
    body = {"error": {"message": "limit is wrong", "param": "limit", "type": "invalid_request_error"}}
    loaded.server.fail_next(1, status=400, body=body)
    with pytest.raises(FixConfiguration, match="limit is wrong"):
        loaded.sync(["images"])


@pytest.mark.parametrize("excluded", [("user_id",), "all"])
def test_excluded_dimensions_are_never_asked_for_and_every_total_stays(serve: Any, excluded: Any) -> None:
    loaded = serve()
    every = (*{dimension.name: None for endpoint in ENDPOINTS.values() for dimension in endpoint.dimensions},)
    names = every if excluded == "all" else excluded
    few = ["completions", "images", "web_search_calls", "costs"]
    loaded.sync(few, exclude_dimensions=names).raise_first()
    (summary,) = sync_directory(loaded.settings(exclude_dimensions=names), clock=loaded.fake.clock.now)
    assert summary.users.added == 0
    asked = {name for request in loaded.server.requests for name in request.values("group_by")}
    assert asked.isdisjoint(names)

    texts = " ".join(str(row[-1]) for row in places(loaded.warehouse.superuser_url, TABLES))
    people = {*loaded.fake.roster.users, *(user.email for user in loaded.fake.roster.users.values())}
    hidden = people if excluded != "all" else people | {*loaded.fake.roster.projects, *loaded.fake.roster.api_keys}
    assert hidden
    assert [name for name in hidden if name and name in texts] == []
    recorded = dict(loaded.read("SELECT DISTINCT endpoint, source_grouping FROM bi.coverage"))
    assert recorded == {name: ",".join(d.name for d in ENDPOINTS[name].dimensions if d.name not in names) for name in few}

    end = loaded.today + timedelta(days=1)
    truth = loaded.fake.truth("completions", FIRST, end)
    columns = [metric for metric in COMPLETIONS.metrics if metric.required]
    sums = ", ".join(f"sum({metric.column})" for metric in columns)
    query = f"SELECT usage_date, {sums} FROM bi.usage_daily WHERE endpoint = 'completions' AND usage_date >= %s GROUP BY 1"
    found = {day: tuple(figures) for day, *figures in totals(loaded, query)}
    assert found == {day: tuple(figures[metric.name] for metric in columns) for (day,), figures in truth.items()}
    money = dict(totals(loaded, "SELECT usage_date, sum(cost_exact::numeric) FROM bi.costs_daily WHERE usage_date >= %s GROUP BY 1"))
    assert money == {day: figures["amount"] for (day,), figures in loaded.fake.truth("costs", FIRST, end).items()}
    if excluded == "all":
        assert loaded.read("SELECT max(n) FROM (SELECT count(*) AS n FROM bi.usage_daily GROUP BY usage_date, endpoint) x") == [(1,)]
