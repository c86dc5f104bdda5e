"""What people bring in files: invoices, prepaid purchases, teams and exchange rates; and corrections of months that are closed."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BEFORE = "changed or removed."
AFTER = "changed, removed or, for costs of a settled day, added."
SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"


def upgrade() -> None:
    op.alter_column("revisions", "change", comment=AFTER, existing_comment=BEFORE, schema="ops")
    op.create_table(
        "exchange_rates",
        sa.Column("rate_date", sa.Date(), nullable=False, comment="UTC day of the rate."),
        sa.Column("from_currency", sa.Text(), nullable=False, comment="Currency that is converted."),
        sa.Column("to_currency", sa.Text(), nullable=False, comment="Currency that it is converted to."),
        sa.Column("rate", sa.Numeric(), nullable=False, comment="Units of to_currency for one unit of from_currency."),
        sa.Column("source", sa.Text(), nullable=True, comment="Where the rate is from; null when the file does not say."),
        sa.Column(
            "imported_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the file was imported.",
        ),
        sa.CheckConstraint("rate > 0", name=op.f("ck_exchange_rates_rate_is_positive")),
        sa.PrimaryKeyConstraint("rate_date", "from_currency", "to_currency", name=op.f("pk_exchange_rates")),
        schema="warehouse",
        comment="One row per day and pair of currencies.",
    )
    op.create_table(
        "cost_corrections",
        sa.Column("correction_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the correction."),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day of the closed month that was restated."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Project of the amount; null where the vendor names none."),
        sa.Column("line_item", sa.Text(), nullable=True, comment="Line of the bill; null where the vendor names none."),
        sa.Column("currency", sa.Text(), nullable=True, comment="Lowercase currency code; null where the vendor gave none."),
        sa.Column(
            "amount", sa.Numeric(), nullable=False, comment="What the restatement adds to the closed figure. Unit: units of currency."
        ),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, comment="When the vendor was asked."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_cost_corrections_organization_id")
        ),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_cost_corrections")),
        schema="warehouse",
        comment="One row per restated figure of a closed month and reading: the facts of a closed month stay as they were when it tied.",
    )
    op.create_index("ix_cost_corrections_day", "cost_corrections", ["organization_id", "usage_date"], unique=False, schema="warehouse")
    op.create_table(
        "invoices",
        sa.Column(
            "invoice_key", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the invoice in this warehouse."
        ),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("invoice_id", sa.Text(), nullable=False, comment="Number that the vendor gave the invoice."),
        sa.Column("month_start", sa.Date(), nullable=False, comment="First day of the month in which the middle of its period lies."),
        sa.Column("period_start", sa.Date(), nullable=False, comment="First UTC day that it bills."),
        sa.Column("period_end", sa.Date(), nullable=False, comment="Last UTC day that it bills."),
        sa.Column("currency", sa.Text(), nullable=False, comment="Lowercase currency code of the amounts."),
        sa.Column("issued_on", sa.Date(), nullable=False, comment="UTC day on which it was issued."),
        sa.Column(
            "tolerance_amount",
            sa.Numeric(),
            nullable=False,
            comment="Difference that was allowed when it was imported. Unit: units of currency.",
        ),
        sa.Column("tolerance_share", sa.Numeric(), nullable=False, comment="The same as a share of the invoiced usage."),
        sa.Column(
            "imported_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the file was imported.",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_invoices_organization_id")
        ),
        sa.PrimaryKeyConstraint("invoice_key", name=op.f("pk_invoices")),
        sa.UniqueConstraint("organization_id", "invoice_id", name=op.f("uq_invoices_organization_id_invoice_id")),
        schema="warehouse",
        comment="One row per invoice that was imported.",
    )
    op.create_table(
        "prepaid_purchases",
        sa.Column("purchase_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the purchase."),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("bought_on", sa.Date(), nullable=False, comment="UTC day of the purchase."),
        sa.Column("amount", sa.Numeric(), nullable=False, comment="Credits that were bought. Unit: units of currency."),
        sa.Column("currency", sa.Text(), nullable=False, comment="Lowercase currency code of the amounts."),
        sa.Column(
            "expires_on", sa.Date(), nullable=True, comment="Last UTC day on which the credits can be used; null when they do not expire."
        ),
        sa.Column("note", sa.Text(), nullable=True, comment="What the buyer wrote down."),
        sa.Column(
            "imported_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the file was imported.",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_prepaid_purchases_organization_id")
        ),
        sa.PrimaryKeyConstraint("purchase_id", name=op.f("pk_prepaid_purchases")),
        schema="warehouse",
        comment="One row per purchase of prepaid credits.",
    )
    op.create_table(
        "owner_assignments",
        sa.Column("assignment_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the assignment."),
        sa.Column("organization_id", sa.Integer(), nullable=True, comment="Organization that it is about; null for all."),
        sa.Column("kind", sa.Text(), nullable=False, comment="api_key, key_prefix, user, mail_domain, project or default."),
        sa.Column("value", sa.Text(), nullable=False, comment="Identifier, beginning of a key's name, or domain; empty for the default."),
        sa.Column("team", sa.Text(), nullable=False, comment="Name of the team."),
        sa.Column("cost_centre", sa.Text(), nullable=True, comment="Cost centre of the team; null when none is given."),
        sa.Column("valid_from", sa.Date(), nullable=True, comment="First UTC day that it is valid; null for from the beginning."),
        sa.Column("valid_to", sa.Date(), nullable=True, comment="Last UTC day that it is valid; null while it goes on."),
        sa.Column(
            "imported_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the file was imported.",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_owner_assignments_organization_id")
        ),
        sa.PrimaryKeyConstraint("assignment_id", name=op.f("pk_owner_assignments")),
        schema="warehouse",
        comment="One row per assignment of keys, users or projects to a team, with the days that it is valid.",
    )
    op.create_table(
        "invoice_lines",
        sa.Column("invoice_key", sa.BigInteger(), autoincrement=False, nullable=False, comment="Invoice that the line belongs to."),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False, comment="Place of the line in the file, from 1."),
        sa.Column("kind", sa.Text(), nullable=False, comment="usage, credit, tax, bundle, adjustment or other."),
        sa.Column("description", sa.Text(), nullable=True, comment="What the line says; null when it says nothing."),
        sa.Column(
            "amount", sa.Numeric(), nullable=False, comment="Amount of the line, negative when it lowers the bill. Unit: units of currency."
        ),
        sa.ForeignKeyConstraint(
            ["invoice_key"], ["warehouse.invoices.invoice_key"], name=op.f("fk_invoice_lines_invoice_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("invoice_key", "position", name=op.f("pk_invoice_lines")),
        schema="warehouse",
        comment="One row per line of an invoice.",
    )
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0015_rights.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.alter_column("revisions", "change", comment=BEFORE, existing_comment=AFTER, schema="ops")
    op.execute("DELETE FROM ops.revisions WHERE change = 'added'")
    # An older version knows no closed month: its next load of these days compares every row.
    op.execute("UPDATE ops.coverage SET finality = 'settled', content_digest = NULL WHERE finality = 'invoiced'")
    op.drop_table("invoice_lines", schema="warehouse")
    op.drop_table("owner_assignments", schema="warehouse")
    op.drop_table("prepaid_purchases", schema="warehouse")
    op.drop_table("invoices", schema="warehouse")
    op.drop_index("ix_cost_corrections_day", table_name="cost_corrections", schema="warehouse")
    op.drop_table("cost_corrections", schema="warehouse")
    op.drop_table("exchange_rates", schema="warehouse")
