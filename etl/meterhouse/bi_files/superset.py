"""Superset: the questions as datasets, charts and one dashboard, in a bundle that imports as often as one likes.

Every id is a uuid5 of a name, so a second import replaces the first. The bundle holds no password: Superset's server gets it as
PGPASSWORD. `python -m meterhouse.bi_files.superset` writes `bi/superset/bundle` anew; with `--zip FILE` it makes the file to import.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from meterhouse.bi_files import as_yaml
from meterhouse.bi_files.columns import columns_of, view_comments
from meterhouse.bi_files.questions import DERIVED, QUESTIONS, Question, caption, dashboard_rows, meaning
from meterhouse.dictionary import Meaning

FILES = Path(__file__).parents[3] / "bi" / "superset" / "bundle"
DATABASE = "OpenAI warehouse"
TITLE = "OpenAI usage and cost"
SLUG = "openai-usage-and-cost"
ADDRESS = "localhost:5432/meterhouse"
# The one folder at the top of the zip.
_TOP = "meterhouse"
_VERSION = "1.0.0"
_GRID_WIDTH = 12
_LONGEST = 10_000
_TYPES = {
    "date": "DATE", "timestamp without time zone": "TIMESTAMP WITHOUT TIME ZONE", "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
    "bigint": "BIGINT", "integer": "INTEGER", "numeric": "NUMERIC", "double precision": "DOUBLE PRECISION", "boolean": "BOOLEAN",
    "varchar": "VARCHAR",
}  # fmt: skip
_VISUALS = {
    "number": "big_number_total", "bars": "echarts_timeseries_bar", "areas": "echarts_area", "line": "echarts_timeseries_line",
    "ranking": "echarts_timeseries_bar", "table": "table",
}  # fmt: skip


def identifier(kind: str, name: str) -> str:
    """Return the uuid of something, the same in every bundle."""
    return str(uuid5(NAMESPACE_URL, f"meterhouse/superset/{kind}/{name}"))


def dataset_name(question: Question) -> str:
    """Return the dataset of a question: its view, or the question itself where its answer is more than the view's rows added up."""
    return question.name if _is_joined(question) else question.view


def _is_joined(question: Question) -> bool:
    return "JOIN" in question.template


def metric_name(dataset: str, measure: str) -> str:
    """Return the name of a measure as a metric: another one than a column has, which Superset would confuse it with."""
    return f"total_{measure}" if measure in _column_names(dataset) else measure


def _asking(dataset: str) -> list[Question]:
    return [question for question in QUESTIONS if dataset_name(question) == dataset]


def _column_names(dataset: str) -> list[str]:
    joined = [question for question in _asking(dataset) if _is_joined(question)]
    if joined:
        return list(joined[0].expressions)
    return [column.name for column in columns_of(dataset)]


# ---- files


def files() -> dict[str, dict[str, Any]]:
    """Return the bundle's files: path below its top folder, and content."""
    datasets = sorted({dataset_name(question) for question in QUESTIONS})
    folder = DATABASE.replace(" ", "_")
    return {
        "metadata.yaml": {"version": _VERSION, "type": "Dashboard", "timestamp": "2026-01-01T00:00:00+00:00"},
        f"databases/{folder}.yaml": _database(),
        **{f"datasets/{folder}/{name}.yaml": _dataset(name) for name in datasets},
        **{f"charts/{question.name}.yaml": _chart(question) for question in QUESTIONS},
        f"dashboards/{SLUG.replace('-', '_')}.yaml": _dashboard(),
    }


def _database() -> dict[str, Any]:
    return {
        "database_name": DATABASE,
        "sqlalchemy_uri": f"postgresql+psycopg2://meterhouse_reader@{ADDRESS}",
        "cache_timeout": None,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        # Without it the import fails.
        "extra": {},
        "uuid": identifier("database", DATABASE),
        "version": _VERSION,
    }


def _dataset(name: str) -> dict[str, Any]:
    asking = _asking(name)
    joined = [question for question in asking if _is_joined(question)]
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
        "version": _VERSION,
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
            expression = f"sum({measure})" if _is_joined(question) else computed
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
        "d3format": _number_format(measure),
        "currency": None,
        "extra": {},
        "warning_text": None,
    }


def _number_format(measure: str) -> str:
    if "cost" in measure:
        return "$,.2f"
    return ".1%" if measure.endswith("_share") else ",d"


def _chart(question: Question) -> dict[str, Any]:
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
        "version": _VERSION,
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
    if question.condition and not _is_joined(question):
        filters.append({"clause": "WHERE", "expressionType": "SQL", "sqlExpression": question.condition})
    form: dict[str, Any] = {"viz_type": _VISUALS[question.chart], "adhoc_filters": filters, "row_limit": _LONGEST}
    if question.chart == "number":
        return form | {"metric": metrics[0], "y_axis_format": _number_format(question.measures[0]), "subheader": ""}
    if question.chart == "table":
        aggregate = {"query_mode": "aggregate", "groupby": list(question.names), "metrics": metrics, "order_desc": True}
        raw = {"query_mode": "raw", "all_columns": list(question.names)}
        return form | (aggregate if metrics else raw) | {"table_timestamp_format": _clock(question), "server_pagination": False}
    form |= {
        "metrics": metrics,
        "y_axis_format": _number_format(question.measures[0]),
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
        "extras": {"having": "", "where": f"({question.condition})" if question.condition and not _is_joined(question) else ""},
        "columns": columns,
        "row_limit": _LONGEST,
        "annotation_layers": [],
    }
    if not metrics:
        return query
    return query | {"metrics": metrics, "orderby": [[metrics[0], False]]}


# ---- the dashboard


def _dashboard() -> dict[str, Any]:
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
            "label_colors": {caption("previous_month_cost"): "#B3B3B3", "total_previous_month_cost": "#B3B3B3"},
            "native_filter_configuration": [_days_filter(), _project_filter()],
        },
        "version": _VERSION,
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
    target = {"datasetUuid": identifier("dataset", "costs_daily"), "column": {"name": "project"}}
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


# ---- commands


def write(folder: Path = FILES) -> None:
    """Write every file anew, and remove those that are no longer made."""
    wanted = {folder / path: content for path, content in files().items()}
    for stale in set(folder.rglob("*.yaml")) - set(wanted):
        stale.unlink()
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_yaml(content), encoding="utf-8")


def bundle(out: Path, address: str = ADDRESS, folder: Path = FILES) -> None:
    """Zip the bundle for the warehouse at `address` (host:port/database). Raises `ValueError` for an address of another form."""
    if not re.fullmatch(r"[A-Za-z0-9.\[\]:-]+:[0-9]+/[A-Za-z0-9_-]+", address):
        raise ValueError(f"{address!r} is no address of a warehouse: write it as db.example.com:5432/meterhouse, without user or password")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for path in sorted(folder.rglob("*.yaml")):
            text = path.read_text(encoding="utf-8")
            if path.parent.name == "databases":
                text = text.replace(f"@{ADDRESS}", f"@{address}")
            made.writestr(f"{_TOP}/{path.relative_to(folder).as_posix()}", text)


def main(arguments: list[str]) -> int:
    """Write the sources, or with `--zip` the file to import; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m meterhouse.bi_files.superset")
    parser.add_argument("--zip", type=Path, metavar="FILE", help="make the file to import instead of writing the sources anew")
    parser.add_argument("--warehouse", default=ADDRESS, metavar="HOST:PORT/DATABASE", help="as Superset's server sees it")
    options = parser.parse_args(arguments)
    if options.zip is None:
        write()
        return 0
    try:
        bundle(options.zip, options.warehouse)
    except ValueError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
