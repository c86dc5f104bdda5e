"""What people bring in is shown at once, and not only with the next load."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.conftest import Warehouse
from tests.postgres.loaded_organization import NOW

from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.server import Snapshots
from meterhouse.imports.invoice_files import COLUMNS
from meterhouse.imports.invoices import import_invoices
from meterhouse.imports.removed_invoices import remove_invoice
from meterhouse.settings import Settings

from .conftest import EVERYTHING


def test_an_invoice_is_shown_without_a_load_and_gone_when_it_is_removed(loaded: Warehouse, reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "october.csv"
    with path.open("w", newline="") as out:
        line = ["INV-1", "acme", "2026-10-01", "2026-10-31", "USD", "2026-11-02", "usage", "1.00"]
        csv.writer(out).writerows([COLUMNS, line])
    settings = Settings(warehouse_url=loaded.loader_url)
    snapshots = Snapshots(reader)

    def invoiced() -> list[str]:
        return [f"{one.organization} {one.invoiced}" for one in snapshots.get(EVERYTHING).answers.tie_outs or () if one.invoiced is not None]

    assert invoiced() == []
    assert snapshots.get(EVERYTHING) is snapshots.get(EVERYTHING)
    import_invoices(settings, [path], NOW)
    try:
        assert invoiced() == ["acme 1.000000000000"]
    finally:
        remove_invoice(settings, "INV-1", "acme", NOW)
    assert invoiced() == []
