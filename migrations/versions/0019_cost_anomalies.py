"""Odd days: which series of costs were odd on which day, what was planned, and which state of the costs each day was judged by."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"


def upgrade() -> None:
    op.create_table(
        "judged_days",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day."),
        sa.Column(
            "sources", sa.Text(), nullable=False, comment="Digest of the state of the costs and of the settings that the day was judged by."
        ),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False, comment="When the day was last judged."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_judged_days_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "usage_date", name=op.f("pk_judged_days")),
        schema="ops",
        comment="One row per organization and UTC day whose costs were looked at for anomalies.",
    )
    op.create_table(
        "cost_anomalies",
        sa.Column(
            "anomaly_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Key of the anomaly; it stays when the day is restated.",
        ),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day that was odd."),
        sa.Column("series_kind", sa.Text(), nullable=False, comment="Whose costs: organization, model, project or api_key."),
        sa.Column(
            "series_key",
            sa.Text(),
            nullable=False,
            comment="Identifier of the project or API key, name of the model; empty for an organization.",
        ),
        sa.Column(
            "project_id",
            sa.Text(),
            nullable=True,
            comment="Project or project of the API key; null for the others, and where the vendor names none.",
        ),
        sa.Column("currency", sa.Text(), nullable=True, comment="Currency of the costs; null when the vendor gave none."),
        sa.Column("kind", sa.Text(), nullable=False, comment="spike, drop, sustained or new_spender."),
        sa.Column("actual_cost", sa.Numeric(), nullable=False, comment="Billed cost of the day. Unit: units of currency."),
        sa.Column("expected_cost", sa.Numeric(), nullable=False, comment="Cost that was to be expected. Unit: units of currency."),
        sa.Column("low_cost", sa.Numeric(), nullable=False, comment="Least cost that would have been ordinary. Unit: units of currency."),
        sa.Column("high_cost", sa.Numeric(), nullable=False, comment="Most that would have been ordinary. Unit: units of currency."),
        sa.Column(
            "z_score",
            sa.Numeric(precision=12, scale=6),
            nullable=True,
            comment="Robust deviations from what was expected; null for a new spender.",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="What was odd, in one sentence."),
        sa.Column(
            "explained_kind", sa.Text(), nullable=True, comment="Kind of the series further down that explains it; null when none does."
        ),
        sa.Column("explained_key", sa.Text(), nullable=True, comment="Key of that series; null when none explains it."),
        sa.Column("state", sa.Text(), nullable=False, comment="new, updated (the day was restated) or withdrawn (it is no longer odd)."),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False, comment="When the day was first found odd."),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False, comment="When anything about the row last changed."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_cost_anomalies_organization_id")
        ),
        sa.PrimaryKeyConstraint("anomaly_id", name=op.f("pk_cost_anomalies")),
        sa.UniqueConstraint(
            "organization_id",
            "usage_date",
            "series_kind",
            "series_key",
            "project_id",
            "currency",
            name="uq_cost_anomalies_day",
            postgresql_nulls_not_distinct=True,
        ),
        schema="warehouse",
        comment="One row per UTC day and series of costs (organization, model, project, API key) on which it was odd.",
    )
    op.create_table(
        "planned_activity",
        sa.Column("plan_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the entry."),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column(
            "series_kind",
            sa.Text(),
            nullable=False,
            comment="What is planned to cost more or less: organization, model, project or api_key.",
        ),
        sa.Column(
            "series_key",
            sa.Text(),
            nullable=False,
            comment="Identifier of the project or API key, name of the model; empty for an organization.",
        ),
        sa.Column("first_date", sa.Date(), nullable=False, comment="First UTC day of it."),
        sa.Column("last_date", sa.Date(), nullable=False, comment="Last UTC day of it."),
        sa.Column("note", sa.Text(), nullable=True, comment="What is planned; null when nothing was written down."),
        sa.Column(
            "imported_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the file was imported.",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_planned_activity_organization_id")
        ),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_planned_activity")),
        schema="warehouse",
        comment="One row per planned activity: days on which odd costs of a series, and of all below it, are no surprise.",
    )
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0019_rights.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.drop_table("planned_activity", schema="warehouse")
    op.drop_table("cost_anomalies", schema="warehouse")
    op.drop_table("judged_days", schema="ops")
