"""Tableau: a data source (.tds) for each main view: a live connection, and what Tableau cannot read from PostgreSQL.

That is captions, descriptions, formats, default aggregations and folders. `python -m meterhouse.bi_files.tableau` writes them.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from meterhouse.bi_files.columns import Column, columns_of, view_comments
from meterhouse.bi_files.files import Address, Files, command

TABLEAU_VIEWS = (
    "usage_daily", "usage_hourly", "costs_daily", "tokens_by_model_daily", "usage_by_api_key_daily", "spend_by_project_month",
    "spend_by_line_item_daily", "spend_month_to_date", "cost_forecast", "cost_changes", "cost_anomalies", "budget_status",
)  # fmt: skip
# Tableau's data type, and how a dimension of it is laid out.
_TYPES = {
    "bigint": ("integer", "ordinal"),
    "integer": ("integer", "ordinal"),
    "numeric": ("real", "quantitative"),
    "double precision": ("real", "quantitative"),
    "boolean": ("boolean", "nominal"),
    "date": ("date", "ordinal"),
    "timestamp without time zone": ("datetime", "ordinal"),
    "timestamp with time zone": ("datetime", "ordinal"),
    "varchar": ("string", "nominal"),
}
_FOLDERS = {"date": "When", "name": "Who", "id": "Who", "key": "Who", "flag": "State", "attribute": "What", "measure": "Figures"}
_CONNECTION = "postgres.meterhouse"


def files(address: Address | None = None) -> Files:
    """Return the data sources, one a view."""
    return {f"{view}.tds": data_source(view, address or Address()) for view in TABLEAU_VIEWS}


def data_source(view: str, address: Address) -> str:
    """Return the data source of one view as text; it holds no password, Tableau asks for it."""
    root = Element(
        "datasource", {"formatted-name": f"federated.{view}", "caption": f"meterhouse {view}", "inline": "true", "version": "18.1"}
    )
    comment = f" {view_comments()[view]} Written by python -m meterhouse.bi_files.tableau from the data dictionary. "
    root.append(ElementTree.Comment(comment.replace("--", "-")))
    connection = SubElement(root, "connection", {"class": "federated"})
    named = SubElement(SubElement(connection, "named-connections"), "named-connection", {"caption": address.server, "name": _CONNECTION})
    SubElement(named, "connection", {
        "authentication": "username-password", "class": "postgres", "dbname": address.database, "port": str(address.port),
        "server": address.server, "sslmode": "prefer", "username": address.user, "workgroup-auth-mode": "prompt",
    })  # fmt: skip
    SubElement(connection, "relation", {"connection": _CONNECTION, "name": view, "table": f"[bi].[{view}]", "type": "table"})
    columns = columns_of(view)
    for column in columns:
        _add_column(root, column)
    folders = SubElement(root, "folders-common")
    for name in dict.fromkeys(_FOLDERS.values()):
        if inside := [column for column in columns if _FOLDERS[column.role] == name]:
            folder = SubElement(folders, "folder", {"name": name})
            for column in inside:
                SubElement(folder, "folder-item", {"name": f"[{column.name}]", "type": "field"})
    ElementTree.indent(root)
    return "<?xml version='1.0' encoding='utf-8' ?>\n" + ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_column(root: Element, column: Column) -> None:
    datatype, layout = _TYPES[column.base_type]
    is_measure = column.role == "measure"
    attributes = {
        "caption": column.caption, "datatype": datatype, "name": f"[{column.name}]", "role": "measure" if is_measure else "dimension",
        "type": "quantitative" if is_measure else layout,
    }  # fmt: skip
    if is_measure:
        # A level or a share is no sum; the description says so too.
        attributes |= {"aggregation": "Sum" if column.additive else "Avg", "default-format": _format(column)}
    if column.base_type == "timestamp with time zone":
        # Tableau would show it in its own machine's time zone, and split UTC days.
        attributes["hidden"] = "true"
    element = SubElement(root, "column", attributes)
    SubElement(SubElement(SubElement(element, "desc"), "formatted-text"), "run").text = column.description


def _format(column: Column) -> str:
    if column.unit == "US dollars":
        return 'c"$"#,##0.00;-"$"#,##0.00'
    if (column.unit or "").startswith("share"):
        return "p0.0%"
    return "n#,##0;-#,##0" if column.base_type == "bigint" else "n#,##0.00;-#,##0.00"


if __name__ == "__main__":
    command("tableau", files)
