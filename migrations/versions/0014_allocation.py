"""Whose each billed cent is: costs by user as the vendor bills them, and the parts of every line by day and by month."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"


def upgrade() -> None:
    op.create_table(
        "cost_allocation",
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day."),
        sa.Column("organization_id", sa.Integer(), nullable=False, comment="Organization that the row belongs to."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to."),
        sa.Column("line_item", sa.Text(), nullable=True, comment="Line of the invoice that the amount belongs to, as the vendor words it."),
        sa.Column("currency", sa.Text(), nullable=True, comment="Currency of the amount; null when the vendor gave none."),
        sa.Column("user_id", sa.Text(), nullable=True, comment="Identifier of the user that the usage is attributed to."),
        sa.Column("api_key_id", sa.Text(), nullable=True, comment="Identifier of the API key that made the requests."),
        sa.Column(
            "model", sa.Text(), nullable=True, comment="Model as the line item, or else the usage that the amount was spread over, has it."
        ),
        sa.Column(
            "cost",
            sa.Numeric(precision=28, scale=12),
            nullable=True,
            comment="Part of the billed amount; null when the vendor left the amount out. Unit: units of currency.",
        ),
        sa.Column(
            "method",
            sa.Text(),
            nullable=False,
            comment="How the part was found: billed_by_user, billed_by_key, by_quantity or unallocated.",
        ),
        sa.Column(
            "basis", sa.Text(), nullable=True, comment="What says so: bill, line, model, project, key_owner or key; null when unallocated."
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why the part is unallocated, or what to know about it."),
        sa.Column("weight", sa.Numeric(), nullable=True, comment="Weight of this part."),
        sa.Column("weight_total", sa.Numeric(), nullable=True, comment="Weight of all parts of the billed line."),
        sa.Column(
            "quantity_ratio",
            sa.Numeric(precision=12, scale=6),
            nullable=True,
            comment="Quantity that usage counts for the billed line, over the quantity that was billed.",
        ),
        schema="warehouse",
        comment="One row per UTC day, billed line, user, API key and model: the parts of each billed amount, which add up to it exactly.",
    )
    op.create_index("ix_cost_allocation_day", "cost_allocation", ["organization_id", "usage_date"], unique=False, schema="warehouse")
    op.create_index(
        "ix_cost_allocation_ownerless",
        "cost_allocation",
        ["organization_id", "usage_date"],
        unique=False,
        schema="warehouse",
        postgresql_where=sa.text("basis = 'key'"),
    )
    op.create_table(
        "costs_by_user",
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False, comment="Combination of dimensions."),
        sa.Column(
            "amount",
            sa.Numeric(),
            nullable=True,
            comment="Billed amount in the row's currency; negative for a credit. Unit: units of currency.",
        ),
        sa.Column(
            "quantity",
            sa.Numeric(),
            nullable=True,
            comment="Billed quantity; comparable only within one line item and unit. Unit: units named by quantity_unit.",
        ),
        sa.Column("quantity_unit", sa.Text(), nullable=True, comment="Unit of quantity; null when no single unit fits."),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Fields of the vendor's row that this version does not know, as they came.",
        ),
        sa.CheckConstraint("amount <> 'NaN'", name=op.f("ck_costs_by_user_amount_is_a_number")),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_costs_by_user")),
        schema="warehouse",
        comment="Billed amounts by user: the same money as in costs once more, never to be added to it."
        " One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_index(
        "ix_costs_by_user_usage_date",
        "costs_by_user",
        [sa.literal_column("((bucket_start AT TIME ZONE 'UTC')::date)")],
        unique=False,
        schema="warehouse",
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "rollup_cost_allocation",
        sa.Column("month_start", sa.Date(), nullable=False, comment="First day of the calendar month."),
        sa.Column("organization_id", sa.Integer(), nullable=False, comment="Organization that the row belongs to."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to."),
        sa.Column("user_id", sa.Text(), nullable=True, comment="Identifier of the user that the usage is attributed to."),
        sa.Column("api_key_id", sa.Text(), nullable=True, comment="Identifier of the API key that made the requests."),
        sa.Column("model", sa.Text(), nullable=True, comment="Model that the amounts are for, as the bill or usage has it."),
        sa.Column("currency", sa.Text(), nullable=True, comment="Currency of the amount; null when the vendor gave none."),
        sa.Column("method", sa.Text(), nullable=False, comment="How the parts were found."),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why the parts are unallocated, or what to know about them."),
        sa.Column(
            "cost",
            sa.Numeric(precision=28, scale=12),
            nullable=True,
            comment="Sum of the known parts; null when none is known. Unit: units of currency.",
        ),
        sa.Column("rows_without_cost", sa.Integer(), nullable=False, comment="Parts whose amount the vendor left out."),
        schema="warehouse",
        comment="Sums of the allocation by month; written with it.",
    )
    op.create_index(
        "ix_rollup_cost_allocation_month", "rollup_cost_allocation", ["organization_id", "month_start"], unique=False, schema="warehouse"
    )
    op.create_table(
        "allocated_days",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day."),
        sa.Column("sources", sa.Text(), nullable=False, comment="Digest of the state of costs and usage that the day was allocated from."),
        sa.Column("allocated_at", sa.DateTime(timezone=True), nullable=False, comment="When the day was last allocated."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_allocated_days_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "usage_date", name=op.f("pk_allocated_days")),
        schema="ops",
        comment="One row per organization and UTC day whose costs are allocated.",
    )
    op.create_table(
        "dim_cost_by_user_group",
        sa.Column("group_id", sa.Integer(), sa.Identity(always=True), nullable=False, comment="Key of the combination."),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to."),
        sa.Column("user_id", sa.Text(), nullable=True, comment="Identifier of the user that the usage is attributed to."),
        sa.Column("api_key_id", sa.Text(), nullable=True, comment="Identifier of the API key that made the requests."),
        sa.Column("line_item", sa.Text(), nullable=True, comment="Line of the invoice that the amount belongs to, as the vendor words it."),
        sa.Column("currency", sa.Text(), nullable=True, comment="Lowercase currency code of the amount; null when the vendor gave none."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_dim_cost_by_user_group_organization_id")
        ),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_dim_cost_by_user_group")),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "user_id",
            "api_key_id",
            "line_item",
            "currency",
            name="uq_dim_cost_by_user_group_combination",
            postgresql_nulls_not_distinct=True,
        ),
        schema="warehouse",
        comment="One row per distinct combination of the dimensions of costs by user, and currency.",
    )
    op.add_column(
        "dim_line_item",
        sa.Column(
            "usage_endpoint",
            sa.Text(),
            nullable=True,
            comment="Usage endpoint that counts what is billed; null when none does; derived.",
        ),
        schema="warehouse",
    )
    op.add_column(
        "dim_line_item",
        sa.Column(
            "usage_quantity", sa.Text(), nullable=True, comment="Figure of usage that counts what is billed; null when none does; derived."
        ),
        schema="warehouse",
    )
    op.add_column(
        "dim_line_item",
        sa.Column(
            "unallocated_reason",
            sa.Text(),
            nullable=True,
            comment="Why no usage can say whose the amount is; null when usage can; derived.",
        ),
        schema="warehouse",
    )
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0014_rights.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    # Nothing may say that the stream is loaded once its rows are gone: after an upgrade it is loaded from the beginning.
    for table in ("set_aside", "load_log", "capabilities", "revisions", "bucket_totals", "coverage", "watermarks"):
        of_streams = sa.table(table, sa.column("endpoint"), schema="ops")
        op.execute(of_streams.delete().where(of_streams.c.endpoint == "costs_by_user"))
    op.drop_column("dim_line_item", "unallocated_reason", schema="warehouse")
    op.drop_column("dim_line_item", "usage_quantity", schema="warehouse")
    op.drop_column("dim_line_item", "usage_endpoint", schema="warehouse")
    op.drop_table("dim_cost_by_user_group", schema="warehouse")
    op.drop_table("allocated_days", schema="ops")
    op.drop_index("ix_rollup_cost_allocation_month", table_name="rollup_cost_allocation", schema="warehouse")
    op.drop_table("rollup_cost_allocation", schema="warehouse")
    op.drop_index(
        "ix_costs_by_user_usage_date",
        table_name="costs_by_user",
        schema="warehouse",
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.drop_table("costs_by_user", schema="warehouse")
    op.drop_index(
        "ix_cost_allocation_ownerless", table_name="cost_allocation", schema="warehouse", postgresql_where=sa.text("basis = 'key'")
    )
    op.drop_index("ix_cost_allocation_day", table_name="cost_allocation", schema="warehouse")
    op.drop_table("cost_allocation", schema="warehouse")
