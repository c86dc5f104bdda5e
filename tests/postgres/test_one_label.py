"""One organization, one label: a second label of it is refused before anything is written, by whatever shows whose the key is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.checks.warehouse_checks import run_warehouse_checks
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.fake_openai.answers import Request
from meterhouse.labels import DEMO_LABEL
from meterhouse.load.directory import sync_directory
from meterhouse.load.store import Store

from .comparison import assert_equals_source
from .fingerprints import places
from .loaded_organization import LABEL, LoadedOrganization
from .second_labels import FIRST, LAST, SECOND, Open, assert_refused, under
from .test_organization_guard import EVERY_DIMENSION, bill_nothing, leave_organization_out, remembered

__all__ = ["under"]  # a fixture, which pytest finds by its name


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
