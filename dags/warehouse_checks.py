"""
### Warehouse checks

Asks the warehouse, after every load and at least every six hours, whether its figures can be trusted: gaps, staleness, hours against days,
totals against an ungrouped total asked from the vendor, and more. docs/checks.md lists every check, what it means and what to do.

**What a run does.** The task `checks` runs all of them, logs a line for each, and keeps the results in `bi.checks`. If a check
with the severity `fail` finds something, the task looks again a minute later, because a load may have been running. If the problem is
still there, the task fails and sends an alert, once per problem and day. A check with the severity `warn` is only shown.

**When the task fails.** The last line of its log, and its XCom `error`, name the checks and what they found. Fix the cause (for example
with a backfill of the days named, or a new key), then clear the task.
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
