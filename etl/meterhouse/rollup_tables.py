"""Rollups: the tables of day figures added up beforehand, each over all dimensions but a few.

A question about a year reads some hundred rows a day from them instead of ten thousand. They hold sums of the facts and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from meterhouse.columns import WAREHOUSE, column, dimension_column, metadata
from meterhouse.endpoints import API_KEY, BATCH, LINE_ITEM, MODEL, PROJECT, USAGE, USER, Dimension


@dataclass(frozen=True)
class Rollup:
    """One table of day figures and the dimensions that it keeps. Every one keeps the project: teams see their projects alone."""

    name: str
    dimensions: tuple[Dimension, ...]
    is_costs: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that tell its rows apart."""
        kept = (dimension.name for dimension in self.dimensions)
        return (
            ("usage_date", "organization_id", *kept, "currency") if self.is_costs else ("usage_date", "organization_id", "endpoint", *kept)
        )


BY_MODEL = Rollup("rollup_usage_by_model", (PROJECT, MODEL, BATCH))
BY_API_KEY = Rollup("rollup_usage_by_api_key", (PROJECT, API_KEY))
BY_USER = Rollup("rollup_usage_by_user", (PROJECT, USER))
COSTS_BY_LINE_ITEM = Rollup("rollup_costs_by_line_item", (PROJECT, LINE_ITEM), is_costs=True)
COSTS_BY_API_KEY = Rollup("rollup_costs_by_api_key", (PROJECT, API_KEY), is_costs=True)
ROLLUPS = (BY_MODEL, BY_API_KEY, BY_USER, COSTS_BY_LINE_ITEM, COSTS_BY_API_KEY)

_ROW_COUNT = "Rows of the facts that were added up."


def _table(rollup: Rollup) -> sa.Table:
    measures = _cost_measures() if rollup.is_costs else _usage_measures()
    return sa.Table(
        rollup.name,
        metadata,
        column("usage_date", sa.Date, "UTC day.", nullable=False),
        # No foreign key: it would be checked for every row, and the facts' own groups have it.
        column("organization_id", sa.Integer, "Organization that the row belongs to.", nullable=False),
        *([] if rollup.is_costs else [column("endpoint", sa.Text, "Endpoint that reported the rows.", nullable=False)]),
        *(dimension_column(dimension) for dimension in rollup.dimensions),
        *([column("currency", sa.Text, "Currency of the amounts.")] if rollup.is_costs else []),
        column("row_count", sa.Integer, _ROW_COUNT, nullable=False),
        *measures,
        sa.UniqueConstraint(*rollup.key, name=f"uq_{rollup.name}", postgresql_nulls_not_distinct=True),
        schema=WAREHOUSE,
        comment=f"Sums of the day facts by {' and '.join(dimension.name for dimension in rollup.dimensions)}; written with the facts.",
    )


def _usage_measures() -> Iterable[sa.Column[Any]]:
    """Sums are numeric: two figures that fit a bigint need not when added up, and a load must not fail for that."""
    total = sa.Numeric()
    yield column("rows_without_requests", sa.Integer, "Rows whose requests are null although their endpoint has them.", nullable=False)
    yield column("rows_without_tokens", sa.Integer, "Rows with a null for input or output tokens that their endpoint has.", nullable=False)
    yield column("cacheable_input_tokens", total, "Input tokens of the rows that tell the cached ones. Unit: tokens.")
    metrics = {metric.column: metric for endpoint in USAGE for metric in endpoint.metrics}
    yield from (column(name, total, f"{metric.help} Unit: {metric.unit}.") for name, metric in metrics.items())


def _cost_measures() -> Iterable[sa.Column[Any]]:
    yield column("rows_without_cost", sa.Integer, "Rows whose amount the vendor left out.", nullable=False)
    yield column("amount", sa.Numeric(), "Billed amounts, with every digit. Unit: units of currency.")
    yield column("cost", sa.Numeric(), "The same, of amounts rounded to twelve decimals as the views show them. Unit: units of currency.")


TABLES = {rollup.name: _table(rollup) for rollup in ROLLUPS}
