"""The Power BI project: what the views are, every name in it leads somewhere, and the star's keys hold on loaded rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pbi_parsers import dax
from tests.conftest import Warehouse

from meterhouse.admin_keys import AdminKey, Organization
from meterhouse.bi_files.columns import columns_of
from meterhouse.bi_files.files import Address
from meterhouse.bi_files.powerbi import star
from meterhouse.bi_files.powerbi.access import ACCESS_TABLE, role_filters
from meterhouse.bi_files.powerbi.measures import MEASURE_TABLE, measures
from meterhouse.bi_files.powerbi.project import files
from meterhouse.bi_files.powerbi.star import ANSWERS, DIMENSIONS, FACTS, TABLES, Relationship, model_column, relationships
from meterhouse.catalogue.dictionary import COLUMNS
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.load.directory import sync_directory
from meterhouse.load.sync import sync
from meterhouse.settings import Settings

FOLDER = Path(__file__).resolve().parents[2] / "bi" / "powerbi"
DEFINITION = FOLDER / "meterhouse.SemanticModel" / "definition"
# Power BI's types by PostgreSQL's; `double` is what it calls a decimal number.
READ_AS = {
    "bigint": "int64",
    "boolean": "boolean",
    "character varying": "string",
    "date": "dateTime",
    "numeric": "double",
    "timestamp with time zone": "dateTime",
    "timestamp without time zone": "dateTime",
}
DAX_FUNCTIONS = {
    "CALCULATE", "CALCULATETABLE", "COUNTROWS", "DATEADD", "DISTINCTCOUNT", "DIVIDE", "FALSE", "FILTER", "HASONEVALUE", "IF", "ISBLANK",
    "KEEPFILTERS", "LASTNONBLANK", "MAX", "SELECTCOLUMNS", "SUM", "TREATAS", "TRUE", "USERPRINCIPALNAME", "VALUES",
}  # fmt: skip


@dataclass
class Table:
    """What a table's TMDL file says."""

    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    measures: dict[str, str] = field(default_factory=dict)
    properties: set[str] = field(default_factory=set)
    query: str = ""


def unquoted(name: str) -> str:
    return name.strip("'").replace("''", "'")


def read_table(path: Path) -> Table:
    """Read the few words of TMDL that the files use; Microsoft's own reader is asked in test_powerbi_tools."""
    table = Table()
    inside: dict[str, str] = {}
    comment = ""
    text, _, query = path.read_text(encoding="utf-8").partition("\n\tpartition ")
    table.query = query.partition("source =\n")[2]
    for line in text.splitlines():
        if match := re.fullmatch(r"\t(?:column|measure) ('(?:[^']|'')+'|\w+)(?: = (.+))?", line):
            inside = {"description": comment}
            name = unquoted(match[1])
            if match[2]:
                table.measures[name] = match[2]
            else:
                table.columns[name] = inside
        elif match := re.fullmatch(r"\t\t(\w+)(?:: (.+))?", line):
            inside[match[1]] = match[2] or "true"
        elif match := re.fullmatch(r"\t(\w+)(?:: (.+))?", line):
            table.properties.add(line.strip())
        comment = line.strip().removeprefix("/// ") if line.strip().startswith("///") else ""
    return table


@pytest.fixture(scope="module")
def model() -> dict[str, Table]:
    return {path.stem: read_table(path) for path in (DEFINITION / "tables").glob("*.tmdl")}


@pytest.fixture(scope="module")
def loaded(module_warehouse: Warehouse) -> Iterator[psycopg.Connection]:
    """Two weeks of the invented organization, read as the reader."""
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    with FakeServer(FakeOrganization(now=now, scale=0.2)) as server:
        settings = Settings(
            organizations=(Organization("demo", AdminKey(server.admin_key), server.base_url),),
            warehouse_url=module_warehouse.loader_url,
            history_start=datetime(2026, 11, 6, tzinfo=UTC),
            widths=("1d",),
        )
        sync(settings, ["completions", "vector_stores", "costs"], clock=lambda: now).raise_first()
        sync_directory(settings, clock=lambda: now)
    with psycopg.connect(module_warehouse.reader_url, autocommit=True) as connection:
        yield connection


def test_the_committed_files_are_those_that_the_dictionary_makes() -> None:
    there = {str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*") if path.is_file()}
    assert there == files(), "run python -m meterhouse.bi_files.powerbi"


@pytest.mark.parametrize(("table", "view"), TABLES.items())
def test_columns_and_types_are_those_of_the_view_in_the_warehouse(
    module_warehouse: Warehouse, model: dict[str, Table], table: str, view: str
) -> None:
    with psycopg.connect(module_warehouse.reader_url) as connection:
        there = connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'bi' AND table_name = %s"
            " ORDER BY ordinal_position",
            [view],
        ).fetchall()
    shown = model[table].columns.values()
    assert [(column["sourceColumn"], column["dataType"]) for column in shown] == [(name, READ_AS[kind]) for name, kind in there]
    assert [column["description"] for column in shown] == [COLUMNS[name].comment() for name, _ in there]
    # The query names its columns, so that one appended to the view changes nothing.
    assert re.findall(r'"(\w+)"', model[table].query.partition("SelectColumns")[2].partition("\n")[0]) == [name for name, _ in there]
    assert f'[Schema = "bi", Item = "{view}"]' in model[table].query


def test_money_is_never_the_fixed_decimal_number_which_rounds_each_row_to_four_places(model: dict[str, Table]) -> None:
    assert "decimal" not in {column["dataType"] for table in model.values() for column in table.columns.values()}


def test_keys_and_raw_numbers_are_hidden_and_nothing_is_added_up_automatically(model: dict[str, Table]) -> None:
    for fact in FACTS:
        for name, column in model[fact].columns.items():
            raw = column["dataType"] in {"int64", "double"} or name.endswith("_key") or name == "usage_date"
            assert ("isHidden" in column) == raw, f"{fact}.{name}"
    for table in model.values():
        assert {column["summarizeBy"] for column in table.columns.values()} == {"none"}
        assert all("isHidden" in column for name, column in table.columns.items() if name.endswith("_key"))
    assert "\tdiscourageImplicitMeasures\n" in (DEFINITION / "model.tmdl").read_text()


def test_the_date_table_is_marked_and_its_names_sort_by_their_numbers(model: dict[str, Table]) -> None:
    assert "dataCategory: Time" in model["Date"].properties
    assert [name for name, column in model["Date"].columns.items() if "isKey" in column] == ["Usage date"]
    assert model["Date"].columns["Month name"]["sortByColumn"] == "Month"
    assert "__PBI_TimeIntelligenceEnabled = 0" in (DEFINITION / "model.tmdl").read_text()


def test_there_is_a_relationship_for_each_key_of_each_fact(model: dict[str, Table]) -> None:
    found = re.findall(r"fromColumn: ([^.]+)\.(.+)\n\ttoColumn: ([^.]+)\.(.+)\n", (DEFINITION / "relationships.tmdl").read_text())
    ends = [tuple(unquoted(part) for part in ends) for ends in found]
    keys = {(fact, name) for fact in FACTS for name in model[fact].columns if name.endswith("_key") or name == "usage_date"}
    assert {(fact, name) for fact, name, *_ in ends} == keys
    assert len(ends) == len(keys) == len(relationships()) == 12
    for fact, name, dimension, key in ends:
        assert name in model[fact].columns
        assert "isKey" in model[dimension].columns[key]
        assert model[dimension].columns[key]["sourceColumn"] == name
    # Only one path between any two tables.
    assert len({(fact, dimension) for fact, _, dimension, _ in ends}) == len(ends)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_a_dimensions_key_is_unique_for_power_bi_which_reads_no_case(loaded: psycopg.Connection, dimension: str) -> None:
    key = next(one.to_column for one in relationships() if one.to_table == dimension)
    source = "usage_date" if dimension == "Date" else key
    query = f"SELECT count(*), count(DISTINCT lower({source}::text)), count({source}) FROM bi.{TABLES[dimension]}"
    (counts,) = loaded.execute(query.encode()).fetchall()
    assert counts[0] == counts[1] == counts[2] > 0


@pytest.mark.parametrize("one", relationships(), ids=lambda one: f"{one.from_table}-{one.to_table}")
def test_every_row_of_a_fact_finds_its_member(loaded: psycopg.Connection, one: Relationship) -> None:
    fact, dimension = TABLES[one.from_table], TABLES[one.to_table]
    query = f"SELECT count(*), count(d.{one.from_column}) FROM bi.{fact} f LEFT JOIN bi.{dimension} d USING ({one.from_column})"
    (counts,) = loaded.execute(query.encode()).fetchall()
    assert counts[0] == counts[1] > 100


def expressions() -> dict[str, str]:
    """All DAX of the committed model by where it stands."""
    found = dict(read_table(DEFINITION / "tables" / f"{MEASURE_TABLE}.tmdl").measures)
    role = (DEFINITION / "roles" / "Project scope.tmdl").read_text()
    return found | {f"role on {unquoted(table)}": text for table, text in re.findall(r"tablePermission (.+?) = (.+)", role)}


@pytest.mark.parametrize(("where", "text"), expressions().items())
def test_dax_can_be_parsed_and_every_table_column_measure_and_function_in_it_exists(model: dict[str, Table], where: str, text: str) -> None:
    tree = dax.to_ast(text)  # raises on what cannot be parsed, or is left over
    assert tree is not None
    kinds = (dax.exprs.ColumnExpression, dax.exprs.MeasureExpression, dax.exprs.TableExpression, dax.exprs.FunctionExpression)
    named = 0
    for node in [tree, *tree.find_all(kinds)]:
        if isinstance(node, dax.exprs.ColumnExpression):
            assert node.column.text.strip("[]") in model[unquoted(node.table.text)].columns, f"{where}: {node.column.text}"
            named += 1
        elif isinstance(node, dax.exprs.MeasureExpression):
            assert node.name.text.strip("[]") in model[MEASURE_TABLE].measures, f"{where}: {node.name.text}"
            named += 1
        elif isinstance(node, dax.exprs.TableExpression):
            assert unquoted(node.name.text) in model, f"{where}: {node.name.text}"
        elif isinstance(node, dax.exprs.FunctionExpression):
            assert node.function_name() in DAX_FUNCTIONS, f"{where}: {node.function_name()}"
    assert named == len(re.findall(r"\[[^]]+\]", text)), f"{where}: a name was not looked at"


def test_every_figure_of_the_facts_that_adds_up_has_a_measure_and_every_measure_says_what_it_is() -> None:
    summed = " ".join(measure.expression for measure in measures())
    for fact in FACTS:
        for column in columns_of(TABLES[fact]):
            if column.role == "measure":
                assert f"SUM('{fact}'[{column.name}])" in summed, column.name
    for measure in measures():
        assert measure.description.endswith("."), measure.name
        assert measure.shape, measure.name
    assert len({measure.name.lower() for measure in measures()}) == len(measures())


def test_a_column_that_is_gone_from_a_view_stops_the_making(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(star, "columns_of", lambda view: [column for column in columns_of(view) if column.name != "cost_usd"])
    with pytest.raises(LookupError, match=r"bi\.fact_costs_daily has no column cost_usd"):
        files()


def test_the_report_shows_what_the_model_has_and_fits_its_page(model: dict[str, Table]) -> None:
    report = FOLDER / "meterhouse.Report"
    pages = [json.loads(path.read_text()) for path in report.rglob("page.json")]
    assert {(page["name"], page["width"], page["height"]) for page in pages} == {("thisMonth", 1280, 720), ("overview", 1280, 720)}
    page = pages[0]
    visuals = [json.loads(path.read_text()) for path in report.rglob("visual.json")]
    shown: list[tuple[str, str, str]] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            for kind in ("Measure", "Column"):
                if kind in part:
                    shown.append((kind, part[kind]["Expression"]["SourceRef"]["Entity"], part[kind]["Property"]))
            part = list(part.values())
        if isinstance(part, list):
            for one in part:
                walk(one)

    walk(visuals)
    for kind, table, name in shown:
        assert name in (model[table].measures if kind == "Measure" else model[table].columns), f"{table}.{name}"
    assert {("Measure", MEASURE_TABLE, name) for name in ("Cost USD", "Total tokens", "Requests")} <= set(shown)
    for visual in visuals:
        place = visual["position"]
        assert place["x"] + place["width"] <= page["width"]
        assert place["y"] + place["height"] <= page["height"]
    assert {visual["visual"]["visualType"] for visual in visuals} == {"barChart", "card", "columnChart", "slicer", "tableEx"}
    assert json.loads((report / "definition.pbir").read_text())["datasetReference"] == {"byPath": {"path": "../meterhouse.SemanticModel"}}


def test_the_connection_file_and_the_parameters_point_to_the_address_and_hold_no_password() -> None:
    made = files(Address("pg.acme.test", 6543, "spend"))
    (connection,) = json.loads(made["meterhouse.pbids"])["connections"]
    assert connection["details"] == {"protocol": "postgresql", "address": {"server": "pg.acme.test:6543", "database": "spend"}}
    assert connection["mode"] == "Import"
    parameters = made["meterhouse.SemanticModel/definition/expressions.tmdl"]
    assert 'expression Server = "pg.acme.test:6543" meta [IsParameterQuery=true' in parameters
    assert 'expression Database = "spend" meta' in parameters
    assert not any("password" in text.lower() for text in made.values())


def test_the_role_gives_nothing_to_whom_the_access_table_does_not_name(model: dict[str, Table]) -> None:
    assert "#table(type table" in model[ACCESS_TABLE].query
    assert ", {})" in model[ACCESS_TABLE].query, "the table is shipped empty"
    assert set(role_filters()) == {"Project", "User", "API key", *ANSWERS}
    assert {role_filters()[table] for table in ANSWERS} == {"FALSE()"}
    assert model_column("dim_project", "project_key") == "project_key"
