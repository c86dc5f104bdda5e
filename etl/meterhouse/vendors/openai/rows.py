"""Rows: one page of the vendor's answer -> typed columns. Pure: no network, no clock, no database.

Data flow: page bytes -> typed structs made from the catalogue -> per bucket one entry per combination of the dimensions that were
asked for, rows that share a combination summed. A page that is not made of plain rows is read once more, row by row: unknown fields go to
`extra`, a row that cannot be typed is set aside, and the rest is typed as usual. The work grows with the size of the page and with
nothing else.

If a field appears twice in one object, a decoder keeps only one of the values. So the fields with a value are counted twice,
in the text and in what was decoded: a page in which the two differ is not plain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec
from msgspec.structs import astuple

from meterhouse.catalogue.endpoints import Dimension, Endpoint, Key, Values
from meterhouse.errors import RejectedAnswer
from meterhouse.money import add, parse_amount, parse_quantity
from meterhouse.vendors.answer import Bucket, Page, SetAside
from meterhouse.vendors.foreign_text import shown_names, storable_body
from meterhouse.vendors.openai.extra import Extra
from meterhouse.vendors.openai.odd_rows import REENCODE, as_set_aside, read_row_by_row
from meterhouse.vendors.openai.row_types import LARGEST_COUNT, SMALLEST_COUNT, organization_field, page_decoder

# The field is undocumented, so whatever else comes in it says nothing and breaks nothing.
_ORGANIZATION_ID = re.compile(r"[!-~]{1,128}")
# Sums of amounts have to fit the columns of the views, which have 16 digits before the point.
_LARGEST_AMOUNT = Decimal(10**12)
# A quote or colon that is written so is none in the count of fields, and one when it is written again.
_ESCAPED_ASCII = re.compile(rb"\\u00[2-7]")
# A colon that stands apart from its name is none in the count of fields either.
_COLON_APART = re.compile(rb'"[ \t\r\n]+:')
_LINE_SPACE = (b"\n", b"\r", b"\t")
_NO_UNKNOWN_FIELDS: dict[str, Any] = {}


def decode_page(endpoint: Endpoint, body: bytes, dimensions: Iterable[Dimension]) -> Page:
    """Return the buckets of one page, grouped by `dimensions` (those that were asked for).

    Raises `RejectedAnswer` when it is no page: not JSON, no list of buckets with bounds and rows, or a field that came twice in one object.
    """
    body = storable_body(body)
    summed = _CostRows(endpoint, dimensions) if endpoint.is_costs else _UsageRows(endpoint, dimensions)
    return _plain_page(endpoint, body, summed) or _loose_page(endpoint, body, summed)


def _plain_page(endpoint: Endpoint, body: bytes, summed: _UsageRows) -> Page | None:
    """Return the page, None when it is not made of plain rows."""
    if _has_colon_apart(body):
        return None
    try:
        page: Any = summed.decode(body)
        buckets = tuple(summed.plain_bucket(bucket.start_time, bucket.end_time, bucket.results) for bucket in page.data)
    except (msgspec.MsgspecError, ValueError, RecursionError, _NotPlain):
        summed.warnings.clear()
        return None
    if not summed.has_all_fields(body, page):
        summed.warnings.clear()
        return None
    rows = (row for bucket in page.data for row in bucket.results)
    return Page(buckets, (), tuple(sorted(summed.warnings)), _organizations(endpoint, rows))


def _loose_page(endpoint: Endpoint, body: bytes, summed: _UsageRows) -> Page:
    loose = read_row_by_row(endpoint, body)
    buckets = [summed.bucket(one.start, one.end, one.rows, one.set_aside) for one in loose.buckets]
    rows = (row for one in loose.buckets for row, _ in one.rows)
    warnings = tuple(sorted(summed.warnings | loose.warnings))
    return Page(tuple(buckets), shown_names(loose.names), warnings, _organizations(endpoint, rows))


def _has_colon_apart(text: bytes) -> bool:
    if any(space in text for space in _LINE_SPACE):
        return bool(_COLON_APART.search(text))
    if b" " not in text:
        return False
    return b'" :' in text or (b'"  ' in text and bool(_COLON_APART.search(text)))


def _filled_fields(text: bytes) -> int:
    """How many fields of a JSON text have a value."""
    return text.count(b'":') - text.count(b'":null') - text.count(b'": null')


def _organizations(endpoint: Endpoint, rows: Iterable[Any]) -> frozenset[str]:
    """Return the identifiers of organizations that rows carry."""
    names = organization_field(endpoint)
    if not names:
        return frozenset()
    found = {told for row in rows for name in names if isinstance(told := getattr(row, name), str)}
    return frozenset(found_id for found_id in found if _ORGANIZATION_ID.fullmatch(found_id))


class _NotPlain(Exception):
    """Plain rows of one combination do not add up to what can be stored."""


class _UsageRows:
    """Sums the rows of a bucket that share a combination of dimensions; an unknown figure plus a known one is the known one."""

    def __init__(self, endpoint: Endpoint, dimensions: Iterable[Dimension]) -> None:
        self.warnings: set[str] = set()
        self._endpoint = endpoint
        asked = tuple(dimension.name for dimension in dimensions)
        metrics = [metric.name for metric in endpoint.metrics]
        self.decode = page_decoder(endpoint, asked)
        self._key = _getter(asked)
        self._figures = _getter(metrics)
        # Where the values of a plain row end, and its key, behind the kind of row.
        self._values_end = 1 + len(metrics)
        self._key_end = self._values_end + len(asked)
        self._filled = 0

    def plain_bucket(self, start: int, end: int, results: Iterable[Any]) -> Bucket:
        """Return the bucket of rows that were decoded whole; raises `_NotPlain` when some add up to too much."""
        values_end, key_end = self._values_end, self._key_end
        sums: dict[Key, Values] = {}
        filled = 0
        for row in results:
            fields = astuple(row)
            filled += len(fields) - fields.count(None)
            key = fields[values_end:key_end]
            if "" in key:
                key = tuple([None if value == "" else value for value in key])
            values = (*fields[1:values_end], None)
            if key in sums:
                try:
                    values = (*self._sum(sums[key][:-1], values[:-1]), None)
                except RejectedAnswer:
                    raise _NotPlain from None
            sums[key] = values
        self._filled += filled
        return Bucket(start, end, sums)

    def has_all_fields(self, body: bytes, page: Any) -> bool:
        """Whether `body`, of which `page` was decoded and its buckets made, has no field that was not decoded."""
        filled = _filled(page) + sum(map(_filled, page.data)) + self._filled
        nulls = body.count(b'": null' if b'": ' in body[:100] else b'":null')
        return filled + nulls == body.count(b'":')

    def bucket(self, start: int, end: int, results: Iterable[tuple[Any, dict[str, Any]]], set_aside: Iterable[SetAside] = ()) -> Bucket:
        """Return the bucket of these rows, each of which comes with its unknown fields."""
        sums: dict[Key, Values] = {}
        extras: dict[Key, Extra] = {}
        left_out = list(set_aside)
        for row, unknown in results:
            key = self._key(row)
            if "" in key:
                key = tuple(None if value == "" else value for value in key)
            before = sums.get(key)
            try:
                figures = self._figures(row)
                sums[key] = figures if before is None else self._sum(before, figures)
            except RejectedAnswer as reason:
                left_out.append(as_set_aside(str(reason), row))
                continue
            if unknown:
                extras.setdefault(key, Extra()).add(unknown)
        return Bucket(start, end, {key: self._values(figures, extras.get(key)) for key, figures in sums.items()}, tuple(left_out))

    def _sum(self, left: Values, right: Values) -> Values:
        counts = tuple(_sum_counts(a, b) for a, b in zip(left, right, strict=True))
        for metric, count in zip(self._endpoint.metrics, counts, strict=True):
            if count is not None and not SMALLEST_COUNT <= count <= LARGEST_COUNT:
                raise RejectedAnswer(f"rows of one combination add up to more {metric.name} than can be stored")
        return counts

    def _values(self, figures: Values, extra: Extra | None) -> Values:
        return (*figures, extra.text() if extra else None)


class _CostRows(_UsageRows):
    """Money is added exactly; a quantity is added only to one of the same unit, else both are kept in extra."""

    def __init__(self, endpoint: Endpoint, dimensions: Iterable[Dimension]) -> None:
        super().__init__(endpoint, dimensions)
        names = _getter([dimension.name for dimension in dimensions])
        self._key = lambda row: (*names(row), _currency(row))
        self._figures = self._amount_and_quantity

    def plain_bucket(self, start: int, end: int, results: Iterable[Any]) -> Bucket:
        """Return the bucket of rows that were decoded whole."""
        return self.bucket(start, end, ((row, _NO_UNKNOWN_FIELDS) for row in results))

    def has_all_fields(self, body: bytes, page: Any) -> bool:
        """Whether writing the decoded page again makes as many fields as `body` has: amounts are objects in objects."""
        return _filled_fields(body) == _filled_fields(REENCODE.encode(page)) and not _ESCAPED_ASCII.search(body)

    def _amount_and_quantity(self, row: Any) -> Values:
        """The amount, and the quantity by its unit; the unit of an unknown quantity is kept."""
        amount = parse_amount(_said(row.amount.value)) if row.amount else None
        if amount is None:
            self.warnings.add("a cost row came without an amount; it is stored as unknown, not as zero")
        elif abs(amount) > _LARGEST_AMOUNT:
            raise RejectedAnswer(f"an amount is out of range: {str(amount)[:40]}")
        quantity = parse_quantity(_said(row.quantity))
        return (amount, {} if quantity is None else {row.quantity_unit: quantity}, row.quantity_unit)

    def _sum(self, left: Values, right: Values) -> Values:
        by_unit: dict[str | None, Decimal] = left[1]
        for unit, quantity in right[1].items():
            by_unit[unit] = add(by_unit[unit], quantity) if unit in by_unit else quantity
        return (_sum_amounts(left[0], right[0]), by_unit, left[2] or right[2])

    def _values(self, figures: Values, extra: Extra | None) -> Values:
        """Quantities of several units go to extra, in an order that does not depend on the order of the rows."""
        amount, by_unit, unit = figures
        if len(by_unit) > 1:
            self.warnings.add("one line item came with quantities in several units; they are kept apart in extra")
            extra = extra or Extra()
            extra.add({"quantities": [{"quantity": str(by_unit[unit]), "quantity_unit": unit} for unit in sorted(by_unit, key=str)]})
            return (amount, None, None, extra.text())
        text = extra.text() if extra else None
        for unit, quantity in by_unit.items():
            return (amount, quantity, unit, text)
        return (amount, None, unit, text)


def _said(value: msgspec.Raw) -> bytes:
    """The JSON text of a number; an empty text says as much as null."""
    text = bytes(value)
    return b"null" if text == b'""' else text


def _currency(row: Any) -> str | None:
    return row.amount.currency.lower() if row.amount and row.amount.currency else None


def _filled(decoded: msgspec.Struct) -> int:
    """How many fields of a struct came with a value."""
    return sum(getattr(decoded, name) not in (None, msgspec.UNSET) for name in decoded.__struct_fields__)


def _getter(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
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
