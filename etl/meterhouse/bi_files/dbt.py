"""dbt: the views as sources of a package, with the dictionary's descriptions and tests made from it, and the shipped content as exposures.

A column has the test `not_null` if the dictionary gives null no meaning there, keys of the star have `unique` and `relationships`.
`python -m meterhouse.bi_files.dbt` rewrites `bi/dbt`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from meterhouse import __version__
from meterhouse.accounting.finality import Finality
from meterhouse.bi_files.columns import Column, columns_of, view_comments
from meterhouse.bi_files.files import command_without_address
from meterhouse.bi_files.powerbi.star import TABLES
from meterhouse.bi_files.questions import QUESTIONS
from meterhouse.bi_files.tableau import TABLEAU_VIEWS
from meterhouse.bi_files.yaml_folder import hold_exactly
from meterhouse.catalogue.dictionary import COLUMNS
from meterhouse.warehouse.schema import MY
from meterhouse.warehouse.shipped_columns import types
from meterhouse.warehouse.view_reach import VIEW_NAMES

NAME = "meterhouse"
# The first that takes the arguments of tests, and settings of sources, in the way of today.
_LEAST_DBT = "1.10.5"
_OWNER = {"name": "meterhouse"}
# Each view's own key: what its dimension has one row per.
_DIMENSIONS = [view for view in TABLES.values() if view.startswith("dim_")]


def files() -> dict[str, dict[str, Any]]:
    """Return the package's files: path below `bi/dbt`, and content."""
    return {
        "dbt_project.yml": project(),
        "profiles.yml": profile(),
        "models/sources.yml": sources(),
        "models/exposures.yml": exposures(),
    }


def project() -> dict[str, Any]:
    """Return the package's own file; the profile is only for running it without another project."""
    return {
        "name": NAME,
        "version": __version__,
        "config-version": 2,
        "profile": NAME,
        "require-dbt-version": [f">={_LEAST_DBT}", "<2.0.0"],
        "model-paths": ["models"],
        # A team's project sets bi_team.
        "vars": {NAME: {"meterhouse_schema": "bi"}},
    }


def profile() -> dict[str, Any]:
    """Return the connection for running the package itself: the same variables as Grafana's, and a password from the environment."""
    return {
        NAME: {
            "target": "warehouse",
            "outputs": {
                "warehouse": {
                    "type": "postgres",
                    "host": _variable("METERHOUSE_WAREHOUSE_HOST"),
                    "port": _variable("METERHOUSE_WAREHOUSE_PORT", "5432", " | int"),
                    "dbname": _variable("METERHOUSE_WAREHOUSE_DATABASE"),
                    "sslmode": _variable("METERHOUSE_WAREHOUSE_SSLMODE", "prefer"),
                    "user": _variable("METERHOUSE_READER_USER"),
                    "password": _variable("METERHOUSE_READER_PASSWORD"),
                    "schema": MY,
                    "threads": 4,
                }
            },
        }
    }


def _variable(name: str, default: str | None = None, read_as: str = "") -> str:
    words = f"'{name}'" if default is None else f"'{name}', '{default}'"
    return f"{{{{ env_var({words}){read_as} }}}}"


def sources() -> dict[str, Any]:
    """Return the views as tables of one source."""
    comments = view_comments()
    return {
        "version": 2,
        "sources": [
            {
                "name": NAME,
                "description": "Usage and billed cost of OpenAI organizations, by UTC day; the views are the public interface.",
                "schema": "{{ var('meterhouse_schema', 'bi') }}",
                "tables": [_table(view, comments[view]) for view in VIEW_NAMES if view in types()],
            }
        ],
    }


def exposures() -> dict[str, Any]:
    """Return what is shipped on the views, with the views that each reads."""
    asked = sorted({question.view for question in QUESTIONS})
    shipped = {
        "metabase": ("dashboard", "The collection of bi/metabase.", asked),
        "superset": ("dashboard", "The bundle of bi/superset.", asked),
        "grafana": ("dashboard", "The dashboard of bi/grafana.", asked),
        "power_bi": ("dashboard", "The model and report of bi/powerbi.", sorted(TABLES.values())),
        "tableau": ("analysis", "The data sources of bi/tableau.", sorted(TABLEAU_VIEWS)),
    }
    return {
        "version": 2,
        "exposures": [
            {
                "name": name,
                "type": kind,
                "description": description,
                "owner": _OWNER,
                "depends_on": [f"source('{NAME}', '{view}')" for view in views],
            }
            for name, (kind, description, views) in shipped.items()
        ],
    }


def _table(view: str, comment: str) -> dict[str, Any]:
    table: dict[str, Any] = {"name": view, "description": comment}
    if view == "freshness":
        # Usage is loaded every hour.
        table["config"] = {
            "loaded_at_field": "last_loaded_at_utc AT TIME ZONE 'UTC'",
            "freshness": {"warn_after": {"count": 3, "period": "hour"}, "error_after": {"count": 30, "period": "hour"}},
        }
    return table | {"columns": [_column(column) for column in columns_of(view)]}


def _column(column: Column) -> dict[str, Any]:
    made: dict[str, Any] = {"name": column.name, "description": column.description, "data_type": column.type}
    if column.unit:
        made["config"] = {"meta": {"unit": column.unit, "additive": column.additive}}
    if tests := _tests(column):
        made["data_tests"] = tests
    return made


def _tests(column: Column) -> list[Any]:
    tests: list[Any] = [] if COLUMNS[column.name].null else ["not_null"]
    if column.view in _DIMENSIONS and column.name == columns_of(column.view)[0].name:
        tests.append("unique")
    elif column.view.startswith("fact_") and (dimension := _dimension_of(column.name)):
        tests.append({"relationships": {"arguments": {"to": f"source('{NAME}', '{dimension}')", "field": column.name}}})
    if column.name == "finality":
        tests.append({"accepted_values": {"arguments": {"values": [state.value for state in Finality]}}})
    return tests


def _dimension_of(key: str) -> str | None:
    """The dimension whose rows a key of a fact names."""
    found = [view for view in _DIMENSIONS if columns_of(view)[0].name == key]
    return found[0] if found else None


def write_into(folder: Path) -> None:
    """Rewrite every file."""
    hold_exactly(folder, files())


if __name__ == "__main__":
    command_without_address("dbt", write_into)
