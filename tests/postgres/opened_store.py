"""An empty warehouse that a module's tests share, and a store that is opened to write to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import DAY, MODERATIONS
from meterhouse.load.store import Store
from meterhouse.load.stream import Stream

from .conftest import MakeWarehouse

HELD = Stream("held", MODERATIONS, DAY)
NEVER_LOADED = Stream("nobody", MODERATIONS, DAY)


@pytest.fixture(scope="module")
def place(make_warehouse: MakeWarehouse) -> Warehouse:
    """One warehouse for all tests here: each has its own label."""
    return make_warehouse()


@pytest.fixture
def store(place: Warehouse) -> Iterator[Store]:
    with Store(place.loader_url) as opened:
        yield opened
