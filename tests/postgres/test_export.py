"""Export: a view as a file, exact and whole, or no file at all."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meterhouse.errors import FixConfiguration, RejectedAnswer
from meterhouse.export import FORMATS, export_view
from meterhouse.views import VIEW_NAMES

from .conftest import MakeOrganization, MakeWarehouse
from .loaded_organization import FEW, NOW, LoadedOrganization, midnight


@pytest.fixture(scope="module")
def loaded(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> LoadedOrganization:
    found = make_organization(make_warehouse())
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
    return json.loads(path.read_text()) if file_format == "json" else pq.read_table(path).to_pylist()


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_file_holds_every_row_with_exact_decimals(loaded: LoadedOrganization, tmp_path: Path, file_format: str) -> None:
    columns = "usage_date, organization, project_id, api_key_id, line_item, cost, cost_usd, currency, quantity, is_complete, cost_exact"
    expected = sorted(loaded.read(f"SELECT {columns} FROM bi.costs_daily"), key=repr)
    assert len(expected) > 1000
    out = tmp_path / f"costs.{file_format}"
    assert export_view(loaded.warehouse.reader_url, "bi.costs_daily", file_format, out) == len(expected)
    assert list(tmp_path.iterdir()) == [out]

    def value(name: str, found: Any) -> Any:
        if found in (None, ""):
            return None
        if name in {"cost", "cost_usd", "quantity"}:
            assert not isinstance(found, float)
            return Decimal(found)
        if name == "is_complete":
            return found in (True, "True", "true")
        return str(found)

    names = columns.split(", ")
    found = [tuple(value(name, row[name]) for name in names) for row in read_back(out, file_format)]
    assert sorted(found, key=repr) == sorted(
        (tuple(value(name, None if cell is None else cell) for name, cell in zip(names, row, strict=True)) for row in expected), key=repr
    )


@pytest.mark.parametrize("view", VIEW_NAMES)
def test_every_view_can_be_exported_with_its_own_types(loaded: LoadedOrganization, tmp_path: Path, view: str) -> None:
    ((count,),) = loaded.read(f"SELECT count(*) FROM bi.{view}")
    names = [
        name for (name,) in loaded.read("SELECT column_name FROM bi.data_dictionary WHERE view_name = %s ORDER BY column_position", [view])
    ]
    for file_format in FORMATS:
        out = tmp_path / f"{view}.{file_format}"
        assert export_view(loaded.warehouse.reader_url, view, file_format, out) == count
        found = read_back(out, file_format)
        assert len(found) == count
        assert all(list(row) == names for row in found[:3])
    types = {field.name: field.type for field in pq.read_schema(tmp_path / f"{view}.parquet")}
    assert list(types) == names
    if "cost" in types:
        assert types["cost"] == pa.decimal128(28, 12)


def test_an_empty_view_gives_a_file_with_its_columns(warehouse: Any, tmp_path: Path) -> None:
    for file_format in FORMATS:
        assert export_view(warehouse.reader_url, "costs_daily", file_format, tmp_path / f"empty.{file_format}") == 0
    assert (tmp_path / "empty.csv").read_text().startswith("usage_date,organization,")
    assert json.loads((tmp_path / "empty.json").read_text()) == []
    assert pq.read_table(tmp_path / "empty.parquet").num_rows == 0


@pytest.mark.parametrize("view", ["costs", "bi.costs_daily; DROP TABLE warehouse.costs", "warehouse.costs", "usage_named"])
def test_an_unknown_view_is_refused_with_the_names_of_all(loaded: LoadedOrganization, tmp_path: Path, view: str) -> None:
    with pytest.raises(FixConfiguration, match=r"there is no view .* choose from usage_daily, ") as refused:
        export_view(loaded.warehouse.reader_url, view, "csv", tmp_path / "out.csv")
    assert all(name in str(refused.value) for name in VIEW_NAMES)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist_is_refused(loaded: LoadedOrganization, tmp_path: Path) -> None:
    with pytest.raises(FixConfiguration, match="does not exist"):
        export_view(loaded.warehouse.reader_url, "costs_daily", "csv", tmp_path / "nowhere" / "out.csv")


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_error_in_the_middle_leaves_no_file_and_an_older_one_as_it_was(
    loaded: LoadedOrganization, tmp_path: Path, file_format: str
) -> None:
    out = tmp_path / "out"
    out.write_text("yesterday's")
    # The last row has more digits than the view's type holds, so the query fails when most rows are already read.
    loaded.query(
        "INSERT INTO warehouse.costs (bucket_start, bucket_width, group_id, amount)"
        " SELECT max(bucket_start), 1440, max(group_id) + 0, 1e20 FROM warehouse.costs"
        " ON CONFLICT (bucket_start, bucket_width, group_id) DO UPDATE SET amount = 1e20"
    )
    try:
        with pytest.raises(RejectedAnswer):
            export_view(loaded.warehouse.reader_url, "costs_daily", file_format, out)
    finally:
        loaded.query("UPDATE warehouse.costs SET amount = 1 WHERE amount = 1e20")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert out.read_text() == "yesterday's"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_export_that_is_killed_leaves_no_file_under_the_name_that_was_asked_for(
    loaded: LoadedOrganization, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out.csv"
    command = [sys.executable, "-m", "meterhouse", "export", "costs_daily", "--format", "csv", "--out", str(out)]
    environment = {"PATH": os.environ["PATH"], "METERHOUSE_HOME": str(tmp_path / "home"), "WAREHOUSE_URL": loaded.warehouse.loader_url}
    # The reading stops at a locked table, when the draft is already there.
    with psycopg.connect(loaded.warehouse.superuser_url) as holder:
        holder.execute("LOCK TABLE warehouse.costs IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as export:
            deadline = time.monotonic() + 20
            while not list(tmp_path.glob(".out.csv.*")):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert not out.exists()
            time.sleep(0.3)
            export.send_signal(number)
            holder.rollback() if number == signal.SIGINT else None
            export.wait(20)
        holder.rollback()
    assert export.returncode != 0
    assert not out.exists()
