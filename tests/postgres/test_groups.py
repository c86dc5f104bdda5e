"""Groups: combinations get one id each, no matter who stores them first, and a load asks for all of them only once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import COMPLETIONS, COSTS, Endpoint
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.load.groups import Groups
from meterhouse.load.store import Store

from .conftest import MakeWarehouse

NAMES = [dimension.name for dimension in COMPLETIONS.dimensions]


@pytest.fixture(scope="module")
def place(make_warehouse: MakeWarehouse) -> Warehouse:
    return make_warehouse()


@pytest.fixture
def stores(place: Warehouse) -> Iterator[tuple[Store, Store]]:
    with Store(place.loader_url) as one, Store(place.loader_url) as other:
        yield one, other


def groups_of(store: Store, label: str, endpoint: Endpoint = COMPLETIONS, names: list[str] = NAMES) -> Groups:
    return Groups(store.connection, endpoint, int(store.organization_id(label, create_for=OPENAI) or 0), names)


def combination(model: str | None, batch: bool | None = None) -> tuple[str | bool | None, ...]:
    known = {"project_id": "proj_1", "model": model, "batch": batch}
    return tuple(known.get(name) for name in NAMES)


def test_new_combinations_are_stored_without_reading_all_of_them_again(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    read = Groups._read
    monkeypatch.setattr(Groups, "_read", lambda self: (reads.append(self), read(self))[1])
    groups = groups_of(stores[0], "often")
    found: dict[object, int] = {}
    for number in range(20):
        keys = [combination(f"model-{number}"), combination(f"model-{number}", batch=True), combination(None)]
        found |= {key: groups.ids(keys)[key] for key in keys}
    assert len(reads) == 1
    assert len(set(found.values())) == len(found) == 41
    assert groups_of(stores[1], "often").ids(found) == found


def test_what_another_loader_has_stored_meanwhile_keeps_its_id(stores: tuple[Store, Store]) -> None:
    ours, theirs = groups_of(stores[0], "two"), groups_of(stores[1], "two")
    ours.ids([combination("a")])
    first = theirs.ids([combination("b"), combination(None, batch=False)])
    keys = [combination("a"), combination("b"), combination("c"), combination(None, batch=False)]
    found = ours.ids(keys)
    assert found[keys[1]] == first[keys[1]]
    assert found[keys[3]] == first[keys[3]]
    assert len({found[key] for key in keys}) == 4


def test_combinations_of_no_dimension_and_of_costs_have_their_ids_too(stores: tuple[Store, Store]) -> None:
    bare = groups_of(stores[0], "bare", names=[])
    assert bare.ids([()]) == groups_of(stores[1], "bare", names=[]).ids([()])
    columns = [*(dimension.name for dimension in COSTS.dimensions), "currency"]
    keys = [("proj_1", None, "gpt-5, input", "usd"), ("proj_1", None, None, None)]
    costs = groups_of(stores[0], "bare", COSTS, columns)
    assert costs.ids(keys) == groups_of(stores[1], "bare", COSTS, columns).ids(keys)
