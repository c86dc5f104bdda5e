"""Tableau's data sources: what the views are, in the words of the data dictionary, and no password."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.bi_files.files import Address
from meterhouse.bi_files.tableau import TABLEAU_VIEWS, data_source, files
from meterhouse.catalogue.dictionary import COLUMNS

FOLDER = Path(__file__).resolve().parents[2] / "bi" / "tableau"
# Tableau's data types by PostgreSQL's, as Tableau maps them itself.
READ_AS = {
    "bigint": "integer",
    "boolean": "boolean",
    "character varying": "string",
    "date": "date",
    "numeric": "real",
    "timestamp with time zone": "datetime",
    "timestamp without time zone": "datetime",
}


def opened(view: str) -> Element:
    return ElementTree.fromstring((FOLDER / f"{view}.tds").read_text(encoding="utf-8"))  # noqa: S314  # our own file


def test_the_committed_files_are_those_that_the_dictionary_makes() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert there == files(), "run python -m meterhouse.bi_files.tableau"


@pytest.mark.parametrize("view", TABLEAU_VIEWS)
def test_columns_and_types_are_those_of_the_view_in_the_warehouse(module_warehouse: Warehouse, view: str) -> None:
    with psycopg.connect(module_warehouse.reader_url) as connection:
        there = connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'bi' AND table_name = %s"
            " ORDER BY ordinal_position",
            [view],
        ).fetchall()
    shown = [(column.attrib["name"], column.attrib["datatype"]) for column in opened(view).findall("column")]
    assert shown == [(f"[{name}]", READ_AS[kind]) for name, kind in there]


@pytest.mark.parametrize("view", TABLEAU_VIEWS)
def test_the_connection_is_live_and_asks_for_the_password(view: str) -> None:
    text = (FOLDER / f"{view}.tds").read_text(encoding="utf-8")
    assert "password=" not in text.replace("username-password", "")
    connection = opened(view).find("connection/named-connections/named-connection/connection")
    relation = opened(view).find("connection/relation")
    assert connection is not None
    assert relation is not None
    assert {name: connection.attrib[name] for name in ("class", "server", "port", "dbname", "workgroup-auth-mode")} == {
        "class": "postgres", "server": "db.example.com", "port": "5432", "dbname": "warehouse", "workgroup-auth-mode": "prompt",
    }  # fmt: skip
    assert relation.attrib["table"] == f"[bi].[{view}]"


@pytest.mark.parametrize("view", TABLEAU_VIEWS)
def test_every_column_has_a_caption_its_description_and_a_folder(view: str) -> None:
    root = opened(view)
    columns = {column.attrib["name"]: column for column in root.findall("column")}
    for name, column in columns.items():
        assert column.attrib["caption"]
        assert "".join(column.itertext()).strip() == COLUMNS[name.strip("[]")].comment()
    assert sorted(item.attrib["name"] for item in root.iter("folder-item")) == sorted(columns)


def test_what_does_not_add_up_is_not_added_up_and_money_is_shown_as_money() -> None:
    costs = {column.attrib["name"]: column.attrib for column in opened("costs_daily").findall("column")}
    assert costs["[cost_usd]"]["aggregation"] == "Sum"
    assert "$" in costs["[cost_usd]"]["default-format"]
    assert "$" not in costs["[cost]"]["default-format"]
    assert costs["[cost_exact]"]["role"] == "dimension"
    usage = {column.attrib["name"]: column.attrib for column in opened("usage_hourly").findall("column")}
    assert usage["[storage_bytes]"]["aggregation"] == "Avg"
    assert usage["[bucket_at]"].get("hidden") == "true"
    assert usage["[bucket_start_utc]"].get("hidden") is None
    tokens = {column.attrib["name"]: column.attrib for column in opened("tokens_by_model_daily").findall("column")}
    assert (tokens["[cached_share]"]["aggregation"], tokens["[cached_share]"]["default-format"]) == ("Avg", "p0.0%")


@pytest.mark.parametrize(("tool", "file"), [("tableau", "costs_daily.tds"), ("powerbi", "meterhouse.pbids")])
def test_the_command_of_the_guide_writes_the_files_with_an_address(tmp_path: Path, tool: str, file: str) -> None:
    guide = (FOLDER.parents[1] / "docs" / "bi" / f"{tool}.md").read_text()
    (line,) = [line for line in guide.splitlines() if line.startswith("python -m ")]
    words = shlex.split(line.replace("db.example.com", "pg.acme.test"))[1:]
    subprocess.run([sys.executable, *words], cwd=tmp_path, check=True)
    assert "pg.acme.test" in (tmp_path / tool / file).read_text()
    assert len(list((tmp_path / tool).rglob("*.*"))) == len(list((FOLDER.parent / tool).rglob("*.*")))


def test_a_data_source_can_be_made_for_an_address() -> None:
    made = data_source("costs_daily", Address("pg.acme.test", 6543, "spend", "finance"))
    for word in ("pg.acme.test", "6543", "spend", "finance"):
        assert f'="{word}"' in made
    assert "db.example.com" not in made
