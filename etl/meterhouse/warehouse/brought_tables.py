"""Brought tables: the part of the MetaData for what people bring in files: invoices, purchases, teams, exchange rates; and corrections."""

from __future__ import annotations

import sqlalchemy as sa

from meterhouse.warehouse.columns import INSTANT, column, identity, metadata, organization_column
from meterhouse.warehouse.schema import WAREHOUSE

_CURRENCY = "Lowercase currency code of the amounts."
_IMPORTED_AT = "When the file was imported."

invoices = sa.Table(
    "invoices",
    metadata,
    identity("invoice_key", "Key of the invoice in this warehouse."),
    organization_column(),
    column("invoice_id", sa.Text, "Number that the vendor gave the invoice.", nullable=False),
    column("month_start", sa.Date, "First day of the month in which the middle of its period lies.", nullable=False),
    column("period_start", sa.Date, "First UTC day that it bills.", nullable=False),
    column("period_end", sa.Date, "Last UTC day that it bills.", nullable=False),
    column("currency", sa.Text, _CURRENCY, nullable=False),
    column("issued_on", sa.Date, "UTC day on which it was issued.", nullable=False),
    column("tolerance_amount", sa.Numeric, "Difference that was allowed when it was imported. Unit: units of currency.", nullable=False),
    column("tolerance_share", sa.Numeric, "The same as a share of the invoiced usage.", nullable=False),
    column("imported_at", INSTANT, _IMPORTED_AT, nullable=False, server_default=sa.func.now()),
    sa.UniqueConstraint("organization_id", "invoice_id"),
    schema=WAREHOUSE,
    comment="One row per invoice that was imported.",
)
invoice_lines = sa.Table(
    "invoice_lines",
    metadata,
    sa.Column(
        "invoice_key",
        sa.BigInteger,
        sa.ForeignKey(f"{WAREHOUSE}.invoices.invoice_key", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        comment="Invoice that the line belongs to.",
    ),
    column("position", sa.Integer, "Place of the line in the file, from 1.", primary_key=True, autoincrement=False),
    column("kind", sa.Text, "usage, credit, tax, bundle, adjustment or other.", nullable=False),
    column("description", sa.Text, "What the line says; null when it says nothing."),
    column("amount", sa.Numeric, "Amount of the line, negative when it lowers the bill. Unit: units of currency.", nullable=False),
    schema=WAREHOUSE,
    comment="One row per line of an invoice.",
)
cost_corrections = sa.Table(
    "cost_corrections",
    metadata,
    identity("correction_id", "Key of the correction."),
    organization_column(),
    column("usage_date", sa.Date, "UTC day of the closed month that was restated.", nullable=False),
    column("project_id", sa.Text, "Project of the amount; null where the vendor names none."),
    column("line_item", sa.Text, "Line of the bill; null where the vendor names none."),
    column("currency", sa.Text, "Lowercase currency code; null where the vendor gave none."),
    column("amount", sa.Numeric, "What the restatement adds to the closed figure. Unit: units of currency.", nullable=False),
    column("seen_at", INSTANT, "When the vendor was asked.", nullable=False),
    sa.Index("ix_cost_corrections_day", "organization_id", "usage_date"),
    schema=WAREHOUSE,
    comment="One row per restated figure of a closed month and reading: the facts of a closed month stay as they were when it tied.",
)
prepaid_purchases = sa.Table(
    "prepaid_purchases",
    metadata,
    identity("purchase_id", "Key of the purchase."),
    organization_column(),
    column("bought_on", sa.Date, "UTC day of the purchase.", nullable=False),
    column("amount", sa.Numeric, "Credits that were bought. Unit: units of currency.", nullable=False),
    column("currency", sa.Text, _CURRENCY, nullable=False),
    column("expires_on", sa.Date, "Last UTC day on which the credits can be used; null when they do not expire."),
    column("note", sa.Text, "What the buyer wrote down."),
    column("imported_at", INSTANT, _IMPORTED_AT, nullable=False, server_default=sa.func.now()),
    schema=WAREHOUSE,
    comment="One row per purchase of prepaid credits.",
)
owner_assignments = sa.Table(
    "owner_assignments",
    metadata,
    identity("assignment_id", "Key of the assignment."),
    sa.Column(
        "organization_id",
        sa.Integer,
        sa.ForeignKey(f"{WAREHOUSE}.dim_organization.organization_id"),
        nullable=True,
        comment="Organization that it is about; null for all.",
    ),
    column("kind", sa.Text, "api_key, key_prefix, user, mail_domain, project or default.", nullable=False),
    column("value", sa.Text, "Identifier, beginning of a key's name, or domain; empty for the default.", nullable=False),
    column("team", sa.Text, "Name of the team.", nullable=False),
    column("cost_centre", sa.Text, "Cost centre of the team; null when none is given."),
    column("valid_from", sa.Date, "First UTC day that it is valid; null for from the beginning."),
    column("valid_to", sa.Date, "Last UTC day that it is valid; null while it goes on."),
    column("imported_at", INSTANT, _IMPORTED_AT, nullable=False, server_default=sa.func.now()),
    schema=WAREHOUSE,
    comment="One row per assignment of keys, users or projects to a team, with the days that it is valid.",
)
exchange_rates = sa.Table(
    "exchange_rates",
    metadata,
    column("rate_date", sa.Date, "UTC day of the rate.", primary_key=True),
    column("from_currency", sa.Text, "Currency that is converted.", primary_key=True),
    column("to_currency", sa.Text, "Currency that it is converted to.", primary_key=True),
    column("rate", sa.Numeric, "Units of to_currency for one unit of from_currency.", nullable=False),
    column("source", sa.Text, "Where the rate is from; null when the file does not say."),
    column("imported_at", INSTANT, _IMPORTED_AT, nullable=False, server_default=sa.func.now()),
    sa.CheckConstraint("rate > 0", name="rate_is_positive"),
    schema=WAREHOUSE,
    comment="One row per day and pair of currencies.",
)
report_recipients = sa.Table(
    "report_recipients",
    metadata,
    column("team", sa.Text, "Role of the team, as meterhouse grant-team made it.", primary_key=True),
    column("mail", sa.Text, "Address that the team's reports are sent to.", primary_key=True),
    column("imported_at", INSTANT, _IMPORTED_AT, nullable=False, server_default=sa.func.now()),
    schema=WAREHOUSE,
    comment="One row per team and address that its reports are sent to.",
)
