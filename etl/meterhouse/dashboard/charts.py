"""Every chart of a snapshot, the same for the page and for the report. Pure."""

from __future__ import annotations

from meterhouse.dashboard.chart import Chart
from meterhouse.dashboard.cost_charts import (
    cost_by_api_key,
    cost_by_category,
    cost_by_line_item,
    cost_by_project,
    cost_by_user,
    cost_over_time_by_model,
    cost_per_day,
    cost_total,
    months,
)
from meterhouse.dashboard.driver_chart import drivers
from meterhouse.dashboard.savings_chart import savings
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.team_chart import cost_by_team
from meterhouse.dashboard.usage_charts import (
    requests_by_model,
    requests_over_time,
    requests_shares,
    tokens_over_time,
    usage_by_api_key,
    usage_by_user,
    usage_total,
)
from meterhouse.dashboard.waste_charts import batch_by_model, cached_by_model

__all__ = ["Chart", "all_charts", "cost_total", "usage_total"]


def all_charts(snapshot: Snapshot) -> list[Chart]:
    """Return every chart in the order in which the page shows them."""
    return [
        cost_per_day(snapshot),
        tokens_over_time(snapshot),
        requests_over_time(snapshot),
        drivers(snapshot),
        cost_by_project(snapshot),
        cost_by_line_item(snapshot),
        cost_by_category(snapshot),
        cost_over_time_by_model(snapshot),
        cost_by_api_key(snapshot),
        cost_by_user(snapshot),
        cost_by_team(snapshot),
        requests_by_model(snapshot),
        *requests_shares(snapshot),
        usage_by_api_key(snapshot),
        usage_by_user(snapshot),
        savings(snapshot),
        cached_by_model(snapshot),
        batch_by_model(snapshot),
        months(snapshot),
    ]
