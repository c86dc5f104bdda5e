"""
### OpenAI directory, daily

Loads the names of projects, users, service accounts and API keys, with their history. Usage and costs carry identifiers alone, and the
vendor forgets a name as soon as its key or user is deleted: what was seen once stays here, marked as deleted.

**When the task fails.** Look at the last line of its log: it says what to do. Nothing is half-written; facts load without it, and get
their names with the next run that succeeds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import dag, task
from airflow.timetables.interval import CronDataIntervalTimetable

DEFAULTS: dict[str, Any] = {
    "owner": "meterhouse",
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(hours=1),
    "execution_timeout": timedelta(hours=1),
}


@dag(
    schedule=CronDataIntervalTimetable("30 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001  # Airflow reads it in the timetable's zone, UTC
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["meterhouse", "openai", "directory"],
    doc_md=__doc__,
)
def openai_directory() -> None:
    @task(task_id="directory")
    def load() -> list[dict[str, object]]:
        from meterhouse.airflow_tasks import load_directory  # noqa: PLC0415  # keeps parsing fast

        return load_directory()

    load()


openai_directory()
