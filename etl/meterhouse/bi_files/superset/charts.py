"""Superset's charts: each question twice, as the form that the browser draws from and as the query that the server runs."""

from __future__ import annotations

import json
from typing import Any

from meterhouse.bi_files.questions import Question
from meterhouse.bi_files.superset.datasets import dataset_name, is_joined, metric_name, number_format
from meterhouse.bi_files.superset.identity import VERSION, identifier

_LONGEST = 10_000
_VISUALS = {
    "number": "big_number_total", "bars": "echarts_timeseries_bar", "areas": "echarts_area", "line": "echarts_timeseries_line",
    "ranking": "echarts_timeseries_bar", "table": "table",
}  # fmt: skip


def chart(question: Question) -> dict[str, Any]:
    """Return the file of one chart."""
    dataset = dataset_name(question)
    return {
        "slice_name": question.title,
        "description": question.description,
        "certified_by": None,
        "certification_details": None,
        "viz_type": _VISUALS[question.chart],
        "params": _form(question),
        "query_context": json.dumps({
            "datasource": {"id": 0, "type": "table"},
            "force": False,
            "queries": [_query(question)],
            "form_data": _form(question),
            "result_format": "json",
            "result_type": "full",
        }),
        "cache_timeout": None,
        "uuid": identifier("chart", question.name),
        "version": VERSION,
        "dataset_uuid": identifier("dataset", dataset),
    }  # fmt: skip


def _metric_names(question: Question) -> list[str]:
    dataset = dataset_name(question)
    return [metric_name(dataset, measure) for measure in question.measures]


def _time_column(question: Question) -> str | None:
    """The column that the dashboard's choice of days restricts."""
    if not question.takes_days:
        return None
    return question.time or "usage_date"


def _grain(question: Question) -> str:
    return "PT1H" if question.time == "bucket_start_utc" else "P1D"


def _form(question: Question) -> dict[str, Any]:
    """What the browser draws from; `_query` is the same question for the server."""
    day, metrics = _time_column(question), _metric_names(question)
    filters: list[dict[str, Any]] = []
    if day:
        filters.append(
            {"clause": "WHERE", "expressionType": "SIMPLE", "subject": day, "operator": "TEMPORAL_RANGE", "comparator": "No filter"}
        )
    if question.condition and not is_joined(question):
        filters.append({"clause": "WHERE", "expressionType": "SQL", "sqlExpression": question.condition})
    form: dict[str, Any] = {"viz_type": _VISUALS[question.chart], "adhoc_filters": filters, "row_limit": _LONGEST}
    if question.chart == "number":
        return form | {"metric": metrics[0], "y_axis_format": number_format(question.measures[0]), "subheader": ""}
    if question.chart == "table":
        aggregate = {"query_mode": "aggregate", "groupby": list(question.names), "metrics": metrics, "order_desc": True}
        raw = {"query_mode": "raw", "all_columns": list(question.names)}
        shapes = {name: {"d3NumberFormat": shape} for name in question.names if (shape := _shape(name))}
        form |= {"column_config": shapes} if shapes else {}
        return form | (aggregate if metrics else raw) | {"table_timestamp_format": _clock(question), "server_pagination": False}
    form |= {
        "metrics": metrics,
        "y_axis_format": number_format(question.measures[0]),
        "rich_tooltip": True,
        "show_legend": len(metrics) > 1 or (question.time is not None and question.series is not None),
        "truncate_metric": True,
        "zoomable": False,
    }
    if question.time is None:
        # The largest at the top.
        sort = {"x_axis_sort": metrics[0], "x_axis_sort_asc": True, "order_desc": True}
        return form | sort | {"x_axis": question.series, "groupby": [], "orientation": "horizontal", "row_limit": 15}
    grouped = [question.series] if question.series else []
    form |= {"x_axis": question.time, "time_grain_sqla": _grain(question), "groupby": grouped, "x_axis_time_format": "smart_date"}
    return form | ({"stack": "Stack"} if grouped or question.chart == "areas" else {})


def _shape(name: str) -> str | None:
    """How a figure among a table's columns is shown; amounts may be in any currency."""
    if name.endswith("_cost"):
        return ",.2f"
    return ".1%" if name.endswith("_share") else None


def _clock(question: Question) -> str:
    return "%Y-%m-%d" if "usage_date" in question.names else "%Y-%m-%d %H:%M"


def _query(question: Question) -> dict[str, Any]:
    day, metrics = _time_column(question), _metric_names(question)
    columns: list[Any] = []
    if question.time:
        axis = {"columnType": "BASE_AXIS", "expressionType": "SQL", "label": question.time, "sqlExpression": question.time}
        columns.append(axis | {"timeGrain": _grain(question)})
    columns += [*([question.series] if question.series else []), *question.names]
    query: dict[str, Any] = {
        "filters": [{"col": day, "op": "TEMPORAL_RANGE", "val": "No filter"}] if day else [],
        "extras": {"having": "", "where": f"({question.condition})" if question.condition and not is_joined(question) else ""},
        "columns": columns,
        "row_limit": _LONGEST,
        "annotation_layers": [],
    }
    if not metrics:
        return query
    return query | {"metrics": metrics, "orderby": [[metrics[0], False]]}
