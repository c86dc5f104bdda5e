"""Pages of every endpoint with a value in each field, what the decoder makes of them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from meterhouse.catalogue.endpoints import Kind, offered_by
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.vendors.openai.rows import decode_page

DAY_ONE = 1_761_955_200  # 2025-11-01
ALL = list(offered_by(OPENAI).values())
OF_USAGE = [endpoint for endpoint in ALL if not endpoint.is_costs]
by_endpoint = pytest.mark.parametrize("endpoint", ALL, ids=lambda endpoint: endpoint.name)
by_usage = pytest.mark.parametrize("endpoint", OF_USAGE, ids=lambda endpoint: endpoint.name)


def full_row(endpoint) -> dict[str, Any]:
    """A row with every field that the catalogue knows."""
    row: dict[str, Any] = {"object": endpoint.object}
    if endpoint.is_costs:
        row |= {"amount": {"value": 0.06, "currency": "usd"}, "quantity": 30.0, "quantity_unit": "tokens"}
    else:
        row |= {metric.name: 100 + position for position, metric in enumerate(endpoint.metrics)}
    row |= {dimension.name: dimension.kind is Kind.FLAG or f"{dimension.name}-1" for dimension in endpoint.dimensions}
    whose = {endpoint.organization_field: "org-1"} if endpoint.organization_field else {}
    return row | dict.fromkeys(endpoint.ignored_fields, "copy") | whose


def bucket(rows: list[Any], start: int = DAY_ONE, **more: Any) -> dict[str, Any]:
    return {"object": "bucket", "start_time": start, "end_time": start + 86400, "results": rows} | more


def page(*buckets: Any, **more: Any) -> dict[str, Any]:
    return {"object": "page", "data": list(buckets), "has_more": False, "next_page": None} | more


def decoded(endpoint, content: Any, dimensions=None):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return decode_page(endpoint, body, endpoint.dimensions if dimensions is None else dimensions)


def rows_of(endpoint, *rows: Any, dimensions=None) -> dict[Any, Any]:
    return dict(decoded(endpoint, page(bucket(list(rows))), dimensions).buckets[0].rows)


def set_aside(endpoint, *rows: Any) -> str:
    """Why the last of some rows was set aside; the others must have been read as ever."""
    *good, _ = rows
    [found] = decoded(endpoint, page(bucket(list(rows)))).buckets
    assert dict(found.rows) == rows_of(endpoint, *good)
    [left_out] = found.set_aside
    return left_out.reason


def without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def exact(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)
