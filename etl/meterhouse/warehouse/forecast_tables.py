"""Forecast tables: what months were expected to cost, as seen on each settled day, and which state of the sources that was made from."""

from __future__ import annotations

import sqlalchemy as sa

from meterhouse.warehouse.columns import INSTANT, column, metadata, organization_column
from meterhouse.warehouse.schema import OPS, WAREHOUSE

_MONEY = sa.Numeric(28, 12)
_SHARE = sa.Numeric(12, 6)
_UNIT = "Unit: units of currency."

cost_forecasts = sa.Table(
    "cost_forecasts",
    metadata,
    organization_column(),
    column("month_start", sa.Date, "First day of the month.", nullable=False),
    column("series_kind", sa.Text, "organization, project or team.", nullable=False),
    column("series_key", sa.Text, "Identifier of the project or name of the team; empty for an organization.", nullable=False),
    column("project_id", sa.Text, "Project; null for the others, and for costs without a project."),
    column("currency", sa.Text, "Currency of the amounts; null when the vendor gave none."),
    column("as_of_date", sa.Date, "Last settled day that the forecast knew.", nullable=False),
    column("days_left", sa.Integer, "Days of the month after as_of_date.", nullable=False),
    column("billed_cost", _MONEY, f"Cost of the month up to as_of_date; null when it is not known. {_UNIT}"),
    column("previous_month_cost", _MONEY, f"Cost of the month before; null when it is not known. {_UNIT}"),
    column("forecast_rest_cost", _MONEY, f"Expected cost of the days left; null without a forecast. {_UNIT}"),
    column("expected_cost", _MONEY, f"Expected cost of the month; null without a forecast. {_UNIT}"),
    column("low_cost", _MONEY, f"Low end of the range; null without one. {_UNIT}"),
    column("high_cost", _MONEY, f"High end of the range; null without one. {_UNIT}"),
    column("model", sa.Text, "mean_of_7, weekday or weekday_trend; null without a forecast, or without days left."),
    column("origins", sa.Integer, "Past cases that the range comes from.", nullable=False),
    column("mean_error_share", _SHARE, "Mean error in the past cases, over what the days ahead cost; null when not known."),
    column("bias_share", _SHARE, "The same with its sign, positive for too much; null when not known."),
    column("inside_share", _SHARE, "Share of the past cases within the range of those known by then; null when not known."),
    column("reason", sa.Text, "Why there is no forecast, or short_history; null otherwise."),
    column("forecast_at", INSTANT, "When the forecast was made, or last differed.", nullable=False),
    sa.UniqueConstraint(
        "organization_id",
        "month_start",
        "series_kind",
        "series_key",
        "currency",
        "as_of_date",
        name="uq_cost_forecasts_day",
        postgresql_nulls_not_distinct=True,
    ),
    schema=WAREHOUSE,
    comment="One row per month, series of costs (organization, project, team), currency and settled day that it was forecast from.",
)
forecast_days = sa.Table(
    "forecast_days",
    metadata,
    organization_column(primary_key=True),
    column("as_of_date", sa.Date, "Last settled day that the forecasts knew.", primary_key=True),
    column("sources", sa.Text, "Digest of the state of costs, usage and teams that the forecasts were made from.", nullable=False),
    column("forecast_at", INSTANT, "When the forecasts were last made.", nullable=False),
    schema=OPS,
    comment="One row per organization and settled day that forecasts were made from.",
)
