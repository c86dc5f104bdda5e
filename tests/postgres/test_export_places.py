"""Where an export goes, and text in it that somebody chose: pipes, standard output, modes, formulas, control characters."""

from __future__ import annotations

import csv
import io
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from meterhouse.errors import FixConfiguration
from meterhouse.export import FORMATS, Selection, export_view
from meterhouse.export.formulas import AS_TEXT_SQL, as_text
from meterhouse.fake_openai.lineup import PROMOTIONAL_CREDIT

from .conftest import MakeOrganization, MakeWarehouse
from .exported_files import awkward_amounts, read_back
from .loaded_organization import LoadedOrganization

ODD_NAMES = [
    "=1+1",
    "+1",
    "-1.5",
    "-1+1",
    "@cmd",
    "\ttab",
    "\rreturn",
    '="a,b"',
    "plain",
    "",
    "a\nb",
    "-",
    "'quoted",
    "-2\n",
    "=\x1b[2J",
    "-٣",
]

ODD_NAME = "=cmd|' /C calc'!A0 \x1b[31m\nforged"


@pytest.fixture(scope="module")
def loaded(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> LoadedOrganization:
    return awkward_amounts(make_organization(make_warehouse()))


@pytest.fixture
def odd_project(loaded: LoadedOrganization) -> Iterator[str]:
    """A project with costs that is called as a formula with an escape sequence and a line break in it."""
    ((project,),) = loaded.read("SELECT min(project_id) FROM bi.costs_daily")
    loaded.query(
        "INSERT INTO warehouse.dim_project (organization_id, project_id, project_name, valid_from)"
        " SELECT organization_id, %s, %s, now() FROM warehouse.dim_organization",
        [project, ODD_NAME],
    )
    yield str(project)
    loaded.query("DELETE FROM warehouse.dim_project")


def run(loaded: LoadedOrganization, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "METERHOUSE_HOME": str(home), "WAREHOUSE_URL": loaded.warehouse.reader_url}
    command = [sys.executable, "-m", "meterhouse", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60, cwd=home)


def test_the_server_and_the_dashboard_guard_the_same_cells(loaded: LoadedOrganization) -> None:
    query = f"SELECT {AS_TEXT_SQL.format('name')} FROM unnest(%s::text[]) WITH ORDINALITY AS u (name, place) ORDER BY place"
    with psycopg.connect(loaded.warehouse.reader_url) as connection:
        found = [cell for (cell,) in connection.execute(query.encode(), [ODD_NAMES])]
    assert found == [as_text(name) for name in ODD_NAMES]
    assert sum(cell != name for cell, name in zip(found, ODD_NAMES, strict=True)) > 5


def test_names_are_no_formulas_in_csv_unless_raw_and_amounts_stay_numbers(
    loaded: LoadedOrganization, odd_project: str, tmp_path: Path
) -> None:
    url, out = loaded.warehouse.reader_url, tmp_path / "out.csv"
    export_view(url, "costs_daily", "csv", out, Selection(projects=[odd_project]))
    guarded = read_back(out, "csv")
    assert {row["project_name"] for row in guarded} == {f"'{ODD_NAME}"}
    export_view(url, "costs_daily", "csv", out, Selection(projects=[odd_project]), raw=True)
    assert {row["project_name"] for row in read_back(out, "csv")} == {ODD_NAME}
    export_view(url, "costs_daily", "json", out, Selection(projects=[odd_project]))
    assert {row["project_name"] for row in read_back(out, "json")} == {ODD_NAME}
    loaded.query("UPDATE warehouse.costs SET amount = -1.5 WHERE amount = 1e-12")
    try:
        export_view(url, "costs_daily", "csv", out)
    finally:
        loaded.query("UPDATE warehouse.costs SET amount = 1e-12 WHERE amount = -1.5")
    credits_ = {(row["cost"], row["cost_exact"]) for row in read_back(out, "csv") if row["cost"].startswith("-")}
    assert credits_ == {("-1.500000000000", "-1.5"), (f"{PROMOTIONAL_CREDIT:.12f}", str(PROMOTIONAL_CREDIT.normalize()))}


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_named_pipe_gets_every_format_whole_and_stays_a_pipe(loaded: LoadedOrganization, tmp_path: Path, file_format: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    rows = export_view(loaded.warehouse.reader_url, "dim_project", file_format, pipe)
    reader.join(20)
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    (tmp_path / "copy").write_bytes(got[0])
    assert len(read_back(tmp_path / "copy", file_format)) == rows > 0


def test_standard_output_has_the_rows_and_nothing_else(loaded: LoadedOrganization, odd_project: str, tmp_path: Path) -> None:
    for out in ("-", "/dev/stdout"):
        done = run(loaded, tmp_path, "export", "dim_project", "--format", "csv", "--out", out)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        assert done.returncode == 0
        assert odd_project in {row["project_id"] for row in rows}
        said = "standard output" if out == "-" else out
        assert done.stderr == f"meterhouse: wrote {len(rows):,} rows to {said}\n"
    raw = run(loaded, tmp_path, "export", "dim_project", "--format", "csv", "--raw", "--out", "-").stdout
    assert ",'=cmd" not in raw
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_to_standard_output_writes_nothing_there(loaded: LoadedOrganization, tmp_path: Path) -> None:
    done = run(loaded, tmp_path, "export", "costs_daily", "--format", "csv", "--out", "-", "--where-project", "no\x1b[2J\nforged")
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "\x1b" not in line


def test_a_reader_that_leaves_ends_the_export_without_a_word(loaded: LoadedOrganization, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "METERHOUSE_HOME": str(tmp_path), "WAREHOUSE_URL": loaded.warehouse.reader_url}
    command = [sys.executable, "-m", "meterhouse", "export", "costs_daily", "--format", "csv", "--out", "-"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as export:
        assert export.stdout
        assert export.stderr
        export.stdout.read(10)
        export.stdout.close()
        assert export.stderr.read() == b""
        assert export.wait(30) == 1


def test_a_new_export_is_its_owners_and_an_older_file_keeps_its_mode(loaded: LoadedOrganization, tmp_path: Path) -> None:
    url, out = loaded.warehouse.reader_url, tmp_path / "out.csv"
    export_view(url, "dim_project", "csv", out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    out.chmod(0o640)
    export_view(url, "dim_project", "parquet", out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o640


def test_a_place_that_is_refused_is_refused_before_the_warehouse_is_asked(tmp_path: Path) -> None:
    with pytest.raises(FixConfiguration, match="is a folder"):
        export_view("postgresql://nobody@127.0.0.1:1/none", "costs_daily", "csv", tmp_path)
