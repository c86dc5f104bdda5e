"""A warehouse for a whole module, for tests that only look."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from tests.conftest import Warehouse, create_database, drop_database, warehouse_addresses

from meterhouse.local.postgres import EmbeddedPostgres


@pytest.fixture(scope="module")
def module_warehouse(server: EmbeddedPostgres, template: str) -> Iterator[Warehouse]:
    """A fresh, migrated warehouse that the module's tests share."""
    name = f"shared_{uuid4().hex[:12]}"
    create_database(server, name, template)
    yield warehouse_addresses(server, name)
    drop_database(server, name)
