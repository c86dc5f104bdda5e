"""Totals of the day facts, kept next to them and written with them, and indexes on the day: no query needs to read every fact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
USAGE_COUNTS = (
    ("row_count", "Rows of the facts that were added up."),
    ("rows_without_requests", "Rows whose requests are null although their endpoint has them."),
    ("rows_without_tokens", "Rows with a null for input or output tokens that their endpoint has."),
)
USAGE_SUMS = (
    ("cacheable_input_tokens", "Input tokens of the rows that tell the cached ones. Unit: tokens."),
    ("input_tokens", "Input tokens of all kinds (text, audio, image), cached and cache-write ones included. Unit: tokens."),
    ("output_tokens", "Output tokens of all kinds (text, audio, image). Unit: tokens."),
    ("input_cached_tokens", "Input tokens read from the cache, all kinds; contained in input_tokens, never add the two. Unit: tokens."),
    ("input_cache_write_tokens", "Input tokens written to the cache, all retention periods; contained in input_tokens. Unit: tokens."),
    ("input_cache_write_30m_tokens", "Input tokens written to the cache for 30 minutes; part of input_cache_write_tokens. Unit: tokens."),
    ("input_cache_write_12h_tokens", "Input tokens written to the cache for 12 hours; part of input_cache_write_tokens. Unit: tokens."),
    (
        "input_uncached_tokens",
        "Input tokens neither read from nor written to the cache, all kinds; contained in input_tokens. Unit: tokens.",
    ),
    ("input_text_tokens", "Uncached text input tokens; part of input_uncached_tokens. Unit: tokens."),
    ("input_audio_tokens", "Uncached audio input tokens; until 2024 the vendor counted cached audio here as well. Unit: tokens."),
    ("input_image_tokens", "Uncached image input tokens; part of input_uncached_tokens. Unit: tokens."),
    ("input_cached_text_tokens", "Text input tokens read from the cache; part of input_cached_tokens. Unit: tokens."),
    ("input_cached_audio_tokens", "Audio input tokens read from the cache; part of input_cached_tokens. Unit: tokens."),
    ("input_cached_image_tokens", "Image input tokens read from the cache; part of input_cached_tokens. Unit: tokens."),
    ("output_text_tokens", "Text output tokens; part of output_tokens. Unit: tokens."),
    ("output_audio_tokens", "Audio output tokens; part of output_tokens. Unit: tokens."),
    ("output_image_tokens", "Image output tokens; part of output_tokens. Unit: tokens."),
    ("requests", "Model requests; for web searches those that carried them, which the model's endpoint counts too. Unit: requests."),
    ("images", "Images processed. Unit: images."),
    ("characters", "Characters of text turned into speech. Unit: characters."),
    ("seconds", "Seconds of audio transcribed. Unit: seconds."),
    ("storage_bytes", "Bytes stored, a level and not a flow: never add it over time. Unit: bytes."),
    ("sessions", "Code interpreter sessions started. Unit: sessions."),
    ("tool_calls", "Calls made to the tool. Unit: calls."),
)
COST_COUNTS = (
    ("row_count", "Rows of the facts that were added up."),
    ("rows_without_cost", "Rows whose amount the vendor left out."),
)
COST_SUMS = (
    ("amount", "Billed amounts, with every digit. Unit: units of currency."),
    ("cost", "The same, of amounts rounded to twelve decimals as the views show them. Unit: units of currency."),
)


def _usage_rollup(name: str, *dimensions: sa.Column[Any]) -> None:
    """One rollup of usage: what it keeps, and the same figures in each."""
    kept = [dimension.name for dimension in dimensions]
    op.create_table(
        name,
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day."),
        sa.Column("organization_id", sa.Integer(), nullable=False, comment="Organization that the row belongs to."),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Endpoint that reported the rows."),
        *dimensions,
        *(sa.Column(count, sa.Integer(), nullable=False, comment=comment) for count, comment in USAGE_COUNTS),
        *(sa.Column(total, sa.Numeric(), nullable=True, comment=comment) for total, comment in USAGE_SUMS),
        sa.UniqueConstraint("usage_date", "organization_id", "endpoint", *kept, name=f"uq_{name}", postgresql_nulls_not_distinct=True),
        schema="warehouse",
        comment=f"Sums of the day facts by {' and '.join(kept)}; written with the facts.",
    )


def _costs_rollup(name: str, dimension: sa.Column[Any]) -> None:
    op.create_table(
        name,
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day."),
        sa.Column("organization_id", sa.Integer(), nullable=False, comment="Organization that the row belongs to."),
        _project(),
        dimension,
        sa.Column("currency", sa.Text(), nullable=True, comment="Currency of the amounts."),
        *(sa.Column(count, sa.Integer(), nullable=False, comment=comment) for count, comment in COST_COUNTS),
        *(sa.Column(total, sa.Numeric(), nullable=True, comment=comment) for total, comment in COST_SUMS),
        sa.UniqueConstraint(
            "usage_date", "organization_id", "project_id", dimension.name, "currency", name=f"uq_{name}", postgresql_nulls_not_distinct=True
        ),
        schema="warehouse",
        comment=f"Sums of the day facts by project_id and {dimension.name}; written with the facts.",
    )


def _project() -> sa.Column[Any]:
    return sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to.")


def _api_key() -> sa.Column[Any]:
    return sa.Column("api_key_id", sa.Text(), nullable=True, comment="Identifier of the API key that made the requests.")


def upgrade() -> None:
    # They are filled once all migrations are done, by the code that will keep them.
    _usage_rollup(
        "rollup_usage_by_model",
        _project(),
        sa.Column(
            "model",
            sa.Text(),
            nullable=True,
            comment="Model name as the vendor reports it for usage; it does not always match the name in line items.",
        ),
        sa.Column("batch", sa.Boolean(), nullable=True, comment="Whether the requests went through the Batch API."),
    )
    _usage_rollup("rollup_usage_by_api_key", _project(), _api_key())
    _usage_rollup(
        "rollup_usage_by_user",
        _project(),
        sa.Column("user_id", sa.Text(), nullable=True, comment="Identifier of the user that the usage is attributed to."),
    )
    _costs_rollup(
        "rollup_costs_by_line_item",
        sa.Column("line_item", sa.Text(), nullable=True, comment="Line of the invoice that the amount belongs to, as the vendor words it."),
    )
    _costs_rollup("rollup_costs_by_api_key", _api_key())
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
