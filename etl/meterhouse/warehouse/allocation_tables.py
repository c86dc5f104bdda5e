"""Allocation tables: whose each billed amount is, by day and by month, and which state of the sources each day was allocated from."""

from __future__ import annotations

import sqlalchemy as sa

from meterhouse.catalogue.endpoints import API_KEY, LINE_ITEM, PROJECT, USER
from meterhouse.warehouse.columns import INSTANT, column, dimension_column, metadata, organization_column
from meterhouse.warehouse.schema import OPS, WAREHOUSE

_MONEY = sa.Numeric(28, 12)
_CURRENCY = "Currency of the amount; null when the vendor gave none."


def _organization() -> sa.Column[int]:
    # No foreign key: it would be checked for every row, and the facts' own groups have it.
    return column("organization_id", sa.Integer, "Organization that the row belongs to.", nullable=False)


cost_allocation = sa.Table(
    "cost_allocation",
    metadata,
    column("usage_date", sa.Date, "UTC day.", nullable=False),
    _organization(),
    *map(dimension_column, (PROJECT, LINE_ITEM)),
    column("currency", sa.Text, _CURRENCY),
    *map(dimension_column, (USER, API_KEY)),
    column("model", sa.Text, "Model as the line item, or else the usage that the amount was spread over, has it."),
    column("cost", _MONEY, "Part of the billed amount; null when the vendor left the amount out. Unit: units of currency."),
    column("method", sa.Text, "How the part was found: billed_by_user, billed_by_key, by_quantity or unallocated.", nullable=False),
    column("basis", sa.Text, "What says so: bill, line, model, project, key_owner or key; null when unallocated."),
    column("reason", sa.Text, "Why the part is unallocated, or what to know about it."),
    column("weight", sa.Numeric(), "Weight of this part."),
    column("weight_total", sa.Numeric(), "Weight of all parts of the billed line."),
    column("quantity_ratio", sa.Numeric(12, 6), "Quantity that usage counts for the billed line, over the quantity that was billed."),
    sa.Index("ix_cost_allocation_day", "organization_id", "usage_date"),
    # Few: their keys may get an owner once the directory is read.
    sa.Index("ix_cost_allocation_ownerless", "organization_id", "usage_date", postgresql_where=sa.text("basis = 'key'")),
    schema=WAREHOUSE,
    comment="One row per UTC day, billed line, user, API key and model: the parts of each billed amount, which add up to it exactly.",
)
rollup_cost_allocation = sa.Table(
    "rollup_cost_allocation",
    metadata,
    column("month_start", sa.Date, "First day of the calendar month.", nullable=False),
    _organization(),
    *map(dimension_column, (PROJECT, USER, API_KEY)),
    column("model", sa.Text, "Model that the amounts are for, as the bill or usage has it."),
    column("currency", sa.Text, _CURRENCY),
    column("method", sa.Text, "How the parts were found.", nullable=False),
    column("reason", sa.Text, "Why the parts are unallocated, or what to know about them."),
    column("cost", _MONEY, "Sum of the known parts; null when none is known. Unit: units of currency."),
    column("rows_without_cost", sa.Integer, "Parts whose amount the vendor left out.", nullable=False),
    sa.Index("ix_rollup_cost_allocation_month", "organization_id", "month_start"),
    schema=WAREHOUSE,
    comment="Sums of the allocation by month; written with it.",
)
allocated_days = sa.Table(
    "allocated_days",
    metadata,
    organization_column(primary_key=True),
    column("usage_date", sa.Date, "UTC day.", primary_key=True),
    column("sources", sa.Text, "Digest of the state of costs and usage that the day was allocated from.", nullable=False),
    column("allocated_at", INSTANT, "When the day was last allocated.", nullable=False),
    schema=OPS,
    comment="One row per organization and UTC day whose costs are allocated.",
)
