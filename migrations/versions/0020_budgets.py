"""Budgets and how they stand, the vendor's own spend limits, and the notices that people were sent."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"


def upgrade() -> None:
    op.create_table(
        "budgets",
        sa.Column("budget_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the budget."),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("budget", sa.Text(), nullable=False, comment="Name of the budget."),
        sa.Column(
            "scope_kind", sa.Text(), nullable=False, comment="Whose spending it limits: organization, project, team, api_key or user."
        ),
        sa.Column(
            "scope_key",
            sa.Text(),
            nullable=False,
            comment="Identifier of the project, key or user, or a user's e-mail address, or the team's name; empty for an organization.",
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="Lowercase currency code of the amounts."),
        sa.Column("period", sa.Text(), nullable=False, comment="Calendar period that the amount is for: month, quarter or year."),
        sa.Column("amount", sa.Numeric(), nullable=False, comment="What may be spent in each period. Unit: units of currency."),
        sa.Column(
            "thresholds",
            postgresql.ARRAY(sa.Numeric()),
            nullable=False,
            comment="Shares of the amount at which people are sent a notice, ascending.",
        ),
        sa.Column(
            "valid_from", sa.Date(), nullable=True, comment="First day of the first period that it is for; null for from the beginning."
        ),
        sa.Column("valid_to", sa.Date(), nullable=True, comment="Last day of the last period that it is for; null while it goes on."),
        sa.Column(
            "imported_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the file was imported.",
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_budgets_amount_is_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_budgets_organization_id")
        ),
        sa.PrimaryKeyConstraint("budget_id", name=op.f("pk_budgets")),
        schema="warehouse",
        comment="One row per budget and span of periods; imported from a file.",
    )
    op.create_table(
        "budget_periods",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("budget", sa.Text(), nullable=False, comment="Name of the budget."),
        sa.Column("period_start", sa.Date(), nullable=False, comment="First UTC day of the period."),
        sa.Column("period_end", sa.Date(), nullable=False, comment="Last UTC day of the period."),
        sa.Column("period", sa.Text(), nullable=False, comment="Calendar period that the amount is for: month, quarter or year."),
        sa.Column(
            "scope_kind", sa.Text(), nullable=False, comment="Whose spending it limits: organization, project, team, api_key or user."
        ),
        sa.Column(
            "scope_key",
            sa.Text(),
            nullable=False,
            comment="Identifier of the project, key or user, or a user's e-mail address, or the team's name; empty for an organization.",
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="Lowercase currency code of the amounts."),
        sa.Column("budget_cost", sa.Numeric(), nullable=False, comment="What may be spent. Unit: units of currency."),
        sa.Column(
            "thresholds",
            postgresql.ARRAY(sa.Numeric()),
            nullable=False,
            comment="Shares of it at which people are sent a notice, ascending.",
        ),
        sa.Column(
            "spent_cost",
            sa.Numeric(precision=28, scale=12),
            nullable=True,
            comment="Costs of the settled days; null when no day is settled. Unit: units of currency.",
        ),
        sa.Column("settled_through_date", sa.Date(), nullable=True, comment="Newest settled UTC day of the period; null for none."),
        sa.Column(
            "unknown_days", sa.Integer(), nullable=False, comment="Days up to there that are not settled, or of which an amount is missing."
        ),
        sa.Column(
            "used_share",
            sa.Numeric(precision=12, scale=6),
            nullable=True,
            comment="Spent share of the budget; null when no day is settled.",
        ),
        sa.Column(
            "expected_cost",
            sa.Numeric(precision=28, scale=12),
            nullable=True,
            comment="Expected costs of the period; null without a forecast. Unit: units of currency.",
        ),
        sa.Column(
            "low_cost", sa.Numeric(precision=28, scale=12), nullable=True, comment="Low end of what is expected. Unit: units of currency."
        ),
        sa.Column(
            "high_cost", sa.Numeric(precision=28, scale=12), nullable=True, comment="High end of what is expected. Unit: units of currency."
        ),
        sa.Column(
            "passes_on_date",
            sa.Date(),
            nullable=True,
            comment="UTC day on which spending passed the budget, or will at the expected pace; null for none.",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="on_track, at_risk, will_exceed, exceeded or unknown."),
        sa.Column("highest_threshold", sa.Numeric(), nullable=True, comment="Highest threshold that is reached; null for none."),
        sa.Column("next_threshold", sa.Numeric(), nullable=True, comment="Lowest threshold that is not reached; null for none."),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why the expected cost or the state is not known; null when they are."),
        sa.Column("is_current", sa.Boolean(), nullable=False, comment="Whether the newest loaded day of costs lies in the period."),
        sa.Column(
            "sources",
            sa.Text(),
            nullable=True,
            comment="Digest of what the row was made from, so that an older period is judged again only after a change.",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_budget_periods_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "budget", "period_start", name=op.f("pk_budget_periods")),
        schema="warehouse",
        comment="One row per budget and period with its status; written at the end of every load.",
    )
    op.create_table(
        "vendor_spend_limits",
        sa.Column("limit_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the limit."),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Project that it is for; null for the organization as a whole."),
        sa.Column("kind", sa.Text(), nullable=False, comment="limit, which the vendor enforces, or alert, of which it sends mails."),
        sa.Column("vendor_limit_id", sa.Text(), nullable=True, comment="Identifier that the vendor gives an alert; null for a limit."),
        sa.Column("amount", sa.Numeric(), nullable=False, comment="Amount, which the vendor lists in cents. Unit: units of currency."),
        sa.Column("currency", sa.Text(), nullable=False, comment="Lowercase currency code of the amounts."),
        sa.Column("period", sa.Text(), nullable=False, comment="Interval in the vendor's words, such as month."),
        sa.Column(
            "enforcement",
            sa.Text(),
            nullable=True,
            comment="What the vendor says of enforcing a limit, such as enforcing or inactive; null for an alert.",
        ),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False, comment="When the vendor's list first showed it so."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_vendor_spend_limits_organization_id")
        ),
        sa.PrimaryKeyConstraint("limit_id", name=op.f("pk_vendor_spend_limits")),
        schema="warehouse",
        comment="One row per spend limit and spend alert that is set at the vendor.",
    )
    op.create_table(
        "notices",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("kind", sa.Text(), nullable=False, comment="budget_threshold, budget_forecast or cost_anomaly."),
        sa.Column("identity", sa.Text(), nullable=False, comment="What the notice is about, in words that are the same each time."),
        sa.Column("period_start", sa.Date(), nullable=False, comment="First UTC day of the period, or the day, that it is about."),
        sa.Column("text", sa.Text(), nullable=False, comment="What is sent."),
        sa.Column(
            "found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When it was first due."
        ),
        sa.Column(
            "claimed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When somebody last began to send it; null after an attempt that failed.",
        ),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True, comment="When a channel had taken it; null until then."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_notices_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "kind", "identity", "period_start", name=op.f("pk_notices")),
        schema="ops",
        comment="One row per notice about spending, which is sent once.",
    )
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0020_rights.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.drop_table("notices", schema="ops")
    op.drop_table("vendor_spend_limits", schema="warehouse")
    op.drop_table("budget_periods", schema="warehouse")
    op.drop_table("budgets", schema="warehouse")
