"""Operational tables: the part of the MetaData that describes loads, not figures: schema `ops`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from meterhouse.warehouse.columns import BUCKET_START, FINALITY, INSTANT, column, identity, metadata, organization_column, stream_columns
from meterhouse.warehouse.schema import OPS

watermarks = sa.Table(
    "watermarks",
    metadata,
    *stream_columns(primary_key=True),
    column("loaded_from", INSTANT, "Start of the first window of scheduled runs; from here to the watermark nothing may be missing."),
    column("watermark", INSTANT, "Everything before this instant was loaded at least once; moved by scheduled runs alone."),
    column("updated_at", INSTANT, "When a window of the stream was last committed."),
    schema=OPS,
    comment="One row per stream: its watermark, and the row that a loader locks while it replaces a window.",
)
coverage = sa.Table(
    "coverage",
    metadata,
    *stream_columns(primary_key=True),
    column("bucket_start", INSTANT, BUCKET_START, primary_key=True),
    column(
        "reported_start",
        INSTANT,
        "Start that the vendor gave the bucket; later than bucket_start when it was clipped.",
        nullable=False,
    ),
    column("reported_end", INSTANT, "End that the vendor gave the bucket.", nullable=False),
    column("is_complete", sa.Boolean, "Whether the bucket is settled: later readings are not expected to differ.", nullable=False),
    column("row_count", sa.Integer, "Rows of the bucket; 0 for one that was read and is empty.", nullable=False),
    column("source_grouping", sa.Text, "Dimensions that were asked for, joined by commas; empty for none.", nullable=False),
    column("changed_at", INSTANT, "When anything about the bucket last changed.", nullable=False),
    column("finality", FINALITY, "How final the bucket was when it was last read: open, settling or settled.", nullable=False),
    column(
        "content_digest",
        sa.LargeBinary,
        "Digest of the bucket's text in the vendor's answer; null when the text alone does not say what its rows are.",
    ),
    column(
        "origin",
        sa.Text,
        "api; file: and the first 12 digits of the SHA-256 of an imported file; or legacy-api.",
        nullable=False,
        server_default=sa.text("'api'"),
    ),
    sa.CheckConstraint("is_complete = (finality >= 'settled')", name="is_complete_from_settled_on"),
    schema=OPS,
    comment="One row per stream and bucket that was read, empty ones too.",
)
bucket_totals = sa.Table(
    "bucket_totals",
    metadata,
    *stream_columns(primary_key=True),
    column("bucket_start", INSTANT, BUCKET_START, primary_key=True),
    column("read_at", INSTANT, "When the vendor was asked.", primary_key=True),
    column("totals", JSONB, "Total by currency for costs, by metric for usage, as text with every digit.", nullable=False),
    schema=OPS,
    comment="One row per young day and reading at which its total was another one than at the reading before.",
)
revisions = sa.Table(
    "revisions",
    metadata,
    identity("revision_id", "Key of the revision."),
    *stream_columns(),
    column("bucket_start", INSTANT, BUCKET_START, nullable=False),
    column("group_id", sa.Integer, "Combination of dimensions.", nullable=False),
    column("change", sa.Text, "changed, removed or, for costs of a settled day, added.", nullable=False),
    column("was_complete", sa.Boolean, "Whether the bucket had counted as complete: a restatement, not growth.", nullable=False),
    column("old_values", JSONB, "Values before the change.", nullable=False),
    column("new_values", JSONB, "Values after the change; null for a removed row."),
    column("recorded_at", INSTANT, "When the change was committed.", nullable=False, server_default=sa.func.now()),
    sa.Index("ix_revisions_stream_bucket", "organization_id", "endpoint", "bucket_width", "bucket_start"),
    schema=OPS,
    comment="One row per fact row that a later answer changed or removed.",
)
capabilities = sa.Table(
    "capabilities",
    metadata,
    organization_column(primary_key=True),
    column("endpoint", sa.Text, "Endpoint that was probed.", primary_key=True),
    column("capability", sa.Text, "endpoint, history, or group_by: and a dimension.", primary_key=True),
    column("is_supported", sa.Boolean, "Whether the organization offers it.", nullable=False),
    column("detail", sa.Text, "What the vendor said."),
    column("probed_at", INSTANT, "When it was last found out.", nullable=False),
    schema=OPS,
    comment="One row per thing that an organization does or does not offer.",
)
run_log = sa.Table(
    "run_log",
    metadata,
    identity("run_id", "Key of the run."),
    column("command", sa.Text, "sync, backfill or directory.", nullable=False),
    column("parameters", JSONB, "What was asked for.", nullable=False),
    column("status", sa.Text, "running, done, failed or stopped.", nullable=False),
    column("started_at", INSTANT, "When the run began to write.", nullable=False),
    column("finished_at", INSTANT, "When it ended; null while it runs, or if it was killed."),
    column("error", sa.Text, "Why it failed."),
    column("server_session", sa.Text, "Server process that the run was connected to, and when that began: whether it still runs."),
    schema=OPS,
    comment="One row per run that wrote something.",
)
load_log = sa.Table(
    "load_log",
    metadata,
    identity("load_id", "Key of the load."),
    sa.Column("run_id", sa.BigInteger, sa.ForeignKey(f"{OPS}.run_log.run_id"), nullable=False, comment="Run that the load belongs to."),
    *stream_columns(),
    column("window_start", INSTANT, "Start of the window.", nullable=False),
    column("window_end", INSTANT, "End of the window, not part of it.", nullable=False),
    column("fetch_number", sa.BigInteger, "Order in which fetches began; an older one never replaces a newer one.", nullable=False),
    column("source_grouping", sa.Text, "Dimensions that were asked for, joined by commas.", nullable=False),
    column("pages", sa.Integer, "Pages of the answer.", nullable=False),
    column("buckets", sa.Integer, "Buckets replaced.", nullable=False),
    column("missing_buckets", ARRAY(INSTANT), "Buckets of the window that did not come and were left alone; null for none."),
    column("rows_inserted", sa.Integer, "Rows that were new.", nullable=False),
    column("rows_updated", sa.Integer, "Rows whose values changed.", nullable=False),
    column("rows_removed", sa.Integer, "Rows that the answer no longer holds.", nullable=False),
    column("rows_unchanged", sa.Integer, "Rows that were equal and not rewritten.", nullable=False),
    column("unknown_fields", ARRAY(sa.Text), "Names of fields that this version does not know; their values are in extra."),
    column("warnings", ARRAY(sa.Text), "What was odd about the answer."),
    column("fetch_seconds", sa.Numeric(12, 3), "Seconds spent waiting for the vendor.", nullable=False),
    column("load_seconds", sa.Numeric(12, 3), "Seconds spent replacing the window.", nullable=False),
    column("loaded_at", INSTANT, "When the window was committed.", nullable=False, server_default=sa.func.now()),
    # No default: a loader of an older version, which would leave out what came with a migration, cannot commit its window.
    column("schema_revision", sa.Text, "Migration that the loader was made for.", nullable=False),
    sa.Index("ix_load_log_stream_fetch", "organization_id", "endpoint", "bucket_width", "fetch_number"),
    sa.Index("ix_load_log_run", "run_id"),
    schema=OPS,
    comment="One row per window that was replaced.",
)
check_results = sa.Table(
    "check_results",
    metadata,
    identity("check_result_id", "Key of the result."),
    column("check_name", sa.Text, "Name of the check.", nullable=False),
    column("severity", sa.Text, "fail or warn.", nullable=False),
    column("is_ok", sa.Boolean, "Whether nothing was found.", nullable=False),
    column("findings", sa.Integer, "How many places were found.", nullable=False),
    column("detail", sa.Text, "The first places, in words; null when nothing was found."),
    column("checked_at", INSTANT, "When the check ran.", nullable=False),
    schema=OPS,
    comment="One row per check and time it ran.",
)
alerts = sa.Table(
    "alerts",
    metadata,
    column("problem", sa.Text, "What is wrong, in words that are the same each time it is found.", primary_key=True),
    column("told_on", sa.Date, "UTC day on which people were told.", primary_key=True),
    column("told_at", INSTANT, "When they were told.", nullable=False),
    schema=OPS,
    comment="One row per problem and UTC day that people were told of.",
)
team_access = sa.Table(
    "team_access",
    metadata,
    # By name and not by key: it may be granted before the first load, and outlives a purge.
    column("role_name", sa.Text, "Role of the team.", nullable=False),
    column("organization", sa.Text, "Label of the organization.", nullable=False),
    column("project_id", sa.Text, "Project that the team may see; null for the whole organization."),
    column("granted_at", INSTANT, "When it was granted.", nullable=False, server_default=sa.func.now()),
    sa.UniqueConstraint("role_name", "organization", "project_id", postgresql_nulls_not_distinct=True),
    schema=OPS,
    comment="One row per team role and project that it may see in bi_team.",
)
fetch_number = sa.Sequence("fetch_number", schema=OPS, metadata=metadata)
set_aside = sa.Table(
    "set_aside",
    metadata,
    *stream_columns(primary_key=True),
    column("bucket_start", INSTANT, BUCKET_START, primary_key=True),
    column(
        "position", sa.Integer, "Place among the rows of the bucket that were set aside, from 1.", primary_key=True, autoincrement=False
    ),
    column("reason", sa.Text, "Why the row could not be typed.", nullable=False),
    column("source_row", sa.Text, "The row as JSON text, cut off when it is long; anything like a key is masked.", nullable=False),
    column("fetch_number", sa.BigInteger, "Fetch that first came with the row.", nullable=False),
    column("recorded_at", INSTANT, "When it was set aside.", nullable=False, server_default=sa.func.now()),
    schema=OPS,
    comment="One row per row of the vendor that could not be typed, and so is in no figure; at most 100 of each bucket.",
)
