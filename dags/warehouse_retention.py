"""
### Warehouse retention

Drops hours older than `METERHOUSE_RETENTION_HOURLY_DAYS` and minutes older than `METERHOUSE_RETENTION_MINUTELY_DAYS`, every night. Days
are kept forever. If neither is set, which is the default, the task is skipped and everything is kept.

**What a run does.** It locks one stream for a moment at a time, as a load does, so loads and readers can continue. For each table it
returns the rows, buckets and bytes that were dropped.

**When the task fails.** The last line of its log, and its XCom `error`, say what to do. What it has dropped stays dropped; after clearing,
the task continues from there. To see what would go before a limit is set: `METERHOUSE_RETENTION_HOURLY_DAYS=90 meterhouse retain`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import CronDataIntervalTimetable, dag, task

from meterhouse.orchestration.dag_parts import ALERT, task_defaults


@dag(
    schedule=CronDataIntervalTimetable("45 3 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001  # Airflow reads it in the timetable's zone, UTC
    catchup=False,
    max_active_runs=1,
    default_args=task_defaults(
        retries=3, retry_delay=timedelta(minutes=10), max_retry_delay=timedelta(hours=1), execution_timeout=timedelta(hours=6)
    ),
    tags=["meterhouse", "openai", "retention"],
    doc_md=__doc__,
)
def warehouse_retention() -> None:
    @task(on_failure_callback=ALERT)
    def retain() -> list[dict[str, object]]:
        from meterhouse.orchestration.tasks import drop_what_is_over  # noqa: PLC0415  # keeps parsing fast

        return drop_what_is_over()

    retain()


warehouse_retention()
