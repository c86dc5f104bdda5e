"""Prices: list prices with dates, contract prices, billed quantities per line of the bill, and usage added up by tier and batch."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"


def upgrade() -> None:
    # Totals that are empty are filled once all migrations are done, and list prices written, by the code that will keep them.
    op.execute("TRUNCATE warehouse.rollup_costs_by_line_item")
    op.create_table(
        "list_price",
        sa.Column("list_price_id", sa.Integer(), sa.Identity(always=True), nullable=False, comment="Key of the price."),
        sa.Column("vendor", sa.Text(), nullable=False, comment="Vendor whose price list has it."),
        sa.Column(
            "model",
            sa.Text(),
            nullable=True,
            comment="Name of the model by the naming rules, or a dated name with a price of its own; null for a tool.",
        ),
        sa.Column("feature", sa.Text(), nullable=True, comment="Tool or storage that the price is for; null for a model."),
        sa.Column("tier", sa.Text(), nullable=True, comment="Service tier; null for the standard one."),
        sa.Column("is_batch", sa.Boolean(), nullable=False, comment="Whether the price is for requests of batches."),
        sa.Column(
            "direction", sa.Text(), nullable=True, comment="input, cached input, cache writes or output; null where it is not of tokens."
        ),
        sa.Column("modality", sa.Text(), nullable=True, comment="text, audio or image; null where it is not said."),
        sa.Column("context_band", sa.Text(), nullable=True, comment="long context; null for the ordinary price."),
        sa.Column("unit", sa.Text(), nullable=False, comment="Unit that the price is for, such as million tokens."),
        sa.Column("subject", sa.Text(), nullable=False, comment="The model or the feature."),
        sa.Column(
            "price_class",
            sa.Text(),
            nullable=True,
            comment="Kind of quantity that it is the price of; derived; null for one that nothing counts.",
        ),
        sa.Column("price", sa.Numeric(), nullable=False, comment="Price with every digit. Unit: units of currency per unit."),
        sa.Column("currency", sa.Text(), nullable=False, comment="Lowercase currency code."),
        sa.Column(
            "valid_from",
            sa.Date(),
            nullable=True,
            comment="First UTC day on which it is in force; null when the price list does not say since when.",
        ),
        sa.Column("valid_to", sa.Date(), nullable=True, comment="First day on which it is not in force any more; null while it is."),
        sa.Column("source", sa.Text(), nullable=False, comment="Where it was read, with the version."),
        sa.PrimaryKeyConstraint("list_price_id", name=op.f("pk_list_price")),
        schema="warehouse",
        comment="One row per unit price of a price list and span of days; written by every migration from the package's file.",
    )
    op.create_table(
        "rollup_usage_by_tier",
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day."),
        sa.Column("organization_id", sa.Integer(), nullable=False, comment="Organization that the row belongs to."),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Endpoint that reported the rows."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to."),
        sa.Column(
            "model",
            sa.Text(),
            nullable=True,
            comment="Model name as the vendor reports it for usage; it does not always match the name in line items.",
        ),
        sa.Column("batch", sa.Boolean(), nullable=True, comment="Whether the requests went through the Batch API."),
        sa.Column(
            "service_tier", sa.Text(), nullable=True, comment="Service tier that served the requests, such as default, flex or priority."
        ),
        sa.Column("row_count", sa.Integer(), nullable=False, comment="Rows of the facts that were added up."),
        sa.Column(
            "rows_without_requests", sa.Integer(), nullable=False, comment="Rows whose requests are null although their endpoint has them."
        ),
        sa.Column(
            "rows_without_tokens",
            sa.Integer(),
            nullable=False,
            comment="Rows with a null for input or output tokens that their endpoint has.",
        ),
        sa.Column(
            "cacheable_input_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Input tokens of the rows that tell the cached ones. Unit: tokens.",
        ),
        sa.Column(
            "input_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Input tokens of all kinds (text, audio, image), cached and cache-write ones included. Unit: tokens.",
        ),
        sa.Column("output_tokens", sa.Numeric(), nullable=True, comment="Output tokens of all kinds (text, audio, image). Unit: tokens."),
        sa.Column(
            "input_cached_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Input tokens read from the cache, all kinds; contained in input_tokens, never add the two. Unit: tokens.",
        ),
        sa.Column(
            "input_cache_write_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Input tokens written to the cache, all retention periods; contained in input_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cache_write_30m_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Input tokens written to the cache for 30 minutes; part of input_cache_write_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cache_write_12h_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Input tokens written to the cache for 12 hours; part of input_cache_write_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_uncached_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Input tokens neither read from nor written to the cache, all kinds; contained in input_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_text_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Uncached text input tokens; part of input_uncached_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_audio_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Uncached audio input tokens; until 2024 the vendor counted cached audio here as well. Unit: tokens.",
        ),
        sa.Column(
            "input_image_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Uncached image input tokens; part of input_uncached_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cached_text_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Text input tokens read from the cache; part of input_cached_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cached_audio_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Audio input tokens read from the cache; part of input_cached_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cached_image_tokens",
            sa.Numeric(),
            nullable=True,
            comment="Image input tokens read from the cache; part of input_cached_tokens. Unit: tokens.",
        ),
        sa.Column("output_text_tokens", sa.Numeric(), nullable=True, comment="Text output tokens; part of output_tokens. Unit: tokens."),
        sa.Column("output_audio_tokens", sa.Numeric(), nullable=True, comment="Audio output tokens; part of output_tokens. Unit: tokens."),
        sa.Column("output_image_tokens", sa.Numeric(), nullable=True, comment="Image output tokens; part of output_tokens. Unit: tokens."),
        sa.Column(
            "requests",
            sa.Numeric(),
            nullable=True,
            comment="Model requests; for web searches those that carried them, which the model's endpoint counts too. Unit: requests.",
        ),
        sa.Column("images", sa.Numeric(), nullable=True, comment="Images processed. Unit: images."),
        sa.Column("characters", sa.Numeric(), nullable=True, comment="Characters of text turned into speech. Unit: characters."),
        sa.Column("seconds", sa.Numeric(), nullable=True, comment="Seconds of audio transcribed. Unit: seconds."),
        sa.Column(
            "storage_bytes",
            sa.Numeric(),
            nullable=True,
            comment="Bytes stored, a level and not a flow: never add it over time. Unit: bytes.",
        ),
        sa.Column("sessions", sa.Numeric(), nullable=True, comment="Code interpreter sessions started. Unit: sessions."),
        sa.Column("tool_calls", sa.Numeric(), nullable=True, comment="Calls made to the tool. Unit: calls."),
        sa.UniqueConstraint(
            "usage_date",
            "organization_id",
            "endpoint",
            "project_id",
            "model",
            "batch",
            "service_tier",
            name="uq_rollup_usage_by_tier",
            postgresql_nulls_not_distinct=True,
        ),
        schema="warehouse",
        comment="Sums of the day facts by project_id and model and batch and service_tier; written with the facts.",
    )
    op.create_table(
        "contract_price",
        sa.Column("contract_price_id", sa.Integer(), sa.Identity(always=True), nullable=False, comment="Key of the price."),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column(
            "line_item", sa.Text(), nullable=False, comment="Line of the bill that the price was agreed for, as the imported file has it."
        ),
        sa.Column(
            "model",
            sa.Text(),
            nullable=True,
            comment="Name of the model by the naming rules, or a dated name with a price of its own; null for a tool.",
        ),
        sa.Column("feature", sa.Text(), nullable=True, comment="Tool or storage that the price is for; null for a model."),
        sa.Column("tier", sa.Text(), nullable=True, comment="Service tier; null for the standard one."),
        sa.Column("is_batch", sa.Boolean(), nullable=False, comment="Whether the price is for requests of batches."),
        sa.Column(
            "direction", sa.Text(), nullable=True, comment="input, cached input, cache writes or output; null where it is not of tokens."
        ),
        sa.Column("modality", sa.Text(), nullable=True, comment="text, audio or image; null where it is not said."),
        sa.Column("context_band", sa.Text(), nullable=True, comment="long context; null for the ordinary price."),
        sa.Column("unit", sa.Text(), nullable=False, comment="Unit that the price is for, such as million tokens."),
        sa.Column("subject", sa.Text(), nullable=False, comment="The model or the feature."),
        sa.Column(
            "price_class",
            sa.Text(),
            nullable=True,
            comment="Kind of quantity that it is the price of; derived; null for one that nothing counts.",
        ),
        sa.Column("price", sa.Numeric(), nullable=False, comment="Price with every digit. Unit: units of currency per unit."),
        sa.Column("currency", sa.Text(), nullable=False, comment="Lowercase currency code."),
        sa.Column("valid_from", sa.Date(), nullable=False, comment="First UTC day on which it is in force."),
        sa.Column("valid_to", sa.Date(), nullable=True, comment="First day on which it is not in force any more; null while it is."),
        sa.Column("note", sa.Text(), nullable=True, comment="What the file says about it."),
        sa.Column("source", sa.Text(), nullable=False, comment="Name of the file that it was imported from."),
        sa.Column(
            "imported_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When it was imported."
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_contract_price_organization_id")
        ),
        sa.PrimaryKeyConstraint("contract_price_id", name=op.f("pk_contract_price")),
        schema="warehouse",
        comment="One row per agreed unit price and span of days; imported from a file, and in force before the list's.",
    )
    op.create_index("ix_list_price_subject", "list_price", ["subject", "price_class"], unique=False, schema="warehouse")
    op.create_index(
        "ix_contract_price_subject", "contract_price", ["organization_id", "subject", "price_class"], unique=False, schema="warehouse"
    )
    op.add_column(
        "rollup_costs_by_line_item",
        sa.Column("rows_without_quantity", sa.Integer(), nullable=True, comment="Rows whose quantity the vendor left out."),
        schema="warehouse",
    )
    op.add_column(
        "rollup_costs_by_line_item",
        sa.Column(
            "quantity",
            sa.Numeric(),
            nullable=True,
            comment="Billed quantities, with every digit; null when they are in more than one unit. Unit: quantity_unit.",
        ),
        schema="warehouse",
    )
    op.add_column(
        "rollup_costs_by_line_item",
        sa.Column("quantity_unit", sa.Text(), nullable=True, comment="Unit of all quantities; null when there is none, or more than one."),
        schema="warehouse",
    )
    # As for the other totals of usage: the planner must know how often each endpoint occurs in the words in which the views show it.
    op.execute(
        "CREATE STATISTICS warehouse.st_rollup_usage_by_tier_endpoint ON (endpoint::varchar(64)) FROM warehouse.rollup_usage_by_tier"
    )
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0016_rights.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.drop_column("rollup_costs_by_line_item", "quantity_unit", schema="warehouse")
    op.drop_column("rollup_costs_by_line_item", "quantity", schema="warehouse")
    op.drop_column("rollup_costs_by_line_item", "rows_without_quantity", schema="warehouse")
    op.drop_table("contract_price", schema="warehouse")
    op.drop_table("rollup_usage_by_tier", schema="warehouse")
    op.drop_table("list_price", schema="warehouse")
