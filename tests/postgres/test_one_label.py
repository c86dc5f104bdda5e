"""One organization, one label: a second label of it is refused before anything is written, by whatever shows whose the key is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.checks.warehouse_checks import run_warehouse_checks
from meterhouse.errors import FixConfiguration, MeterhouseError, TryAgainLater
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.fake_openai.answers import Request
from meterhouse.labels import DEMO_LABEL
from meterhouse.load.directory import sync_directory
from meterhouse.load.rename_organization import rename_organization
from meterhouse.load.store import Store

from .comparison import assert_equals_source
from .fingerprints import places, row_counts
from .loaded_organization import LABEL, NOW, LoadedOrganization, midnight, rows
from .test_organization_guard import EVERY_DIMENSION, Retold, bill_nothing, leave_organization_out, remembered

FIRST = NOW.date() - timedelta(days=6)
LAST = NOW.date() + timedelta(days=1)
SECOND = "emea"
Open = Callable[..., LoadedOrganization]


@pytest.fixture
def under(warehouse: Warehouse) -> Iterator[Open]:
    """Serves the same organization under a label, unless another seed makes it another one."""
    with ExitStack() as opened:

        def make(
            label: str, seed: int = 1, change: Callable[[Request, dict[str, Any]], None] | None = None, **offers: Any
        ) -> LoadedOrganization:
            fake = FakeOrganization(NOW, seed=seed, scale=0.2, **offers)
            loaded = LoadedOrganization(fake, opened.enter_context(FakeServer(Retold(fake, change) if change else fake)), warehouse, label)
            loaded.defaults |= {"history_start": midnight(FIRST), "hourly_history_days": 1}
            return loaded

        yield make


def assert_refused(first: LoadedOrganization, load: Callable[[], Any], *, knows_id: bool = True, second: str = SECOND) -> None:
    """One line names both labels, the organization and what to do, and no table has changed."""
    stood = places(first.warehouse.superuser_url)
    with pytest.raises(FixConfiguration) as refused:
        load()
    line = str(refused.value)
    assert "\n" not in line
    assert line.startswith(f"the key of {second} opens the organization ")
    assert (first.fake.roster.organization_id in line) == knows_id
    assert f"already holds under the label {first.label}," in line
    assert f"meterhouse rename-organization {first.label} {second}; " in line
    assert "if two keys open the same organization, leave one out" in line
    assert f"meterhouse purge --organization {first.label}" in line
    assert places(first.warehouse.superuser_url) == stood


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_label_that_was_renamed_is_refused_by_every_endpoint_and_nothing_is_written(under: Open, endpoint: str) -> None:
    first, second = under(LABEL), under(SECOND)
    first.sync(["completions", "costs"]).raise_first()
    assert_refused(first, lambda: second.sync([endpoint]))
    assert_refused(first, lambda: second.backfill(FIRST, LAST, [endpoint], force=True))


def test_of_two_keys_of_one_organization_the_first_is_loaded_whole_and_the_second_refused(under: Open, warehouse: Warehouse) -> None:
    first, second = under(LABEL), under(SECOND)
    both = (*first.settings().organizations, *second.settings().organizations)
    for _ in range(2):
        with pytest.raises(FixConfiguration, match=f"the key of {SECOND} opens the organization {first.fake.roster.organization_id}"):
            first.sync(["completions", "images", "costs"], organizations=both)
        assert remembered(warehouse) == {LABEL: first.fake.roster.organization_id}
        assert_equals_source(first, FIRST, LAST, ["completions", "images", "costs"])
        assert first.read("SELECT DISTINCT organization FROM bi.coverage") == [(LABEL,)]


@pytest.mark.parametrize("endpoint", ["costs", "images", "decisions"])
@pytest.mark.parametrize("loaded_before", ["completions", "directory"])
def test_a_label_that_does_not_remember_its_organization_is_known_by_its_projects(under: Open, endpoint: str, loaded_before: str) -> None:
    first, second = (under(label, absent_endpoints=["decisions"]) for label in (LABEL, SECOND))
    if loaded_before == "directory":
        sync_directory(first.settings(), clock=first.fake.clock.now)
    else:
        first.sync([loaded_before]).raise_first()
    # Rows of usage name projects and no organization.
    assert_refused(first, lambda: second.sync([endpoint]), knows_id=endpoint != "images")


@pytest.mark.parametrize("endpoint", ["costs", "images"])
def test_a_project_that_is_billed_no_more_is_found_in_the_list(under: Open, endpoint: str) -> None:
    first = under(LABEL)
    old = next(iter(first.fake.roster.projects))

    def idle(_: Request, body: dict[str, Any]) -> None:
        for bucket in body.get("data", []):
            if "results" in bucket:
                bucket["results"] = [row for row in bucket["results"] if row.get("project_id") != old]

    # All that the label holds is from long ago, and nobody has said whose it is.
    first.query("INSERT INTO warehouse.dim_organization (label, vendor) VALUES (%s, 'openai')", [LABEL])
    first.query(
        "INSERT INTO warehouse.dim_group (organization_id, endpoint, project_id)"
        " SELECT organization_id, 'completions', %s FROM warehouse.dim_organization",
        [old],
    )
    assert_refused(first, lambda: under(SECOND, change=idle).sync([endpoint]))


def test_a_second_label_with_only_usage_is_refused_too(under: Open, warehouse: Warehouse) -> None:
    first, second = under(LABEL), under(SECOND)
    both = (*first.settings().organizations, *second.settings().organizations)
    # Neither has loaded a row of costs.
    with pytest.raises(FixConfiguration, match="opens the organization"):
        first.sync(["completions"], organizations=both)
    assert first.read("SELECT DISTINCT organization FROM bi.usage_daily") == [(LABEL,)]
    assert remembered(warehouse) == {LABEL: first.fake.roster.organization_id}


@pytest.mark.parametrize("fault", ["costs are away", "nothing was billed", "the vendor leaves the field out"])
@pytest.mark.parametrize("endpoint", ["completions", "costs", "images", "decisions"])
def test_where_costs_do_not_say_whose_they_are_projects_do(under: Open, endpoint: str, fault: str) -> None:
    changes = {"nothing was billed": bill_nothing, "the vendor leaves the field out": leave_organization_out}
    first, second = (under(label, change=changes.get(fault), absent_endpoints=["decisions"]) for label in (LABEL, SECOND))
    first.sync(["completions"]).raise_first()
    if fault == "costs are away":
        second.server.fail_next(9, status=404, path_contains="/costs")
        if endpoint == "costs":
            stood = places(first.warehouse.superuser_url)
            with pytest.raises(TryAgainLater):
                second.sync([endpoint]).raise_first()
            assert places(first.warehouse.superuser_url) == stood
            return
    # The capability of an absent endpoint would be the first thing written.
    assert_refused(first, lambda: second.sync([endpoint]), knows_id=False)


def test_names_are_refused_under_a_second_label_and_tell_whose_figures_are(under: Open) -> None:
    first, second = under(LABEL, change=leave_organization_out), under(SECOND, change=leave_organization_out)
    sync_directory(first.settings(), clock=first.fake.clock.now)
    assert_refused(first, lambda: sync_directory(second.settings(), clock=second.fake.clock.now), knows_id=False)
    assert_refused(first, lambda: second.sync(["completions"]), knows_id=False)
    users = {"exclude_dimensions": ("project_id", "user_id")}
    assert_refused(first, lambda: sync_directory(second.settings(**users), clock=second.fake.clock.now), knows_id=False)


def test_without_project_ids_costs_tell(under: Open) -> None:
    first, second = under(LABEL), under(SECOND)
    without: dict[str, Any] = {"exclude_dimensions": EVERY_DIMENSION}
    first.sync(["costs"], **without).raise_first()
    second.forget_requests()
    assert_refused(first, lambda: second.sync(["images"], **without))
    (asked,) = [request for request in second.server.requests if request.path.endswith("/costs")]
    assert asked.values("group_by") == []


def test_a_second_label_waits_while_nobody_can_say_whose_it_is(under: Open, warehouse: Warehouse) -> None:
    first, second = under(LABEL), under(SECOND, seed=2)
    first.sync(["completions", "costs"]).raise_first()
    stood = places(warehouse.superuser_url)
    for path in ("/costs", "/projects"):
        second.server.fail_next(9, status=500, path_contains=path)
    with pytest.raises(TryAgainLater, match=f"{SECOND}: nobody could say whose organization this is, so nothing was written"):
        second.sync(["images"]).raise_first()
    assert places(warehouse.superuser_url) == stood
    second.server.faults.clear()
    second.sync(["images", "costs"]).raise_first()
    assert remembered(warehouse) == {one.label: one.fake.roster.organization_id for one in (first, second)}
    assert_equals_source(second, FIRST, LAST, ["images", "costs"])


def test_a_purged_organization_is_free_for_another_label(under: Open, warehouse: Warehouse) -> None:
    first, second = under(LABEL), under(SECOND)
    first.sync(["completions", "costs"]).raise_first()
    with Store(warehouse.loader_url) as store:
        store.purge(LABEL)
    second.sync(["completions", "costs"]).raise_first()
    assert remembered(warehouse) == {SECOND: second.fake.roster.organization_id}
    assert_equals_source(second, FIRST, LAST, ["completions", "costs"])


def test_the_demo_is_not_to_be_renamed_but_purged(under: Open) -> None:
    demo, real = under(DEMO_LABEL), under(LABEL)
    demo.sync(["costs"]).raise_first()
    with pytest.raises(FixConfiguration, match=f"meterhouse purge --organization {DEMO_LABEL}") as refused:
        real.sync(["costs"])
    assert "rename" not in str(refused.value)
    under("another", seed=2).sync(["costs"]).raise_first()


def test_of_many_labels_that_claim_one_organization_at_once_one_gets_it(warehouse: Warehouse) -> None:
    def claim(label: str) -> str | None:
        with Store(warehouse.loader_url) as store:
            try:
                return store.organizations.claim(label, "org-one", OPENAI)
            except FixConfiguration:
                return None

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(claim, [f"label-{number}" for number in range(24)]))
    assert told.count("org-one") == 1
    assert list(remembered(warehouse).values()) == ["org-one"]


def test_of_many_labels_that_find_an_empty_warehouse_at_once_one_is_the_first(warehouse: Warehouse) -> None:
    def enter(label: str) -> bool:
        with Store(warehouse.loader_url) as store:
            return store.organizations.enter_alone(label, OPENAI)

    labels = [f"label-{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        told = dict(zip(labels, pool.map(enter, labels), strict=True))
    assert list(told.values()).count(True) == 1
    assert [label for label, is_first in told.items() if is_first] == list(remembered(warehouse))


@pytest.mark.parametrize("only", [["completions"], ["completions", "costs"], ["images", "completions"]], ids="-".join)
def test_two_processes_that_do_not_know_of_each_other_do_not_count_an_organization_twice(
    under: Open, warehouse: Warehouse, only: list[str]
) -> None:
    both = (under(LABEL), under(SECOND))
    begun = Barrier(2)

    def load(loaded: LoadedOrganization) -> str | None:
        begun.wait()
        try:
            loaded.sync(only).raise_first()
        except MeterhouseError as refusal:
            return str(refusal)
        return None

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(load, both))
    assert told.count(None) == 1, told
    winner = both[told.index(None)]
    assert winner.read("SELECT DISTINCT organization FROM bi.coverage") == [(winner.label,)]
    assert_equals_source(winner, FIRST, LAST, only)


def test_a_label_waits_for_one_that_was_added_a_moment_ago_and_is_not_known_yet(under: Open, warehouse: Warehouse) -> None:
    second = under(SECOND)
    with Store(warehouse.loader_url) as store:
        assert store.organizations.enter_alone(LABEL, OPENAI)
    stood = places(warehouse.superuser_url)
    with pytest.raises(TryAgainLater, match=f"{SECOND}: another organization is being loaded for the first time"):
        second.sync(["completions"]).raise_first()
    assert places(warehouse.superuser_url) == stood
    # It had nothing to say: an organization without usage.
    second.query("UPDATE warehouse.dim_organization SET created_at = now() - interval '61 seconds'")
    second.sync(["completions"]).raise_first()
    assert_equals_source(second, FIRST, LAST, ["completions"])


@pytest.mark.parametrize("what", ["figures", "names"])
def test_of_two_labels_that_are_loaded_at_once_one_gets_in(under: Open, warehouse: Warehouse, what: str) -> None:
    one, other = under(LABEL), under(SECOND)
    both = (*one.settings().organizations, *other.settings().organizations)

    def load(loaded: LoadedOrganization) -> bool:
        # As two processes of one schedule: each knows that there are two.
        turned = sorted(both, key=lambda organization: organization.label != loaded.label)
        try:
            if what == "names":
                sync_directory(loaded.settings(), clock=loaded.fake.clock.now)
            else:
                loaded.sync(["completions", "costs"], organizations=tuple(turned)).raise_first()
        except MeterhouseError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(load, (one, other)))
    assert told.count(True) == (1 if what == "names" else 0)
    (label,) = remembered(warehouse)
    if what == "figures":
        assert_equals_source(one if label == LABEL else other, FIRST, LAST, ["completions", "costs"])
    else:
        assert one.query("SELECT count(DISTINCT organization_id)::int FROM warehouse.dim_project") == [(1,)]


def found_twice(loaded: LoadedOrganization) -> str | None:
    results = {result.check.name: result for result in run_warehouse_checks(loaded.settings(), clock=loaded.fake.clock.now)}
    return results["organization_twice"].detail


def test_a_warehouse_that_holds_an_organization_twice_is_found_by_identifier_or_by_project(under: Open, warehouse: Warehouse) -> None:
    first, third = under(LABEL), under("globex", seed=2)
    for loaded in (first, third):
        loaded.sync(["completions", "costs"]).raise_first()
    assert found_twice(first) is None
    ours = first.fake.roster.organization_id
    # As two versions ago: a second label was loaded in addition to the first.
    first.query("UPDATE warehouse.dim_organization SET label = 'hidden', vendor_organization_id = 'org-hidden' WHERE label = %s", [LABEL])
    first.query("DELETE FROM warehouse.dim_project")
    first.query(
        "WITH moved AS (SELECT organization_id FROM warehouse.dim_organization WHERE label = 'hidden')"
        " UPDATE warehouse.dim_group g SET project_id = 'x-' || project_id FROM moved m WHERE m.organization_id = g.organization_id"
    )
    first.query(
        "WITH moved AS (SELECT organization_id FROM warehouse.dim_organization WHERE label = 'hidden')"
        " UPDATE warehouse.dim_cost_group g SET project_id = 'x-' || project_id FROM moved m WHERE m.organization_id = g.organization_id"
    )
    under(LABEL).sync(["completions", "costs"]).raise_first()
    first.query("UPDATE warehouse.dim_organization SET vendor_organization_id = %s WHERE label = 'hidden'", [ours])
    assert (found_twice(first) or "").startswith(f"hidden and {LABEL} are both the organization {ours}, ")
    for table in ("dim_group", "dim_cost_group"):
        first.query(f"UPDATE warehouse.{table} SET project_id = substr(project_id, 3) WHERE project_id LIKE 'x-%%'", [])
    first.query("UPDATE warehouse.dim_organization SET vendor_organization_id = NULL WHERE label <> 'globex'")
    assert (found_twice(first) or "").startswith(f"hidden and {LABEL} are both the organization of the project proj_")
    first.query("UPDATE warehouse.dim_organization SET vendor_organization_id = %s WHERE label = %s", [ours, LABEL])
    assert (found_twice(first) or "").startswith(f"hidden and {LABEL} are both the organization {ours}, ")
    # Two that the vendor itself tells apart are two.
    first.query("UPDATE warehouse.dim_organization SET vendor_organization_id = label")
    assert found_twice(first) is None


def test_renaming_takes_all_that_names_the_organization_along_and_loads_go_on(under: Open, warehouse: Warehouse) -> None:
    first, second, other = under(LABEL), under(SECOND), under("globex", seed=2)
    for loaded in (first, other):
        loaded.sync(["completions", "costs"]).raise_first()
        sync_directory(loaded.settings(), clock=loaded.fake.clock.now)
    project = next(iter(first.fake.roster.projects))
    grants = "INSERT INTO ops.team_access (role_name, organization, project_id) VALUES ('team_a', %s, %s), ('team_b', 'globex', NULL)"
    first.query(grants, [LABEL, project])
    stood = places(warehouse.superuser_url, [name for name in row_counts(warehouse.superuser_url) if name.startswith("warehouse.usage")])
    total = first.read("SELECT sum(cost) FROM bi.costs_daily")

    told, where = rename_organization(warehouse.owner_url, LABEL, SECOND)
    assert told == f"{LABEL} is now called {SECOND}, with its figures and names (run log: 2, grants to teams: 1)"
    assert f"OPENAI_ADMIN_KEY_{SECOND.upper()}" in where
    assert f"openai_admin_{SECOND}" in where
    left = {
        name
        for name in row_counts(warehouse.superuser_url)
        if rows(warehouse.superuser_url, f"SELECT 1 FROM {name} t WHERE t::text ~ '\\m{LABEL}\\M' LIMIT 1")
    }
    assert left == {"ops.run_log"}, "only the entry of the renaming itself says what the label was"
    assert first.query("SELECT role_name, organization, project_id FROM ops.team_access ORDER BY 1") == [
        ("team_a", SECOND, project), ("team_b", "globex", None),
    ]  # fmt: skip
    assert places(warehouse.superuser_url, {name for name, *_ in stood}) == stood
    assert first.read("SELECT sum(cost) FROM bi.costs_daily") == total

    assert rename_organization(warehouse.owner_url, LABEL, SECOND) == [f"{LABEL} is already called {SECOND}: there was nothing to do"]
    assert rename_organization(warehouse.owner_url, SECOND, SECOND) == [f"{SECOND} is already its label: there was nothing to do"]
    second.advance(hours=1)
    second.sync(["completions", "costs"]).raise_first()
    sync_directory(second.settings(), clock=second.fake.clock.now)
    assert_equals_source(second, FIRST, LAST, ["completions", "costs"])
    # The old label's key is still in the settings somewhere.
    assert_refused(second, lambda: first.sync(["costs"]), second=LABEL)
    with Store(warehouse.loader_url) as store:
        assert store.purge(SECOND)["run_log"] == 4
    assert set(remembered(warehouse)) == {"globex"}


def test_a_backfill_that_was_stopped_goes_on_after_the_renaming(under: Open, warehouse: Warehouse) -> None:
    first, second = under(LABEL), under(SECOND)
    start = NOW.date() - timedelta(days=70)

    def stop(step: Any) -> None:
        if step.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first.backfill(start, LAST, ["costs"], report=stop)
    rename_organization(warehouse.owner_url, LABEL, SECOND)
    second.backfill(start, LAST, ["costs"]).raise_first()
    assert len([path for path in second.paths_asked() if path.endswith("/costs")]) == 1


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("nobody", "somebody", "no organization is called 'nobody'; loaded are: acme, globex"),
        ("nobody", "acme", "no organization is called 'nobody'"),
        ("acme", "globex", "globex is already the label of a loaded organization"),
        ("acme", "Not a label", "'Not a label' cannot be a label"),
        ("acme", "", "'' cannot be a label"),
        ("acme", "sk-admin-0123456789abcdef", "cannot be a label"),
        ("acme", "demo", "demo is reserved for invented figures"),
        ("demo", "acme", "demo is reserved for invented figures"),
        ("acme", "left", "team_a may see what is called left"),
    ],
)
def test_what_cannot_be_renamed_is_refused_and_changes_nothing(under: Open, warehouse: Warehouse, old: str, new: str, words: str) -> None:
    for label, seed in (("acme", 1), ("globex", 2)):
        under(label, seed=seed).sync(["costs"]).raise_first()
    rows(warehouse.superuser_url, "INSERT INTO ops.team_access (role_name, organization) VALUES ('team_a', 'left')")
    stood = places(warehouse.superuser_url)
    with pytest.raises(FixConfiguration) as refused:
        rename_organization(warehouse.owner_url, old, new)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert places(warehouse.superuser_url) == stood


def test_renaming_needs_the_owner_and_says_so(under: Open, warehouse: Warehouse) -> None:
    under(LABEL).sync(["costs"]).raise_first()
    with pytest.raises(FixConfiguration, match=r"may not rename an organization .*METERHOUSE_MIGRATE_URL"):
        rename_organization(warehouse.loader_url, LABEL, SECOND)
    assert set(remembered(warehouse)) == {LABEL}


def test_a_load_that_is_under_way_keeps_what_it_has_committed_and_is_refused_from_then_on(under: Open, warehouse: Warehouse) -> None:
    first, second = under(LABEL), under(SECOND)

    def rename(step: Any) -> None:
        if step.stream.width.name == "1d" and step.done == step.total:
            rename_organization(warehouse.owner_url, LABEL, SECOND)

    with pytest.raises(FixConfiguration, match=f"meterhouse rename-organization {SECOND} {LABEL}"):
        first.sync(["completions"], report=rename)
    assert set(remembered(warehouse)) == {SECOND}
    second.sync(["completions"]).raise_first()
    assert_equals_source(second, FIRST, LAST, ["completions"])
