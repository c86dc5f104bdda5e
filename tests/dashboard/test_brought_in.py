"""What people bring in is shown at once, and not only with the next load."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from tests.conftest import Warehouse
from tests.postgres.loaded_organization import NOW

from meterhouse.dashboard.cost_charts import months
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.server import Snapshots
from meterhouse.imports.invoice_files import COLUMNS
from meterhouse.imports.invoices import import_invoices
from meterhouse.imports.removed_invoices import remove_invoice
from meterhouse.settings import Settings

from .conftest import EVERYTHING

ANY_DAYS = "All loaded months, whichever days are chosen. "


def test_an_invoice_is_shown_without_a_load_and_gone_when_it_is_removed(loaded: Warehouse, reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "october.csv"
    with path.open("w", newline="") as out:
        line = ["INV-1", "acme", "2026-10-01", "2026-10-31", "USD", "2026-11-02", "usage", "1.00"]
        csv.writer(out).writerows([COLUMNS, line])
    settings = Settings(warehouse_url=loaded.loader_url)
    snapshots = Snapshots(reader)

    def panel() -> tuple[str, list[object]]:
        chart = months(snapshots.get(EVERYTHING))
        column = [one.name for one in chart.table.columns].index("invoice")
        return chart.about, [row[column] for row in chart.table.rows]

    def invoiced() -> list[str]:
        return [
            f"{one.organization} {one.invoiced}" for one in snapshots.get(EVERYTHING).answers.tie_outs or () if one.invoiced is not None
        ]

    assert invoiced() == []
    nothing = ("No month was compared with an invoice yet: meterhouse import invoice does that.", ["no invoice", "no invoice"])
    assert (panel()[0].removeprefix(ANY_DAYS), panel()[1]) == nothing
    assert snapshots.get(EVERYTHING) is snapshots.get(EVERYTHING)
    import_invoices(settings, [path], NOW)
    try:
        assert invoiced() == ["acme 1.000000000000"]
        about, (october, november) = panel()
        assert about == f"{ANY_DAYS}Not every month ties to its invoices: see October 2026 in the table."
        assert str(october).startswith("acme: does not tie: the invoice is ")
        assert (str(october)[-18:], november) == ("; labs: no invoice", "no invoice")
        of_a_project = months(snapshots.get(replace(EVERYTHING, projects=("proj_x",))))
        assert of_a_project.about.endswith("An invoice covers everything, not only what is chosen.")
        assert "invoice" not in [one.name for one in of_a_project.table.columns]
    finally:
        remove_invoice(settings, "INV-1", "acme", NOW)
    assert invoiced() == []
