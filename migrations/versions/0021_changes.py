"""Why the bill changed: the days that are compared, and the parts of each change by line of the bill, user and key."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"
PARTS = {
    "days_effect": "due to the number of days",
    "volume_effect": "due to volume",
    "model_mix_effect": "due to other shares of models",
    "tier_mix_effect": "due to other shares of tiers, surfaces and context bands",
    "direction_mix_effect": "due to other shares of input, output and modalities",
    "cache_effect": "due to the cache",
    "price_effect": "due to prices",
    "new_cost": "that is new models and tools",
    "gone_cost": "that is models and tools of the earlier period only",
    "restatement_effect": "that the vendor made later, on settled days",
    "credit_effect": "that is credits",
    "other_effect": "that no quantity explains",
}


def _part(name: str, what: str) -> sa.Column[object]:
    comment = f"Part of the change {what}. Unit: units of currency."
    return sa.Column(name, sa.Numeric(precision=28, scale=12), nullable=False, comment=comment)


def upgrade() -> None:
    op.create_table(
        "cost_changes",
        sa.Column("organization_id", sa.Integer(), nullable=False, comment="Organization that the row belongs to."),
        sa.Column("comparison", sa.Text(), nullable=False, comment="day, week, month_to_date or month."),
        sa.Column(
            "is_owned",
            sa.Boolean(),
            nullable=False,
            comment="Whether it is one user's and key's part of the project's costs; else it is a line of its bill.",
        ),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to."),
        sa.Column("user_id", sa.Text(), nullable=True, comment="Identifier of the user that the usage is attributed to."),
        sa.Column("api_key_id", sa.Text(), nullable=True, comment="Identifier of the API key that made the requests."),
        sa.Column("line_item", sa.Text(), nullable=True, comment="Line of the invoice that the amount belongs to, as the vendor words it."),
        sa.Column("currency", sa.Text(), nullable=True, comment="Currency of the amounts; null when the vendor gave none."),
        sa.Column(
            "previous_cost",
            sa.Numeric(precision=28, scale=12),
            nullable=True,
            comment="Billed cost of the earlier period; null when the vendor left it out. Unit: units of currency.",
        ),
        sa.Column(
            "cost",
            sa.Numeric(precision=28, scale=12),
            nullable=True,
            comment="Billed cost of the period; null when the vendor left it out. Unit: units of currency.",
        ),
        *(_part(name, what) for name, what in PARTS.items()),
        sa.Column("lacks_amount", sa.Boolean(), nullable=False, comment="Whether the vendor left an amount out."),
        sa.Column("lacks_parts", sa.Boolean(), nullable=False, comment="Whether a day is not allocated yet."),
        schema="warehouse",
        comment="One row per comparison, project and line item, or user and key: billed cost of two periods, and the parts of the change.",
    )
    op.create_index(
        "ix_cost_changes_comparison", "cost_changes", ["organization_id", "comparison", "is_owned"], unique=False, schema="warehouse"
    )
    op.create_table(
        "cost_comparisons",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("comparison", sa.Text(), nullable=False, comment="day, week, month_to_date or month."),
        sa.Column("period_first_date", sa.Date(), nullable=False, comment="First UTC day of the period."),
        sa.Column("period_last_date", sa.Date(), nullable=False, comment="Last UTC day of the period."),
        sa.Column(
            "previous_first_date",
            sa.Date(),
            nullable=True,
            comment="First UTC day of the earlier period; null if there is none to compare with.",
        ),
        sa.Column(
            "previous_last_date",
            sa.Date(),
            nullable=True,
            comment="Last UTC day of the earlier period; null if there is none to compare with.",
        ),
        sa.Column("days", sa.Integer(), nullable=False, comment="Days of the period that are compared."),
        sa.Column("previous_days", sa.Integer(), nullable=False, comment="Days of the earlier period that are compared."),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why days that should be compared are not; null if all are."),
        sa.Column("sources", sa.Text(), nullable=False, comment="Digest of the state of the costs that the changes were computed from."),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=False, comment="When the changes were computed."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_cost_comparisons_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "comparison", name=op.f("pk_cost_comparisons")),
        schema="warehouse",
        comment="One row per organization and comparison of its costs: the days of both periods.",
    )
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0021_rights.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.drop_table("cost_comparisons", schema="warehouse")
    op.drop_index("ix_cost_changes_comparison", table_name="cost_changes", schema="warehouse")
    op.drop_table("cost_changes", schema="warehouse")
