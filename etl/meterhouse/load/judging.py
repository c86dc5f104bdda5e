"""Judging: which days of an organization's costs were odd, found out at the end of every load, after the allocation."""

from __future__ import annotations

import logging

from meterhouse.counts import counted
from meterhouse.load.store import Store
from meterhouse.setting_values import AmountByCurrency
from meterhouse.warehouse.anomalies import Judged, judge
from meterhouse.warehouse.database import translated

log = logging.getLogger(__name__)


def judge_costs(store: Store, label: str, floor: AmountByCurrency) -> Judged | None:
    """Bring the odd days of an organization up to date, and log what changed; None if nothing of it was ever loaded."""
    organization_id = store.organization_id(label)
    if organization_id is None:
        return None
    with translated(f"{label}/anomalies"):
        judged = judge(store.connection, organization_id, floor)
    if judged.days:
        log.info(
            "%s: %s judged: %s new, %d changed, %d withdrawn",
            label,
            counted(judged.days, "day"),
            counted(judged.new, "odd cost"),
            judged.changed,
            judged.withdrawn,
        )
    return judged
