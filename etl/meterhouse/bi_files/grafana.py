"""Grafana: the questions as panels of one dashboard with plain SQL, and the files that provision it and its datasource.

`$__timeFilter` and `$__timeGroup` are Grafana's own macros, `$project` is the dashboard's variable. The password comes from Grafana's
environment. `python -m meterhouse.bi_files.grafana` rewrites `bi/grafana`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from meterhouse.bi_files import as_yaml
from meterhouse.bi_files.files import command_without_address, write
from meterhouse.bi_files.questions import Question, caption, dashboard_rows

UID, DATASOURCE_UID = "meterhouse-openai", "meterhouse-warehouse"
TITLE = "OpenAI usage and cost"
# The dashboard's JSON of Grafana 10 and later; newer versions bring it up to date when they load it.
_SCHEMA_VERSION = 39
_GRID_WIDTH = 24
_DATASOURCE = {"type": "grafana-postgresql-datasource", "uid": DATASOURCE_UID}
_KINDS = {"number": "stat", "bars": "timeseries", "areas": "timeseries", "line": "timeseries", "ranking": "bargauge", "table": "table"}
_PROJECTS = "SELECT DISTINCT project_name FROM bi.dim_project ORDER BY 1"


def panel_sql(question: Question) -> str:
    """Return the question's SQL with Grafana's macros; a question over time gives `time`, and `metric` where it has series."""
    inner = question.sql(days=lambda day: f"$__timeFilter({day})", project=lambda name: f"{name} IN (${{project:sqlstring}})")
    if question.time is None:
        return inner
    # An hour is an instant for Grafana; a UTC day is grouped as midnight UTC whatever the session's zone.
    instant, width = ("bucket_at", "1h") if question.time == "bucket_start_utc" else (question.time, "1d")
    # Grafana takes the columns of type text for the names of series.
    shown = [f"    q.{question.series} AS metric"] if question.series else []
    shown += [f'    sum(q.{measure}) AS "{caption(measure)}"' for measure in question.measures]
    columns = ",\n".join([f"    $__timeGroup(q.{instant}, '{width}') AS time", *shown])
    indented = "\n".join(f"    {line}" for line in inner.splitlines())
    where = f"\nWHERE $__timeFilter(q.{instant})" if instant == "bucket_at" else ""
    groups = "1, 2" if question.series else "1"
    return f"SELECT\n{columns}\nFROM (\n{indented}\n) q{where}\nGROUP BY {groups}\nORDER BY 1"


def datasource() -> dict[str, Any]:
    """Return the file that provisions the datasource: a reader, with address, name and password from Grafana's environment."""
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "OpenAI warehouse",
                "type": "grafana-postgresql-datasource",
                "uid": DATASOURCE_UID,
                "access": "proxy",
                "url": "$METERHOUSE_WAREHOUSE_HOST:$METERHOUSE_WAREHOUSE_PORT",
                "user": "$METERHOUSE_READER_USER",
                "secureJsonData": {"password": "$METERHOUSE_READER_PASSWORD"},
                "jsonData": {
                    "database": "$METERHOUSE_WAREHOUSE_DATABASE",
                    "sslmode": "$METERHOUSE_WAREHOUSE_SSLMODE",
                    "postgresVersion": 1500,
                    "timescaledb": False,
                    "maxOpenConns": 5,
                    "maxIdleConns": 2,
                    "connMaxLifetime": 14400,
                },
                "editable": False,
            }
        ],
    }


def provider() -> dict[str, Any]:
    """Return the file that tells Grafana where the dashboard's JSON is."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "meterhouse",
                "type": "file",
                "folder": "OpenAI",
                "disableDeletion": False,
                "allowUiUpdates": False,
                "options": {"path": "/etc/grafana/dashboards/meterhouse"},
            }
        ],
    }


def dashboard() -> dict[str, Any]:
    """Return the dashboard: one panel a question, days in UTC, a variable for the project."""
    return {
        "uid": UID,
        "title": TITLE,
        "description": "What OpenAI bills and what is used. Days are UTC days; a day that is not over will still grow.",
        "tags": ["openai", "meterhouse"],
        "timezone": "utc",
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": _SCHEMA_VERSION,
        "time": {"from": "now-30d/d", "to": "now"},
        "refresh": "15m",
        "templating": {"list": [_project_variable()]},
        "annotations": {"list": []},
        "links": [],
        "panels": _panels(),
    }


def _project_variable() -> dict[str, Any]:
    return {
        "name": "project",
        "label": "Project",
        "type": "query",
        "datasource": _DATASOURCE,
        "query": _PROJECTS,
        "refresh": 1,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
        "hide": 0,
    }


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = []
    top = 0
    for row in dashboard_rows():
        width, height = _GRID_WIDTH // len(row), 4 if row[0].chart == "number" else 9
        for index, question in enumerate(row):
            place = {"x": index * width, "y": top, "w": width, "h": height}
            panels.append(_panel(len(panels) + 1, question) | {"gridPos": place})
        top += height
    return panels


def _panel(number: int, question: Question) -> dict[str, Any]:
    panel: dict[str, Any] = {
        "id": number,
        "type": _KINDS[question.chart],
        "title": question.title,
        "description": question.description,
        "datasource": _DATASOURCE,
        "targets": [
            {
                "refId": "A",
                "datasource": _DATASOURCE,
                "editorMode": "code",
                "rawQuery": True,
                "rawSql": panel_sql(question),
                "format": "time_series" if question.time else "table",
            }
        ],
        "fieldConfig": {"defaults": _defaults(question), "overrides": _overrides(question)},
        "options": {},
    }
    if question.chart == "number":
        panel["options"] = {"reduceOptions": {"calcs": ["lastNotNull"], "values": False, "fields": ""}, "colorMode": "none"}
    elif question.chart == "ranking":
        # Every row is a bar, named by its text column.
        panel["options"] = {
            "reduceOptions": {"calcs": [], "values": True, "limit": 15},
            "orientation": "horizontal",
            "displayMode": "basic",
        }
    elif question.time:
        panel["options"] = {
            "legend": {
                "displayMode": "table",
                "placement": "right",
                "calcs": ["mean" if question.chart == "line" else "sum"],
                "showLegend": True,
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return panel


def _unit(measure: str) -> str:
    if "cost" in measure:
        return "currencyUSD"
    return "percentunit" if measure.endswith("_share") else "locale"


def _defaults(question: Question) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    if question.chart != "table":
        defaults["unit"] = _unit(question.measures[0])
    if question.time:
        style = {"drawStyle": "bars" if question.chart == "bars" else "line", "lineWidth": 1}
        is_filled = question.chart != "line"
        defaults["custom"] = style | {
            "fillOpacity": 80 if is_filled else 0,
            "stacking": {"mode": "normal" if is_filled else "none", "group": "A"},
        }
    return defaults


def _overrides(question: Question) -> list[dict[str, Any]]:
    """Captions of a table's columns, which Grafana would show as they are called."""
    if question.time:
        return []
    columns = [column for column in (question.series, *question.names, *question.measures) if column]
    return [
        {"matcher": {"id": "byName", "options": column}, "properties": [{"id": "displayName", "value": caption(column)}, *_shape(column)]}
        for column in columns
        if question.chart == "table" or column == question.series
    ]


def _shape(column: str) -> list[dict[str, Any]]:
    """How a figure among a table's columns is shown; amounts may be in any currency."""
    if column.endswith("_cost"):
        return [{"id": "decimals", "value": 2}]
    return [{"id": "unit", "value": "percentunit"}] if column.endswith("_share") else []


def files() -> dict[str, str]:
    """Return every file: path below `bi/grafana`, and text."""
    return {
        "provisioning/datasources/meterhouse.yaml": as_yaml(datasource()),
        "provisioning/dashboards/meterhouse.yaml": as_yaml(provider()),
        "dashboards/openai_usage_and_cost.json": json.dumps(dashboard(), indent=2) + "\n",
    }


def write_into(folder: Path) -> None:
    """Rewrite every file."""
    write(folder, files())


if __name__ == "__main__":
    command_without_address("grafana", write_into)
