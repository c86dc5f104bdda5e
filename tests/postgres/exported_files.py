"""What the tests of the export load, and its files read back."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pantab
import pyarrow.parquet as pq

from meterhouse.export.columnar import HYPER_TABLE

from .loaded_organization import FEW, NOW, LoadedOrganization, midnight


def awkward_amounts(found: LoadedOrganization) -> LoadedOrganization:
    """Load an organization, and plant a tiny and a long amount in it."""
    found.defaults |= {"history_start": midnight(NOW.date() - timedelta(days=40)), "hourly_history_days": 2}
    found.sync(FEW).raise_first()
    # An amount in another currency, a tiny and a long one, so that nothing can hide in floats.
    found.query("UPDATE warehouse.costs SET amount = 1e-12 WHERE group_id = (SELECT min(group_id) FROM warehouse.costs)")
    found.query("UPDATE warehouse.costs SET amount = 123456789.000000000001 WHERE group_id = (SELECT max(group_id) FROM warehouse.costs)")
    return found


def read_back(path: Path, file_format: str) -> list[dict[str, Any]]:
    if file_format == "csv":
        with path.open(newline="", encoding="utf-8") as lines:
            return list(csv.DictReader(lines))
    if file_format == "xlsx":
        return read_sheet(path)
    if file_format == "hyper":
        return pantab.frame_from_hyper(path, table=HYPER_TABLE, return_type="pyarrow").to_pylist()
    return json.loads(path.read_text()) if file_format == "json" else pq.read_table(path).to_pylist()


def read_sheet(path: Path, number: int = 1) -> list[dict[str, Any]]:
    """Rows of a sheet as Excel's own XML holds them: numbers as text, so that their digits can be seen."""
    with zipfile.ZipFile(path) as book:
        tree = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))  # noqa: S314  # our own file
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    lines = []
    for row in tree.iter(f"{space}row"):
        cells: dict[str, Any] = {}
        for cell in row:
            text = "".join(cell.itertext())
            cells[re.sub(r"\d+", "", cell.attrib["r"])] = text == "1" if cell.get("t") == "b" else text
        lines.append(cells)
    header = lines[0]
    return [{name: line.get(letter) for letter, name in header.items()} for line in lines[1:]]
