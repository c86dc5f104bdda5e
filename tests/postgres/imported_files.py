"""An organization that was never loaded, files that are imported for it, and what the warehouse then says of their days."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.fake_openai import FakeOrganization
from meterhouse.imports.saved_files import Chosen, import_files

from .loaded_organization import NOW, LoadedOrganization, served

# Long before what the schedule loads.
FIRST, END = date(2026, 3, 2), date(2026, 3, 9)
ORGANIZATION_OF = "SELECT vendor_organization_id FROM warehouse.dim_organization"
COVERAGE = "SELECT usage_date, status, finality, origin, row_count, source_grouping FROM bi.coverage WHERE endpoint = %s ORDER BY 1"


@pytest.fixture
def acme(warehouse: Warehouse) -> Iterator[LoadedOrganization]:
    """An invented organization that was never loaded."""
    with served(FakeOrganization(NOW, scale=0.2), warehouse) as loaded:
        yield loaded


class Files:
    """Writes files and imports them as the organization's own clock has it."""

    def __init__(self, folder: Path, loaded: LoadedOrganization) -> None:
        self.folder = folder
        self.loaded = loaded

    def write(self, name: str, content: str | dict[str, Any] | list[Any], saved_at: datetime | None = None) -> Path:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        instant = (saved_at or self.loaded.now).timestamp()
        os.utime(path, (instant, instant))
        return path

    def bring(self, is_costs: bool, *paths: Path, **options: Any) -> list[str]:
        settings = {name: options.pop(name) for name in ("exclude_dimensions",) if name in options}
        chosen = Chosen(is_costs, **options)
        return list(import_files(self.loaded.settings(**settings), paths, chosen, clock=self.loaded.fake.clock.now))

    def costs(self, *paths: Path, **options: Any) -> list[str]:
        return self.bring(True, *paths, **options)

    def usage(self, *paths: Path, **options: Any) -> list[str]:
        return self.bring(False, *paths, **options)


@pytest.fixture
def files(tmp_path: Path, acme: LoadedOrganization) -> Files:
    return Files(tmp_path, acme)


def billed(loaded: LoadedOrganization) -> Decimal:
    return Decimal(loaded.read("SELECT sum(cost_exact::numeric) FROM bi.costs_daily")[0][0])


def files_origin(loaded: LoadedOrganization) -> str:
    (origin,) = loaded.query("SELECT DISTINCT 'file:' || left(parameters ->> 'sha256', 12) FROM ops.run_log WHERE command LIKE 'import%'")
    return str(origin[0])


def covered(loaded: LoadedOrganization, endpoint: str = "costs") -> list[tuple[Any, ...]]:
    return loaded.read(COVERAGE, [endpoint])


def assert_rows_equal_source_in_sum(loaded: LoadedOrganization) -> None:
    truth = loaded.fake.truth("costs", FIRST, END, [])
    assert dict(loaded.read("SELECT usage_date, sum(cost_exact::numeric) FROM bi.costs_daily GROUP BY 1")) == {
        key[0]: figures["amount"] for key, figures in truth.items()
    }
