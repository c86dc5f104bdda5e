"""Catalogue -> SQLAlchemy MetaData: facts, dimensions, rollups and operational tables, with named constraints and column comments.

Migrations are generated from this metadata; the loader takes column lists and types from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from meterhouse import rollup_tables, set_aside
from meterhouse.columns import (
    BUCKET_START,
    BUCKET_WIDTH,
    FINALITY,
    INSTANT,
    OPS,
    SQL_TYPES,
    WAREHOUSE,
    column,
    dimension_column,
    identity,
    metadata,
    organization_column,
    stream_columns,
)
from meterhouse.endpoints import COSTS, LINE_ITEM, USAGE, USAGE_DIMENSIONS, Endpoint

BI = "bi"
TEAM = "bi_team"
OWNER_ROLE = "meterhouse_owner"
LOADER_ROLE = "meterhouse_loader"
READER_ROLE = "meterhouse_reader"
TEAM_ROLE = "meterhouse_team"
SCHEMA_REVISION = "0009"


dim_organization = sa.Table(
    "dim_organization",
    metadata,
    identity("organization_id", "Key of the organization in this warehouse.", sa.Integer),
    column("label", sa.Text, "Name that the settings give the organization; demo is the stand-in's.", nullable=False),
    column("vendor", sa.Text, "Vendor that the organization is a customer of.", nullable=False),
    column("created_at", INSTANT, "When the organization was first loaded.", nullable=False, server_default=sa.func.now()),
    column(
        "vendor_organization_id",
        sa.Text,
        "Identifier that the vendor gives the organization; null until a row of costs has told it.",
    ),
    sa.UniqueConstraint("label"),
    schema=WAREHOUSE,
    comment="One row per organization that is loaded.",
)

dim_group = sa.Table(
    "dim_group",
    metadata,
    identity("group_id", "Key of the combination.", sa.Integer),
    organization_column(),
    column("endpoint", sa.Text, "Endpoint that reported the combination.", nullable=False),
    *(dimension_column(dimension) for dimension in USAGE_DIMENSIONS),
    sa.UniqueConstraint(
        "organization_id",
        "endpoint",
        *(dimension.name for dimension in USAGE_DIMENSIONS),
        name="uq_dim_group_combination",
        postgresql_nulls_not_distinct=True,
    ),
    schema=WAREHOUSE,
    comment="One row per distinct combination of usage dimensions; null means not asked for or not known to the vendor.",
)

dim_cost_group = sa.Table(
    "dim_cost_group",
    metadata,
    identity("group_id", "Key of the combination.", sa.Integer),
    organization_column(),
    *(dimension_column(dimension) for dimension in COSTS.dimensions),
    column("currency", sa.Text, "Lowercase currency code of the amount; null when the vendor gave none."),
    sa.UniqueConstraint(
        "organization_id",
        *(dimension.name for dimension in COSTS.dimensions),
        "currency",
        name="uq_dim_cost_group_combination",
        postgresql_nulls_not_distinct=True,
    ),
    schema=WAREHOUSE,
    comment="One row per distinct combination of cost dimensions and currency.",
)


def group_table(endpoint: Endpoint) -> sa.Table:
    """Return the dimension table that gives `endpoint` its group ids."""
    return dim_cost_group if endpoint.is_costs else dim_group


def _day_indexes(endpoint: Endpoint) -> Iterator[sa.Index]:
    """Views show the UTC day, and people ask for ranges of it: without an index on it each question would read all months."""
    day = sa.text("((bucket_start AT TIME ZONE 'UTC')::date)")
    # A thousandth of the table; rows come in the order of their days, near enough.
    yield sa.Index(f"ix_{endpoint.table}_usage_date", day, postgresql_using="brin", postgresql_with={"autosummarize": "on"})
    if not endpoint.is_costs:
        # Day rows lie between the hours, of which there are ten times as many.
        yield sa.Index(f"ix_{endpoint.table}_usage_date_of_days", day, postgresql_where=sa.text("bucket_width = 1440"))


def _fact(endpoint: Endpoint) -> sa.Table:
    table = sa.Table(
        endpoint.table,
        metadata,
        column("bucket_start", INSTANT, BUCKET_START, primary_key=True),
        column("bucket_width", sa.SmallInteger, BUCKET_WIDTH, primary_key=True, autoincrement=False),
        # No foreign key: it would be checked for every row of a bulk load, and ids come from the loader's own map alone.
        column("group_id", sa.Integer, "Combination of dimensions.", primary_key=True, autoincrement=False),
        *(column(metric.name, SQL_TYPES[metric.kind], f"{metric.help} Unit: {metric.unit}.") for metric in endpoint.metrics),
        *([column("quantity_unit", sa.Text, "Unit of quantity; null when no single unit fits.")] if endpoint.is_costs else []),
        column("extra", JSONB, "Fields of the vendor's row that this version does not know, as they came."),
        *_day_indexes(endpoint),
        schema=WAREHOUSE,
        comment=f"{endpoint.help} One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    if endpoint.is_costs:
        table.append_constraint(sa.CheckConstraint("amount <> 'NaN'", name="amount_is_a_number"))
    return table


FACTS: dict[str, sa.Table] = {endpoint.name: _fact(endpoint) for endpoint in (*USAGE, COSTS)}

ROLLUPS: dict[str, sa.Table] = rollup_tables.TABLES

SET_ASIDE: sa.Table = set_aside.TABLE


def fact_columns(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the columns of a fact behind its key, in table order: metrics, for costs the unit, then extra."""
    return tuple(column.name for column in FACTS[endpoint.name].columns if not column.primary_key)


def _named(name: str, comment: str, *columns: sa.Column[Any]) -> sa.Table:
    """A dimension whose names have history: the row with valid_to null is the current one, or the last one known."""
    id_column = columns[0].name
    return sa.Table(
        name,
        metadata,
        identity(f"{name.removeprefix('dim_')}_version_id", "Key of this version of the names."),
        organization_column(),
        *columns,
        column("valid_from", INSTANT, "When this version was first seen.", nullable=False),
        column("valid_to", INSTANT, "When the next version was first seen; null for the newest."),
        column("deleted_at", INSTANT, "When the entry was first missing from the vendor's list; null while it is listed."),
        sa.Index(
            f"uq_{name}_current",
            "organization_id",
            id_column,
            unique=True,
            postgresql_where=sa.text("valid_to IS NULL"),
        ),
        schema=WAREHOUSE,
        comment=comment,
    )


dim_project = _named(
    "dim_project",
    "Projects with the history of their names.",
    column("project_id", sa.Text, "Identifier of the project.", nullable=False),
    column("project_name", sa.Text, "Name of the project."),
    column("status", sa.Text, "active or archived."),
    column("created_at", INSTANT, "When the project was created."),
    column("archived_at", INSTANT, "When the project was archived."),
)
dim_user = _named(
    "dim_user",
    "Users and service accounts with the history of their names.",
    column("user_id", sa.Text, "Identifier of the user or service account.", nullable=False),
    column("user_name", sa.Text, "Name of the user or service account."),
    column("user_email", sa.Text, "E-mail address; null for service accounts."),
    column("role", sa.Text, "Role in the organization or, for a service account, in its project."),
    column("user_kind", sa.Text, "user or service_account."),
    column("project_id", sa.Text, "Project of a service account; null for users."),
    column("created_at", INSTANT, "When the user was added or the service account created."),
)
dim_api_key = _named(
    "dim_api_key",
    "API keys with the history of their names.",
    column("api_key_id", sa.Text, "Identifier of the key; never the key itself.", nullable=False),
    column("api_key_name", sa.Text, "Name of the key."),
    column("project_id", sa.Text, "Project that the key belongs to."),
    column("owner_id", sa.Text, "User or service account that owns the key."),
    column("owner_name", sa.Text, "Name of the owner as the vendor lists it with the key."),
    column("owner_kind", sa.Text, "user or service_account."),
    column("redacted_value", sa.Text, "First and last characters of the key, as the vendor shows them."),
    column("created_at", INSTANT, "When the key was created."),
)

dim_model = sa.Table(
    "dim_model",
    metadata,
    column("model", sa.Text, "Model name as it appears in usage or in line items.", primary_key=True),
    column("model_family", sa.Text, "Model name without its release date; derived, best effort."),
    column("canonical_model", sa.Text, "Name under which all words for the model are shown, unless an alias says another; derived."),
    schema=WAREHOUSE,
    comment="One row per model name seen.",
)
dim_line_item = sa.Table(
    "dim_line_item",
    metadata,
    column(LINE_ITEM.name, sa.Text, LINE_ITEM.help, primary_key=True),
    column("surface", sa.Text, "Part of the platform before the bar, such as evals; derived."),
    column("model", sa.Text, "Model that the line item names; null when it names none; derived."),
    column("modality", sa.Text, "text, image or audio; null when the line item does not say; derived."),
    column("direction", sa.Text, "input, cached input, cache writes or output; null when the line item does not say; derived."),
    column("quantity_unit", sa.Text, "First unit that came with a quantity of the line; null while none did."),
    column("tier", sa.Text, "Service tier before the bar, such as priority; derived."),
    column("context_band", sa.Text, "Part behind the direction, such as long context; derived."),
    column("feature", sa.Text, "What was billed where it is not tokens of a model; derived."),
    column("is_parsed", sa.Boolean, "Whether this version knows what every part of the line is; derived."),
    column("category", sa.Text, "What the line is for, such as text_tokens or tool_calls; derived from the words and the unit."),
    column("category_note", sa.Text, "Why the line names no key or no model; null where it names both; derived."),
    schema=WAREHOUSE,
    comment="One row per line item seen, with what can be read from its words.",
)
model_alias = sa.Table(
    "model_alias",
    metadata,
    column("model", sa.Text, "Word or name of a model, in lower case.", primary_key=True),
    column("shown_as", sa.Text, "Name under which it is shown.", nullable=False),
    column("created_at", INSTANT, "When it was set.", nullable=False, server_default=sa.func.now()),
    schema=WAREHOUSE,
    comment="One row per model that people want under another name; views look it up when they are read.",
)
dim_date = sa.Table(
    "dim_date",
    metadata,
    column("usage_date", sa.Date, "UTC day.", primary_key=True),
    column("year", sa.Integer, "Calendar year.", nullable=False),
    column("quarter", sa.Integer, "Quarter of the year, 1 to 4.", nullable=False),
    column("month", sa.Integer, "Month of the year, 1 to 12.", nullable=False),
    column("month_start", sa.Date, "First day of the month.", nullable=False),
    column("month_name", sa.Text, "English name of the month.", nullable=False),
    column("iso_week", sa.Integer, "ISO week of the year, 1 to 53.", nullable=False),
    column("week_start", sa.Date, "Monday of the week.", nullable=False),
    column("weekday", sa.Integer, "ISO day of the week, 1 for Monday to 7 for Sunday.", nullable=False),
    column("weekday_name", sa.Text, "English name of the weekday.", nullable=False),
    column("is_weekend", sa.Boolean, "Whether the day is a Saturday or Sunday.", nullable=False),
    schema=WAREHOUSE,
    comment="One row per UTC day, without gaps.",
)


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
    column("change", sa.Text, "changed or removed.", nullable=False),
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
