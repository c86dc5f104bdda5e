"""TMDL: the semantic model as Power BI's own text, with tables, measures, relationships and the role.

Money is of the type that TMDL calls `double` and Power BI "decimal number": 15 digits. TMDL's `decimal` is the fixed decimal number, which
would round every row to four places.
"""

from __future__ import annotations

import re

from meterhouse.bi_files.columns import Column, columns_of, view_comments
from meterhouse.bi_files.files import Address, Files
from meterhouse.bi_files.powerbi.access import ACCESS_TABLE, ROLE, role_filters
from meterhouse.bi_files.powerbi.item_files import NAME, SCHEMAS, as_json, platform
from meterhouse.bi_files.powerbi.measures import MEASURE_TABLE, WHOLE, measures
from meterhouse.bi_files.powerbi.star import (
    ANSWERS,
    DATE_KEY,
    DIMENSIONS,
    TABLE_OF,
    TABLES,
    called,
    is_hidden,
    is_key,
    model_column,
    relationships,
)

_TYPES = {
    "bigint": "int64",
    "integer": "int64",
    "numeric": "double",
    "double precision": "double",
    "boolean": "boolean",
    "date": "dateTime",
    "timestamp without time zone": "dateTime",
    "timestamp with time zone": "dateTime",
    "varchar": "string",
}
_SORTED_BY = {"month_name": "month", "weekday_name": "weekday"}


def semantic_model(where: Address) -> Files:
    """Return the model's folder, by path below bi/powerbi."""
    folder = f"{NAME}.SemanticModel"
    below = f"{folder}/definition"
    tables = {**{table: _table(table) for table in TABLES}, MEASURE_TABLE: _measure_table(), ACCESS_TABLE: _access_table()}
    return {
        f"{folder}/.platform": platform("SemanticModel"),
        f"{folder}/definition.pbism": as_json(
            {"$schema": f"{SCHEMAS}/item/semanticModel/definitionProperties/1.0.0/schema.json", "version": "4.2", "settings": {}}
        ),
        f"{below}/database.tmdl": f"database {NAME}\n\tcompatibilityLevel: 1601\n",
        f"{below}/model.tmdl": _model_tmdl(list(tables)),
        f"{below}/expressions.tmdl": _parameters(where),
        f"{below}/relationships.tmdl": _relationships_tmdl(),
        f"{below}/roles/{ROLE}.tmdl": _role(),
        **{f"{below}/tables/{table}.tmdl": text for table, text in tables.items()},
    }


def _model_tmdl(tables: list[str]) -> str:
    lines = [
        "model Model",
        "\tculture: en-US",
        "\tdefaultPowerBIDataSourceVersion: powerBI_V3",
        "\tdiscourageImplicitMeasures",
        "\tsourceQueryCulture: en-US",
        "",
        # No hidden date table for each date column: there is one for all.
        "\tannotation __PBI_TimeIntelligenceEnabled = 0",
        "",
        *(f"ref table {_quoted(table)}" for table in tables),
        "",
        f"ref role {_quoted(ROLE)}",
    ]
    return "\n".join(lines) + "\n"


def _parameters(where: Address) -> str:
    given = (
        ("Server", f"{where.server}:{where.port}", "Host and port of the warehouse, such as db.example.com:5432."),
        ("Database", where.database, "Name of the warehouse's database."),
    )
    blocks = [
        f'/// {text}\nexpression {name} = {_m_text(value)} meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]\n'
        for name, value, text in given
    ]
    return "\n".join(blocks)


def _relationships_tmdl() -> str:
    blocks = [
        f"relationship {_quoted(f'{one.from_table} to {one.to_table}')}\n"
        f"\tfromColumn: {_quoted(one.from_table)}.{_quoted(one.from_column)}\n"
        f"\ttoColumn: {_quoted(one.to_table)}.{_quoted(one.to_column)}\n"
        for one in relationships()
    ]
    return "\n".join(blocks)


def _table(table: str) -> str:
    view = TABLES[table]
    columns = columns_of(view)
    lines = [*_described(view_comments()[view], ""), f"table {_quoted(table)}"]
    lines += ["\tdataCategory: Time"] if table == "Date" else []
    for column in columns:
        lines += ["", *_column_tmdl(table, column)]
    if table == "Date":
        levels = [("Year", "year"), ("Month", "month_start"), ("Day", DATE_KEY)]
        lines += ["", "\t/// Year, month and day.", "\thierarchy Calendar"]
        for name, source in levels:
            lines += [f"\t\tlevel {name}", f"\t\t\tcolumn: {_quoted(model_column(view, source))}"]
    lines += ["", *_partition(table, _query(view, columns))]
    return "\n".join(lines) + "\n"


def _column_tmdl(table: str, column: Column) -> list[str]:
    lines = [*_described(column.description, "\t"), f"\tcolumn {_quoted(called(column))}", f"\t\tdataType: {_TYPES[column.base_type]}"]
    if is_hidden(column):
        lines.append("\t\tisHidden")
    if table in DIMENSIONS and is_key(column):
        lines.append("\t\tisKey")
    if column.base_type == "date":
        lines.append("\t\tformatString: yyyy-mm-dd")
    elif column.base_type.startswith("timestamp"):
        lines.append("\t\tformatString: yyyy-mm-dd hh:nn:ss")
    elif column.base_type == "bigint":
        lines.append(f"\t\tformatString: {WHOLE if column.role == 'measure' else '0'}")
    lines += ["\t\tsummarizeBy: none", f"\t\tsourceColumn: {column.name}"]
    if column.name in _SORTED_BY and table == "Date":
        lines.append(f"\t\tsortByColumn: {_quoted(model_column(column.view, _SORTED_BY[column.name]))}")
    return lines


def _query(view: str, columns: list[Column]) -> list[str]:
    """The M query of a view: its columns by name, so that one appended later changes nothing."""
    names = ", ".join(_m_text(column.name) for column in columns)
    keys = [column.name for column in columns if column.role == "key"]
    lines = [
        "Source = PostgreSQL.Database(Server, Database, [CreateNavigationProperties = false]),",
        f'View = Source{{[Schema = "bi", Item = {_m_text(view)}]}}[Data],',
        f"Columns = Table.SelectColumns(View, {{{names}}})",
    ]
    table = TABLE_OF[view]
    if table in ANSWERS:
        # PostgreSQL is sent the condition.
        return [*lines[:2], f"{lines[2]},", f"Chosen = Table.SelectRows(Columns, each {ANSWERS[table][1]})", "Chosen"]
    if table not in DIMENSIONS or not keys:
        return [*lines, "Columns"]
    # Power BI compares text without regard to case: of two keys that differ only in case it would refuse the second.
    return [*lines[:2], f"{lines[2]},", f"Members = Table.Distinct(Columns, {{{_m_text(keys[0])}, Comparer.OrdinalIgnoreCase}})", "Members"]


def _partition(table: str, steps: list[str]) -> list[str]:
    return [
        f"\tpartition {_quoted(table)} = m",
        "\t\tmode: import",
        "\t\tsource =",
        "\t\t\t\tlet",
        *(f"\t\t\t\t\t{step}" for step in steps[:-1]),
        "\t\t\t\tin",
        f"\t\t\t\t\t{steps[-1]}",
    ]


def _measure_table() -> str:
    lines = ["/// All figures; drag these into charts.", f"table {MEASURE_TABLE}"]
    for measure in measures():
        lines += [
            "",
            *_described(measure.description, "\t"),
            f"\tmeasure {_quoted(measure.name)} = {measure.expression}",
            f"\t\tformatString: {measure.shape}",
            f"\t\tdisplayFolder: {measure.folder}",
        ]
    lines += ["", "\t/// Holds nothing: the table is there for its measures.", "\tcolumn Empty", "\t\tdataType: string", "\t\tisHidden"]
    lines += ["\t\tsummarizeBy: none", "\t\tsourceColumn: Empty", ""]
    lines += _partition(MEASURE_TABLE, ["Source = #table(type table [Empty = text], {})", "Source"])
    return "\n".join(lines) + "\n"


def _access_table() -> str:
    lines = [
        f"/// Who of the role {ROLE} sees which project. One row per sign-in name and project key; edit it in Power Query. Empty: nobody.",
        f"table {_quoted(ACCESS_TABLE)}",
        "\tisHidden",
    ]
    for name, text in (("User", "Sign-in name, such as ann@example.com."), ("Project key", "Value of project_key in bi.dim_project.")):
        lines += ["", f"\t/// {text}", f"\tcolumn {_quoted(name)}", "\t\tdataType: string", "\t\tisHidden", "\t\tsummarizeBy: none"]
        lines += [f"\t\tsourceColumn: {name}"]
    lines += ["", *_partition(ACCESS_TABLE, ['Source = #table(type table [User = text, #"Project key" = text], {})', "Source"])]
    return "\n".join(lines) + "\n"


def _role() -> str:
    lines = [f"/// Members see the projects that the table {ACCESS_TABLE} gives to their sign-in name, and nothing else."]
    lines += [f"role {_quoted(ROLE)}", "\tmodelPermission: read"]
    for table, condition in role_filters().items():
        lines += ["", f"\ttablePermission {_quoted(table)} = {condition}"]
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else "'" + name.replace("'", "''") + "'"


def _m_text(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _described(text: str, indent: str) -> list[str]:
    return [f"{indent}/// {text}"]
