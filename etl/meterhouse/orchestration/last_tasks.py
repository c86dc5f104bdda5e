"""Last tasks: how every run that loads figures ends. Whose each billed cent is, then what the run did in all. Parsed every minute."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, AssetAlias, task

from meterhouse.orchestration.dag_parts import ALERT
from meterhouse.orchestration.pool import POOL


def last_tasks(views: Asset | AssetAlias) -> Any:
    """Add `allocate` and then `report`, which publishes `views`, to the DAG; return the first, which all loads have to precede.

    Both run whatever became of the loads: what is stored is allocated, and `report` fails if a load or the allocation has failed.
    """

    @task(trigger_rule="all_done", pool=POOL)
    def allocate() -> list[dict[str, object]]:
        from meterhouse.orchestration.tasks import allocate_costs  # noqa: PLC0415  # keeps parsing fast

        return allocate_costs()

    @task(outlets=[views], trigger_rule="all_done", on_failure_callback=ALERT)
    def report() -> dict[str, object]:
        from meterhouse.orchestration.report import report_run  # noqa: PLC0415  # keeps parsing fast

        return report_run()

    first = allocate()
    first >> report()
    return first
