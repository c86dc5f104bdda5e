"""Power BI: a connection file (.pbids) and a project (PBIP): the star as a semantic model in TMDL, and a report of one page.

Tables, columns, types and descriptions are those of the views; a measure names columns by their view, so a renamed one stops the making
here. Keys and raw numbers are hidden, people use the measures. `python -m meterhouse.bi_files.powerbi` writes the files.

Money is of the type that TMDL calls `double` and Power BI "decimal number": 15 digits. TMDL's `decimal` is the fixed decimal number, which
would round every row to four places.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from meterhouse.bi_files.columns import Column, columns_of, view_comments
from meterhouse.bi_files.files import Address, Files, command

NAME = "meterhouse"
# Each table of the model and the view that it imports.
TABLES = {
    "Usage": "fact_usage_daily",
    "Cost": "fact_costs_daily",
    "Date": "dim_date",
    "Organization": "dim_organization",
    "Project": "dim_project",
    "User": "dim_user",
    "API key": "dim_api_key",
    "Model": "dim_model",
    "Line item": "dim_line_item",
}
FACTS = ("Usage", "Cost")
MEASURE_TABLE = "Figures"
ACCESS_TABLE = "Project access"
ROLE = "Project scope"
_TABLE_OF = {view: table for table, view in TABLES.items()}
_DATE_KEY = "usage_date"
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
_USD, _WHOLE, _NUMBER, _SHARE = r"\$#,0.00", "#,0", "#,0.00", "0.0%"
_SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"


@dataclass(frozen=True)
class Measure:
    """One figure of the model: its DAX, how it is shown, what it says, and the folder it is listed in."""

    name: str
    expression: str
    shape: str
    description: str
    folder: str


@dataclass(frozen=True)
class Relationship:
    """Many rows of a fact belong to one of a dimension: table and column of both, as they are called in the model."""

    from_table: str
    from_column: str
    to_table: str
    to_column: str


def files(address: Address | None = None) -> Files:
    """Return the connection file and the project's files, by path below bi/powerbi."""
    where = address or Address()
    return {f"{NAME}.pbids": _pbids(where), f"{NAME}.pbip": _pbip(), **_model(where), **_report()}


def model_column(view: str, name: str) -> str:
    """Return what a view's column is called in the model: hidden ones as in the view, others as people read them.

    Raises `LookupError` when the view has no such column.
    """
    return _called(_column(view, name))


def relationships() -> list[Relationship]:
    """Return one relationship for each key of each fact: the day, and all whose name ends in `_key`."""
    keys_of = {column.name: table for table, view in TABLES.items() if table not in FACTS for column in columns_of(view) if _is_key(column)}
    return [
        Relationship(fact, _called(column), keys_of[column.name], model_column(TABLES[keys_of[column.name]], column.name))
        for fact in FACTS
        for column in columns_of(TABLES[fact])
        if _is_key(column)
    ]


def measures() -> list[Measure]:
    """Return all measures: one for each column of a fact that adds up, and those that need more than a sum."""
    special = {measure.name: measure for measure in _special_measures()}
    plain = [
        Measure(column.caption, f"SUM({_dax(TABLES[fact], column.name)})", _shape(column), column.description, fact)
        for fact in FACTS
        for column in columns_of(TABLES[fact])
        if column.additive and column.caption not in special
    ]
    return [*special.values(), *plain]


def _special_measures() -> list[Measure]:
    def usage(name: str) -> str:
        return _dax("fact_usage_daily", name)

    def cost(name: str) -> str:
        return _dax("fact_costs_daily", name)

    def says(view: str, name: str) -> str:
        return _column(view, name).description

    day = _dax("dim_date", _DATE_KEY)
    bytes_on = f"CALCULATE(SUM({usage('storage_bytes')}))"
    return [
        Measure("Cost USD", f"SUM({cost('cost_usd')})", _USD, says("fact_costs_daily", "cost_usd"), "Cost"),
        Measure(
            "Cost USD a month before", f"CALCULATE([Cost USD], DATEADD({day}, -1, MONTH))", _USD,
            "Cost USD of the same days one month earlier.", "Cost",
        ),
        Measure(
            "Cost USD change", "DIVIDE([Cost USD] - [Cost USD a month before], [Cost USD a month before])", _SHARE,
            "Change of Cost USD against the same days one month earlier, as a share. Null: nothing was billed then.", "Cost",
        ),
        Measure(
            "Cost", f"IF(HASONEVALUE({cost('currency')}), SUM({cost('cost')}))", _NUMBER,
            says("fact_costs_daily", "cost") + " Empty when several currencies would be added up.", "Cost",
        ),
        Measure(
            "Quantity",
            f"IF(HASONEVALUE({cost('line_item_key')}), IF(HASONEVALUE({cost('quantity_unit')}), SUM({cost('quantity')})))", _NUMBER,
            says("fact_costs_daily", "quantity") + " Empty for several line items or units.", "Cost",
        ),
        Measure("Last day of cost", f"MAX({cost(_DATE_KEY)})", "yyyy-mm-dd", "Newest UTC day that has a cost.", "Cost"),
        Measure(
            "Incomplete days of cost",
            f"CALCULATE(DISTINCTCOUNT({cost(_DATE_KEY)}), KEEPFILTERS({cost('is_complete')} = FALSE()))", _WHOLE,
            "Days with a cost that were not over or not read whole; their figures will still grow.", "Cost",
        ),
        Measure(
            "Requests", f'CALCULATE(SUM({usage("requests")}), KEEPFILTERS({usage("endpoint")} <> "web_search_calls"))', _WHOLE,
            "Model requests. Those of web searches are left out: the model's own endpoint counts them too. Unit: requests.", "Usage",
        ),
        Measure(
            "Total tokens", "[Input tokens] + [Output tokens]", _WHOLE, "Input and output tokens of all kinds. Unit: tokens.", "Usage"
        ),
        Measure(
            "Cached share",
            f"DIVIDE([Input cached tokens], CALCULATE([Input tokens], KEEPFILTERS(ISBLANK({usage('input_cached_tokens')}) = FALSE())))",
            _SHARE, says("tokens_by_model_daily", "cached_share"), "Usage",
        ),
        Measure(
            "Batch share",
            f"DIVIDE(CALCULATE([Total tokens], KEEPFILTERS({usage('is_batch')} = TRUE())),"
            f" CALCULATE([Total tokens], KEEPFILTERS(ISBLANK({usage('is_batch')}) = FALSE())))",
            _SHARE, says("tokens_by_model_daily", "batch_share"), "Usage",
        ),
        Measure(
            "Storage bytes", f"CALCULATE(SUM({usage('storage_bytes')}), LASTNONBLANK({day}, {bytes_on}))", _WHOLE,
            says("fact_usage_daily", "storage_bytes") + " The newest day of the chosen ones is shown.", "Usage",
        ),
    ]  # fmt: skip


def _column(view: str, name: str) -> Column:
    for column in columns_of(view):
        if column.name == name:
            return column
    raise LookupError(f"bi.{view} has no column {name}: change what names it in {__name__}")


def _dax(view: str, name: str) -> str:
    return f"'{_TABLE_OF[view]}'[{model_column(view, name)}]"


def _is_key(column: Column) -> bool:
    return column.role == "key" or column.name == _DATE_KEY


def _is_hidden(column: Column) -> bool:
    in_fact = _TABLE_OF[column.view] in FACTS
    return column.role in {"key", "measure"} or (in_fact and column.name == _DATE_KEY)


def _called(column: Column) -> str:
    return column.name if _is_hidden(column) else column.caption


def _shape(column: Column) -> str:
    return _USD if column.unit == "US dollars" else _WHOLE if column.base_type == "bigint" else _NUMBER


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else "'" + name.replace("'", "''") + "'"


def _m_text(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _described(text: str, indent: str) -> list[str]:
    return [f"{indent}/// {text}"]


def _model(where: Address) -> Files:
    folder = f"{NAME}.SemanticModel"
    below = f"{folder}/definition"
    tables = {**{table: _table(table) for table in TABLES}, MEASURE_TABLE: _measure_table(), ACCESS_TABLE: _access_table()}
    return {
        f"{folder}/.platform": _platform("SemanticModel"),
        f"{folder}/definition.pbism": _json(
            {"$schema": f"{_SCHEMAS}/item/semanticModel/definitionProperties/1.0.0/schema.json", "version": "4.2", "settings": {}}
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
        levels = [("Year", "year"), ("Month", "month_start"), ("Day", _DATE_KEY)]
        lines += ["", "\t/// Year, month and day.", "\thierarchy Calendar"]
        for name, source in levels:
            lines += [f"\t\tlevel {name}", f"\t\t\tcolumn: {_quoted(model_column(view, source))}"]
    lines += ["", *_partition(table, _query(view, columns))]
    return "\n".join(lines) + "\n"


def _column_tmdl(table: str, column: Column) -> list[str]:
    lines = [*_described(column.description, "\t"), f"\tcolumn {_quoted(_called(column))}", f"\t\tdataType: {_TYPES[column.base_type]}"]
    if _is_hidden(column):
        lines.append("\t\tisHidden")
    if table not in FACTS and _is_key(column):
        lines.append("\t\tisKey")
    if column.base_type == "date":
        lines.append("\t\tformatString: yyyy-mm-dd")
    elif column.base_type.startswith("timestamp"):
        lines.append("\t\tformatString: yyyy-mm-dd hh:nn:ss")
    elif column.base_type == "bigint":
        lines.append(f"\t\tformatString: {_WHOLE if column.role == 'measure' else '0'}")
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
    if _TABLE_OF[view] in FACTS or not keys:
        return [*lines, "Columns"]
    # Power BI compares text without regard to case: of two keys that differ in case alone it would refuse the second.
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


def role_filters() -> dict[str, str]:
    """Return the DAX filter of the role by table: projects of the access table, and only people and keys that appear in those."""
    mine = f"FILTER('{ACCESS_TABLE}', '{ACCESS_TABLE}'[User] = USERPRINCIPALNAME())"
    keys = f"SELECTCOLUMNS({mine}, \"key\", '{ACCESS_TABLE}'[Project key])"

    def appears(fact: str) -> str:
        return f"COUNTROWS(CALCULATETABLE('{fact}', TREATAS({keys}, {_dax(TABLES[fact], 'project_key')}))) > 0"

    return {
        "Project": f"{_dax('dim_project', 'project_key')} IN {keys}",
        "User": appears("Usage"),
        "API key": f"{appears('Usage')} || {appears('Cost')}",
    }


def _role() -> str:
    lines = [f"/// Members see the projects that the table {ACCESS_TABLE} gives to their sign-in name, and nothing else."]
    lines += [f"role {_quoted(ROLE)}", "\tmodelPermission: read"]
    for table, condition in role_filters().items():
        lines += ["", f"\ttablePermission {_quoted(table)} = {condition}"]
    return "\n".join(lines) + "\n"


def _report() -> Files:
    folder = f"{NAME}.Report"
    schemas = f"{_SCHEMAS}/item/report"
    page = "overview"
    definition: dict[str, Any] = {
        "version.json": {"$schema": f"{schemas}/definition/versionMetadata/1.0.0/schema.json", "version": "1.0.0"},
        "report.json": {"$schema": f"{schemas}/definition/report/1.0.0/schema.json", "layoutOptimization": "None", "themeCollection": {}},
        "pages/pages.json": {
            "$schema": f"{schemas}/definition/pagesMetadata/1.0.0/schema.json", "pageOrder": [page], "activePageName": page,
        },
        f"pages/{page}/page.json": {
            "$schema": f"{schemas}/definition/page/1.0.0/schema.json", "name": page, "displayName": "Overview",
            "displayOption": "FitToPage", "height": 720, "width": 1280,
        },
    }  # fmt: skip
    for number, (name, visual) in enumerate(_visuals().items()):
        x, y, width, height = visual.pop("place")
        definition[f"pages/{page}/visuals/{name}/visual.json"] = {
            "$schema": f"{schemas}/definition/visualContainer/1.0.0/schema.json",
            "name": name,
            "position": {"x": x, "y": y, "z": number, "width": width, "height": height, "tabOrder": number},
            "visual": visual,
        }
    return {
        f"{folder}/.platform": _platform("Report"),
        f"{folder}/definition.pbir": _json({
            "$schema": f"{schemas}/definitionProperties/2.0.0/schema.json", "version": "4.0",
            "datasetReference": {"byPath": {"path": f"../{NAME}.SemanticModel"}},
        }),
        **{f"{folder}/definition/{path}": _json(content) for path, content in definition.items()},
    }  # fmt: skip


def _visuals() -> dict[str, dict[str, Any]]:
    """The page: two filters and four key figures above, cost per day, cost by project and tokens by model below."""
    day = ("dim_date", _DATE_KEY)
    found = {
        "days": _visual("slicer", "Days", (20, 20, 300, 90), Values=day),
        "projects": _visual("slicer", "Project", (340, 20, 220, 90), Values=("dim_project", "project_name")),
    }
    for number, name in enumerate(("Cost USD", "Requests", "Total tokens", "Last day of cost")):
        found[f"figure{number + 1}"] = _visual("card", name, (580 + 172 * number, 20, 164, 90), Values=name)
    found["costPerDay"] = _visual("columnChart", "Cost per day (USD, UTC days)", (20, 130, 1240, 270), Category=day, Y="Cost USD")
    found["costByProject"] = _visual(
        "barChart", "Cost by project (USD)", (20, 420, 610, 280), Category=("dim_project", "project_name"), Y="Cost USD"
    )
    found["tokensByModel"] = _visual(
        "columnChart", "Tokens by model", (650, 420, 610, 280), Category=day, Y="Total tokens", Series=("dim_model", "model")
    )
    return found


def _visual(kind: str, title: str, place: tuple[int, int, int, int], **roles: str | tuple[str, str]) -> dict[str, Any]:
    state = {role: {"projections": [_projection(field)]} for role, field in roles.items()}
    query: dict[str, Any] = {"queryState": state}
    if kind == "barChart":
        query["sortDefinition"] = {"sort": [{"field": _field(roles["Y"]), "direction": "Descending"}]}
    text = {"expr": {"Literal": {"Value": "'" + title.replace("'", "''") + "'"}}}
    shown = {"expr": {"Literal": {"Value": "true"}}}
    return {
        "place": place,
        "visualType": kind,
        "query": query,
        "visualContainerObjects": {"title": [{"properties": {"show": shown, "text": text}}]},
        "drillFilterOtherVisuals": True,
    }


def _field(field: str | tuple[str, str]) -> dict[str, Any]:
    """A measure by its name, or a column by view and name."""
    if isinstance(field, str):
        if field not in {measure.name for measure in measures()}:
            raise LookupError(f"the report shows {field}, which is no measure")
        return {"Measure": {"Expression": {"SourceRef": {"Entity": MEASURE_TABLE}}, "Property": field}}
    view, name = field
    return {"Column": {"Expression": {"SourceRef": {"Entity": _TABLE_OF[view]}}, "Property": model_column(view, name)}}


def _projection(field: str | tuple[str, str]) -> dict[str, Any]:
    made = _field(field)
    ((_, inside),) = made.items()
    return {
        "field": made,
        "queryRef": f"{inside['Expression']['SourceRef']['Entity']}.{inside['Property']}",
        "nativeQueryRef": inside["Property"],
        **({} if isinstance(field, str) else {"active": True}),
    }


def _platform(kind: str) -> str:
    # The same for ever, so that a workspace that is synchronised with git knows it again.
    logical = str(uuid5(NAMESPACE_URL, f"meterhouse/{kind}"))
    return _json({
        "$schema": f"{_SCHEMAS}/gitIntegration/platformProperties/2.0.0/schema.json",
        "metadata": {"type": kind, "displayName": NAME}, "config": {"version": "2.0", "logicalId": logical},
    })  # fmt: skip


def _pbids(where: Address) -> str:
    address = {"server": f"{where.server}:{where.port}", "database": where.database}
    connection = {"details": {"protocol": "postgresql", "address": address}, "options": {}, "mode": "Import"}
    return _json({"version": "0.1", "connections": [connection]})


def _pbip() -> str:
    return _json({
        "$schema": f"{_SCHEMAS}/pbip/pbipProperties/1.0.0/schema.json", "version": "1.0",
        "artifacts": [{"report": {"path": f"{NAME}.Report"}}], "settings": {"enableAutoRecovery": True},
    })  # fmt: skip


def _json(content: Any) -> str:
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    command("powerbi", files)
