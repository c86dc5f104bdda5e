"""Last steps: what is worked out from an organization's costs at the end of every load, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from meterhouse.counts import counted
from meterhouse.errors import MeterhouseError
from meterhouse.load.forecasting import forecast_months
from meterhouse.load.judging import judge_costs
from meterhouse.load.store import Store
from meterhouse.settings import Settings
from meterhouse.warehouse.budget_status import judge_budgets
from meterhouse.warehouse.changes import compare_costs
from meterhouse.warehouse.database import Connection, translated

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worked:
    """How many days were allocated, and the errors of the steps that failed."""

    days: int
    errors: tuple[MeterhouseError, ...]


def work_out(settings: Settings, store: Store, label: str) -> Worked:
    """Allocate the costs of an organization, compare them, forecast its month, and judge its days and its budgets.

    A step that fails does not stop the others.
    """
    days = 0
    errors = []

    def allocate() -> None:
        nonlocal days
        days = store.allocate(label)
        if days:
            log.info("%s: the costs of %s are allocated", label, counted(days, "day"))

    steps = (
        allocate,
        lambda: _with_costs(store, label, "changes", compare_costs),
        lambda: forecast_months(store, label),
        lambda: judge_costs(store, label, settings.anomaly_floor),
        lambda: _with_costs(store, label, "budgets", judge_budgets),
    )
    for step in steps:
        try:
            step()
        except MeterhouseError as error:
            errors.append(error)
    return Worked(days, tuple(errors))


def _with_costs(store: Store, label: str, what: str, step: Callable[[Connection, int], object]) -> None:
    """Run a step over the costs of an organization, if it is loaded."""
    organization_id = store.organization_id(label)
    if organization_id is not None:
        with translated(f"{label}/{what}"):
            step(store.connection, organization_id)
