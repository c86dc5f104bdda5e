"""Whether the views that are added up beforehand say what the views of rows say, added up here and now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg

from meterhouse.catalogue.dictionary import LEVELS, MEASURES

_SUMS = ", ".join(f"max({name})" if name in LEVELS else f"sum({name})" for name in MEASURES)
_COUNTS = (
    "sum(input_tokens) FILTER (WHERE input_cached_tokens IS NOT NULL), count(*),"
    " count(*) FILTER (WHERE requests IS NULL AND endpoint NOT IN ('vector_stores', 'code_interpreter_sessions', 'file_search_calls')),"
    " count(*) FILTER (WHERE input_tokens IS NULL AND endpoint IN ('completions', 'decisions', 'embeddings', 'moderations')"
    " OR output_tokens IS NULL AND endpoint IN ('completions', 'decisions'))"
)
_KEPT = {
    "usage_daily_by_model": "endpoint, project_id, project_name, model, model_reported, is_batch",
    "usage_daily_by_tier": "endpoint, project_id, project_name, model, model_reported, is_batch, service_tier",
    "usage_daily_by_api_key": "endpoint, project_id, project_name, api_key_id, api_key_name",
    "usage_daily_by_user": "endpoint, project_id, project_name, user_id, user_name, user_email",
    "usage_hourly_by_project": "bucket_start_utc, bucket_at, finality, endpoint, project_id, project_name",
    "costs_daily_by_line_item": "project_id, project_name, line_item, model, currency",
    "costs_daily_by_api_key": "project_id, project_name, api_key_id, api_key_name, currency",
    "costs_daily_by_project": "project_id, project_name, currency",
}


def not_added_up(url: str, first: date = date.min, end: date = date.max) -> list[tuple[Any, ...]]:
    """(view, whether it is the view that says so, the row) for every row of a view that is not the sum of rows, and the other way round."""
    with psycopg.connect(url, autocommit=True) as connection:
        return [(view, *row) for view, query in _queries(first, end) for row in connection.execute(query.encode())]


def _queries(first: date, end: date) -> Iterator[tuple[str, str]]:
    """(view, the query that finds its odd rows)."""
    for view, kept in _KEPT.items():
        key = f"usage_date, organization, {kept}, is_complete"
        if view.startswith("usage"):
            shown = f"SELECT {key}, {', '.join(MEASURES)}, cacheable_input_tokens, row_count, rows_without_requests, rows_without_tokens"
            added = f"SELECT {key}, {_SUMS}, {_COUNTS} FROM bi.usage_{'hourly' if 'hourly' in view else 'daily'}"
        else:
            shown = f"SELECT {key}, cost, cost_usd, row_count, rows_without_cost"
            added = f"SELECT {key}, sum(cost), sum(cost_usd), count(*), count(*) FILTER (WHERE cost IS NULL) FROM bi.costs_daily"
        days = f"WHERE usage_date >= '{first}' AND usage_date < '{end}'"
        yield view, _different(f"{shown} FROM bi.{view} {days}", f"{added} {days} GROUP BY {key}")


def _different(shown: str, added: str) -> str:
    return (
        f"WITH shown AS MATERIALIZED ({shown}), added AS MATERIALIZED ({added})"
        " SELECT true, * FROM (TABLE shown EXCEPT TABLE added) s UNION ALL SELECT false, * FROM (TABLE added EXCEPT TABLE shown) a"
    )
