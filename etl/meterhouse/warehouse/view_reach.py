"""View reach: every view in the order in which they build on each other, and what a team role sees of it."""

from __future__ import annotations

from enum import Enum

from meterhouse.warehouse.rollup_tables import ROLLUPS
from meterhouse.warehouse.schema import ALLOCATION_TABLES, COST_CHANGES, COST_FORECASTS


class Reach(Enum):
    """What a team role sees of a view."""

    PROJECTS = "rows of its projects"
    ORGANIZATION = "rows of the organizations of its projects"
    EVERYTHING = "everything"
    NOTHING = "nothing: not in bi_team"


# Every view, in the order in which they build on each other, and what a team role sees of it.
REACH = {
    "usage_daily": Reach.PROJECTS,
    "usage_hourly": Reach.PROJECTS,
    "usage_minutely": Reach.PROJECTS,
    "usage_daily_spine": Reach.PROJECTS,
    "usage_daily_local": Reach.PROJECTS,
    "usage_daily_by_model": Reach.PROJECTS,
    "usage_daily_by_tier": Reach.PROJECTS,
    "usage_daily_by_api_key": Reach.PROJECTS,
    "usage_daily_by_user": Reach.PROJECTS,
    "usage_hourly_by_project": Reach.PROJECTS,
    "usage_daily_local_by_project": Reach.PROJECTS,
    "costs_daily": Reach.PROJECTS,
    "costs_daily_by_line_item": Reach.PROJECTS,
    "costs_daily_by_api_key": Reach.PROJECTS,
    "costs_daily_by_project": Reach.PROJECTS,
    "costs_daily_spine": Reach.PROJECTS,
    "tokens_by_model_daily": Reach.PROJECTS,
    "usage_by_api_key_daily": Reach.PROJECTS,
    "spend_month_to_date": Reach.PROJECTS,
    "spend_by_project_month": Reach.PROJECTS,
    "spend_by_line_item_daily": Reach.PROJECTS,
    "costs_by_user_daily": Reach.PROJECTS,
    "cost_allocation_daily": Reach.PROJECTS,
    "spend_by_user_month": Reach.PROJECTS,
    "spend_by_api_key_month": Reach.PROJECTS,
    "spend_by_model_month": Reach.PROJECTS,
    "cost_changes": Reach.PROJECTS,
    "exchange_rates": Reach.EVERYTHING,
    "costs_converted_daily": Reach.PROJECTS,
    "spend_by_team_month": Reach.PROJECTS,
    "team_assignments": Reach.NOTHING,  # names anybody's keys and users
    "budget_status": Reach.NOTHING,  # limits of anybody's projects, keys and users
    "invoice_lines": Reach.NOTHING,  # bills of whole organizations
    "invoice_tie_out": Reach.NOTHING,
    "cost_corrections": Reach.PROJECTS,
    "prepaid_purchases": Reach.NOTHING,  # credits of whole organizations
    "prepaid_balance": Reach.NOTHING,
    "focus_costs": Reach.PROJECTS,  # invoices and purchases only with a whole organization
    "prices": Reach.ORGANIZATION,
    "effective_prices_daily": Reach.PROJECTS,
    "price_drift": Reach.PROJECTS,
    "usage_estimated_cost_daily": Reach.PROJECTS,
    "billed_and_estimated_daily": Reach.PROJECTS,
    "savings_monthly": Reach.PROJECTS,
    "dormant_callers": Reach.PROJECTS,
    "cost_forecast": Reach.PROJECTS,
    "forecast_accuracy": Reach.PROJECTS,
    "cost_anomalies": Reach.PROJECTS,
    "coverage": Reach.ORGANIZATION,
    "freshness": Reach.ORGANIZATION,
    "settle_curve": Reach.NOTHING,  # made of whole organizations' totals
    "revisions": Reach.PROJECTS,
    "checks": Reach.NOTHING,  # findings are texts, which may name anybody's projects
    "dim_organization": Reach.ORGANIZATION,
    "dim_date": Reach.EVERYTHING,
    "dim_project": Reach.PROJECTS,
    "dim_user": Reach.PROJECTS,
    "dim_api_key": Reach.PROJECTS,
    "dim_model": Reach.PROJECTS,
    "dim_line_item": Reach.PROJECTS,
    "dim_team": Reach.NOTHING,
    "fact_usage_daily": Reach.PROJECTS,
    "fact_costs_daily": Reach.PROJECTS,
    "data_dictionary": Reach.EVERYTHING,
}
VIEW_NAMES = tuple(REACH)
TEAM_VIEW_NAMES = tuple(name for name, reach in REACH.items() if reach is not Reach.NOTHING)
# Tables that keep the project of each row, and so are scoped by it.
SUMS = (*(rollup.name for rollup in ROLLUPS), *ALLOCATION_TABLES, COST_FORECASTS, COST_CHANGES)
# What replaces these tables in bi_team, in the order in which they build on each other.
SCOPED = (
    *(f"warehouse.{table}" for table in SUMS),
    "warehouse.dim_organization", "warehouse.dim_group", "warehouse.dim_cost_group",
    "warehouse.dim_cost_by_user_group", "warehouse.dim_project",
    "warehouse.dim_api_key", "warehouse.dim_line_item", "warehouse.dim_model", "warehouse.model_alias", "ops.revisions", "ops.coverage",
    "ops.watermarks", "ops.capabilities", "warehouse.cost_corrections", "warehouse.owner_assignments", "warehouse.contract_price",
    "warehouse.invoices", "warehouse.invoice_lines", "warehouse.prepaid_purchases",
    "warehouse.dim_user", "warehouse.cost_anomalies", "warehouse.planned_activity", "warehouse.cost_comparisons",
)  # fmt: skip
# What the public views select from: names of models, of line items and of what has one now, all usage facts, local days, and more.
INTERNAL = (
    "model_names", "line_item_names", "usage_named", "current_projects", "current_users", "current_api_keys", "local_days",
    "loaded_local_days", "cost_months", "compared_month_days", "prepaid_use",
    "owner_teams",
    "priced_models", "price_list", "organization_currencies", "line_prices_daily", "usage_prices", "usage_estimated",
    "line_skus", "sku_prices", "charge_teams", "invoice_days", "account_charges",
)  # fmt: skip
