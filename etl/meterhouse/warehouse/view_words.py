"""View words: what the words in braces in the views' files stand for, made from the catalogue. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meterhouse.catalogue.dictionary import ATTRIBUTES, LEVELS, MEASURES
from meterhouse.catalogue.endpoints import BATCH, FREE_SERVICE_TIERS, MODEL, USAGE, USAGE_DIMENSIONS, Dimension, Endpoint, Kind
from meterhouse.vendors.openai.categories import NO_LINE_ITEM_NOTE
from meterhouse.warehouse.star_keys import KeyOf

# ISO 4217's code for what is no currency.
OTHER_CURRENCY = "xxx"


class _TotalTokens:
    """`{total_tokens:u}`: the tokens of a table, known when one of the two kinds is."""

    def __format__(self, table: str) -> str:
        known = f"{table}.input_tokens + {table}.output_tokens, {table}.input_tokens, {table}.output_tokens"
        return f"coalesce({known})::bigint AS total_tokens"


class _IsFreeTier:
    """`{is_free_tier:g}`: whether the service tier of a table is one without a price."""

    def __format__(self, table: str) -> str:
        return f"lower({table}.service_tier) IN ({', '.join(map(literal, FREE_SERVICE_TIERS))}) AS is_free_tier"


class _Currency:
    """`{currency:g.currency}`: a code of three letters, as columns have had it from the start; never a part of a longer word."""

    def __format__(self, column: str) -> str:
        return f"CASE WHEN length({column}) > 3 THEN {literal(OTHER_CURRENCY)} ELSE {column} END::varchar(3) AS currency"


class _Figure:
    """`{figure:f.quantity}`: null where the column's digits do not hold it, as an error would keep the whole view from being read."""

    def __format__(self, column: str) -> str:
        return f"CASE WHEN abs({column}) < 1e16 THEN {column} END::numeric(28, 12)"


def view_words(time_zone: str) -> Mapping[str, object]:
    """Return what each word stands for, for `str.format_map`; `time_zone` is the one of the local days."""
    return {
        "key": KeyOf(),
        "currency": _Currency(),
        "figure": _Figure(),
        "total_tokens": _TotalTokens(),
        "is_free_tier": _IsFreeTier(),
        "measures": _listed(f"u.{column}" for column in MEASURES),
        "fact_measures": _listed(f"f.{column}" for column in MEASURES),
        "attributes": _listed(f"u.{column}" for column in ATTRIBUTES),
        "dimensions": _listed(_model() if one is MODEL else f"g.{_cast(one)}" for one in USAGE_DIMENSIONS),
        "group_attributes": _listed(f"g.{_cast(one)}" for one in USAGE_DIMENSIONS if one.name in ATTRIBUTES),
        "sums": _listed(map(_sum, MEASURES)),
        "rolled_up": _listed(f"r.{column}::bigint AS {column}" for column in MEASURES),
        "or_zero": _listed(map(_or_zero, MEASURES)),
        "total_or_zero": _total_or_zero(),
        "no_line_item": literal(NO_LINE_ITEM_NOTE),
        "time_zone": literal(time_zone),
    }


def literal(text: str) -> str:
    """Return a text as SQL says it."""
    return "'" + text.replace("'", "''") + "'"


def usage_facts() -> str:
    """Return one branch per endpoint, with the same columns in each; a figure that it does not have is null."""
    return "\nUNION ALL\n".join(_branch(endpoint) for endpoint in USAGE)


def _branch(endpoint: Endpoint) -> str:
    have = {metric.column: metric.name for metric in endpoint.metrics}
    figures = ", ".join(f"{have[column]} AS {column}" if column in have else f"NULL::bigint AS {column}" for column in MEASURES)
    return f"SELECT bucket_start, bucket_width, group_id, {figures} FROM warehouse.{endpoint.table}"  # noqa: S608  # catalogue names


def _listed(columns: Iterable[str]) -> str:
    return ",\n    ".join(columns)


def _model() -> str:
    return f"m.model_name::varchar({MODEL.max_length}) AS {MODEL.name}"


def _cast(dimension: Dimension) -> str:
    if dimension.kind is Kind.FLAG:
        return f"{dimension.name} AS {'is_batch' if dimension is BATCH else dimension.name}"
    return f"{dimension.name}::varchar({dimension.max_length}) AS {dimension.name}"


def _sum(column: str) -> str:
    return f"max(u.{column})::bigint AS {column}" if column in LEVELS else f"sum(u.{column})::bigint AS {column}"


def _or_zero(column: str) -> str:
    """The figure of a day: zero where the day was loaded without a row, and null for an endpoint that has no such figure."""
    return _zero_without_row(f"d.{column}", {column}, column)


def _total_or_zero() -> str:
    known = "coalesce(d.input_tokens + d.output_tokens, d.input_tokens, d.output_tokens)"
    return _zero_without_row(known, {"input_tokens", "output_tokens"}, "total_tokens")


def _zero_without_row(figure: str, columns: set[str], name: str) -> str:
    having = ", ".join(literal(endpoint.name) for endpoint in USAGE if columns & {metric.column for metric in endpoint.metrics})
    return (
        f"CASE WHEN d.usage_date IS NOT NULL THEN {figure}"
        f" WHEN c.bucket_start IS NOT NULL AND m.endpoint IN ({having}) THEN 0 END::bigint AS {name}"
    )
