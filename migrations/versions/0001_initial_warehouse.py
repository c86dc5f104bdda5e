"""The first warehouse: schemas, dimensions, monthly partitioned facts, operational tables, roles."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateSequence, DropSequence

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"
FETCH_NUMBER = sa.Sequence("fetch_number", schema="ops")
CALENDAR = """
INSERT INTO warehouse.dim_date
SELECT day::date, extract(year FROM day), extract(quarter FROM day), extract(month FROM day), date_trunc('month', day)::date,
       to_char(day, 'FMMonth'), extract(week FROM day), date_trunc('week', day)::date, extract(isodow FROM day), to_char(day, 'FMDay'),
       extract(isodow FROM day) > 5
FROM generate_series(timestamp '2015-01-01', timestamp '2050-12-31', interval '1 day') AS day
"""


def run_file(name: str) -> None:
    """Run a .sql file as it is; to the driver a percent sign would begin a parameter."""
    op.get_bind().exec_driver_sql((SQL_FOLDER / name).read_text().replace("%", "%%"))


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS warehouse")
    op.execute(CreateSequence(FETCH_NUMBER))
    op.create_table(
        "check_results",
        sa.Column("check_result_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the result."),
        sa.Column("check_name", sa.Text(), nullable=False, comment="Name of the check."),
        sa.Column("severity", sa.Text(), nullable=False, comment="fail or warn."),
        sa.Column("is_ok", sa.Boolean(), nullable=False, comment="Whether nothing was found."),
        sa.Column("findings", sa.Integer(), nullable=False, comment="How many places were found."),
        sa.Column("detail", sa.Text(), nullable=True, comment="The first places, in words; null when nothing was found."),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False, comment="When the check ran."),
        sa.PrimaryKeyConstraint("check_result_id", name=op.f("pk_check_results")),
        schema="ops",
        comment="One row per check and time it ran.",
    )
    op.create_table(
        "run_log",
        sa.Column("run_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the run."),
        sa.Column("command", sa.Text(), nullable=False, comment="sync, backfill or directory."),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="What was asked for."),
        sa.Column("status", sa.Text(), nullable=False, comment="running, done, failed or stopped."),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False, comment="When the run began to write."),
        sa.Column(
            "finished_at", sa.DateTime(timezone=True), nullable=True, comment="When it ended; null while it runs, or if it was killed."
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="Why it failed."),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_log")),
        schema="ops",
        comment="One row per run that wrote something.",
    )
    op.create_table(
        "costs",
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
        sa.CheckConstraint("amount <> 'NaN'", name=op.f("ck_costs_amount_is_a_number")),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_costs")),
        schema="warehouse",
        comment="Billed amounts; the figures that tie to the invoice. One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_table(
        "dim_date",
        sa.Column("usage_date", sa.Date(), nullable=False, comment="UTC day."),
        sa.Column("year", sa.Integer(), nullable=False, comment="Calendar year."),
        sa.Column("quarter", sa.Integer(), nullable=False, comment="Quarter of the year, 1 to 4."),
        sa.Column("month", sa.Integer(), nullable=False, comment="Month of the year, 1 to 12."),
        sa.Column("month_start", sa.Date(), nullable=False, comment="First day of the month."),
        sa.Column("month_name", sa.Text(), nullable=False, comment="English name of the month."),
        sa.Column("iso_week", sa.Integer(), nullable=False, comment="ISO week of the year, 1 to 53."),
        sa.Column("week_start", sa.Date(), nullable=False, comment="Monday of the week."),
        sa.Column("weekday", sa.Integer(), nullable=False, comment="ISO day of the week, 1 for Monday to 7 for Sunday."),
        sa.Column("weekday_name", sa.Text(), nullable=False, comment="English name of the weekday."),
        sa.Column("is_weekend", sa.Boolean(), nullable=False, comment="Whether the day is a Saturday or Sunday."),
        sa.PrimaryKeyConstraint("usage_date", name=op.f("pk_dim_date")),
        schema="warehouse",
        comment="One row per UTC day, without gaps.",
    )
    op.create_table(
        "dim_line_item",
        sa.Column(
            "line_item", sa.Text(), nullable=False, comment="Line of the invoice that the amount belongs to, as the vendor words it."
        ),
        sa.Column("surface", sa.Text(), nullable=True, comment="Part of the platform before the bar, such as assistants api; derived."),
        sa.Column("model", sa.Text(), nullable=True, comment="Model that the line item names; null when it names none; derived."),
        sa.Column("modality", sa.Text(), nullable=True, comment="text, image or audio; null when the line item does not say; derived."),
        sa.Column(
            "direction",
            sa.Text(),
            nullable=True,
            comment="input, cached input, cache writes or output; null when the line item does not say; derived.",
        ),
        sa.PrimaryKeyConstraint("line_item", name=op.f("pk_dim_line_item")),
        schema="warehouse",
        comment="One row per line item seen, with what can be read from its words.",
    )
    op.create_table(
        "dim_model",
        sa.Column("model", sa.Text(), nullable=False, comment="Model name as it appears in usage or in line items."),
        sa.Column("model_family", sa.Text(), nullable=True, comment="Model name without its release date; derived, best effort."),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_dim_model")),
        schema="warehouse",
        comment="One row per model name seen.",
    )
    op.create_table(
        "dim_organization",
        sa.Column(
            "organization_id", sa.Integer(), sa.Identity(always=True), nullable=False, comment="Key of the organization in this warehouse."
        ),
        sa.Column("label", sa.Text(), nullable=False, comment="Name that the settings give the organization; demo is the stand-in's."),
        sa.Column("vendor", sa.Text(), nullable=False, comment="Vendor that the organization is a customer of."),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the organization was first loaded.",
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_dim_organization")),
        sa.UniqueConstraint("label", name=op.f("uq_dim_organization_label")),
        schema="warehouse",
        comment="One row per organization that is loaded.",
    )
    op.create_table(
        "usage_audio_speeches",
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False, comment="Combination of dimensions."),
        sa.Column("characters", sa.BigInteger(), nullable=True, comment="Characters of text turned into speech. Unit: characters."),
        sa.Column(
            "num_model_requests",
            sa.BigInteger(),
            nullable=True,
            comment="Model requests; for web searches those that carried them, which the model's endpoint counts too. Unit: requests.",
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Fields of the vendor's row that this version does not know, as they came.",
        ),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_usage_audio_speeches")),
        schema="warehouse",
        comment="Speech made from text. One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_table(
        "usage_audio_transcriptions",
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False, comment="Combination of dimensions."),
        sa.Column("seconds", sa.BigInteger(), nullable=True, comment="Seconds of audio transcribed. Unit: seconds."),
        sa.Column(
            "num_model_requests",
            sa.BigInteger(),
            nullable=True,
            comment="Model requests; for web searches those that carried them, which the model's endpoint counts too. Unit: requests.",
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Fields of the vendor's row that this version does not know, as they came.",
        ),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_usage_audio_transcriptions")),
        schema="warehouse",
        comment="Text made from speech. One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_table(
        "usage_code_interpreter_sessions",
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False, comment="Combination of dimensions."),
        sa.Column("num_sessions", sa.BigInteger(), nullable=True, comment="Code interpreter sessions started. Unit: sessions."),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Fields of the vendor's row that this version does not know, as they came.",
        ),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_usage_code_interpreter_sessions")),
        schema="warehouse",
        comment="Code interpreter sessions. One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_table(
        "usage_completions",
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False, comment="Combination of dimensions."),
        sa.Column(
            "input_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens of all kinds (text, audio, image), cached and cache-write ones included. Unit: tokens.",
        ),
        sa.Column(
            "output_tokens", sa.BigInteger(), nullable=True, comment="Output tokens of all kinds (text, audio, image). Unit: tokens."
        ),
        sa.Column(
            "input_cached_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens read from the cache, all kinds; contained in input_tokens, never add the two. Unit: tokens.",
        ),
        sa.Column(
            "input_cache_write_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens written to the cache, all retention periods; contained in input_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cache_write_30m_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens written to the cache for 30 minutes; part of input_cache_write_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cache_write_12h_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens written to the cache for 12 hours; part of input_cache_write_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_uncached_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens neither read from nor written to the cache, all kinds; contained in input_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_text_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Uncached text input tokens; part of input_uncached_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_audio_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Uncached audio input tokens; until 2024 the vendor counted cached audio here as well. Unit: tokens.",
        ),
        sa.Column(
            "input_image_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Uncached image input tokens; part of input_uncached_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cached_text_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Text input tokens read from the cache; part of input_cached_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cached_audio_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Audio input tokens read from the cache; part of input_cached_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cached_image_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Image input tokens read from the cache; part of input_cached_tokens. Unit: tokens.",
        ),
        sa.Column("output_text_tokens", sa.BigInteger(), nullable=True, comment="Text output tokens; part of output_tokens. Unit: tokens."),
        sa.Column(
            "output_audio_tokens", sa.BigInteger(), nullable=True, comment="Audio output tokens; part of output_tokens. Unit: tokens."
        ),
        sa.Column(
            "output_image_tokens", sa.BigInteger(), nullable=True, comment="Image output tokens; part of output_tokens. Unit: tokens."
        ),
        sa.Column(
            "num_model_requests",
            sa.BigInteger(),
            nullable=True,
            comment="Model requests; for web searches those that carried them, which the model's endpoint counts too. Unit: requests.",
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Fields of the vendor's row that this version does not know, as they came.",
        ),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_usage_completions")),
        schema="warehouse",
        comment="Chat, responses and text completions. One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_table(
        "usage_decisions",
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False, comment="Combination of dimensions."),
        sa.Column(
            "input_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens of all kinds (text, audio, image), cached and cache-write ones included. Unit: tokens.",
        ),
        sa.Column(
            "output_tokens", sa.BigInteger(), nullable=True, comment="Output tokens of all kinds (text, audio, image). Unit: tokens."
        ),
        sa.Column(
            "input_cached_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens read from the cache, all kinds; contained in input_tokens, never add the two. Unit: tokens.",
        ),
        sa.Column(
            "input_cache_write_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens written to the cache, all retention periods; contained in input_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cache_write_30m_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens written to the cache for 30 minutes; part of input_cache_write_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cache_write_12h_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens written to the cache for 12 hours; part of input_cache_write_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_uncached_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens neither read from nor written to the cache, all kinds; contained in input_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_text_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Uncached text input tokens; part of input_uncached_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_audio_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Uncached audio input tokens; until 2024 the vendor counted cached audio here as well. Unit: tokens.",
        ),
        sa.Column(
            "input_image_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Uncached image input tokens; part of input_uncached_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cached_text_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Text input tokens read from the cache; part of input_cached_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cached_audio_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Audio input tokens read from the cache; part of input_cached_tokens. Unit: tokens.",
        ),
        sa.Column(
            "input_cached_image_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Image input tokens read from the cache; part of input_cached_tokens. Unit: tokens.",
        ),
        sa.Column("output_text_tokens", sa.BigInteger(), nullable=True, comment="Text output tokens; part of output_tokens. Unit: tokens."),
        sa.Column(
            "output_audio_tokens", sa.BigInteger(), nullable=True, comment="Audio output tokens; part of output_tokens. Unit: tokens."
        ),
        sa.Column(
            "output_image_tokens", sa.BigInteger(), nullable=True, comment="Image output tokens; part of output_tokens. Unit: tokens."
        ),
        sa.Column(
            "num_model_requests",
            sa.BigInteger(),
            nullable=True,
            comment="Model requests; for web searches those that carried them, which the model's endpoint counts too. Unit: requests.",
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Fields of the vendor's row that this version does not know, as they came.",
        ),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_usage_decisions")),
        schema="warehouse",
        comment="Decisions API calls. One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_table(
        "usage_embeddings",
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False, comment="Combination of dimensions."),
        sa.Column(
            "input_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens of all kinds (text, audio, image), cached and cache-write ones included. Unit: tokens.",
        ),
        sa.Column(
            "num_model_requests",
            sa.BigInteger(),
            nullable=True,
            comment="Model requests; for web searches those that carried them, which the model's endpoint counts too. Unit: requests.",
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Fields of the vendor's row that this version does not know, as they came.",
        ),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_usage_embeddings")),
        schema="warehouse",
        comment="Embedding vectors. One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_table(
        "usage_file_search_calls",
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False, comment="Combination of dimensions."),
        sa.Column("num_requests", sa.BigInteger(), nullable=True, comment="Calls made to the tool. Unit: calls."),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Fields of the vendor's row that this version does not know, as they came.",
        ),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_usage_file_search_calls")),
        schema="warehouse",
        comment="File search tool calls. One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_table(
        "usage_images",
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False, comment="Combination of dimensions."),
        sa.Column("images", sa.BigInteger(), nullable=True, comment="Images processed. Unit: images."),
        sa.Column(
            "num_model_requests",
            sa.BigInteger(),
            nullable=True,
            comment="Model requests; for web searches those that carried them, which the model's endpoint counts too. Unit: requests.",
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Fields of the vendor's row that this version does not know, as they came.",
        ),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_usage_images")),
        schema="warehouse",
        comment="Generated, edited and varied images. One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_table(
        "usage_moderations",
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False, comment="Combination of dimensions."),
        sa.Column(
            "input_tokens",
            sa.BigInteger(),
            nullable=True,
            comment="Input tokens of all kinds (text, audio, image), cached and cache-write ones included. Unit: tokens.",
        ),
        sa.Column(
            "num_model_requests",
            sa.BigInteger(),
            nullable=True,
            comment="Model requests; for web searches those that carried them, which the model's endpoint counts too. Unit: requests.",
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Fields of the vendor's row that this version does not know, as they came.",
        ),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_usage_moderations")),
        schema="warehouse",
        comment="Moderation checks. One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_table(
        "usage_vector_stores",
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False, comment="Combination of dimensions."),
        sa.Column(
            "usage_bytes",
            sa.BigInteger(),
            nullable=True,
            comment="Bytes stored, a level and not a flow: never add it over time. Unit: bytes.",
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Fields of the vendor's row that this version does not know, as they came.",
        ),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_usage_vector_stores")),
        schema="warehouse",
        comment="Storage of vector stores. One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_table(
        "usage_web_search_calls",
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False, comment="Combination of dimensions."),
        sa.Column("num_requests", sa.BigInteger(), nullable=True, comment="Calls made to the tool. Unit: calls."),
        sa.Column(
            "num_model_requests",
            sa.BigInteger(),
            nullable=True,
            comment="Model requests; for web searches those that carried them, which the model's endpoint counts too. Unit: requests.",
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Fields of the vendor's row that this version does not know, as they came.",
        ),
        sa.PrimaryKeyConstraint("bucket_start", "bucket_width", "group_id", name=op.f("pk_usage_web_search_calls")),
        schema="warehouse",
        comment="Web search tool calls. One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    op.create_table(
        "capabilities",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Endpoint that was probed."),
        sa.Column("capability", sa.Text(), nullable=False, comment="endpoint, history, or group_by: and a dimension."),
        sa.Column("is_supported", sa.Boolean(), nullable=False, comment="Whether the organization offers it."),
        sa.Column("detail", sa.Text(), nullable=True, comment="What the vendor said."),
        sa.Column("probed_at", sa.DateTime(timezone=True), nullable=False, comment="When it was last found out."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_capabilities_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "endpoint", "capability", name=op.f("pk_capabilities")),
        schema="ops",
        comment="One row per thing that an organization does or does not offer.",
    )
    op.create_table(
        "coverage",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Endpoint of the stream."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column(
            "reported_start",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Start that the vendor gave the bucket; later than bucket_start when it was clipped.",
        ),
        sa.Column("reported_end", sa.DateTime(timezone=True), nullable=False, comment="End that the vendor gave the bucket."),
        sa.Column("is_complete", sa.Boolean(), nullable=False, comment="Whether the bucket was over and whole when it was last read."),
        sa.Column("row_count", sa.Integer(), nullable=False, comment="Rows of the bucket; 0 for one that was read and is empty."),
        sa.Column(
            "source_grouping", sa.Text(), nullable=False, comment="Dimensions that were asked for, joined by commas; empty for none."
        ),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, comment="When anything about the bucket last changed."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_coverage_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "endpoint", "bucket_width", "bucket_start", name=op.f("pk_coverage")),
        schema="ops",
        comment="One row per stream and bucket that was read, empty ones too.",
    )
    op.create_table(
        "load_log",
        sa.Column("load_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the load."),
        sa.Column("run_id", sa.BigInteger(), nullable=False, comment="Run that the load belongs to."),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Endpoint of the stream."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the window."),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False, comment="End of the window, not part of it."),
        sa.Column(
            "fetch_number",
            sa.BigInteger(),
            nullable=False,
            comment="Order in which fetches began; an older one never replaces a newer one.",
        ),
        sa.Column("source_grouping", sa.Text(), nullable=False, comment="Dimensions that were asked for, joined by commas."),
        sa.Column("pages", sa.Integer(), nullable=False, comment="Pages of the answer."),
        sa.Column("buckets", sa.Integer(), nullable=False, comment="Buckets replaced."),
        sa.Column(
            "missing_buckets",
            postgresql.ARRAY(sa.DateTime(timezone=True)),
            nullable=True,
            comment="Buckets of the window that did not come and were left alone; null for none.",
        ),
        sa.Column("rows_inserted", sa.Integer(), nullable=False, comment="Rows that were new."),
        sa.Column("rows_updated", sa.Integer(), nullable=False, comment="Rows whose values changed."),
        sa.Column("rows_removed", sa.Integer(), nullable=False, comment="Rows that the answer no longer holds."),
        sa.Column("rows_unchanged", sa.Integer(), nullable=False, comment="Rows that were equal and not rewritten."),
        sa.Column(
            "unknown_fields",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="Names of fields that this version does not know; their values are in extra.",
        ),
        sa.Column("warnings", postgresql.ARRAY(sa.Text()), nullable=True, comment="What was odd about the answer."),
        sa.Column("fetch_seconds", sa.Numeric(precision=12, scale=3), nullable=False, comment="Seconds spent waiting for the vendor."),
        sa.Column("load_seconds", sa.Numeric(precision=12, scale=3), nullable=False, comment="Seconds spent replacing the window."),
        sa.Column(
            "loaded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the window was committed.",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_load_log_organization_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["ops.run_log.run_id"], name=op.f("fk_load_log_run_id")),
        sa.PrimaryKeyConstraint("load_id", name=op.f("pk_load_log")),
        schema="ops",
        comment="One row per window that was replaced.",
    )
    op.create_index("ix_load_log_run", "load_log", ["run_id"], unique=False, schema="ops")
    op.create_index(
        "ix_load_log_stream_fetch", "load_log", ["organization_id", "endpoint", "bucket_width", "fetch_number"], unique=False, schema="ops"
    )
    op.create_table(
        "revisions",
        sa.Column("revision_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the revision."),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Endpoint of the stream."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column("bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Start of the bucket in UTC, aligned to its width."),
        sa.Column("group_id", sa.Integer(), nullable=False, comment="Combination of dimensions."),
        sa.Column("change", sa.Text(), nullable=False, comment="changed or removed."),
        sa.Column(
            "was_complete", sa.Boolean(), nullable=False, comment="Whether the bucket had counted as complete: a restatement, not growth."
        ),
        sa.Column("old_values", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="Values before the change."),
        sa.Column(
            "new_values", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="Values after the change; null for a removed row."
        ),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the change was committed.",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_revisions_organization_id")
        ),
        sa.PrimaryKeyConstraint("revision_id", name=op.f("pk_revisions")),
        schema="ops",
        comment="One row per fact row that a later answer changed or removed.",
    )
    op.create_index(
        "ix_revisions_stream_bucket",
        "revisions",
        ["organization_id", "endpoint", "bucket_width", "bucket_start"],
        unique=False,
        schema="ops",
    )
    op.create_table(
        "watermarks",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Endpoint of the stream."),
        sa.Column(
            "bucket_width", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Width of the bucket in minutes: 1, 60 or 1440."
        ),
        sa.Column(
            "loaded_from",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Start of the first window of scheduled runs; from here to the watermark nothing may be missing.",
        ),
        sa.Column(
            "watermark",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Everything before this instant was loaded at least once; moved by scheduled runs alone.",
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True, comment="When a window of the stream was last committed."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_watermarks_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "endpoint", "bucket_width", name=op.f("pk_watermarks")),
        schema="ops",
        comment="One row per stream: its watermark, and the row that a loader locks while it replaces a window.",
    )
    op.create_table(
        "dim_api_key",
        sa.Column(
            "api_key_version_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of this version of the names."
        ),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("api_key_id", sa.Text(), nullable=False, comment="Identifier of the key; never the key itself."),
        sa.Column("api_key_name", sa.Text(), nullable=True, comment="Name of the key."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Project that the key belongs to."),
        sa.Column("owner_id", sa.Text(), nullable=True, comment="User or service account that owns the key."),
        sa.Column("owner_name", sa.Text(), nullable=True, comment="Name of the owner as the vendor lists it with the key."),
        sa.Column("owner_kind", sa.Text(), nullable=True, comment="user or service_account."),
        sa.Column("redacted_value", sa.Text(), nullable=True, comment="First and last characters of the key, as the vendor shows them."),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True, comment="When the key was created."),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False, comment="When this version was first seen."),
        sa.Column(
            "valid_to", sa.DateTime(timezone=True), nullable=True, comment="When the next version was first seen; null for the newest."
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the entry was first missing from the vendor's list; null while it is listed.",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_dim_api_key_organization_id")
        ),
        sa.PrimaryKeyConstraint("api_key_version_id", name=op.f("pk_dim_api_key")),
        schema="warehouse",
        comment="API keys with the history of their names.",
    )
    op.create_index(
        "uq_dim_api_key_current",
        "dim_api_key",
        ["organization_id", "api_key_id"],
        unique=True,
        schema="warehouse",
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_table(
        "dim_cost_group",
        sa.Column("group_id", sa.Integer(), sa.Identity(always=True), nullable=False, comment="Key of the combination."),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to."),
        sa.Column("api_key_id", sa.Text(), nullable=True, comment="Identifier of the API key that made the requests."),
        sa.Column("line_item", sa.Text(), nullable=True, comment="Line of the invoice that the amount belongs to, as the vendor words it."),
        sa.Column("currency", sa.Text(), nullable=True, comment="Lowercase currency code of the amount; null when the vendor gave none."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_dim_cost_group_organization_id")
        ),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_dim_cost_group")),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "api_key_id",
            "line_item",
            "currency",
            name="uq_dim_cost_group_combination",
            postgresql_nulls_not_distinct=True,
        ),
        schema="warehouse",
        comment="One row per distinct combination of cost dimensions and currency.",
    )
    op.create_table(
        "dim_group",
        sa.Column("group_id", sa.Integer(), sa.Identity(always=True), nullable=False, comment="Key of the combination."),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("endpoint", sa.Text(), nullable=False, comment="Endpoint that reported the combination."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Identifier of the project that the usage belongs to."),
        sa.Column("user_id", sa.Text(), nullable=True, comment="Identifier of the user that the usage is attributed to."),
        sa.Column("api_key_id", sa.Text(), nullable=True, comment="Identifier of the API key that made the requests."),
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
        sa.Column(
            "api_source", sa.Text(), nullable=True, comment="Published source of the traffic; unlabeled means that no source was published."
        ),
        sa.Column("size", sa.Text(), nullable=True, comment="Size of the images as width x height."),
        sa.Column("source", sa.Text(), nullable=True, comment="Operation that made the images: generation, edit or variation."),
        sa.Column("vector_store_id", sa.Text(), nullable=True, comment="Identifier of the vector store that was searched."),
        sa.Column("context_level", sa.Text(), nullable=True, comment="Search context size of the web search: low, medium or high."),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_dim_group_organization_id")
        ),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_dim_group")),
        sa.UniqueConstraint(
            "organization_id",
            "endpoint",
            "project_id",
            "user_id",
            "api_key_id",
            "model",
            "batch",
            "service_tier",
            "api_source",
            "size",
            "source",
            "vector_store_id",
            "context_level",
            name="uq_dim_group_combination",
            postgresql_nulls_not_distinct=True,
        ),
        schema="warehouse",
        comment="One row per distinct combination of usage dimensions; null means not asked for or not known to the vendor.",
    )
    op.create_table(
        "dim_project",
        sa.Column(
            "project_version_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of this version of the names."
        ),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("project_id", sa.Text(), nullable=False, comment="Identifier of the project."),
        sa.Column("project_name", sa.Text(), nullable=True, comment="Name of the project."),
        sa.Column("status", sa.Text(), nullable=True, comment="active or archived."),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True, comment="When the project was created."),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True, comment="When the project was archived."),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False, comment="When this version was first seen."),
        sa.Column(
            "valid_to", sa.DateTime(timezone=True), nullable=True, comment="When the next version was first seen; null for the newest."
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the entry was first missing from the vendor's list; null while it is listed.",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_dim_project_organization_id")
        ),
        sa.PrimaryKeyConstraint("project_version_id", name=op.f("pk_dim_project")),
        schema="warehouse",
        comment="Projects with the history of their names.",
    )
    op.create_index(
        "uq_dim_project_current",
        "dim_project",
        ["organization_id", "project_id"],
        unique=True,
        schema="warehouse",
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_table(
        "dim_user",
        sa.Column(
            "user_version_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of this version of the names."
        ),
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False, comment="Organization that the row belongs to."),
        sa.Column("user_id", sa.Text(), nullable=False, comment="Identifier of the user or service account."),
        sa.Column("user_name", sa.Text(), nullable=True, comment="Name of the user or service account."),
        sa.Column("user_email", sa.Text(), nullable=True, comment="E-mail address; null for service accounts."),
        sa.Column("role", sa.Text(), nullable=True, comment="Role in the organization or, for a service account, in its project."),
        sa.Column("user_kind", sa.Text(), nullable=True, comment="user or service_account."),
        sa.Column("project_id", sa.Text(), nullable=True, comment="Project of a service account; null for users."),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=True, comment="When the user was added or the service account created."
        ),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False, comment="When this version was first seen."),
        sa.Column(
            "valid_to", sa.DateTime(timezone=True), nullable=True, comment="When the next version was first seen; null for the newest."
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the entry was first missing from the vendor's list; null while it is listed.",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["warehouse.dim_organization.organization_id"], name=op.f("fk_dim_user_organization_id")
        ),
        sa.PrimaryKeyConstraint("user_version_id", name=op.f("pk_dim_user")),
        schema="warehouse",
        comment="Users and service accounts with the history of their names.",
    )
    op.create_index(
        "uq_dim_user_current",
        "dim_user",
        ["organization_id", "user_id"],
        unique=True,
        schema="warehouse",
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.get_bind().exec_driver_sql(CALENDAR)
    run_file("0001_roles.sql")
    run_file("0001_ensure_partition.sql")


def downgrade() -> None:
    # The roles stay: they belong to the whole server, and people may be members of them.
    op.execute("DROP SCHEMA IF EXISTS bi CASCADE")
    op.drop_index("uq_dim_user_current", table_name="dim_user", schema="warehouse", postgresql_where=sa.text("valid_to IS NULL"))
    op.drop_table("dim_user", schema="warehouse")
    op.drop_index("uq_dim_project_current", table_name="dim_project", schema="warehouse", postgresql_where=sa.text("valid_to IS NULL"))
    op.drop_table("dim_project", schema="warehouse")
    op.drop_table("dim_group", schema="warehouse")
    op.drop_table("dim_cost_group", schema="warehouse")
    op.drop_index("uq_dim_api_key_current", table_name="dim_api_key", schema="warehouse", postgresql_where=sa.text("valid_to IS NULL"))
    op.drop_table("dim_api_key", schema="warehouse")
    op.drop_table("watermarks", schema="ops")
    op.drop_index("ix_revisions_stream_bucket", table_name="revisions", schema="ops")
    op.drop_table("revisions", schema="ops")
    op.drop_index("ix_load_log_stream_fetch", table_name="load_log", schema="ops")
    op.drop_index("ix_load_log_run", table_name="load_log", schema="ops")
    op.drop_table("load_log", schema="ops")
    op.drop_table("coverage", schema="ops")
    op.drop_table("capabilities", schema="ops")
    op.drop_table("usage_web_search_calls", schema="warehouse")
    op.drop_table("usage_vector_stores", schema="warehouse")
    op.drop_table("usage_moderations", schema="warehouse")
    op.drop_table("usage_images", schema="warehouse")
    op.drop_table("usage_file_search_calls", schema="warehouse")
    op.drop_table("usage_embeddings", schema="warehouse")
    op.drop_table("usage_decisions", schema="warehouse")
    op.drop_table("usage_completions", schema="warehouse")
    op.drop_table("usage_code_interpreter_sessions", schema="warehouse")
    op.drop_table("usage_audio_transcriptions", schema="warehouse")
    op.drop_table("usage_audio_speeches", schema="warehouse")
    op.drop_table("dim_organization", schema="warehouse")
    op.drop_table("dim_model", schema="warehouse")
    op.drop_table("dim_line_item", schema="warehouse")
    op.drop_table("dim_date", schema="warehouse")
    op.drop_table("costs", schema="warehouse")
    op.drop_table("run_log", schema="ops")
    op.drop_table("check_results", schema="ops")
    op.execute(DropSequence(FETCH_NUMBER))
    op.execute("DROP SCHEMA warehouse CASCADE")
