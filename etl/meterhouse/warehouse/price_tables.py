"""Price tables: what vendors' price lists ask, and what an organization has agreed with its vendor."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from meterhouse.warehouse.columns import INSTANT, column, identity, metadata, organization_column
from meterhouse.warehouse.schema import WAREHOUSE


def _what() -> list[sa.Column[Any]]:
    return [
        column("model", sa.Text, "Name of the model by the naming rules, or a dated name with a price of its own; null for a tool."),
        column("feature", sa.Text, "Tool or storage that the price is for; null for a model."),
        column("tier", sa.Text, "Service tier; null for the standard one."),
        column("is_batch", sa.Boolean, "Whether the price is for requests of batches.", nullable=False),
        column("direction", sa.Text, "input, cached input, cache writes or output; null where it is not of tokens."),
        column("modality", sa.Text, "text, audio or image; null where it is not said."),
        column("context_band", sa.Text, "long context; null for the ordinary price."),
        column("unit", sa.Text, "Unit that the price is for, such as million tokens.", nullable=False),
        column("subject", sa.Text, "The model or the feature.", nullable=False),
        column("price_class", sa.Text, "Kind of quantity that it is the price of; derived; null for one that nothing counts."),
        column("price", sa.Numeric(), "Price with every digit. Unit: units of currency per unit.", nullable=False),
        column("currency", sa.Text, "Lowercase currency code.", nullable=False),
    ]


_VALID_TO = "First day on which it is not in force any more; null while it is."
list_price = sa.Table(
    "list_price",
    metadata,
    identity("list_price_id", "Key of the price.", sa.Integer),
    column("vendor", sa.Text, "Vendor whose price list has it.", nullable=False),
    *_what(),
    column("valid_from", sa.Date, "First UTC day on which it is in force; null when the price list does not say since when."),
    column("valid_to", sa.Date, _VALID_TO),
    column("source", sa.Text, "Where it was read, with the version.", nullable=False),
    sa.Index("ix_list_price_subject", "subject", "price_class"),
    schema=WAREHOUSE,
    comment="One row per unit price of a price list and span of days; written by every migration from the package's file.",
)
contract_price = sa.Table(
    "contract_price",
    metadata,
    identity("contract_price_id", "Key of the price.", sa.Integer),
    organization_column(),
    column("line_item", sa.Text, "Line of the bill that the price was agreed for, as the imported file has it.", nullable=False),
    *_what(),
    column("valid_from", sa.Date, "First UTC day on which it is in force.", nullable=False),
    column("valid_to", sa.Date, _VALID_TO),
    column("note", sa.Text, "What the file says about it."),
    column("source", sa.Text, "Name of the file that it was imported from.", nullable=False),
    column("imported_at", INSTANT, "When it was imported.", nullable=False, server_default=sa.func.now()),
    sa.Index("ix_contract_price_subject", "organization_id", "subject", "price_class"),
    schema=WAREHOUSE,
    comment="One row per agreed unit price and span of days; imported from a file, and in force before the list's.",
)
