"""
### Warehouse checks

Asks the warehouse, after every load and at least every six hours, whether its figures can be trusted: gaps, staleness, hours against days,
totals against an ungrouped total asked from the vendor, and more. Every check, what it means and what to do: docs/checks.md.

**What a run does.** The task `checks` runs all of them, logs a line for each, and keeps the results in `bi.checks`. One with the
severity `fail` that finds something has a second try look again a minute later, as a load may have been under way; if it is still there,
the task turns red and alerts, once a day for each problem. One with the severity `warn` is only shown.

**When the task fails.** The last line of its log, and its XCom `error`, name the checks and what they found. Cure the cause (a backfill of
the days named, a key, a watch on the vendor), then clear the task.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import AssetOrTimeSchedule, CronDataIntervalTimetable, dag, task

from meterhouse.orchestration.dag_parts import ALERT, VIEWS, task_defaults
from meterhouse.orchestration.pool import POOL


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronDataIntervalTimetable("20 */6 * * *", timezone="UTC"), assets=VIEWS["usage"] | VIEWS["costs"] | VIEWS["names"]
    ),
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001  # Airflow reads it in the timetable's zone, UTC
    catchup=False,
    max_active_runs=1,
    default_args=task_defaults(
        retries=3, retry_delay=timedelta(minutes=1), max_retry_delay=timedelta(minutes=15), execution_timeout=timedelta(hours=1)
    ),
    tags=["meterhouse", "openai", "checks"],
    doc_md=__doc__,
)
def warehouse_checks() -> None:
    @task(pool=POOL, on_failure_callback=ALERT)
    def checks() -> list[dict[str, object]]:
        from meterhouse.orchestration.tasks import check_warehouse  # noqa: PLC0415  # keeps parsing fast

        return check_warehouse()

    checks()


warehouse_checks()
