"""What the DAG files share: the assets, the alerts, and how a task is tried again. Parsed every minute, so it imports nothing heavy."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetAlias
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from meterhouse.catalogue.endpoints import ENDPOINTS

log = logging.getLogger(__name__)

# One a fact table: updated by every load of it, with the row counts in the event's extra.
FACTS = {
    endpoint.name: Asset(name=f"warehouse.{endpoint.table}", uri=f"meterhouse://warehouse/{endpoint.table}", group="meterhouse")
    for endpoint in ENDPOINTS.values()
}
# One a family of views: updated when all that it is made of has been loaded.
VIEWS = {name: Asset(name=f"bi.{name}", uri=f"meterhouse://bi/{name}", group="meterhouse") for name in ("usage", "costs", "names")}

# What a backfill has loaded is known when it runs: its tasks publish the assets above through this name.
BACKFILLED = AssetAlias(name="meterhouse.backfilled", group="meterhouse")


def family(endpoint: str) -> Asset:
    """Return the views that an endpoint's rows are shown in."""
    return VIEWS["costs" if ENDPOINTS[endpoint].is_costs else "usage"]


def task_defaults(*, retries: int, retry_delay: timedelta, max_retry_delay: timedelta, execution_timeout: timedelta) -> dict[str, Any]:
    """Return the `default_args` of a DAG. Only errors that time cures are tried again; the others fail at once (see `tasks`)."""
    return {
        "owner": "meterhouse",
        "retries": retries,
        "retry_delay": retry_delay,
        "retry_exponential_backoff": True,
        "max_retry_delay": max_retry_delay,
        "execution_timeout": execution_timeout,
        "on_retry_callback": [last_word],
        "on_failure_callback": [last_word],
    }


def deadline(interval: timedelta) -> DeadlineAlert:
    """Return the alert for a run that has not ended `interval` after it was queued."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=interval,
        callback=SyncCallback("meterhouse.orchestration.alerts.run_is_late"),
    )


def last_word(context: Any) -> None:
    """Make what to do the last line of a failed try's log, below the traceback."""
    # Airflow folds what callbacks say; this closes the fold.
    log.info("::endgroup::")
    log.error("%s", context.get("exception") or "the task ended without a word: look at the lines above")


def alert(context: Any) -> None:
    """Tell people of a task that has failed for good."""
    from meterhouse.orchestration.alerts import task_has_failed  # noqa: PLC0415  # keeps parsing fast

    task_has_failed(context)


# The `on_failure_callback` of the task that speaks for its run.
ALERT = [alert, last_word]
