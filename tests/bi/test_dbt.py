"""The dbt package: sources that are the views, tests that hold on a loaded warehouse, and exposures of what is shipped."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml
from tests.conftest import Warehouse

from meterhouse import __version__
from meterhouse.bi_files.columns import view_comments
from meterhouse.bi_files.dbt import files, write_into
from meterhouse.bi_files.files import CHECKED_IN
from meterhouse.warehouse.view_reach import VIEW_NAMES

FOLDER = CHECKED_IN / "dbt"
COMMITTED = {path.relative_to(FOLDER).as_posix(): yaml.safe_load(path.read_text()) for path in FOLDER.rglob("*.yml")}
(SOURCE,) = COMMITTED["models/sources.yml"]["sources"]
TABLES = {table["name"]: table for table in SOURCE["tables"]}
LOCK = FOLDER / "requirements.txt"
ROOT = Path(__file__).parents[2]
FRESHNESS = ("source", "freshness")
Dbt = Callable[..., str]


def declared() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """View, column, test and arguments of every test."""
    for view, table in TABLES.items():
        for column in table["columns"]:
            for test in column.get("data_tests", ()):
                name, rest = (test, {}) if isinstance(test, str) else next(iter(test.items()))
                yield view, column["name"], name, rest.get("arguments", {})


def failing(view: str, column: str, test: str, arguments: dict[str, Any]) -> str:
    """What dbt asks for a test: the rows that fail it."""
    if test == "not_null":
        return f"SELECT {column} FROM bi.{view} WHERE {column} IS NULL"
    if test == "unique":
        return f"SELECT {column} FROM bi.{view} WHERE {column} IS NOT NULL GROUP BY 1 HAVING count(*) > 1"
    if test == "accepted_values":
        values = ", ".join(f"'{value}'" for value in arguments["values"])
        return f"SELECT {column} FROM bi.{view} WHERE {column} NOT IN ({values})"
    (parent,) = re.findall(r"^source\('meterhouse', '(\w+)'\)$", arguments["to"])
    key = arguments["field"]
    children = f"SELECT {column} FROM bi.{view} WHERE {column} IS NOT NULL"
    return f"{children} EXCEPT SELECT {key} FROM bi.{parent}"


def test_the_committed_files_are_what_the_dictionary_makes(tmp_path: Path) -> None:
    assert files() == COMMITTED, "run make bi-files"
    write_into(tmp_path)
    for name in COMMITTED:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_every_view_is_a_source_with_its_columns_types_and_descriptions(module_warehouse: Warehouse) -> None:
    with psycopg.connect(module_warehouse.reader_url) as connection:
        there = connection.execute("SELECT view_name, column_name, description, view_description FROM bi.data_dictionary").fetchall()
        types = connection.execute(
            "SELECT c.relname, a.attname, replace(format_type(a.atttypid, a.atttypmod), 'character varying', 'varchar')"
            " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " WHERE c.relnamespace = 'bi'::regnamespace AND c.relkind = 'v' AND a.attnum > 0"
        ).fetchall()
    said = [
        (view, column["name"], column["description"], table["description"]) for view, table in TABLES.items() for column in table["columns"]
    ]
    assert sorted(said) == sorted(there)
    assert sorted((view, column["name"], column["data_type"]) for view, table in TABLES.items() for column in table["columns"]) == sorted(
        types
    )
    assert list(TABLES) == list(VIEW_NAMES) == list(view_comments())


@pytest.mark.parametrize("view", TABLES)
def test_its_tests_hold_on_a_loaded_warehouse(loaded_warehouse: Warehouse, view: str) -> None:
    with psycopg.connect(loaded_warehouse.reader_url) as connection:
        for one in declared():
            if one[0] == view:
                found = connection.execute(failing(*one).encode()).fetchall()
                assert not found, f"{one[1]} {one[2]}: {len(found)} rows fail"


def test_each_kind_of_test_is_there_and_finds_what_is_wrong(loaded_warehouse: Warehouse) -> None:
    assert {name for _, _, name, _ in declared()} == {"not_null", "unique", "accepted_values", "relationships"}
    wrong: list[tuple[str, str, str, dict[str, Any]]] = [
        ("costs_daily", "project_id", "not_null", {}),
        ("costs_daily", "usage_date", "unique", {}),
        ("costs_daily", "finality", "accepted_values", {"values": ["open"]}),
        ("fact_costs_daily", "project_key", "relationships", {"to": "source('meterhouse', 'dim_model')", "field": "model_key"}),
    ]
    with psycopg.connect(loaded_warehouse.reader_url) as connection:
        for one in wrong:
            assert connection.execute(failing(*one).encode()).fetchall(), one


def test_exposures_read_sources_that_are_there() -> None:
    exposures = COMMITTED["models/exposures.yml"]["exposures"]
    assert {one["name"] for one in exposures} == {"metabase", "superset", "grafana", "power_bi", "tableau"}
    for one in exposures:
        assert one["depends_on"]
        assert set(one["depends_on"]) <= {f"source('meterhouse', '{view}')" for view in TABLES}


def test_the_package_is_of_this_version_and_holds_no_password() -> None:
    project = COMMITTED["dbt_project.yml"]
    assert (project["name"], project["version"]) == ("meterhouse", __version__)
    (output,) = COMMITTED["profiles.yml"]["meterhouse"]["outputs"].values()
    assert output["password"] == "{{ env_var('METERHOUSE_READER_PASSWORD') }}"


@pytest.fixture(scope="module")
def dbt(loaded_warehouse: Warehouse) -> Dbt:
    """Runs dbt, installed from the lock file in an environment of its own, as a reader: `dbt(folder, *words)` gives what it says."""
    folder = Path(os.environ.get("METERHOUSE_DBT_VENV") or ROOT / ".meterhouse" / "dbt")
    note, wanted = folder / "lock.sha256", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not note.is_file() or note.read_text() != wanted:
        uv = Path(sys.executable).with_name("uv")
        if not uv.exists():
            pytest.skip("uv is not beside this Python: run make bi-test, which installs it")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True, timeout=120)
        install = [uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", "--require-hashes", "-r", LOCK]
        done = subprocess.run(install, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            pytest.skip(f"dbt cannot be installed here: {done.stderr.strip().splitlines()[-1][:300]}")
        note.write_text(wanted)
    parts = urlsplit(loaded_warehouse.reader_url)
    environment = {
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        "METERHOUSE_WAREHOUSE_HOST": str(parts.hostname),
        "METERHOUSE_WAREHOUSE_PORT": str(parts.port),
        "METERHOUSE_WAREHOUSE_DATABASE": parts.path.strip("/"),
        "METERHOUSE_READER_USER": str(parts.username),
        "METERHOUSE_READER_PASSWORD": str(parts.password),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        "DO_NOT_TRACK": "1",
    }

    def run(project: Path, *words: str, target: Path, **more: str) -> str:
        command = [folder / "bin" / "dbt", "--no-use-colors", *words]
        more |= {"HOME": str(target), "DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)}
        done = subprocess.run(command, cwd=project, env={**environment, **more}, capture_output=True, text=True, timeout=600, check=False)
        # A stale source is an error to dbt; how old the invented organization's loads are is not asked here.
        assert done.returncode == 0 or words == FRESHNESS, done.stdout[-4000:] + done.stderr[-2000:]
        return done.stdout

    return run


@pytest.mark.bi_tools
@pytest.mark.timeout(900)
def test_dbt_parses_the_package_without_a_warning_and_its_tests_pass(dbt: Dbt, tmp_path: Path) -> None:
    said = dbt(FOLDER, "parse", "--no-partial-parse", target=tmp_path)
    assert "WARNING" not in said.upper().replace("NO WARNINGS", ""), said
    said = dbt(FOLDER, "test", "--threads", "4", target=tmp_path)
    (passed, warned, failed) = map(int, re.findall(r"PASS=(\d+) WARN=(\d+) ERROR=(\d+)", said)[0])
    assert (passed, warned, failed) == (len(list(declared())), 0, 0)
    assert re.search(r"(?:PASS|WARN|STALE) freshness of meterhouse\.freshness", dbt(FOLDER, *FRESHNESS, target=tmp_path))


@pytest.mark.bi_tools
@pytest.mark.timeout(900)
def test_a_project_that_uses_the_package_builds_a_model_on_a_source(dbt: Dbt, tmp_path: Path, loaded_warehouse: Warehouse) -> None:
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text("name: ours\nversion: 1.0.0\nconfig-version: 2\nprofile: meterhouse\nmodel-paths: [models]\n")
    (project / "packages.yml").write_text(f"packages:\n  - local: {FOLDER}\n")
    (project / "models" / "ours.sql").write_text(
        "{{ config(materialized='view') }}\nSELECT month_start, model, cost FROM {{ source('meterhouse', 'spend_by_model_month') }}\n"
    )
    (project / "profiles.yml").write_text((FOLDER / "profiles.yml").read_text())
    owner = urlsplit(loaded_warehouse.owner_url)
    dbt(project, "deps", target=tmp_path)
    dbt(
        project, "run", "--select", "ours", target=tmp_path,
        METERHOUSE_READER_USER=str(owner.username), METERHOUSE_READER_PASSWORD=str(owner.password),
    )  # fmt: skip
    with psycopg.connect(loaded_warehouse.owner_url) as connection:
        made = connection.execute("SELECT sum(cost) FROM my.ours").fetchone()
        assert made == connection.execute("SELECT sum(cost) FROM bi.costs_daily").fetchone()
        connection.execute("DROP VIEW my.ours")
