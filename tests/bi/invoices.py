"""Invoices of tests: a month of costs that is settled, and files of invoices that are imported as a person would."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.bi.given import Given

from meterhouse.imports.invoice_files import COLUMNS
from meterhouse.imports.invoices import import_invoices
from meterhouse.settings import Settings
from meterhouse.warehouse.rollups import fill

NOW = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
HEADING = (*COLUMNS, "description")
AMOUNTS = ("billed", "tax", "credit", "bundle", "adjustment", "restatement", "period_shift", "rounding", "unexplained")


def settled_month(given: Given, month: str = "2026-10", org: int = 1) -> None:
    """Every day of a month was read and is settled."""
    day = date.fromisoformat(f"{month}-01")
    while day.isoformat().startswith(month):
        given.covered("costs", f"{day}T00:00Z", org=org, rows=0)
        day += timedelta(days=1)


def written(folder: Path, lines: Sequence[tuple[str, str]], name: str = "october.csv", **changes: str) -> Path:
    """A file with one invoice of October, given its lines as (kind, amount)."""
    head = {
        "invoice_id": "INV-1", "organization": "acme", "period_start": "2026-10-01", "period_end": "2026-10-31", "currency": "USD",
        "issued_on": "2026-11-02", "description": "",
    } | changes  # fmt: skip
    path = folder / name
    with path.open("w", newline="") as out:
        table = csv.DictWriter(out, HEADING)
        table.writeheader()
        for kind, amount in lines:
            table.writerow(head | {"kind": kind, "amount": amount})
    return path


def imported(given: Given, *paths: Path, now: datetime = NOW, **options: Any) -> list[str]:
    """Import files as the loader, with the sums that a load would have left."""
    fill(given.owner)
    settings = {name: options.pop(name) for name in list(options) if name.startswith("invoice_")}
    return import_invoices(Settings(warehouse_url=given.warehouse.loader_url, **settings), paths, now, **options)


def tie_out(given: Given, where: str = "true") -> list[dict[str, Any]]:
    """The rows of the view, by column."""
    fill(given.owner)
    cursor = given.reader.execute(f"SELECT * FROM bi.invoice_tie_out WHERE {where} ORDER BY month_start, organization, currency".encode())
    names = [column.name for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    for row in rows:
        assert None in (row["invoiced"], row["billed"]) or sum(Decimal(row[name]) for name in AMOUNTS) == row["invoiced"]
    return rows
