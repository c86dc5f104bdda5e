"""View words: the values of the words in braces in the views' files, made from the catalogue. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meterhouse.catalogue.dictionary import ATTRIBUTES, LEVELS, MEASURES
from meterhouse.catalogue.endpoints import (
    BATCH,
    FREE_SERVICE_TIERS,
    MODEL,
    REPEATING_REQUESTS,
    USAGE,
    USAGE_DIMENSIONS,
    WITHOUT_CALLER,
    Dimension,
    Endpoint,
    Kind,
)
from meterhouse.vendors.openai.categories import NO_LINE_ITEM_NOTE
from meterhouse.warehouse.price_words import price_words
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


class _Scaled:
    """`{scaled:w.previous_units, w.units}`: the earlier amount, had it changed as a quantity did; the later amount where that was zero.

    Rounded once, half away from zero, to twelve decimals, and no higher than a column holds, whatever the quantities.
    """

    def __format__(self, columns: str) -> str:
        before, after = (column.strip() for column in columns.split(","))
        table = before.partition(".")[0]
        twelfth_decimals = f"div(2000000000000 * {table}.previous_amount * {after} + {before}, 2 * {before})"
        return f"CASE WHEN {before} > 0 THEN least({twelfth_decimals} * 0.000000000001, 1000000000000) ELSE {table}.amount END"


class _AllocatedSums:
    """`{allocated_sums:r}`: the cost of some parts, by how they were found, and how many of them have none."""

    def __format__(self, table: str) -> str:
        by_method = {"cost_billed_by_user": "billed_by_user", "cost_billed_by_key": "billed_by_key"}
        by_method |= {"cost_by_quantity": "by_quantity", "cost_unallocated": "unallocated"}
        parts = (f"sum({table}.cost) FILTER (WHERE {table}.method = {literal(method)}) AS {name}" for name, method in by_method.items())
        return _listed((f"sum({table}.cost) AS cost", *parts, f"sum({table}.rows_without_cost) AS rows_without_cost"))


# What each month view of the allocation shows behind its own columns: of `a` its sums, of `b` the month before, of `c` the month.
_ALLOCATED_FIGURES = """a.cost::numeric(28, 12) AS cost,
    CASE WHEN a.cost IS NOT NULL THEN coalesce(a.cost_billed_by_user, 0) END::numeric(28, 12) AS cost_billed_by_user,
    CASE WHEN a.cost IS NOT NULL THEN coalesce(a.cost_billed_by_key, 0) END::numeric(28, 12) AS cost_billed_by_key,
    CASE WHEN a.cost IS NOT NULL THEN coalesce(a.cost_by_quantity, 0) END::numeric(28, 12) AS cost_by_quantity,
    CASE WHEN a.cost IS NOT NULL THEN coalesce(a.cost_unallocated, 0) END::numeric(28, 12) AS cost_unallocated,
    a.rows_without_cost::bigint AS rows_without_cost,
    CASE
        WHEN b.loaded_days = b.days_in_month THEN
            CASE WHEN a.month_before = (a.month_start - interval '1 month')::date THEN a.cost_before ELSE 0 END
    END::numeric(28, 12) AS previous_month_cost,
    CASE WHEN a.all_cost > 0 AND abs(a.cost) < 1000 * a.all_cost THEN a.cost / a.all_cost END::numeric(12, 6) AS share_of_month,
    c.settled_days = c.days_in_month AND c.has_parts AS is_complete,
    c.days_in_month::bigint AS days_in_month,
    c.loaded_days::bigint AS loaded_days,
    c.settled_days::bigint AS settled_days"""


def view_words(time_zone: str, reporting_currency: str | None = None) -> Mapping[str, object]:
    """Return the value of each word, for `str.format_map`; `time_zone` is the one of the local days, the currency that of conversions."""
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
        "scaled": _Scaled(),
        "allocated_sums": _AllocatedSums(),
        "allocated_figures": _ALLOCATED_FIGURES,
        "sums": _listed(map(_sum, MEASURES)),
        "rolled_up": _listed(f"r.{column}::bigint AS {column}" for column in MEASURES),
        "or_zero": _listed(map(_or_zero, MEASURES)),
        "total_or_zero": _total_or_zero(),
        "repeating_requests": in_list(REPEATING_REQUESTS),
        "without_caller": in_list(WITHOUT_CALLER),
        "no_line_item": literal(NO_LINE_ITEM_NOTE),
        "other_currency": literal(OTHER_CURRENCY),
        "time_zone": literal(time_zone),
        "reporting_currency": "NULL::text" if reporting_currency is None else f"{literal(reporting_currency)}::text",
        **price_words(),
    }


def literal(text: str) -> str:
    """Return a text as SQL says it."""
    return "'" + text.replace("'", "''") + "'"


def in_list(names: Iterable[str]) -> str:
    """Return names for the parentheses of NOT IN. Raises `ValueError` for no name, which SQL has no list for."""
    listed = ", ".join(map(literal, names))
    if not listed:
        raise ValueError("no name to list")
    return listed


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
    # Whole numbers are added up in half the time of the totals' numeric ones.
    return f"{'max' if column in LEVELS else 'sum'}(u.{column}::bigint)::bigint AS {column}"


def _or_zero(column: str) -> str:
    """The figure of a day: zero where the day was loaded without a row, and null for an endpoint that has no such figure."""
    return _zero_without_row(f"d.{column}", {column}, column)


def _total_or_zero() -> str:
    known = "coalesce(d.input_tokens + d.output_tokens, d.input_tokens, d.output_tokens)"
    return _zero_without_row(known, {"input_tokens", "output_tokens"}, "total_tokens")


def _zero_without_row(figure: str, columns: set[str], name: str) -> str:
    having = ", ".join(literal(endpoint.name) for endpoint in USAGE if columns & {metric.column for metric in endpoint.metrics})
    return f"CASE WHEN d.has_usage THEN {figure} WHEN c.bucket_start IS NOT NULL AND d.endpoint IN ({having}) THEN 0 END::bigint AS {name}"
