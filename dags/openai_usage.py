"""
### OpenAI usage, hourly

Loads what was used: one task per usage endpoint, day and hour buckets, for every organization.

**What a run does.** It reads the hour that has passed, and the last three days once more (`METERHOUSE_USAGE_LOOKBACK_DAYS`), because the
vendor adds late minutes and restates past buckets. Each window replaces what the warehouse held for it, in one transaction. If Airflow
was down, the next run begins where the last one ended, so a gap closes by itself.

**When a task fails.** Look at the last line of its log: it says what to do. A wrong key or setting fails at once; a busy vendor or
warehouse is tried again. Nothing is ever half-written, and clearing a task is always safe.

**An endpoint that the organization does not offer** is not a failure: the task's result says `not_offered`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import dag, get_current_context, task
from airflow.timetables.interval import CronDataIntervalTimetable

from meterhouse.endpoints import USAGE

DEFAULTS: dict[str, Any] = {
    "owner": "meterhouse",
    "retries": 3,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
    "execution_timeout": timedelta(hours=1),
}


@dag(
    schedule=CronDataIntervalTimetable("0 * * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001  # Airflow reads it in the timetable's zone, UTC
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["meterhouse", "openai", "usage"],
    doc_md=__doc__,
)
def openai_usage() -> None:
    for endpoint in USAGE:

        @task(task_id=endpoint.name)
        def load(name: str) -> list[dict[str, object]]:
            from meterhouse.airflow_tasks import data_interval, load_endpoint  # noqa: PLC0415  # keeps parsing fast

            return load_endpoint(name, data_interval(dict(get_current_context())))

        load(endpoint.name)


openai_usage()
