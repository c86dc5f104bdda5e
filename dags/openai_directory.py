"""
### OpenAI directory, daily

Loads the names of projects, users, service accounts and API keys, with their history. Usage and costs have only identifiers, and the
vendor forgets a name as soon as its key or user is deleted. Names that were seen once stay here, marked as deleted.

**When the task fails.** The last line of its log, and its XCom `error`, say what to do. Nothing is half-written; usage and costs load
without it, and get their names with the next successful run.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import CronDataIntervalTimetable, dag, task

from meterhouse.orchestration.dag_parts import ALERT, VIEWS, task_defaults
from meterhouse.orchestration.pool import POOL


@dag(
    schedule=CronDataIntervalTimetable("30 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001  # Airflow reads it in the timetable's zone, UTC
    catchup=False,
    max_active_runs=1,
    default_args=task_defaults(
        retries=3, retry_delay=timedelta(minutes=5), max_retry_delay=timedelta(hours=1), execution_timeout=timedelta(hours=1)
    ),
    tags=["meterhouse", "openai", "directory"],
    doc_md=__doc__,
)
def openai_directory() -> None:
    @task(task_id="directory", outlets=[VIEWS["names"]], pool=POOL, on_failure_callback=ALERT)
    def load() -> list[dict[str, object]]:
        from meterhouse.orchestration.tasks import load_directory  # noqa: PLC0415  # keeps parsing fast

        return load_directory()

    load()


openai_directory()
