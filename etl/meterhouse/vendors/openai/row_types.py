"""Row types: structs and decoders of one endpoint's pages, made from the catalogue.

A page of plain rows is decoded whole. The wide type also takes what plain rows never have: names of any length, a
negative count, any currency, a kind of row that is new.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal

import msgspec

from meterhouse.catalogue.endpoints import Dimension, Endpoint, Kind

# Sums in views and reports have to fit a bigint: nine hundred counts of this size do, and nobody has that many tokens or bytes.
LARGEST_COUNT = 10**16
SMALLEST_COUNT = -LARGEST_COUNT
_PlainCount = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)]
_WideCount = Annotated[int, msgspec.Meta(ge=SMALLEST_COUNT, le=LARGEST_COUNT)]
# All names of a plain row fit into one entry of an index, whatever they are made of; so only odd rows have to be measured.
_LONG_NAME, _PLAIN_NAME = 128, 64


class _PlainAmount(msgspec.Struct, forbid_unknown_fields=True):
    value: msgspec.Raw = msgspec.Raw(b"null")
    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{3}\Z")] | None = None


class _WideAmount(msgspec.Struct, forbid_unknown_fields=True):
    value: msgspec.Raw = msgspec.Raw(b"null")
    currency: str | None = None


def _dimension_type(dimension: Dimension, is_wide: bool) -> Any:
    if dimension.kind is Kind.FLAG:
        return bool | None
    if is_wide:
        return str | None
    longest = dimension.max_length if dimension.max_length > _LONG_NAME else _PLAIN_NAME
    return Annotated[str, msgspec.Meta(max_length=longest)] | None


def organization_field(endpoint: Endpoint) -> tuple[str, ...]:
    """The field that names the organization of a row, where there is one."""
    return (endpoint.organization_field,) if endpoint.organization_field else ()


def _row_type(endpoint: Endpoint, asked: tuple[str, ...], *, is_wide: bool) -> type[msgspec.Struct]:
    """A row whose fields begin with the kind of row, the metrics, and the dimensions that were asked for, in their order."""
    fields: list[Any] = [("object", str if is_wide else Literal[endpoint.object])]
    if endpoint.is_costs:
        fields += [
            ("amount", (_WideAmount if is_wide else _PlainAmount) | None, None),
            ("quantity", msgspec.Raw, msgspec.Raw(b"null")),
            ("quantity_unit", str | None, None),
        ]
    else:
        count: Any = _WideCount if is_wide else _PlainCount
        fields += [(metric.name, count) if metric.required else (metric.name, count | None, None) for metric in endpoint.metrics]
    by_name = {dimension.name: dimension for dimension in endpoint.dimensions}
    names = (*asked, *(name for name in by_name if name not in asked))
    fields += [(name, _dimension_type(by_name[name], is_wide), None) for name in names]
    fields += [(name, Any, None) for name in (*endpoint.ignored_fields, *organization_field(endpoint))]
    # Nothing in a row refers back to it.
    return msgspec.defstruct(f"{endpoint.name}_row", fields, forbid_unknown_fields=True, kw_only=True, gc=endpoint.is_costs)


class RowDecoder:
    """Takes one row on its own, of the wide type."""

    def __init__(self, endpoint: Endpoint) -> None:
        row = _row_type(endpoint, (), is_wide=True)
        self.decode = msgspec.json.Decoder(row).decode
        self.fields = set(row.__struct_fields__)
        self.counts = {metric.name for metric in endpoint.metrics if metric.kind is Kind.COUNT}


@cache
def row_decoder(endpoint: Endpoint) -> RowDecoder:
    """Return the decoder of an endpoint's rows, made once."""
    return RowDecoder(endpoint)


@cache
def page_decoder(endpoint: Endpoint, asked: tuple[str, ...]) -> Callable[[bytes], Any]:
    """Return what decodes a page of plain rows that were asked for by these dimensions, made once."""
    row = _row_type(endpoint, asked, is_wide=False)
    bucket = msgspec.defstruct(
        "bucket",
        [
            ("start_time", int),
            ("end_time", int),
            ("results", list[row]),  # type: ignore[valid-type]  # a type made at run time
            ("object", Literal["bucket"] | msgspec.UnsetType, msgspec.UNSET),
            ("start_time_iso", Any, None),
            ("end_time_iso", Any, None),
        ],
        forbid_unknown_fields=True,
    )
    page = msgspec.defstruct(
        "page",
        [
            ("data", list[bucket]),  # type: ignore[valid-type]  # a type made at run time
            ("object", Literal["page"] | msgspec.UnsetType, msgspec.UNSET),
            ("has_more", bool | msgspec.UnsetType, msgspec.UNSET),
            ("next_page", str | None, None),
        ],
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(page).decode
