"""Fixtures of the tests that load an invented organization into a real warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
from tests.conftest import Warehouse

from meterhouse.fake_openai import FakeOrganization
from meterhouse.local.postgres import EmbeddedPostgres

from .doctored_vendor import THREE
from .loaded_organization import LABEL, NOW, LoadedOrganization, fresh_warehouse, midnight, served

MakeWarehouse = Callable[[], Warehouse]
MakeOrganization = Callable[..., LoadedOrganization]


@pytest.fixture(scope="module")
def make_warehouse(server: EmbeddedPostgres, template: str) -> Iterator[MakeWarehouse]:
    """Makes warehouses that live as long as the module's tests."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(fresh_warehouse(server, template, f"module_{uuid4().hex[:12]}"))


@pytest.fixture(scope="module")
def make_organization() -> Iterator[MakeOrganization]:
    """Makes organizations whose servers run as long as the module's tests: `make_organization(warehouse, label, **of the fake)`."""
    with ExitStack() as opened:

        def make(warehouse: Warehouse, label: str = LABEL, **options: Any) -> LoadedOrganization:
            return opened.enter_context(served(FakeOrganization(**{"now": NOW, "scale": 0.2, **options}), warehouse, label))

        yield make


@pytest.fixture
def acme(warehouse: Warehouse) -> Iterator[LoadedOrganization]:
    """A small organization with a short history and its own empty warehouse."""
    with served(FakeOrganization(NOW, scale=0.2), warehouse) as loaded:
        loaded.defaults |= {"history_start": midnight(NOW.date().replace(day=1)), "hourly_history_days": 2}
        yield loaded


@pytest.fixture
def small(acme: LoadedOrganization) -> LoadedOrganization:
    """A small organization, three of its endpoints loaded."""
    acme.defaults |= {"endpoints": THREE}
    acme.sync().raise_first()
    acme.forget_requests()
    return acme
