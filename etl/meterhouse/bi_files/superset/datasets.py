"""Superset's datasets: one for each view that is asked, with the questions' figures as metrics, and one for each joined question."""

from __future__ import annotations

from typing import Any

from meterhouse.bi_files.columns import columns_of, view_comments
from meterhouse.bi_files.questions import DERIVED, QUESTIONS, Question, caption, meaning
from meterhouse.bi_files.superset.identity import DATABASE, VERSION, identifier
from meterhouse.catalogue.meaning import Meaning

_TYPES = {
    "date": "DATE", "timestamp without time zone": "TIMESTAMP WITHOUT TIME ZONE", "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
    "bigint": "BIGINT", "integer": "INTEGER", "numeric": "NUMERIC", "double precision": "DOUBLE PRECISION", "boolean": "BOOLEAN",
    "varchar": "VARCHAR",
}  # fmt: skip


def dataset_name(question: Question) -> str:
    """Return the dataset of a question: its view, or the question itself where its answer is more than the view's rows added up."""
    return question.name if is_joined(question) else question.view


def is_joined(question: Question) -> bool:
    """Return whether a question is a separate dataset."""
    return "JOIN" in question.template or "(SELECT" in question.template


def metric_name(dataset: str, measure: str) -> str:
    """Return the name of a measure as a metric: another one than a column has, which Superset would confuse it with."""
    return f"total_{measure}" if measure in _column_names(dataset) else measure


def _asking(dataset: str) -> list[Question]:
    return [question for question in QUESTIONS if dataset_name(question) == dataset]


def _column_names(dataset: str) -> list[str]:
    joined = [question for question in _asking(dataset) if is_joined(question)]
    if joined:
        return list(joined[0].expressions)
    return [column.name for column in columns_of(dataset)]


def dataset(name: str) -> dict[str, Any]:
    """Return the file of one dataset."""
    asking = _asking(name)
    joined = [question for question in asking if is_joined(question)]
    columns = _joined_columns(joined[0]) if joined else _view_columns(name, asking)
    temporal = [column["column_name"] for column in columns if column["is_dttm"]]
    wanted = [question.time for question in asking if question.time]
    return {
        "table_name": name,
        "schema": "bi",
        "sql": joined[0].sql() if joined else None,
        "main_dttm_col": wanted[0] if wanted else temporal[0] if temporal else None,
        "description": joined[0].description if joined else view_comments()[name],
        "default_endpoint": None,
        "offset": 0,
        "cache_timeout": None,
        "params": None,
        "template_params": None,
        "filter_select_enabled": True,
        "fetch_values_predicate": None,
        "extra": None,
        "uuid": identifier("dataset", name),
        "metrics": _metrics(name, asking),
        "columns": columns,
        "version": VERSION,
        "database_uuid": identifier("database", DATABASE),
    }


def _view_columns(view: str, asking: list[Question]) -> list[dict[str, Any]]:
    own = [_column(column.name, _TYPES[column.base_type], column.description) for column in columns_of(view)]
    known = {column["column_name"] for column in own}
    computed: dict[str, dict[str, Any]] = {}
    for question in asking:
        for name, expression in question.expressions.items():
            if name in DERIVED and name not in known and name not in question.measures:
                computed[name] = _column(name, "VARCHAR", DERIVED[name].comment(), expression)
        if question.project:
            # What the dashboard's choice of a project compares with, in every dataset.
            computed["project"] = _column("project", "VARCHAR", DERIVED["project"].comment(), question.project)
    return own + list(computed.values())


def _joined_columns(question: Question) -> list[dict[str, Any]]:
    return [
        _column(name, "NUMERIC" if name in question.measures else "VARCHAR", meaning(question, name).comment())
        for name in question.expressions
    ]


def _column(name: str, type_: str, description: str, expression: str | None = None) -> dict[str, Any]:
    return {
        "column_name": name,
        "verbose_name": caption(name),
        "is_dttm": type_ == "DATE" or type_.startswith("TIMESTAMP"),
        "is_active": True,
        "type": type_,
        "advanced_data_type": None,
        "groupby": True,
        "filterable": True,
        "expression": expression,
        "description": description,
        "python_date_format": None,
        "extra": None,
    }


def _metrics(name: str, asking: list[Question]) -> list[dict[str, Any]]:
    """Every figure that a question computes of the dataset's rows; two questions never compute one in two ways."""
    found: dict[str, dict[str, Any]] = {}
    for question in asking:
        for measure, computed in question.expressions.items():
            said = meaning(question, measure)
            if not said.unit:
                continue
            expression = f"sum({measure})" if is_joined(question) else computed
            made = _metric(metric_name(name, measure), measure, expression, said)
            if found.setdefault(measure, made) != made:
                raise LookupError(f"{name} has two ways to compute {measure}: {expression} and {found[measure]['expression']}")
    return list(found.values())


def _metric(name: str, measure: str, expression: str, said: Meaning) -> dict[str, Any]:
    return {
        "metric_name": name,
        "verbose_name": caption(measure),
        "metric_type": None,
        "expression": expression,
        "description": said.comment(),
        "d3format": number_format(measure),
        "currency": None,
        "extra": {},
        "warning_text": None,
    }


def number_format(measure: str) -> str:
    """Return how a figure is shown, as d3 words it."""
    if "cost" in measure:
        return "$,.2f"
    return ".1%" if measure.endswith("_share") else ",d"
