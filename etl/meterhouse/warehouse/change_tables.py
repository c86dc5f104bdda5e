"""Change tables: which settled days are compared with which, and why the bill changed, line by line and caller by caller."""

from __future__ import annotations

import sqlalchemy as sa

from meterhouse.catalogue.endpoints import API_KEY, LINE_ITEM, PROJECT, USER
from meterhouse.warehouse.columns import INSTANT, column, dimension_column, metadata, organization_column
from meterhouse.warehouse.schema import COST_CHANGES, WAREHOUSE

_MONEY = sa.Numeric(28, 12)
_UNIT = "Unit: units of currency."
_NOTHING = "null if there is none to compare with."


def _part(name: str, because: str) -> sa.Column[object]:
    return column(name, _MONEY, f"Part of the change {because}. {_UNIT}", nullable=False)


cost_comparisons = sa.Table(
    "cost_comparisons",
    metadata,
    organization_column(primary_key=True),
    column("comparison", sa.Text, "day, week, month_to_date or month.", primary_key=True),
    column("period_first_date", sa.Date, "First UTC day of the period.", nullable=False),
    column("period_last_date", sa.Date, "Last UTC day of the period.", nullable=False),
    column("previous_first_date", sa.Date, f"First UTC day of the earlier period; {_NOTHING}"),
    column("previous_last_date", sa.Date, f"Last UTC day of the earlier period; {_NOTHING}"),
    column("days", sa.Integer, "Days of the period that are compared.", nullable=False),
    column("previous_days", sa.Integer, "Days of the earlier period that are compared.", nullable=False),
    column("reason", sa.Text, "Why days that should be compared are not; null if all are."),
    column("sources", sa.Text, "Digest of the state of the costs that the changes were computed from.", nullable=False),
    column("compared_at", INSTANT, "When the changes were computed.", nullable=False),
    schema=WAREHOUSE,
    comment="One row per organization and comparison of its costs: the days of both periods.",
)
cost_changes = sa.Table(
    COST_CHANGES,
    metadata,
    # No foreign key: it would be checked for every row, and the comparisons have it.
    column("organization_id", sa.Integer, "Organization that the row belongs to.", nullable=False),
    column("comparison", sa.Text, "day, week, month_to_date or month.", nullable=False),
    column(
        "is_owned",
        sa.Boolean,
        "Whether it is one user's and key's part of the project's costs; else it is a line of its bill.",
        nullable=False,
    ),
    *map(dimension_column, (PROJECT, USER, API_KEY, LINE_ITEM)),
    column("currency", sa.Text, "Currency of the amounts; null when the vendor gave none."),
    column("previous_cost", _MONEY, f"Billed cost of the earlier period; null when the vendor left it out. {_UNIT}"),
    column("cost", _MONEY, f"Billed cost of the period; null when the vendor left it out. {_UNIT}"),
    _part("days_effect", "due to the number of days"),
    _part("volume_effect", "due to volume"),
    _part("model_mix_effect", "due to other shares of models"),
    _part("tier_mix_effect", "due to other shares of tiers, surfaces and context bands"),
    _part("direction_mix_effect", "due to other shares of input, output and modalities"),
    _part("cache_effect", "due to the cache"),
    _part("price_effect", "due to prices"),
    _part("new_cost", "that is new models and tools"),
    _part("gone_cost", "that is models and tools of the earlier period only"),
    _part("restatement_effect", "that the vendor made later, on settled days"),
    _part("credit_effect", "that is credits"),
    _part("other_effect", "that no quantity explains"),
    column("lacks_amount", sa.Boolean, "Whether the vendor left an amount out.", nullable=False),
    column("lacks_parts", sa.Boolean, "Whether a day is not allocated yet.", nullable=False),
    sa.Index("ix_cost_changes_comparison", "organization_id", "comparison", "is_owned"),
    schema=WAREHOUSE,
    comment="One row per comparison, project and line item, or user and key: billed cost of two periods, and the parts of the change.",
)
