"""Forecasting: what an organization's month will cost, worked out at the end of every load, after the allocation."""

from __future__ import annotations

import logging

from meterhouse.counts import counted
from meterhouse.load.store import Store
from meterhouse.warehouse.database import translated
from meterhouse.warehouse.forecasts import forecast_costs

log = logging.getLogger(__name__)


def forecast_months(store: Store, label: str) -> int:
    """Bring the forecasts of an organization up to date; return how many series were forecast, 0 if nothing has changed."""
    organization_id = store.organization_id(label)
    if organization_id is None:
        return 0
    with translated(f"{label}/forecast"):
        count = forecast_costs(store.connection, organization_id)
    if count:
        log.info("%s: the month is forecast, in %s of costs", label, counted(count, "series", "series"))
    return count
