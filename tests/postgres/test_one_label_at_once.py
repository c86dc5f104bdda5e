"""Labels that claim one organization at the same moment: one gets it, and the others are refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.vendors import OPENAI
from meterhouse.errors import FixConfiguration, MeterhouseError, TryAgainLater
from meterhouse.load.directory import sync_directory
from meterhouse.load.store import Store

from .comparison import assert_equals_source
from .fingerprints import places
from .loaded_organization import LABEL, LoadedOrganization
from .second_labels import FIRST, LAST, SECOND, Open, under
from .test_organization_guard import remembered

__all__ = ["under"]  # a fixture, which pytest finds by its name


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
