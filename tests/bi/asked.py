"""An organization about which every question of the BI tools has an answer: costs, restatements, a budget and a day that was odd."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bi.brought import BUDGETS, ODD_DAY
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import LoadedOrganization, midnight, rows, served

from meterhouse.fake_openai import FakeOrganization
from meterhouse.imports.budgets import import_budgets
from meterhouse.load.directory import sync_directory

NOW = datetime.fromisoformat("2026-11-20T12:09:00Z")
FIRST = date(2026, 10, 1)


@contextmanager
def asked(warehouse: Warehouse, *, hours_of_days: int = 2, **of_the_fake: Any) -> Iterator[LoadedOrganization]:
    """Seven weeks of the organization with names, loaded again after a day on which the vendor had restated some of it."""
    with served(FakeOrganization(NOW, **of_the_fake), warehouse) as organization, TemporaryDirectory() as folder:
        organization.defaults |= {"history_start": midnight(FIRST), "hourly_history_days": hours_of_days}
        organization.sync().raise_first()
        sync_directory(organization.settings(), clock=organization.fake.clock.now)
        organization.advance(days=1)
        organization.fake.restate(1)
        organization.sync().raise_first()
        budgets = Path(folder, "budgets.csv")
        budgets.write_text(BUDGETS)
        import_budgets(organization.settings(), budgets, organization.now)
        rows(warehouse.loader_url, ODD_DAY)
        yield organization
