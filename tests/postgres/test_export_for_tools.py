"""The export for Tableau and Excel: what these formats hold of a view, and how they are refused when they cannot."""

from __future__ import annotations

import sys
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pantab
import pyarrow as pa
import pytest

from meterhouse.errors import FixConfiguration
from meterhouse.export import Selection, export_view
from meterhouse.export.columnar import HYPER_TABLE
from meterhouse.export.workbook import XLSX_ROWS

from .conftest import MakeOrganization, MakeWarehouse
from .exported_files import awkward_amounts, read_sheet
from .loaded_organization import LoadedOrganization


@pytest.fixture(scope="module")
def loaded(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> LoadedOrganization:
    return awkward_amounts(make_organization(make_warehouse()))


def test_money_in_a_hyper_file_has_the_views_own_type_and_its_sum_is_exact(loaded: LoadedOrganization, tmp_path: Path) -> None:
    out = tmp_path / "costs.hyper"
    ((count, total),) = loaded.read("SELECT count(*), sum(cost) FROM bi.costs_daily")
    assert total != Decimal(str(float(total))), "a double would do, and the test would show nothing"
    assert export_view(loaded.warehouse.reader_url, "costs_daily", "hyper", out) == count
    # Added up by Tableau's own engine.
    query = 'SELECT count(*), sum("cost"), min("usage_date") FROM "Extract"."Extract"'
    (found,) = pantab.frame_from_hyper_query(out, query, return_type="pyarrow").to_pylist()
    ((first,),) = loaded.read("SELECT min(usage_date) FROM bi.costs_daily")
    assert list(found.values()) == [count, total, first]
    table = pantab.frame_from_hyper(out, table=HYPER_TABLE, return_type="pyarrow")
    assert table.schema.field("cost").type == pa.decimal128(28, 12)
    assert [path.name for path in Path.cwd().glob("hyperd*.log")] == []


def test_instants_in_a_hyper_file_are_utc_clock_times_without_a_zone(loaded: LoadedOrganization, tmp_path: Path) -> None:
    out = tmp_path / "hours.hyper"
    assert export_view(loaded.warehouse.reader_url, "usage_hourly", "hyper", out) > 100
    table = pantab.frame_from_hyper(out, table=HYPER_TABLE, return_type="pyarrow")
    assert table.schema.field("bucket_at").type == table.schema.field("bucket_start_utc").type == pa.timestamp("us")
    assert table["bucket_at"].to_pylist() == table["bucket_start_utc"].to_pylist()


def test_a_workbook_holds_money_as_numbers_of_15_digits_and_every_digit_as_text(loaded: LoadedOrganization, tmp_path: Path) -> None:
    out = tmp_path / "costs.xlsx"
    expected = loaded.read("SELECT usage_date, project_id, cost, cost_exact, is_complete FROM bi.costs_daily")
    assert export_view(loaded.warehouse.reader_url, "costs_daily", "xlsx", out) == len(expected)
    found = read_sheet(out)
    day_zero = date(1899, 12, 30)
    assert sorted(
        (day_zero + timedelta(days=int(row["usage_date"])), row["project_id"] or "", row["cost_exact"], row["is_complete"]) for row in found
    ) == sorted((day, project or "", exact, complete) for day, project, _, exact, complete in expected)
    assert sorted(float(row["cost"]) for row in found) == pytest.approx(sorted(float(cost) for _, _, cost, *_ in expected), rel=1e-15)
    meanings = {line["column"]: line["meaning"] for line in read_sheet(out, 2)}
    assert "Billed amount" in meanings["cost"]
    assert meanings["bi.costs_daily"].startswith("One row per organization, UTC day")


def test_text_that_looks_like_a_formula_stays_text_in_a_workbook(loaded: LoadedOrganization, tmp_path: Path) -> None:
    planted = '=HYPERLINK("http://example.com")'
    loaded.query("UPDATE warehouse.costs SET quantity_unit = %s WHERE amount = 1e-12", [planted])
    try:
        export_view(loaded.warehouse.reader_url, "costs_daily", "xlsx", tmp_path / "out.xlsx")
    finally:
        loaded.query("UPDATE warehouse.costs SET quantity_unit = NULL WHERE amount = 1e-12")
    assert planted in {row["quantity_unit"] for row in read_sheet(tmp_path / "out.xlsx")}
    assert b"<f>" not in zipfile.ZipFile(tmp_path / "out.xlsx").read("xl/worksheets/sheet1.xml")


def test_more_rows_than_a_sheet_holds_are_refused_before_one_is_written(
    loaded: LoadedOrganization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert XLSX_ROWS == 2**20 - 1
    ((count, first),) = loaded.read("SELECT count(*), min(usage_date) FROM bi.costs_daily")
    ((on_first,),) = loaded.read("SELECT count(*) FROM bi.costs_daily WHERE usage_date = %s", [first])
    # A smaller sheet, so that a million rows need not be made.
    monkeypatch.setattr("meterhouse.export.workbook.XLSX_ROWS", on_first)
    url, out = loaded.warehouse.reader_url, tmp_path / "out.xlsx"
    with pytest.raises(FixConfiguration, match=rf"bi.costs_daily has {count:,} such rows .* csv or parquet, or fewer days"):
        export_view(url, "costs_daily", "xlsx", out)
    assert list(tmp_path.iterdir()) == []
    assert export_view(url, "costs_daily", "xlsx", out, Selection(first, first)) == on_first


@pytest.mark.parametrize(("file_format", "package"), [("hyper", "pantab"), ("xlsx", "xlsxwriter")])
def test_a_package_that_is_not_installed_is_named_with_the_command_that_installs_it(
    loaded: LoadedOrganization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: str, package: str
) -> None:
    # What an import finds when the package is not there.
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(FixConfiguration, match=f"--format {file_format} needs {package}: pip install {package} "):
        export_view(loaded.warehouse.reader_url, "costs_daily", file_format, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
