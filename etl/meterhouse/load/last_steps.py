"""Last steps: what is worked out from an organization's costs whenever they have changed, or what they are read by, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from meterhouse.counts import counted
from meterhouse.errors import MeterhouseError
from meterhouse.load.forecasting import forecast_months
from meterhouse.load.judging import judge_costs
from meterhouse.load.store import Store
from meterhouse.setting_values import AmountByCurrency
from meterhouse.warehouse.budget_status import judge_budgets
from meterhouse.warehouse.changes import compare_costs
from meterhouse.warehouse.database import Connection, translated

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worked:
    """How many days were allocated, and the errors of the steps that failed."""

    days: int
    errors: tuple[MeterhouseError, ...]


def work_out(store: Store, label: str, anomaly_floor: AmountByCurrency | None) -> Worked:
    """Allocate the costs of an organization, compare them, forecast its month, and judge its days and its budgets.

    Each step is a `last_step`, and writes nothing if nothing has changed. One that fails does not stop the others. Days are judged by
    `anomaly_floor`, the least amount worth a look; without one they wait for a caller that knows it.
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
        lambda: anomaly_floor and judge_costs(store, label, anomaly_floor),
        lambda: _with_costs(store, label, "budgets", judge_budgets),
    )
    for step in steps:
        try:
            step()
        except MeterhouseError as error:
            errors.append(error)
    return Worked(days, tuple(errors))


def work_out_all(store: Store, labels: Iterable[str], anomaly_floor: AmountByCurrency | None) -> dict[str, int]:
    """Do it for several organizations; return how many days were allocated, by label.

    Everything is tried for every organization before the first error is raised.
    """
    done = {label: work_out(store, label, anomaly_floor) for label in labels}
    for error in (error for worked in done.values() for error in worked.errors):
        raise error
    return {label: worked.days for label, worked in done.items()}


def _with_costs(store: Store, label: str, what: str, step: Callable[[Connection, int], object]) -> None:
    """Run a step over the costs of an organization, if it is loaded."""
    organization_id = store.organization_id(label)
    if organization_id is not None:
        with translated(f"{label}/{what}"):
            step(store.connection, organization_id)
