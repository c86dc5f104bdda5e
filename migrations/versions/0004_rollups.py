"""Sums of the day facts, kept beside them and written with them, and indexes on the day: no question need read every fact."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

USAGE = (
    "completions", "decisions", "embeddings", "moderations", "images", "audio_speeches", "audio_transcriptions", "vector_stores",
    "code_interpreter_sessions", "file_search_calls", "web_search_calls",
)  # fmt: skip
USAGE_DATE = sa.literal_column("((bucket_start AT TIME ZONE 'UTC')::date)")
# How often each member of a dimension occurs, in the words in which the views show it. Without that the planner takes a project for one
# combination in two hundred, reads month by month through the key, and needs minutes.
SHOWN = (
    ("dim_group", "project_id", 128), ("dim_group", "user_id", 128), ("dim_group", "api_key_id", 128), ("dim_group", "model", 255),
    ("dim_cost_group", "project_id", 128), ("dim_cost_group", "api_key_id", 128), ("dim_cost_group", "line_item", 255),
    ("dim_cost_group", "currency", 3),
)  # fmt: skip
SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"


def upgrade() -> None:
    # They are filled once all migrations are done, by the code that will keep them.
    op.create_table(
        "rollup_costs_by_api_key",
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day."),
        sa.Column("organization_id", sa.Integer(), nullable=False, comment="Organization that the row belongs to."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to."),
        sa.Column("api_key_id", sa.Text(), nullable=True, comment="Identifier of the API key that made the requests."),
        sa.Column("currency", sa.Text(), nullable=True, comment="Currency of the amounts."),
        sa.Column("row_count", sa.Integer(), nullable=False, comment="Rows of the facts that were added up."),
        sa.Column("rows_without_cost", sa.Integer(), nullable=False, comment="Rows whose amount the vendor left out."),
        sa.Column("amount", sa.Numeric(), nullable=True, comment="Billed amounts, with every digit. Unit: units of currency."),
        sa.Column(
            "cost",
            sa.Numeric(),
            nullable=True,
            comment="The same, of amounts rounded to twelve decimals as the views show them. Unit: units of currency.",
        ),
        sa.UniqueConstraint(
            "usage_date",
            "organization_id",
            "project_id",
            "api_key_id",
            "currency",
            name="uq_rollup_costs_by_api_key",
            postgresql_nulls_not_distinct=True,
        ),
        schema="warehouse",
        comment="Sums of the day facts by project_id and api_key_id; written with the facts.",
    )
    op.create_table(
        "rollup_costs_by_line_item",
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day."),
        sa.Column("organization_id", sa.Integer(), nullable=False, comment="Organization that the row belongs to."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to."),
        sa.Column("line_item", sa.Text(), nullable=True, comment="Line of the invoice that the amount belongs to, as the vendor words it."),
        sa.Column("currency", sa.Text(), nullable=True, comment="Currency of the amounts."),
        sa.Column("row_count", sa.Integer(), nullable=False, comment="Rows of the facts that were added up."),
        sa.Column("rows_without_cost", sa.Integer(), nullable=False, comment="Rows whose amount the vendor left out."),
        sa.Column("amount", sa.Numeric(), nullable=True, comment="Billed amounts, with every digit. Unit: units of currency."),
        sa.Column(
            "cost",
            sa.Numeric(),
            nullable=True,
            comment="The same, of amounts rounded to twelve decimals as the views show them. Unit: units of currency.",
        ),
        sa.UniqueConstraint(
            "usage_date",
            "organization_id",
            "project_id",
            "line_item",
            "currency",
            name="uq_rollup_costs_by_line_item",
            postgresql_nulls_not_distinct=True,
        ),
        schema="warehouse",
        comment="Sums of the day facts by project_id and line_item; written with the facts.",
    )
    op.create_table(
        "rollup_usage_by_api_key",
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day."),
        sa.Column("organization_id", sa.Integer(), nullable=False, comment="Organization that the row belongs to."),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Endpoint that reported the rows."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to."),
        sa.Column("api_key_id", sa.Text(), nullable=True, comment="Identifier of the API key that made the requests."),
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
            "api_key_id",
            name="uq_rollup_usage_by_api_key",
            postgresql_nulls_not_distinct=True,
        ),
        schema="warehouse",
        comment="Sums of the day facts by project_id and api_key_id; written with the facts.",
    )
    op.create_table(
        "rollup_usage_by_model",
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
            name="uq_rollup_usage_by_model",
            postgresql_nulls_not_distinct=True,
        ),
        schema="warehouse",
        comment="Sums of the day facts by project_id and model and batch; written with the facts.",
    )
    op.create_table(
        "rollup_usage_by_user",
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day."),
        sa.Column("organization_id", sa.Integer(), nullable=False, comment="Organization that the row belongs to."),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Endpoint that reported the rows."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to."),
        sa.Column("user_id", sa.Text(), nullable=True, comment="Identifier of the user that the usage is attributed to."),
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
            "user_id",
            name="uq_rollup_usage_by_user",
            postgresql_nulls_not_distinct=True,
        ),
        schema="warehouse",
        comment="Sums of the day facts by project_id and user_id; written with the facts.",
    )
    # A loader of an older version, still running, would write rows without their sums; without this column it cannot commit.
    revision_column = sa.Column(
        "schema_revision", sa.Text(), nullable=False, server_default="0003", comment="Migration that the loader was made for."
    )
    op.add_column("load_log", revision_column, schema="ops")
    op.alter_column("load_log", "schema_revision", server_default=None, schema="ops")
    for fact in ("costs", *(f"usage_{endpoint}" for endpoint in USAGE)):
        op.create_index(
            f"ix_{fact}_usage_date",
            fact,
            [USAGE_DATE],
            schema="warehouse",
            postgresql_using="brin",
            postgresql_with={"autosummarize": "on"},
        )
    for endpoint in USAGE:
        op.create_index(
            f"ix_usage_{endpoint}_usage_date_of_days",
            f"usage_{endpoint}",
            [USAGE_DATE],
            schema="warehouse",
            postgresql_where=sa.text("bucket_width = 1440"),
        )
    for table, dimension, length in SHOWN:
        shown = f"{dimension}::varchar({length})"
        op.execute(f"CREATE STATISTICS warehouse.st_{table}_{dimension} ON ({shown}) FROM warehouse.{table}")
        op.execute(f"CREATE STATISTICS warehouse.st_{table}_{dimension}_or_none ON (coalesce({shown}, '')) FROM warehouse.{table}")
    # To the driver a percent sign would begin a parameter.
    op.get_bind().exec_driver_sql((SQL_FOLDER / "0004_rollups.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    op.drop_column("load_log", "schema_revision", schema="ops")
    for table, dimension, _ in SHOWN:
        op.execute(f"DROP STATISTICS warehouse.st_{table}_{dimension}, warehouse.st_{table}_{dimension}_or_none")
    for endpoint in USAGE:
        op.drop_index(f"ix_usage_{endpoint}_usage_date_of_days", schema="warehouse")
    for fact in ("costs", *(f"usage_{endpoint}" for endpoint in USAGE)):
        op.drop_index(f"ix_{fact}_usage_date", schema="warehouse")
    op.drop_table("rollup_usage_by_user", schema="warehouse")
    op.drop_table("rollup_usage_by_model", schema="warehouse")
    op.drop_table("rollup_usage_by_api_key", schema="warehouse")
    op.drop_table("rollup_costs_by_line_item", schema="warehouse")
    op.drop_table("rollup_costs_by_api_key", schema="warehouse")
