"""Catalogue -> SQLAlchemy MetaData: facts, dimensions, rollups and operational tables, with named constraints and column comments.

Migrations are generated from this metadata; its names come from `schema`, which is all that other commands need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from meterhouse.catalogue.endpoints import COSTS_FAMILY, ENDPOINTS, LINE_ITEM, USAGE, USAGE_FAMILY, Endpoint, Kind
from meterhouse.warehouse import (
    allocation_tables,
    anomaly_tables,
    brought_tables,
    budget_tables,
    change_tables,
    forecast_tables,
    operational_tables,
    price_tables,
    rollup_tables,
)
from meterhouse.warehouse.columns import (
    BUCKET_START,
    BUCKET_WIDTH,
    INSTANT,
    SQL_TYPES,
    column,
    dimension_column,
    identity,
    metadata,
    organization_column,
)
from meterhouse.warehouse.schema import (
    API_KEY_NAMES,
    COST_BY_USER_GROUPS,
    COST_GROUPS,
    PROJECT_NAMES,
    USAGE_GROUPS,
    USER_NAMES,
    WAREHOUSE,
    GroupTable,
    NamesTable,
    fact_columns,
)

# Code that goes through all tables takes it from here, so that they are included.
TABLES: sa.MetaData = metadata
SET_ASIDE: sa.Table = operational_tables.set_aside
COST_ALLOCATION: sa.Table = allocation_tables.cost_allocation
COST_CHANGES: sa.Table = change_tables.cost_changes
BROUGHT: tuple[sa.Table, ...] = (brought_tables.invoices, brought_tables.invoice_lines)
COST_FORECASTS: sa.Table = forecast_tables.cost_forecasts
ANOMALIES: tuple[sa.Table, ...] = (anomaly_tables.cost_anomalies, anomaly_tables.planned_activity, anomaly_tables.judged_days)
LIST_PRICES: sa.Table = price_tables.list_price
BUDGETS: sa.Table = budget_tables.budgets

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


def _groups(table: GroupTable, comment: str, *others: sa.Column[Any]) -> sa.Table:
    """Combinations, each once; `others` are the columns that are no dimensions."""
    known = {one.name: one for one in (organization_column(), *map(dimension_column, table.dimensions), *others)}
    names = (*table.owner, *table.columns)
    return sa.Table(
        table.name,
        metadata,
        identity("group_id", "Key of the combination.", sa.Integer),
        *(known[name] for name in names),
        sa.UniqueConstraint(*names, name=f"uq_{table.name}_combination", postgresql_nulls_not_distinct=True),
        schema=WAREHOUSE,
        comment=comment,
    )


_CURRENCY = "Lowercase currency code of the amount; null when the vendor gave none."
dim_group = _groups(
    USAGE_GROUPS,
    "One row per distinct combination of usage dimensions; null means not asked for or not known to the vendor.",
    column("endpoint", sa.Text, "Endpoint that reported the combination.", nullable=False),
)
dim_cost_group = _groups(
    COST_GROUPS,
    "One row per distinct combination of cost dimensions and currency.",
    column("currency", sa.Text, _CURRENCY),
)
dim_cost_by_user_group = _groups(
    COST_BY_USER_GROUPS,
    "One row per distinct combination of the dimensions of costs by user, and currency.",
    column("currency", sa.Text, _CURRENCY),
)


def _day_indexes(endpoint: Endpoint) -> Iterator[sa.Index]:
    """Views show the UTC day, and people ask for ranges of it: without an index on it each question would read all months."""
    day = sa.text("((bucket_start AT TIME ZONE 'UTC')::date)")
    # A thousandth of the table; rows come in the order of their days, near enough.
    yield sa.Index(f"ix_{endpoint.table}_usage_date", day, postgresql_using="brin", postgresql_with={"autosummarize": "on"})
    if len(endpoint.widths) > 1:
        # Day rows lie between the hours, of which there are ten times as many.
        yield sa.Index(f"ix_{endpoint.table}_usage_date_of_days", day, postgresql_where=sa.text("bucket_width = 1440"))


def _described(endpoint: Endpoint, name: str) -> tuple[Any, str]:
    """Return the type and the comment of a column of a fact."""
    described: dict[str, tuple[Any, str]] = {
        metric.name: (SQL_TYPES[metric.kind], f"{metric.help} Unit: {metric.unit}.") for metric in endpoint.metrics
    }
    described["quantity_unit"] = (sa.Text, "Unit of quantity; null when no single unit fits.")
    described["extra"] = (JSONB, "Fields of the vendor's row that this version does not know, as they came.")
    return described[name]


def _fact(endpoint: Endpoint) -> sa.Table:
    table = sa.Table(
        endpoint.table,
        metadata,
        column("bucket_start", INSTANT, BUCKET_START, primary_key=True),
        column("bucket_width", sa.SmallInteger, BUCKET_WIDTH, primary_key=True, autoincrement=False),
        # No foreign key: it would be checked for every row of a bulk load, and ids come only from the loader's own map.
        column("group_id", sa.Integer, "Combination of dimensions.", primary_key=True, autoincrement=False),
        *(column(name, *_described(endpoint, name)) for name in fact_columns(endpoint)),
        *_day_indexes(endpoint),
        schema=WAREHOUSE,
        comment=f"{endpoint.help} One row per bucket and combination of dimensions.",
        postgresql_partition_by="RANGE (bucket_start)",
    )
    for metric in endpoint.metrics:
        if metric.kind is Kind.DECIMAL and metric.required:
            table.append_constraint(sa.CheckConstraint(f"{metric.name} <> 'NaN'", name=f"{metric.name}_is_a_number"))
    return table


FACTS: dict[str, sa.Table] = {endpoint.name: _fact(endpoint) for endpoint in ENDPOINTS.values()}

_ROW_COUNT = "Rows of the facts that were added up."


def _rollup(rollup: rollup_tables.Rollup) -> sa.Table:
    measures = [*{USAGE_FAMILY: _usage_measures, COSTS_FAMILY: _cost_measures}[rollup.family]()]
    if rollup.has_quantities:
        measures += _quantity_measures()
    known = {
        "usage_date": column("usage_date", sa.Date, "UTC day.", nullable=False),
        "bucket_start": column("bucket_start", INSTANT, BUCKET_START, nullable=False),
    }
    grain = "day" if rollup.width.is_day else "hour"
    return sa.Table(
        rollup.name,
        metadata,
        *(known[name] for name in rollup.times),
        # No foreign key: it would be checked for every row, and the facts' own groups have it.
        column("organization_id", sa.Integer, "Organization that the row belongs to.", nullable=False),
        *([column("endpoint", sa.Text, "Endpoint that reported the rows.", nullable=False)] if "endpoint" in rollup.family.owner else []),
        *(dimension_column(dimension) for dimension in rollup.dimensions),
        *(column(name, sa.Text, f"{name.capitalize()} of the amounts.") for name in rollup.family.keys),
        column("row_count", sa.Integer, _ROW_COUNT, nullable=False),
        *measures,
        sa.UniqueConstraint(*rollup.key, name=f"uq_{rollup.name}", postgresql_nulls_not_distinct=True),
        schema=WAREHOUSE,
        comment=f"Sums of the {grain} facts by {' and '.join(dimension.name for dimension in rollup.dimensions)}; written with the facts.",
    )


def _usage_measures() -> Iterable[sa.Column[Any]]:
    """Sums are numeric: two figures that fit a bigint need not when added up, and a load must not fail for that."""
    total = sa.Numeric()
    yield column("rows_without_requests", sa.Integer, "Rows whose requests are null although their endpoint has them.", nullable=False)
    yield column("rows_without_tokens", sa.Integer, "Rows with a null for input or output tokens that their endpoint has.", nullable=False)
    yield column("cacheable_input_tokens", total, "Input tokens of the rows that tell the cached ones. Unit: tokens.")
    metrics = {metric.column: metric for endpoint in USAGE for metric in endpoint.metrics}
    yield from (column(name, total, f"{metric.help} Unit: {metric.unit}.") for name, metric in metrics.items())


def _cost_measures() -> Iterable[sa.Column[Any]]:
    yield column("rows_without_cost", sa.Integer, "Rows whose amount the vendor left out.", nullable=False)
    yield column("amount", sa.Numeric(), "Billed amounts, with every digit. Unit: units of currency.")
    yield column("cost", sa.Numeric(), "The same, of amounts rounded to twelve decimals as the views show them. Unit: units of currency.")


def _quantity_measures() -> Iterable[sa.Column[Any]]:
    yield column("rows_without_quantity", sa.Integer, "Rows whose quantity the vendor left out.")
    yield column(
        "quantity", sa.Numeric(), "Billed quantities, with every digit; null when they are in more than one unit. Unit: quantity_unit."
    )
    yield column("quantity_unit", sa.Text, "Unit of all quantities; null when there is none, or more than one.")


ROLLUPS: dict[str, sa.Table] = {rollup.name: _rollup(rollup) for rollup in rollup_tables.ROLLUPS}


def _named(names: NamesTable) -> sa.Table:
    """The row with valid_to null is the current one, or the last one known."""
    entry, *rest = names.columns
    return sa.Table(
        names.name,
        metadata,
        identity(names.version_column, "Key of this version of the names."),
        organization_column(),
        column(entry.name, sa.Text, entry.help, nullable=False),
        *(column(one.name, INSTANT if one.is_instant else sa.Text, one.help) for one in rest),
        column("valid_from", INSTANT, "When this version was first seen.", nullable=False),
        column("valid_to", INSTANT, "When the next version was first seen; null for the newest."),
        column("deleted_at", INSTANT, "When the entry was first missing from the vendor's list; null while it is listed."),
        sa.Index(f"uq_{names.name}_current", "organization_id", entry.name, unique=True, postgresql_where=sa.text("valid_to IS NULL")),
        schema=WAREHOUSE,
        comment=names.help,
    )


dim_project, dim_user, dim_api_key = map(_named, (PROJECT_NAMES, USER_NAMES, API_KEY_NAMES))

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
    column("usage_endpoint", sa.Text, "Usage endpoint that counts what is billed; null when none does; derived."),
    column("usage_quantity", sa.Text, "Figure of usage that counts what is billed; null when none does; derived."),
    column("unallocated_reason", sa.Text, "Why no usage can say whose the amount is; null when usage can; derived."),
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
