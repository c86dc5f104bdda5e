"""One label, one organization: the key of another one is refused before it replaces anything, and the right key is never in the way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.errors import FixConfiguration
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.load.directory import sync_directory
from meterhouse.load.store import Store
from meterhouse.windows import to_epoch

from .comparison import assert_equals_source
from .fingerprints import places, row_counts
from .loaded_organization import LABEL, NOW, LoadedOrganization, midnight

FIRST = NOW.date() - timedelta(days=6)
LAST = NOW.date() + timedelta(days=1)
COSTS_PATH = "/v1/organization/costs"
EVERY_DIMENSION = tuple({dimension.name: None for endpoint in ENDPOINTS.values() for dimension in endpoint.dimensions})
Serve = Callable[..., LoadedOrganization]


class Retold:
    """An organization whose answers are changed on their way."""

    def __init__(self, fake: FakeOrganization, change: Callable[[Request, dict[str, Any]], None]) -> None:
        self.fake = fake
        self.change = change

    def answer(self, request: Request) -> Answer:
        told = self.fake.answer(request)
        body = msgspec.json.decode(told.body)
        self.change(request, body)
        return Answer(told.status, msgspec.json.encode(body), told.headers)


def leave_organization_out(_: Request, body: dict[str, Any]) -> None:
    for bucket in body.get("data", []):
        for row in bucket.get("results", []):
            row.pop("organization_id", None)


def bill_nothing(request: Request, body: dict[str, Any]) -> None:
    if request.path.endswith("/costs"):
        for bucket in body["data"]:
            bucket["results"] = []


@pytest.fixture
def serve(warehouse: Warehouse) -> Iterator[Serve]:
    """Serves an organization by its seed, under the one label unless another is given."""
    with ExitStack() as opened:

        def make(seed: int = 1, label: str = LABEL, change: Callable[[Request, dict[str, Any]], None] | None = None) -> LoadedOrganization:
            fake = FakeOrganization(NOW, seed=seed, scale=0.2)
            server = opened.enter_context(FakeServer(Retold(fake, change) if change else fake))
            loaded = LoadedOrganization(fake, server, warehouse, label)
            loaded.defaults |= {"history_start": midnight(FIRST), "hourly_history_days": 1}
            return loaded

        yield make


def remembered(warehouse: Warehouse) -> dict[str, str | None]:
    with Store(warehouse.loader_url) as store:
        labels = [row[0] for row in store.connection.execute("SELECT label FROM warehouse.dim_organization")]
        return {label: store.organizations.vendor_id(label) for label in labels}


def assert_refused(ours: LoadedOrganization, other: LoadedOrganization, load: Callable[[], Any]) -> None:
    """The load ends with the one line that says what to do, and not a row of any table was written."""
    stood = places(ours.warehouse.superuser_url)
    with pytest.raises(FixConfiguration) as refused:
        load()
    told = str(refused.value)
    assert f"the label {LABEL} holds the organization {ours.fake.roster.organization_id}" in told
    assert f"its key opens {other.fake.roster.organization_id}" in told
    assert "OPENAI_ADMIN_KEY_<LABEL>" in told
    assert f"meterhouse purge --organization {LABEL}" in told
    assert "\n" not in told
    assert places(ours.warehouse.superuser_url) == stood


def test_the_first_costs_say_whose_they_are_and_nothing_is_written_for_it_again(serve: Serve, warehouse: Warehouse) -> None:
    ours = serve()
    ours.sync(["completions"]).raise_first()
    assert remembered(warehouse) == {LABEL: None}
    ours.sync(["costs"]).raise_first()
    assert remembered(warehouse) == {LABEL: ours.fake.roster.organization_id}
    stood = places(warehouse.superuser_url, ["warehouse.dim_organization"])
    ours.advance(days=1)
    ours.sync(["costs", "completions"]).raise_first()
    assert places(warehouse.superuser_url, ["warehouse.dim_organization"]) == stood
    # It is known, so it is neither kept with every row nor reported as a stranger.
    assert ours.query("SELECT count(*) > 0, count(extra) FROM warehouse.costs") == [(True, 0)]
    assert ours.query("SELECT DISTINCT unknown_fields FROM ops.load_log") == [(None,)]


@pytest.mark.fault(90)
def test_costs_of_another_organization_are_refused_by_a_sync_and_by_a_forced_backfill(serve: Serve) -> None:
    ours, other = serve(), serve(seed=2)
    ours.sync(["costs"]).raise_first()
    assert_refused(ours, other, lambda: other.sync(["costs"]))
    assert len(other.server.requests) == 1
    assert_refused(ours, other, lambda: other.backfill(FIRST, LAST, ["costs"], force=True))
    ours.sync(["costs"]).raise_first()
    assert_equals_source(ours, FIRST, LAST, ["costs"])


@pytest.mark.fault(90)
@pytest.mark.parametrize("endpoint", ["completions", "vector_stores", "file_search_calls"])
def test_usage_of_another_organization_is_refused_after_one_further_request(serve: Serve, endpoint: str) -> None:
    ours, other = serve(), serve(seed=2)
    ours.sync([endpoint, "costs"]).raise_first()
    assert_refused(ours, other, lambda: other.sync([endpoint]))
    assert other.paths_asked() == [f"/v1/organization/usage/{endpoint}", COSTS_PATH]
    ours.sync([endpoint]).raise_first()
    assert_equals_source(ours, FIRST, LAST, [endpoint])


@pytest.mark.parametrize("endpoint", ["images", "costs"])
def test_an_answer_of_another_organization_that_has_no_rows_removes_none(serve: Serve, endpoint: str) -> None:
    ours, other = serve(), serve(seed=2)
    ours.sync([endpoint, "costs"]).raise_first()
    # The last three days, where an empty answer is believed without being forced.
    days = [to_epoch(midnight(NOW.date() - timedelta(days=number))) for number in (3, 2, 1)]
    empty = [{"object": "bucket", "start_time": day, "end_time": day + 86400, "results": []} for day in days]
    page = {"object": "page", "data": empty, "has_more": False, "next_page": None}
    other.server.fail_next(1, status=200, body=page)
    assert_refused(ours, other, lambda: other.backfill(NOW.date() - timedelta(days=3), NOW.date(), [endpoint]))
    # Of the right key it is believed.
    ours.server.fail_next(1, status=200, body=page)
    ours.backfill(NOW.date() - timedelta(days=3), NOW.date(), [endpoint]).raise_first()
    assert ours.query("SELECT count(*) > 0 FROM ops.revisions WHERE change = 'removed' AND endpoint = %s", [endpoint]) == [(True,)]


def test_a_new_label_whose_first_answer_has_no_bucket_is_asked_whose_it_is(serve: Serve) -> None:
    ours, other = serve(), serve(seed=2, label="beta")
    ours.sync(["images", "costs"]).raise_first()
    other.server.fail_next(1, status=200, body={"object": "page", "data": [], "has_more": False, "next_page": None})
    (summary,) = other.backfill(NOW.date() - timedelta(days=3), NOW.date(), ["images"]).summaries
    assert summary.buckets == 0
    assert other.paths_asked()[:2] == ["/v1/organization/usage/images", COSTS_PATH]


def test_the_right_key_is_not_asked_for_anything_more(serve: Serve) -> None:
    ours = serve()
    ours.sync().raise_first()
    ours.forget_requests()
    ours.advance(hours=1)
    ours.sync([name for name in ENDPOINTS if not ENDPOINTS[name].is_costs]).raise_first()
    assert COSTS_PATH not in ours.paths_asked()


def test_without_project_ids_one_small_request_in_a_run_tells_the_right_key_from_another(serve: Serve) -> None:
    ours, other = serve(), serve(seed=2)
    without: dict[str, Any] = {"exclude_dimensions": EVERY_DIMENSION}
    ours.sync(["completions", "images", "costs"], **without).raise_first()
    ours.forget_requests()
    ours.sync(["completions", "images"], **without).raise_first()
    (asked,) = [request for request in ours.server.requests if request.path == COSTS_PATH]
    assert asked.values("group_by") == []
    assert asked.values("limit") == ["31"]
    assert_refused(ours, other, lambda: other.sync(["completions", "images"], **without))
    ours.sync(["completions", "images", "costs"], **without).raise_first()
    money = dict(ours.read("SELECT usage_date, sum(cost_exact::numeric) FROM bi.costs_daily GROUP BY 1"))
    assert money == {day: figures["amount"] for (day,), figures in ours.fake.truth("costs", FIRST, LAST).items()}


@pytest.mark.parametrize("fault", ["costs are away", "nothing was billed", "the vendor leaves the field out"])
def test_a_doubt_that_nobody_can_clear_does_not_stop_the_load(serve: Serve, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    ours = serve()
    without: dict[str, Any] = {"exclude_dimensions": EVERY_DIMENSION}
    ours.sync(["images", "costs"], **without).raise_first()
    changes = {"nothing was billed": bill_nothing, "the vendor leaves the field out": leave_organization_out}
    same = serve(change=changes.get(fault))
    same.advance(hours=20)
    if fault == "costs are away":
        same.server.fail_next(9, status=404, path_contains="/costs")
    with caplog.at_level(logging.WARNING):
        same.sync(["images"], **without).raise_first()
    assert same.paths_asked().count(COSTS_PATH) == 1
    assert "whether the key opens the organization of this label" in caplog.text
    covered = "SELECT max(usage_date) FROM bi.coverage WHERE endpoint = 'images' AND status <> 'missing'"
    assert same.read(covered) == [(same.today,)]
    assert same.today > ours.today


def test_a_vendor_that_never_says_whose_costs_they_are_is_loaded_as_ever(serve: Serve, warehouse: Warehouse) -> None:
    ours = serve(change=leave_organization_out)
    for _ in range(2):
        ours.sync(["completions", "costs"]).raise_first()
        ours.advance(days=1)
    assert remembered(warehouse) == {LABEL: None}
    assert_equals_source(ours, FIRST, NOW.date() - timedelta(days=3), ["completions", "costs"])
    # It begins to say so by and by.
    serve().sync(["costs"]).raise_first()
    assert remembered(warehouse) == {LABEL: ours.fake.roster.organization_id}


def test_two_labels_keep_their_own_organizations(serve: Serve, warehouse: Warehouse) -> None:
    ours, other = serve(), serve(seed=2, label="emea")
    both = (*ours.settings().organizations, *other.settings().organizations)
    for _ in range(2):
        ours.sync(["completions", "costs"], organizations=both).raise_first()
    for loaded in (ours, other):
        assert_equals_source(loaded, FIRST, LAST, ["completions", "costs"])
    assert remembered(warehouse) == {LABEL: ours.fake.roster.organization_id, "emea": other.fake.roster.organization_id}
    # The keys are mixed up.
    crossed = serve(seed=2)
    assert_refused(ours, crossed, lambda: crossed.sync(["costs"]))


def test_of_two_first_loads_at_once_one_gives_the_label_its_organization(warehouse: Warehouse) -> None:
    def remember(found: str) -> str:
        with Store(warehouse.loader_url) as store:
            return store.organizations.claim(LABEL, found, OPENAI)

    with ThreadPoolExecutor(8) as pool:
        told = set(pool.map(remember, [f"org-{number}" for number in range(8)]))
    assert len(told) == 1
    assert remembered(warehouse) == {LABEL: told.pop()}


def test_a_label_that_was_purged_takes_another_organization(serve: Serve, warehouse: Warehouse) -> None:
    ours, other = serve(), serve(seed=2)
    ours.sync(["completions", "costs"]).raise_first()
    with Store(warehouse.loader_url) as store:
        store.purge(LABEL)
    assert row_counts(warehouse.superuser_url) == {}
    other.sync(["completions", "costs"]).raise_first()
    assert_equals_source(other, FIRST, LAST, ["completions", "costs"])
    assert remembered(warehouse) == {LABEL: other.fake.roster.organization_id}


def test_names_of_another_organization_do_not_take_the_place_of_ours(serve: Serve, warehouse: Warehouse) -> None:
    ours, other = serve(), serve(seed=2)
    sync_directory(ours.settings(), clock=ours.fake.clock.now)
    stood = places(warehouse.superuser_url)
    with pytest.raises(FixConfiguration, match="so it opens another organization") as refused:
        sync_directory(other.settings(), clock=other.fake.clock.now)
    assert f"the key of {LABEL} lists" in str(refused.value)
    assert f"meterhouse purge --organization {LABEL}" in str(refused.value)
    assert places(warehouse.superuser_url) == stood
    # A project is gone and another renamed, and it is still ours.
    first, second, *_ = ours.fake.roster.projects
    ours.fake.delete(first)
    ours.fake.rename_project(second, "Another name")
    (done,) = sync_directory(ours.settings(), clock=ours.fake.clock.now)
    assert (done.projects.deleted, done.projects.changed) == (1, 1)


def test_after_an_upgrade_the_first_key_is_believed_only_when_it_knows_a_project_of_the_label(warehouse: Warehouse, serve: Serve) -> None:
    ours, stranger = serve(seed=1), serve(seed=2)
    ours.sync(["completions", "costs"]).raise_first()
    # As migration 0002 leaves a label that was loaded before it.
    ours.query("UPDATE warehouse.dim_organization SET vendor_organization_id = NULL")
    stood = places(warehouse.superuser_url)
    with pytest.raises(FixConfiguration, match=f"the label {LABEL} holds the figures of a different organization than its key opens"):
        stranger.sync(["costs"]).raise_first()
    assert remembered(warehouse) == {LABEL: None}
    assert {row for row in places(warehouse.superuser_url) if "costs" in row[0]} == {row for row in stood if "costs" in row[0]}
    ours.sync(["costs"]).raise_first()
    assert remembered(warehouse)[LABEL] is not None
    assert_equals_source(ours, FIRST, LAST, ["costs"])


def test_a_first_load_that_wrote_only_an_archived_project_before_its_costs_came_goes_on(serve: Serve, warehouse: Warehouse) -> None:
    """Streams load side by side, so usage of a year ago may be stored before the first costs say whose the key is."""
    old: set[str] = set()

    def only_the_old_one(request: Request, body: dict[str, Any]) -> None:
        is_usage = request.path.endswith("/completions")
        for bucket in body["data"] if is_usage or request.path.endswith("/costs") else ():
            bucket["results"] = [row for row in bucket["results"] if (row["project_id"] in old) == is_usage]

    ours = serve(change=only_the_old_one)
    old.update(list(ours.fake.roster.projects)[:1])
    ours.sync(["completions"]).raise_first()
    assert ours.query("SELECT count(DISTINCT project_id) FROM warehouse.dim_group") == [(1,)]
    ours.sync(["costs"]).raise_first()
    assert remembered(warehouse) == {LABEL: ours.fake.roster.organization_id}


def test_the_refused_key_of_one_organization_leaves_the_others_alone(warehouse: Warehouse, serve: Serve) -> None:
    ours, other = serve(seed=1, label="acme"), serve(seed=2, label="globex")
    both = tuple(loaded.settings().organizations[0] for loaded in (ours, other))
    ours.server.fail_next(50, status=401)
    with pytest.raises(FixConfiguration, match="refuses the admin key"):
        other.sync(["costs", "images"], organizations=both).raise_first()
    assert list(remembered(warehouse)) == ["globex"]
    assert_equals_source(other, FIRST, LAST, ["costs", "images"])
