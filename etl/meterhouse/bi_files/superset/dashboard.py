"""Superset's dashboard: every chart at its place on the grid, below a choice of days and of projects."""

from __future__ import annotations

from typing import Any

from meterhouse.bi_files.questions import caption, dashboard_rows
from meterhouse.bi_files.superset.identity import VERSION, identifier

TITLE = "OpenAI usage and cost"
SLUG = "openai-usage-and-cost"
_GRID_WIDTH = 12


def dashboard() -> dict[str, Any]:
    """Return the dashboard's file."""
    return {
        "dashboard_title": TITLE,
        "description": "What OpenAI bills and what is used. Days are UTC days; a day that is not over will still grow.",
        "css": "",
        "slug": SLUG,
        "certified_by": None,
        "certification_details": None,
        "published": True,
        "uuid": identifier("dashboard", SLUG),
        "position": _position(),
        "metadata": {
            "color_scheme": "supersetColors",
            "cross_filters_enabled": True,
            "refresh_frequency": 0,
            "timed_refresh_immune_slices": [],
            "expanded_slices": {},
            # Two measures of one chart would get one colour.
            "label_colors": {caption("previous_compared_cost"): "#B3B3B3", "total_previous_compared_cost": "#B3B3B3"},
            "native_filter_configuration": [_days_filter(), _project_filter()],
        },
        "version": VERSION,
    }


def _position() -> dict[str, Any]:
    names = [f"ROW-{number}" for number in range(1, len(dashboard_rows()) + 1)]
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": names, "parents": ["ROOT_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": TITLE}},
    }
    number = 0
    for name, row in zip(names, dashboard_rows(), strict=True):
        position[name] = {
            "type": "ROW",
            "id": name,
            "children": [f"CHART-{question.name}" for question in row],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
            "parents": ["ROOT_ID", "GRID_ID"],
        }
        for question in row:
            number += 1
            # Of twelve columns; a unit of height is eight pixels.
            width, height = _GRID_WIDTH // len(row), 20 if question.chart == "number" else 48
            # The uuid is what ties the place to the chart; the number is replaced by the import.
            meta = {"chartId": number, "uuid": identifier("chart", question.name), "sliceName": question.title}
            position[f"CHART-{question.name}"] = {
                "type": "CHART",
                "id": f"CHART-{question.name}",
                "children": [],
                "meta": {**meta, "width": width, "height": height},
                "parents": ["ROOT_ID", "GRID_ID", name],
            }
    return position


def _days_filter() -> dict[str, Any]:
    return _filter("days", "Days (UTC)", "filter_time", [{}], {"enableEmptyFilter": False})


def _project_filter() -> dict[str, Any]:
    target = {"datasetUuid": identifier("dataset", "costs_daily_by_line_item"), "column": {"name": "project"}}
    controls = {
        "enableEmptyFilter": False,
        "defaultToFirstItem": False,
        "multiSelect": True,
        "searchAllOptions": False,
        "inverseSelection": False,
    }
    return _filter("project", "Project", "filter_select", [target], controls)


def _filter(name: str, title: str, kind: str, targets: list[dict[str, Any]], controls: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"NATIVE_FILTER-{name}",
        "name": title,
        "filterType": kind,
        "type": "NATIVE_FILTER",
        "targets": targets,
        "controlValues": controls,
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "cascadeParentIds": [],
        "description": "",
    }
