"""The star as Power BI knows it: which view each table imports, what columns are called, and which keys join the tables.

A measure, a relationship or a filter names columns by their view, so a renamed one stops the making here.
"""

from __future__ import annotations

from dataclasses import dataclass

from meterhouse.bi_files.columns import Column, columns_of

# What the page about this month shows: each a table on its own, of which only the rows in force are imported, by a condition in M.
ANSWERS = {
    "Month to date": ("spend_month_to_date", "[is_current_month]"),
    "Forecast": ("cost_forecast", "[is_latest] and [is_current_month]"),
    "Drivers": ("cost_changes", '[comparison] = "month_to_date"'),
    "Unusual days": ("cost_anomalies", "[is_shown]"),
    "Budgets": ("budget_status", "[is_current_period]"),
}
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
    **{table: view for table, (view, _) in ANSWERS.items()},
}
FACTS = ("Usage", "Cost")
DIMENSIONS = tuple(table for table in TABLES if table not in FACTS and table not in ANSWERS)
TABLE_OF = {view: table for table, view in TABLES.items()}
DATE_KEY = "usage_date"


@dataclass(frozen=True)
class Relationship:
    """Many rows of a fact belong to one of a dimension: table and column of both, as they are called in the model."""

    from_table: str
    from_column: str
    to_table: str
    to_column: str


def model_column(view: str, name: str) -> str:
    """Return what a view's column is called in the model: hidden ones as in the view, others as people read them.

    Raises `LookupError` when the view has no such column.
    """
    return called(column_of(view, name))


def relationships() -> list[Relationship]:
    """Return one relationship for each key of each fact: the day, and all whose name ends in `_key`."""
    keys_of = {column.name: table for table in DIMENSIONS for column in columns_of(TABLES[table]) if is_key(column)}
    return [
        Relationship(fact, called(column), keys_of[column.name], model_column(TABLES[keys_of[column.name]], column.name))
        for fact in FACTS
        for column in columns_of(TABLES[fact])
        if is_key(column)
    ]


def column_of(view: str, name: str) -> Column:
    """Return a view's column; raise `LookupError` when the view has none of this name."""
    for column in columns_of(view):
        if column.name == name:
            return column
    raise LookupError(f"bi.{view} has no column {name}: change what names it in {__package__}")


def dax(view: str, name: str) -> str:
    """Return a view's column as DAX names it."""
    return f"'{TABLE_OF[view]}'[{model_column(view, name)}]"


def is_key(column: Column) -> bool:
    """Tell whether tables are joined by this column."""
    return column.role == "key" or column.name == DATE_KEY


def is_hidden(column: Column) -> bool:
    """Tell whether people do not see this column: keys, and raw numbers that measures add up; answers are read as they are."""
    table = TABLE_OF[column.view]
    is_raw = column.role == "measure" and table not in ANSWERS
    return column.role == "key" or is_raw or (table in FACTS and column.name == DATE_KEY)


def called(column: Column) -> str:
    """Return what a column is called in the model."""
    return column.name if is_hidden(column) else column.caption
