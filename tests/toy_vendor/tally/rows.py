"""Rows of Tally: days with RFC 3339 bounds, counts as numbers, money as a text of whole cents."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from meterhouse.catalogue.endpoints import Dimension, Endpoint, Key, Values
from meterhouse.errors import RejectedAnswer
from meterhouse.money import add
from meterhouse.vendors.answer import Bucket, Page

_FIELDS = {"project_id": "workspace", "model": "model", "line_item": "entry", "num_messages": "messages", "input_tokens": "tokens_in"}


class _Item(msgspec.Struct):
    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    rows: list[dict[str, Any]]


class _Page(msgspec.Struct):
    items: list[_Item]


_PAGE = msgspec.json.Decoder(_Page)


def decode_page(endpoint: Endpoint, body: bytes, dimensions: Iterable[Dimension]) -> Page:
    """Return the buckets of one page, grouped by `dimensions`; raises `RejectedAnswer` when it is no page."""
    names = [_FIELDS[dimension.name] for dimension in dimensions]
    try:
        page = _PAGE.decode(body)
        return Page(tuple(_bucket(endpoint, names, item) for item in page.items))
    except (msgspec.MsgspecError, KeyError, ArithmeticError) as error:
        raise RejectedAnswer(f"{endpoint.name}: not a page of Tally's: {error}") from None


def _bucket(endpoint: Endpoint, names: list[str], item: _Item) -> Bucket:
    rows: dict[Key, Values] = {}
    for row in item.rows:
        key: Key = tuple(row.get(name) for name in names)
        if endpoint.is_costs:
            key, values = (*key, "eur"), (Decimal(row["cents"]) / 100, None, None, None)
            if key in rows:
                values = (add(rows[key][0], values[0]), None, None, None)
        else:
            values = (*(row[_FIELDS[metric.name]] for metric in endpoint.metrics), None)
            if key in rows:
                values = (*(old + new for old, new in zip(rows[key][:-1], values[:-1], strict=True)), None)
        rows[key] = values
    return Bucket(int(item.start.timestamp()), int(item.end.timestamp()), rows)
