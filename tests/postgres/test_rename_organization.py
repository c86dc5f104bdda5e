"""Renaming an organization: all that names it goes along, and loads go on under the new label."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.errors import FixConfiguration
from meterhouse.load.directory import sync_directory
from meterhouse.load.rename_organization import rename_organization
from meterhouse.load.store import Store

from .comparison import assert_equals_source
from .fingerprints import places, row_counts
from .loaded_organization import LABEL, NOW, rows
from .second_labels import FIRST, LAST, SECOND, Open, assert_refused, under
from .test_organization_guard import remembered

__all__ = ["under"]  # a fixture, which pytest finds by its name


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
