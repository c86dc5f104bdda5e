"""Export: a view as a file, exact and whole, or no file at all."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meterhouse.bi_files.tableau import TABLEAU_VIEWS
from meterhouse.command_line.command_words import parser
from meterhouse.errors import FixConfiguration, RejectedAnswer
from meterhouse.export import FORMATS, Selection, export_view
from meterhouse.warehouse.view_reach import VIEW_NAMES

from .conftest import MakeOrganization, MakeWarehouse
from .exported_files import awkward_amounts, read_back
from .loaded_organization import LoadedOrganization


@pytest.fixture(scope="module")
def loaded(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> LoadedOrganization:
    return awkward_amounts(make_organization(make_warehouse()))


EXACT = [name for name in FORMATS if name != "xlsx"]


@pytest.mark.parametrize("file_format", EXACT)
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
            assert "E" not in str(found) or not isinstance(found, str), "a tiny amount is written with an exponent"
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
    # Starting Tableau's engine takes a second, so it sees the views that people take to Tableau.
    for file_format in FORMATS if view in TABLEAU_VIEWS else [name for name in FORMATS if name != "hyper"]:
        out = tmp_path / f"{view}.{file_format}"
        assert export_view(loaded.warehouse.reader_url, view, file_format, out) == count
        found = read_back(out, file_format)
        assert len(found) == count
        assert all(list(row) == names for row in found[:3])
    types = {field.name: field.type for field in pq.read_schema(tmp_path / f"{view}.parquet")}
    assert list(types) == names
    if "cost" in types:
        assert types["cost"] == pa.decimal128(28, 12)


def test_small_negative_amounts_come_into_an_extract_and_a_warning_names_their_columns(
    loaded: LoadedOrganization, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(loaded.warehouse.superuser_url) as connection:
        connection.execute("UPDATE warehouse.cost_changes SET price_effect = -0.000000000001")
    export_view(loaded.warehouse.reader_url, "cost_changes", "hyper", out := tmp_path / "changes.hyper")
    found = {row["price_effect"] for row in read_back(out, "hyper")}
    assert found
    assert all(value is None or -1 < value < 0 for value in found)
    assert "price_effect" in caplog.text


def test_an_empty_view_gives_a_file_with_its_columns(warehouse: Any, tmp_path: Path) -> None:
    for file_format in FORMATS:
        assert export_view(warehouse.reader_url, "costs_daily", file_format, tmp_path / f"empty.{file_format}") == 0
    assert (tmp_path / "empty.csv").read_text().startswith("usage_date,organization,")
    assert json.loads((tmp_path / "empty.json").read_text()) == []
    assert pq.read_table(tmp_path / "empty.parquet").num_rows == 0
    assert read_back(tmp_path / "empty.hyper", "hyper") == read_back(tmp_path / "empty.xlsx", "xlsx") == []


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


# A shell that starts the tests in the background has what they start ignore Ctrl-C.
HEED_CTRL_C = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("meterhouse", run_name="__main__")
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_export_that_is_killed_leaves_no_file_under_the_name_that_was_asked_for(
    loaded: LoadedOrganization, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out.csv"
    command = [sys.executable, "-c", HEED_CTRL_C, "export", "costs_daily", "--format", "csv", "--out", str(out)]
    environment = {"PATH": os.environ["PATH"], "METERHOUSE_HOME": str(tmp_path / "home"), "WAREHOUSE_URL": loaded.warehouse.loader_url}
    # The reading stops at a locked table, when the draft is already there.
    with psycopg.connect(loaded.warehouse.superuser_url) as holder:
        holder.execute("LOCK TABLE warehouse.costs IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as export:
            deadline = time.monotonic() + 20
            while not list(tmp_path.glob(".out.csv.draft-*")):
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
    # An interrupted one removes its draft; a killed one cannot, so the next export does.
    assert bool(list(tmp_path.glob(".out.csv.*"))) == (number == signal.SIGKILL)
    export_view(loaded.warehouse.reader_url, "costs_daily", "csv", out)
    assert {path.name for path in tmp_path.iterdir()} - {"home"} == {"out.csv"}


def test_two_exports_to_one_name_at_a_time_leave_each_others_draft_alone(loaded: LoadedOrganization, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    drafts: list[int] = []

    def another(*_: int) -> None:
        if not drafts:
            drafts.append(len(list(tmp_path.glob(".out.json.*"))))
            export_view(loaded.warehouse.reader_url, "dim_project", "json", out)
            drafts.append(len(list(tmp_path.glob(".out.json.*"))))

    count = export_view(loaded.warehouse.reader_url, "costs_daily", "json", out, report=another)
    assert drafts == [1, 1]
    assert len(json.loads(out.read_text())) == count
    assert list(tmp_path.iterdir()) == [out]


EXPORT_AND_TELL_MEMORY = """
import resource, sys
from datetime import date
from pathlib import Path
from meterhouse.export import Selection, export_view
url, file_format, out, last = sys.argv[1:]
rows = export_view(url, "coverage", file_format, Path(out), Selection(last=date.fromisoformat(last)))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.soak
def test_four_times_the_rows_need_no_more_memory(warehouse: Any, tmp_path: Path) -> None:
    with psycopg.connect(warehouse.superuser_url, autocommit=True) as connection:
        connection.execute("INSERT INTO warehouse.dim_organization (label, vendor) VALUES ('acme', 'openai')")
        connection.execute(
            "INSERT INTO ops.coverage SELECT 1, 'images', 1, s, s, s + interval '1 minute', true, 0, '', now(), 'settled'"
            " FROM generate_series('2024-01-01Z'::timestamptz, '2024-01-01Z'::timestamptz + interval '120 days - 1 minute', '1 minute') s"
        )
        connection.execute("ANALYZE ops.coverage")

    def megabytes(file_format: str, last: str) -> tuple[int, int]:
        command = [sys.executable, "-c", EXPORT_AND_TELL_MEMORY, warehouse.reader_url, file_format, str(tmp_path / "out"), last]
        rows, size = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        return int(rows), int(size)

    # JSON is read as Parquet is, and Hyper is written from the same batches. Excel's format takes ten times as long as the others.
    for file_format in ("csv", "parquet", "xlsx"):
        some, more = ("2024-01-04", "2024-01-16") if file_format == "xlsx" else ("2024-01-30", "2024-04-29")
        few, small = megabytes(file_format, some)
        many, large = megabytes(file_format, more)
        assert many == 4 * few > 20_000, file_format
        assert large < small + 40, f"{file_format}: {small} MB for {few} rows, {large} MB for {many}"


@pytest.mark.parametrize("file_format", FORMATS)
def test_days_projects_and_organizations_choose_the_rows(loaded: LoadedOrganization, tmp_path: Path, file_format: str) -> None:
    ((project, first, last),) = loaded.read(
        "SELECT project_id, min(usage_date) + 3, min(usage_date) + 9 FROM bi.costs_daily WHERE project_id IS NOT NULL"
        " GROUP BY project_id ORDER BY count(*) DESC LIMIT 1"
    )
    ((expected, everything),) = loaded.read(
        "SELECT count(*) FILTER (WHERE project_id = %s AND usage_date BETWEEN %s AND %s), count(*) FROM bi.costs_daily",
        [project, first, last],
    )
    assert 0 < expected < everything / 2
    out = tmp_path / "out"
    url = loaded.warehouse.reader_url
    # The organization has this one too, and nothing was ever billed for it.
    idle = "proj_idle"
    named = "SELECT organization_id, %s, now() FROM warehouse.dim_organization WHERE NOT EXISTS (SELECT FROM warehouse.dim_project)"
    loaded.query(f"INSERT INTO warehouse.dim_project (organization_id, project_id, valid_from) {named}", [idle])
    assert export_view(url, "costs_daily", file_format, out, Selection(first, last, [project, idle], [loaded.label])) == expected
    found = read_back(out, file_format)
    assert len(found) == expected
    assert {row["project_id"] for row in found} == {project}
    assert export_view(url, "costs_daily", file_format, out, Selection(projects=[idle])) == 0
    assert read_back(out, file_format) == []


@pytest.mark.parametrize("selection", [Selection(projects=["another"]), Selection(organizations=["another"])])
def test_what_does_not_exist_is_refused_and_no_file_is_written(loaded: LoadedOrganization, tmp_path: Path, selection: Selection) -> None:
    ((project,),) = loaded.read("SELECT max(project_id) FROM bi.costs_daily")
    with pytest.raises(FixConfiguration, match="'another'"):
        export_view(loaded.warehouse.reader_url, "costs_daily", "csv", tmp_path / "out", selection)
    both = replace(selection, projects=[*selection.projects, project])
    with pytest.raises(FixConfiguration, match="'another'"):
        export_view(loaded.warehouse.reader_url, "costs_daily", "csv", tmp_path / "out", both)
    assert list(tmp_path.iterdir()) == []


def test_a_view_by_month_is_chosen_from_by_the_first_of_the_month(loaded: LoadedOrganization, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    selection = Selection(first=date(2026, 11, 1), last=date(2026, 11, 30))
    assert export_view(loaded.warehouse.reader_url, "spend_by_project_month", "json", out, selection) > 0
    assert {row["month_start"] for row in json.loads(out.read_text())} == {"2026-11-01"}


@pytest.mark.parametrize(
    ("view", "selection", "said"),
    [
        ("freshness", Selection(first=date(2026, 1, 1)), r"bi.freshness has no column usage_date for --from and --to: .*costs_daily"),
        ("spend_by_line_item_daily", Selection(projects=["p"]), r"no column project_id for --where-project: .* export usage_daily, "),
        ("dim_model", Selection(organizations=["demo"]), r"no column organization for --where-organization: leave it out"),
        ("costs_daily", Selection(date(2026, 2, 1), date(2026, 1, 1)), r"--from 2026-02-01 is after --to 2026-01-01"),
    ],
)
def test_a_filter_that_the_view_has_no_column_for_is_refused_in_one_line(
    loaded: LoadedOrganization, tmp_path: Path, view: str, selection: Selection, said: str
) -> None:
    with pytest.raises(FixConfiguration, match=said) as refused:
        export_view(loaded.warehouse.reader_url, view, "csv", tmp_path / "out.csv", selection)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_a_folder_or_cannot_be_written_to_is_refused(loaded: LoadedOrganization, tmp_path: Path) -> None:
    with pytest.raises(FixConfiguration, match="is a folder"):
        export_view(loaded.warehouse.reader_url, "costs_daily", "csv", tmp_path)
    with pytest.raises(FixConfiguration, match=r"the folder /proc cannot be written to \("):
        export_view(loaded.warehouse.reader_url, "costs_daily", "csv", Path("/proc/out.csv"))


def test_the_command_takes_every_format_and_the_filters(loaded: LoadedOrganization, tmp_path: Path) -> None:
    for file_format in FORMATS:
        parser().parse_args(["export", "costs_daily", "--format", file_format, "--out", "x"])
    out = tmp_path / "out.csv"
    ((project, second),) = loaded.read(
        "SELECT min(project_id), max(project_id) FROM bi.costs_daily WHERE usage_date = %s", [date(2026, 11, 10)]
    )
    ((expected,),) = loaded.read(
        "SELECT count(*) FROM bi.costs_daily WHERE usage_date = %s AND project_id IN (%s, %s)", [date(2026, 11, 10), project, second]
    )
    command = [sys.executable, "-m", "meterhouse", "export", "costs_daily", "--format", "csv", "--out", str(out)]
    command += ["--from", "2026-11-10", "--to", "2026-11-10", "--where-project", project, second, "--where-organization", loaded.label]
    environment = {"PATH": os.environ["PATH"], "METERHOUSE_HOME": str(tmp_path / "home"), "WAREHOUSE_URL": loaded.warehouse.reader_url}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"wrote {expected:,} rows to {out}\n"
    assert len(read_back(out, "csv")) == expected > 1


PAGES = Path(__file__).resolve().parents[2] / "docs" / "bi"
SHOWN = [line for path in sorted(PAGES.glob("*.md")) for line in path.read_text().splitlines() if line.startswith("meterhouse export ")]


@pytest.mark.parametrize("line", SHOWN)
def test_the_exports_of_the_guides_can_be_run(loaded: LoadedOrganization, tmp_path: Path, line: str) -> None:
    given = parser().parse_args(shlex.split(line)[1:])
    first, last = (None if day is None else day.date() for day in (given.first, given.last))
    ((project,),) = loaded.read("SELECT max(project_id) FROM bi.costs_daily")
    selection = Selection(first, last, [project for _ in given.where_project], given.where_organization)
    export_view(loaded.warehouse.reader_url, given.view, given.file_format, tmp_path / given.out, selection)
    assert [path.name for path in tmp_path.iterdir()] == [given.out.name]


def test_progress_counts_rows_up_to_all_there_are(loaded: LoadedOrganization, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    rows = export_view(
        loaded.warehouse.reader_url, "usage_hourly", "parquet", tmp_path / "out", report=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (rows, rows)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {rows}
