"""Odd rows: a page that does not consist only of plain rows, taken row by row. Pure.

Unknown fields go to `extra`, and their names are reported. Text is stored unchanged, except for characters that PostgreSQL cannot hold. A
row that cannot be typed at all is set aside with its reason, and holds nobody up. Only what is no page is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from meterhouse.catalogue.endpoints import ENDPOINTS, Endpoint
from meterhouse.counts import counted
from meterhouse.errors import RejectedAnswer
from meterhouse.vendors.answer import SetAside
from meterhouse.vendors.foreign_text import masked, storable, storable_value
from meterhouse.vendors.openai import bounded_json
from meterhouse.vendors.openai.row_types import LARGEST_COUNT, SMALLEST_COUNT, RowDecoder, page_decoder, row_decoder

REENCODE = msgspec.json.Encoder(decimal_format="number", enc_hook=str)  # the hook is for texts of numbers out of bounds
_PAGE_FIELDS = {"object", "data", "has_more", "next_page"}
# Undocumented copies of the bucket's bounds, in formats that vary.
_BUCKET_FIELDS = {"object", "start_time", "end_time", "results", "start_time_iso", "end_time_iso"}
_AMOUNT_FIELDS = {"value", "currency"}
_KINDS = {endpoint.object for endpoint in ENDPOINTS.values()}
# What an entry of an index holds, less what comes with the names.
_NAMES_AT_MOST_BYTES = 2400
_LONGEST_REASON, _LONGEST_ROW = 300, 4000


def as_set_aside(reason: str, row: Any) -> SetAside:
    """Record a decoded row that cannot be loaded."""
    text = storable(REENCODE.encode(row).decode(errors="replace"))
    return SetAside(storable(masked(" ".join(reason.split())))[:_LONGEST_REASON], masked(text)[:_LONGEST_ROW])


@dataclass
class LooseBucket:
    """A bucket whose rows were typed one by one, each with its unknown fields."""

    start: int
    end: int
    rows: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)


@dataclass
class LoosePage:
    """The buckets of such a page, the names of unknown fields, and warnings."""

    buckets: list[LooseBucket] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    warnings: set[str] = field(default_factory=set)


class _Untypable(Exception):
    """Why a row cannot be typed."""


def read_row_by_row(endpoint: Endpoint, body: bytes) -> LoosePage:
    """Return the page; raises `RejectedAnswer` when it is no page, or holds an object with two values for one field."""
    try:
        page = bounded_json.decode(body.decode())
    except (ValueError, RecursionError) as error:
        raise RejectedAnswer(f"{endpoint.name}: the vendor's page is not valid JSON: {masked(str(error))}") from None
    found = LoosePage()
    tools = row_decoder(endpoint)
    _split(endpoint, page, _PAGE_FIELDS, found.names, "page.")
    raw_buckets = page.get("data") if isinstance(page, dict) else None
    results = []
    for bucket in raw_buckets if isinstance(raw_buckets, list) else ():
        _split(endpoint, bucket, _BUCKET_FIELDS, found.names, "bucket.")
        if isinstance(bucket, dict) and isinstance(bucket.get("results"), list):
            results.append(bucket["results"])
            bucket["results"] = []
    try:
        typed: Any = page_decoder(endpoint, ())(REENCODE.encode(storable_value(page)))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RejectedAnswer(f"{endpoint.name}: the vendor's page breaks its contract: {masked(str(error))}") from None
    for bucket, rows in zip(typed.data, results, strict=True):
        loose = LooseBucket(bucket.start_time, bucket.end_time)
        for row in rows:
            _take(endpoint, tools, row, loose, found)
        found.buckets.append(loose)
    return found


def _take(endpoint: Endpoint, tools: RowDecoder, row: Any, bucket: LooseBucket, found: LoosePage) -> None:
    """Add one row to its bucket, typed or set aside."""
    extra = storable_value(_split(endpoint, row, tools.fields, found.names, ""))
    if isinstance(row, dict) and isinstance(amount := row.get("amount"), dict):
        extra |= storable_value(_split(endpoint, amount, _AMOUNT_FIELDS, found.names, "amount."))
    whole = _with_storable_text(row)
    try:
        bucket.rows.append((_typed(endpoint, tools, whole, found.warnings), extra))
    except _Untypable as reason:
        bucket.set_aside.append(as_set_aside(str(reason), whole | extra if isinstance(whole, dict) else whole))


def _typed(endpoint: Endpoint, tools: RowDecoder, row: Any, warnings: set[str]) -> Any:
    if not isinstance(row, dict):
        raise _Untypable("a row is no object")
    counts = dict(_whole_counts(row, tools.counts))
    try:
        typed: Any = tools.decode(REENCODE.encode(row | counts))
    except (msgspec.MsgspecError, ValueError) as error:
        raise _Untypable(str(error)) from None
    names = (row.get(dimension.name) for dimension in endpoint.dimensions)
    size = _bytes_of((*names, typed.amount.currency if endpoint.is_costs and typed.amount else None))
    if size > _NAMES_AT_MOST_BYTES:
        raise _Untypable(f"its names take {counted(size, 'byte')}, and at most {_NAMES_AT_MOST_BYTES:,} can be stored")
    if typed.object != endpoint.object:
        if not typed.object or typed.object in _KINDS:
            raise _Untypable(f"a row of another endpoint ({typed.object or 'it names none'}) - at `$.object`")
        kind = masked(typed.object)[:100]
        warnings.add(f"rows of a kind that this version does not know ({kind}) were read as {endpoint.name}")
    return typed


def _whole_counts(row: Mapping[str, Any], names: Iterable[str]) -> Iterable[tuple[str, int]]:
    """Yield the counts that the vendor wrote as a fraction, such as 30.0, as whole numbers; no number is built that is too large."""
    for name in names:
        value = row.get(name)
        if isinstance(value, bounded_json.OutOfBounds):
            raise _Untypable(f"{name} is a number out of range: {value[:40]}")
        if isinstance(value, Decimal):
            if not SMALLEST_COUNT <= value <= LARGEST_COUNT:
                raise _Untypable(f"{name} is a number out of range: {str(value)[:40]}")
            if value == value.to_integral_value():
                yield name, int(value)


def _with_storable_text(row: Any) -> Any:
    """The row with text that can be stored; known fields are not masked."""
    if isinstance(row, str):
        return row if isinstance(row, bounded_json.OutOfBounds) else storable(row)
    if isinstance(row, dict):
        return {storable(name): _with_storable_text(part) for name, part in row.items()}
    if isinstance(row, list):
        return [_with_storable_text(part) for part in row]
    return row


def _bytes_of(names: Iterable[Any]) -> int:
    return sum(len(name.encode()) for name in names if isinstance(name, str))


def _split(endpoint: Endpoint, parent: Any, known: set[str], names: set[str], prefix: str) -> dict[str, Any]:
    """Take the unknown fields out of `parent` and return them."""
    if not isinstance(parent, dict):
        return {}
    if isinstance(parent, bounded_json.Object) and parent.ambiguous is not None:
        name = masked(parent.ambiguous)[:100]
        raise RejectedAnswer(f"{endpoint.name}: the field {prefix}{name} came twice in one object, with different values")
    unknown = {f"{prefix}{name}": parent.pop(name) for name in parent.keys() - known}
    names.update(unknown)
    return unknown
