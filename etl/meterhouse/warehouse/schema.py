"""Schema: the names of the warehouse that every command needs: schemas, roles, the revision, tables and their columns. Pure.

The MetaData of the migrations (`tables`) is built from these lists. Only a migration loads it: that takes a third of a second.
"""

from __future__ import annotations

from dataclasses import dataclass

from meterhouse.catalogue.endpoints import (
    COSTS,
    COSTS_BY_USER,
    COSTS_BY_USER_FAMILY,
    COSTS_FAMILY,
    USAGE_DIMENSIONS,
    USAGE_FAMILY,
    Dimension,
    Endpoint,
)
from meterhouse.warehouse.rollup_tables import ROLLUPS

WAREHOUSE = "warehouse"
OPS = "ops"
BI = "bi"
TEAM = "bi_team"
# For tables of the customer's own.
MY = "my"
OWNER_ROLE = "meterhouse_owner"
LOADER_ROLE = "meterhouse_loader"
READER_ROLE = "meterhouse_reader"
TEAM_ROLE = "meterhouse_team"
MY_ROLE = "meterhouse_my"
SCHEMA_REVISION = "0023"


@dataclass(frozen=True)
class GroupTable:
    """A table that numbers combinations of dimensions: `owner` says whose a combination is, `columns` are what it is made of."""

    name: str
    owner: tuple[str, ...]
    dimensions: tuple[Dimension, ...]
    others: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a combination, in table order."""
        return (*(dimension.name for dimension in self.dimensions), *self.others)


USAGE_GROUPS = GroupTable("dim_group", USAGE_FAMILY.owner, USAGE_DIMENSIONS, USAGE_FAMILY.keys)
COST_GROUPS = GroupTable("dim_cost_group", COSTS_FAMILY.owner, COSTS.dimensions, COSTS_FAMILY.keys)
COST_BY_USER_GROUPS = GroupTable("dim_cost_by_user_group", COSTS_BY_USER_FAMILY.owner, COSTS_BY_USER.dimensions, COSTS_BY_USER_FAMILY.keys)
_GROUPS = {USAGE_FAMILY: USAGE_GROUPS, COSTS_FAMILY: COST_GROUPS, COSTS_BY_USER_FAMILY: COST_BY_USER_GROUPS}


def group_table(endpoint: Endpoint) -> GroupTable:
    """Return the dimension table that gives `endpoint` its group ids."""
    return _GROUPS[endpoint.family]


def fact_columns(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the columns of a fact behind its key, in table order: metrics, for costs the unit, then extra."""
    return (*(metric.name for metric in endpoint.metrics), *endpoint.family.values, "extra")


@dataclass(frozen=True)
class NamesColumn:
    """A column of names: text, or an instant."""

    name: str
    help: str
    is_instant: bool = False


@dataclass(frozen=True)
class NamesTable:
    """A dimension whose names have history. The first column is the identifier of the entry; all others may be null."""

    name: str
    help: str
    columns: tuple[NamesColumn, ...]

    @property
    def version_column(self) -> str:
        """The key of one version of the names."""
        return f"{self.name.removeprefix('dim_')}_version_id"


PROJECT_NAMES = NamesTable(
    "dim_project",
    "Projects with the history of their names.",
    (
        NamesColumn("project_id", "Identifier of the project."),
        NamesColumn("project_name", "Name of the project."),
        NamesColumn("status", "active or archived."),
        NamesColumn("created_at", "When the project was created.", is_instant=True),
        NamesColumn("archived_at", "When the project was archived.", is_instant=True),
    ),
)
USER_NAMES = NamesTable(
    "dim_user",
    "Users and service accounts with the history of their names.",
    (
        NamesColumn("user_id", "Identifier of the user or service account."),
        NamesColumn("user_name", "Name of the user or service account."),
        NamesColumn("user_email", "E-mail address; null for service accounts."),
        NamesColumn("role", "Role in the organization or, for a service account, in its project."),
        NamesColumn("user_kind", "user or service_account."),
        NamesColumn("project_id", "Project of a service account; null for users."),
        NamesColumn("created_at", "When the user was added or the service account created.", is_instant=True),
    ),
)
API_KEY_NAMES = NamesTable(
    "dim_api_key",
    "API keys with the history of their names.",
    (
        NamesColumn("api_key_id", "Identifier of the key; never the key itself."),
        NamesColumn("api_key_name", "Name of the key."),
        NamesColumn("project_id", "Project that the key belongs to."),
        NamesColumn("owner_id", "User or service account that owns the key."),
        NamesColumn("owner_name", "Name of the owner as the vendor lists it with the key."),
        NamesColumn("owner_kind", "user or service_account."),
        NamesColumn("redacted_value", "First and last characters of the key, as the vendor shows them."),
        NamesColumn("created_at", "When the key was created.", is_instant=True),
    ),
)

# Tables of the parts of billed amounts, by day and by month.
ALLOCATION_TABLES = ("cost_allocation", "rollup_cost_allocation")
COST_FORECASTS = "cost_forecasts"
# Table of the changes of costs, by project.
COST_CHANGES = "cost_changes"
# Tables of `ops` with rows about single buckets: what goes when a bucket is dropped.
OF_A_BUCKET = ("coverage", "revisions", "set_aside", "bucket_totals")
# Tables whose rows name their organization, those that others refer to last: what a purge empties behind the facts.
OF_AN_ORGANIZATION = (
    *((OPS, name) for name in ("set_aside", "load_log", "capabilities", "revisions", "bucket_totals", "coverage", "watermarks")),
    # Before what the last steps write: here a purge waits for one that is under way.
    *((OPS, name) for name in ("allocated_days", "judged_days", "forecast_days")),
    (WAREHOUSE, "cost_comparisons"),
    *((WAREHOUSE, name) for name in ("cost_corrections", "invoices", "prepaid_purchases", "owner_assignments")),
    *((WAREHOUSE, name) for name in ("cost_anomalies", "planned_activity")),
    (WAREHOUSE, "contract_price"),
    *((WAREHOUSE, name) for name in ("budgets", "budget_periods", "vendor_spend_limits")),
    (OPS, "notices"),
    *((WAREHOUSE, table.name) for table in (API_KEY_NAMES, USER_NAMES, PROJECT_NAMES)),
    *((WAREHOUSE, rollup.name) for rollup in ROLLUPS),
    *((WAREHOUSE, table) for table in (*ALLOCATION_TABLES, COST_FORECASTS, COST_CHANGES)),
    *((WAREHOUSE, table.name) for table in (COST_BY_USER_GROUPS, COST_GROUPS, USAGE_GROUPS)),
    (WAREHOUSE, "dim_organization"),
)
