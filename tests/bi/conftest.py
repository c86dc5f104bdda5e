"""Warehouses for a whole module or session, for tests that only look."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from tests.bi.brought import ODD_DAY, bring_in
from tests.bi.driver_contract import Contract
from tests.bi.given import Given
from tests.conftest import Warehouse, create_database, drop_database, warehouse_addresses
from tests.postgres.loaded_organization import NOW, fresh_warehouse, midnight, served

from meterhouse.fake_openai import FakeOrganization
from meterhouse.load.directory import sync_directory
from meterhouse.local.postgres import EmbeddedPostgres


@pytest.fixture(scope="module")
def module_warehouse(server: EmbeddedPostgres, template: str) -> Iterator[Warehouse]:
    """A fresh, migrated warehouse that the module's tests share."""
    name = f"shared_{uuid4().hex[:12]}"
    create_database(server, name, template)
    yield warehouse_addresses(server, name)
    drop_database(server, name)


@pytest.fixture(scope="session")
def loaded_warehouse(server: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse with the days of this month, two days of hours, and all names of a small organization, and with files of people."""
    with (
        fresh_warehouse(server, template, f"loaded_{uuid4().hex[:12]}") as warehouse,
        served(FakeOrganization(NOW, scale=0.2), warehouse) as loaded,
    ):
        loaded.defaults |= {"history_start": midnight(NOW.date().replace(day=1)), "hourly_history_days": 2}
        loaded.sync().raise_first()
        sync_directory(loaded.settings(), clock=loaded.fake.clock.now)
        bring_in(loaded.settings(), tmp_path_factory.mktemp("brought"), loaded.now)
        with psycopg.connect(warehouse.loader_url) as loader:
            loader.execute(ODD_DAY)
        yield warehouse


@pytest.fixture(scope="session")
def contract(loaded_warehouse: Warehouse) -> Contract:
    """What every driver must find in that warehouse."""
    return Contract.of(loaded_warehouse)


@pytest.fixture
def given(warehouse: Warehouse) -> Iterator[Given]:
    """An empty warehouse with two organizations, to be filled row by row."""
    made = Given(warehouse)
    yield made
    made.owner.close()
    made.reader.close()
