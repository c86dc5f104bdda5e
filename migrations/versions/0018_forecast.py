"""What months are expected to cost, as seen on each settled day."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"


def upgrade() -> None:
    op.create_table(
        "forecast_days",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("as_of_date", sa.Date(), nullable=False, comment="Last settled day that the forecasts knew."),
        sa.Column(
            "sources", sa.Text(), nullable=False, comment="Digest of the state of costs, usage and teams that the forecasts were made from."
        ),
        sa.Column("forecast_at", sa.DateTime(timezone=True), nullable=False, comment="When the forecasts were last made."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_forecast_days_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "as_of_date", name=op.f("pk_forecast_days")),
        schema="ops",
        comment="One row per organization and settled day that forecasts were made from.",
    )
    op.create_table(
        "cost_forecasts",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("month_start", sa.Date(), nullable=False, comment="First day of the month."),
        sa.Column("series_kind", sa.Text(), nullable=False, comment="organization, project or team."),
        sa.Column(
            "series_key", sa.Text(), nullable=False, comment="Identifier of the project or name of the team; empty for an organization."
        ),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Project; null for the others, and for costs without a project."),
        sa.Column("currency", sa.Text(), nullable=True, comment="Currency of the amounts; null when the vendor gave none."),
        sa.Column("as_of_date", sa.Date(), nullable=False, comment="Last settled day that the forecast knew."),
        sa.Column("days_left", sa.Integer(), nullable=False, comment="Days of the month after as_of_date."),
        sa.Column(
            "billed_cost",
            sa.Numeric(precision=28, scale=12),
            nullable=True,
            comment="Cost of the month up to as_of_date; null when it is not known. Unit: units of currency.",
        ),
        sa.Column(
            "previous_month_cost",
            sa.Numeric(precision=28, scale=12),
            nullable=True,
            comment="Cost of the month before; null when it is not known. Unit: units of currency.",
        ),
        sa.Column(
            "forecast_rest_cost",
            sa.Numeric(precision=28, scale=12),
            nullable=True,
            comment="Expected cost of the days left; null without a forecast. Unit: units of currency.",
        ),
        sa.Column(
            "expected_cost",
            sa.Numeric(precision=28, scale=12),
            nullable=True,
            comment="Expected cost of the month; null without a forecast. Unit: units of currency.",
        ),
        sa.Column(
            "low_cost",
            sa.Numeric(precision=28, scale=12),
            nullable=True,
            comment="Low end of the range; null without one. Unit: units of currency.",
        ),
        sa.Column(
            "high_cost",
            sa.Numeric(precision=28, scale=12),
            nullable=True,
            comment="High end of the range; null without one. Unit: units of currency.",
        ),
        sa.Column(
            "model", sa.Text(), nullable=True, comment="mean_of_7, weekday or weekday_trend; null without a forecast, or without days left."
        ),
        sa.Column("origins", sa.Integer(), nullable=False, comment="Past cases that the range comes from."),
        sa.Column(
            "mean_error_share",
            sa.Numeric(precision=12, scale=6),
            nullable=True,
            comment="Mean error in the past cases, over what the days ahead cost; null when not known.",
        ),
        sa.Column(
            "bias_share",
            sa.Numeric(precision=12, scale=6),
            nullable=True,
            comment="The same with its sign, positive for too much; null when not known.",
        ),
        sa.Column(
            "inside_share",
            sa.Numeric(precision=12, scale=6),
            nullable=True,
            comment="Share of the past cases within the range of those known by then; null when not known.",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why there is no forecast, or short_history; null otherwise."),
        sa.Column("forecast_at", sa.DateTime(timezone=True), nullable=False, comment="When the forecast was made, or last differed."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_cost_forecasts_organization_id")
        ),
        sa.UniqueConstraint(
            "organization_id",
            "month_start",
            "series_kind",
            "series_key",
            "currency",
            "as_of_date",
            name="uq_cost_forecasts_day",
            postgresql_nulls_not_distinct=True,
        ),
        schema="warehouse",
        comment="One row per month, series of costs (organization, project, team), currency and settled day that it was forecast from.",
    )
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0018_rights.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.drop_table("cost_forecasts", schema="warehouse")
    op.drop_table("forecast_days", schema="ops")
