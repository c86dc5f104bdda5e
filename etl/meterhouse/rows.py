"""Rows: one page of the vendor's answer -> typed columns. Pure: no network, no clock, no database.

Data flow: page bytes -> typed structs made from the catalogue -> per bucket one entry per combination of the dimensions that were
asked for, rows that share a combination summed. A page with fields that the catalogue does not know is decoded a second time: the
strangers go to `extra`, their names are reported, and the rest is typed as ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec

from meterhouse.endpoints import Dimension, Endpoint, Kind
from meterhouse.errors import RejectedAnswer
from meterhouse.money import add, parse_amount

Key = tuple[str | bool | None, ...]
"""Values of the dimensions that were asked for, in catalogue order; for costs the currency follows."""
Values = tuple[Any, ...]
"""Values of the fact's columns behind its key: metrics in catalogue order, for costs the unit, then extra as JSON text."""

_LARGEST_COUNT = 2**63 - 1
_Count = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST_COUNT)]
_GENERIC = msgspec.json.Decoder(float_hook=Decimal)
_REENCODE = msgspec.json.Encoder(decimal_format="number")
_PAGE_FIELDS = {"object", "data", "has_more", "next_page"}
# Undocumented copies of the bucket's bounds, in formats that vary.
_BUCKET_FIELDS = {"object", "start_time", "end_time", "results", "start_time_iso", "end_time_iso"}
_AMOUNT_FIELDS = {"value", "currency"}
# The field is undocumented, so whatever else comes in it says nothing and breaks nothing.
_ORGANIZATION_ID = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True)
class Bucket:
    """One bucket of an answer: its bounds in Unix seconds as the vendor gave them, and its rows."""

    start: int
    end: int
    rows: Mapping[Key, Values]


@dataclass(frozen=True)
class Page:
    """The buckets of one page, what was odd about it, and the organizations that its rows say they are of; none when they do not say."""

    buckets: tuple[Bucket, ...]
    unknown_fields: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    organizations: frozenset[str] = frozenset()


class _Amount(msgspec.Struct, forbid_unknown_fields=True):
    value: msgspec.Raw = msgspec.Raw(b"null")
    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{3}\Z")] | None = None


def _dimension_type(dimension: Dimension) -> Any:
    if dimension.kind is Kind.FLAG:
        return bool | None
    return Annotated[str, msgspec.Meta(max_length=dimension.max_length)] | None


def _organization_field(endpoint: Endpoint) -> tuple[str, ...]:
    return (endpoint.organization_field,) if endpoint.organization_field else ()


def _row_type(endpoint: Endpoint) -> type[msgspec.Struct]:
    fields: list[Any] = [("object", Literal[endpoint.object])]
    if endpoint.is_costs:
        fields += [
            ("amount", _Amount | None, None),
            ("quantity", msgspec.Raw, msgspec.Raw(b"null")),
            ("quantity_unit", str | None, None),
        ]
    else:
        required = [metric for metric in endpoint.metrics if metric.required]
        fields += [(metric.name, _Count) for metric in required]
        fields += [(metric.name, _Count | None, None) for metric in endpoint.metrics if not metric.required]
    fields += [(dimension.name, _dimension_type(dimension), None) for dimension in endpoint.dimensions]
    fields += [(name, Any, None) for name in (*endpoint.ignored_fields, *_organization_field(endpoint))]
    return msgspec.defstruct(f"{endpoint.name}_row", fields, forbid_unknown_fields=True)


class _Decoder:
    """Typed decoder of one endpoint's pages."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.row_type = _row_type(endpoint)
        bucket = msgspec.defstruct(
            "bucket",
            [
                ("start_time", int),
                ("end_time", int),
                ("results", list[self.row_type]),  # type: ignore[name-defined]  # a type made at run time
                ("object", Literal["bucket"], "bucket"),
                ("start_time_iso", Any, None),
                ("end_time_iso", Any, None),
            ],
            forbid_unknown_fields=True,
        )
        page = msgspec.defstruct(
            "page",
            [
                ("data", list[bucket]),  # type: ignore[valid-type]  # a type made at run time
                ("object", Literal["page"], "page"),
                ("has_more", bool, False),
                ("next_page", str | None, None),
            ],
            forbid_unknown_fields=True,
        )
        self.decode = msgspec.json.Decoder(page).decode
        self.row_fields = set(self.row_type.__struct_fields__)
        self.counts = {metric.name for metric in endpoint.metrics if metric.kind is Kind.COUNT}


@cache
def _decoder(endpoint: Endpoint) -> _Decoder:
    return _Decoder(endpoint)


def decode_page(endpoint: Endpoint, body: bytes, dimensions: Iterable[Dimension]) -> Page:
    """Return the buckets of one page, grouped by `dimensions` (those that were asked for).

    Raises `RejectedAnswer` when the page breaks the vendor's contract: a missing field, a wrong type, a negative count.
    """
    decoder = _decoder(endpoint)
    strangers: _Strangers | None = None
    try:
        page: Any = decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        strangers = _set_strangers_aside(endpoint, body, decoder)
        try:
            page = decoder.decode(strangers.body)
        except (msgspec.MsgspecError, ValueError) as error:
            raise RejectedAnswer(f"{endpoint.name}: the vendor's page breaks its contract: {error}") from None
    summarise = _CostRows(endpoint, dimensions) if endpoint.is_costs else _UsageRows(endpoint, dimensions)
    buckets = []
    for index, bucket in enumerate(page.data):
        extras = strangers.of_bucket(index) if strangers else {}
        buckets.append(Bucket(bucket.start_time, bucket.end_time, summarise.bucket(bucket.results, extras)))
    names = tuple(sorted(strangers.names)) if strangers else ()
    return Page(tuple(buckets), names, tuple(sorted(summarise.warnings)), _organizations(endpoint, page))


def _organizations(endpoint: Endpoint, page: Any) -> frozenset[str]:
    """Return the identifiers of organizations that the rows of a page carry."""
    found = {
        getattr(row, name) for name in _organization_field(endpoint) for bucket in page.data for row in bucket.results
        if isinstance(getattr(row, name), str)
    }  # fmt: skip
    return frozenset(found_id for found_id in found if _ORGANIZATION_ID.fullmatch(found_id))


class _UsageRows:
    """Sums the rows of a bucket that share a combination of dimensions; an unknown figure plus a known one is the known one."""

    def __init__(self, endpoint: Endpoint, dimensions: Iterable[Dimension]) -> None:
        self.warnings: set[str] = set()
        self._endpoint = endpoint
        self._key = _getter([dimension.name for dimension in dimensions])
        self._values = _getter([metric.name for metric in endpoint.metrics])

    def bucket(self, results: list[Any], extras: Mapping[int, dict[str, Any]]) -> dict[Key, Values]:
        rows: dict[Key, Values] = {}
        for position, result in enumerate(results):
            key = self._key(result)
            if "" in key:
                key = tuple(None if value == "" else value for value in key)
            values = self._row_values(result, extras.get(position))
            before = rows.get(key)
            rows[key] = values if before is None else self._sum(before, values)
        return rows

    def _row_values(self, result: Any, extra: dict[str, Any] | None) -> Values:
        return (*self._values(result), _json_text(extra))

    def _sum(self, left: Values, right: Values) -> Values:
        counts = tuple(_sum_counts(a, b) for a, b in zip(left[:-1], right[:-1], strict=True))
        for metric, count in zip(self._endpoint.metrics, counts, strict=True):
            if count is not None and count > _LARGEST_COUNT:
                raise RejectedAnswer(f"{self._endpoint.name}: rows of one combination add up to more {metric.name} than can be stored")
        return (*counts, _merge_extra(left[-1], right[-1]))


class _CostRows(_UsageRows):
    """Money is added exactly; a quantity is added only to one of the same unit, else both are kept in extra."""

    def __init__(self, endpoint: Endpoint, dimensions: Iterable[Dimension]) -> None:
        super().__init__(endpoint, dimensions)
        names = _getter([dimension.name for dimension in dimensions])
        self._key = lambda result: (*names(result), _currency(result))

    def _row_values(self, result: Any, extra: dict[str, Any] | None) -> Values:
        amount = parse_amount(bytes(result.amount.value)) if result.amount else None
        if amount is None:
            self.warnings.add("a cost row came without an amount; it is stored as unknown, not as zero")
        return (amount, parse_amount(bytes(result.quantity)), result.quantity_unit, _json_text(extra))

    def bucket(self, results: list[Any], extras: Mapping[int, dict[str, Any]]) -> dict[Key, Values]:
        rows = super().bucket(results, extras)
        return {key: self._settled(values) if isinstance(values[1], dict) else values for key, values in rows.items()}

    def _sum(self, left: Values, right: Values) -> Values:
        amount = _sum_amounts(left[0], right[0])
        extra = _merge_extra(left[3], right[3])
        by_unit = _by_unit(left)
        for unit, quantity in _by_unit(right).items():
            by_unit[unit] = add(by_unit[unit], quantity) if unit in by_unit else quantity
        if len(by_unit) > 1:
            return (amount, by_unit, None, extra)
        for unit, quantity in by_unit.items():
            return (amount, quantity, unit, extra)
        return (amount, None, left[2] or right[2], extra)

    def _settled(self, values: Values) -> Values:
        """Move quantities of several units to extra, in an order that does not depend on the order of the rows."""
        self.warnings.add("one line item came with quantities in several units; they are kept apart in extra")
        apart = [{"quantity": str(values[1][unit]), "quantity_unit": unit} for unit in sorted(values[1], key=str)]
        return (values[0], None, None, _merge_extra(values[3], _json_text({"quantities": apart})))


def _by_unit(values: Values) -> dict[str | None, Decimal]:
    """The quantities of a row that may already be a sum; unknown ones are left out."""
    if isinstance(values[1], dict):
        return dict(values[1])
    return {} if values[1] is None else {values[2]: values[1]}


def _currency(result: Any) -> str | None:
    return result.amount.currency.lower() if result.amount and result.amount.currency else None


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda _result: ()
    getter = attrgetter(*names)
    return getter if len(names) > 1 else lambda result: (getter(result),)


def _sum_counts(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return left + right


def _sum_amounts(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    if left is None or right is None:
        return right if left is None else left
    return add(left, right)


def _json_text(extra: dict[str, Any] | None) -> str | None:
    return _REENCODE.encode(extra).decode() if extra else None


def _merge_extra(left: str | None, right: str | None) -> str | None:
    """Keep the unknown fields of both rows; where they differ, a list holds both values, as nobody knows how to add them."""
    if left is None or right is None:
        return right if left is None else left
    merged: dict[str, Any] = _GENERIC.decode(left)
    for name, value in _GENERIC.decode(right).items():
        apart = [part for whole in (merged.get(name, value), value) for part in (whole if isinstance(whole, list) else [whole])]
        # Sorted and without repeats, so that the order of the rows cannot look like a restatement.
        texts = sorted({_REENCODE.encode(part) for part in apart})
        merged[name] = _GENERIC.decode(texts[0]) if len(texts) == 1 else [_GENERIC.decode(text) for text in texts]
    return _json_text(merged)


@dataclass
class _Strangers:
    """A page without the fields that the catalogue does not know, those fields by (bucket, row), and their names."""

    body: bytes
    names: set[str]
    by_row: dict[tuple[int, int], dict[str, Any]]

    def of_bucket(self, index: int) -> dict[int, dict[str, Any]]:
        return {row: extra for (bucket, row), extra in self.by_row.items() if bucket == index}


def _set_strangers_aside(endpoint: Endpoint, body: bytes, decoder: _Decoder) -> _Strangers:
    try:
        page = _GENERIC.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RejectedAnswer(f"{endpoint.name}: the vendor's page is not valid JSON: {error}") from None
    names: set[str] = set()
    by_row: dict[tuple[int, int], dict[str, Any]] = {}
    _split(page, _PAGE_FIELDS, names, "page.")
    for bucket_index, bucket in enumerate(_dicts(page, "data")):
        _split(bucket, _BUCKET_FIELDS, names, "bucket.")
        for row_index, row in enumerate(_dicts(bucket, "results")):
            extra = _split(row, decoder.row_fields, names, "")
            if isinstance(amount := row.get("amount"), dict):
                extra |= _split(amount, _AMOUNT_FIELDS, names, "amount.")
            for name in decoder.counts & row.keys():
                # 30.0 is a whole number that the vendor wrote as a fraction.
                if isinstance(row[name], Decimal) and row[name] == row[name].to_integral_value():
                    row[name] = int(row[name])
            if extra:
                by_row[bucket_index, row_index] = extra
    return _Strangers(_REENCODE.encode(page), names, by_row)


def _dicts(parent: Any, name: str) -> list[dict[str, Any]]:
    """The objects of a list; anything else is left for the typed decoder to refuse."""
    children = parent.get(name) if isinstance(parent, dict) else None
    return [child for child in children if isinstance(child, dict)] if isinstance(children, list) else []


def _split(parent: Any, known: set[str], names: set[str], prefix: str) -> dict[str, Any]:
    """Take the unknown fields out of `parent` and return them."""
    if not isinstance(parent, dict):
        return {}
    unknown = {f"{prefix}{name}": parent.pop(name) for name in parent.keys() - known}
    names.update(unknown)
    return unknown
