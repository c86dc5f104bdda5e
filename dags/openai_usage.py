"""
### OpenAI usage, hourly

Loads what was used: one task per usage endpoint, day and hour buckets, for every organization. `allocate` then spreads the costs of the
days whose usage has changed over those who caused them, and `report` publishes the asset `bi.usage`.

**What a run does.** It reads the past hour, and the last three days again (`METERHOUSE_USAGE_LOOKBACK_DAYS`), because the
vendor adds late minutes and restates past buckets. Each window replaces its rows in the warehouse in one transaction. If
Airflow was down, the next run begins where the last one ended, so gaps close automatically.

**When a task fails.** The last line of its log, and its XCom `error`, say what to do. A wrong key or setting fails at once; a busy vendor
or warehouse is tried again. Nothing is ever half-written, and clearing a task is always safe. `allocate` runs
even if an endpoint failed, with what is stored. `report` fails and sends an alert if any task before it failed; clear it together with
that task.

**An endpoint that the organization does not offer** is not a failure: the task's result says `not_offered`.

**A run that takes longer than 45 minutes** is late and sends an alert. **To load past days again,** use the form of `openai_backfill`;
Airflow's own backfill works too, but creates a run for every hour.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import CronDataIntervalTimetable, dag, task

from meterhouse.catalogue.endpoints import USAGE
from meterhouse.orchestration.dag_parts import FACTS, VIEWS, deadline, task_defaults
from meterhouse.orchestration.last_tasks import last_tasks
from meterhouse.orchestration.pool import POOL


@dag(
    schedule=CronDataIntervalTimetable("0 * * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001  # Airflow reads it in the timetable's zone, UTC
    catchup=False,
    max_active_runs=1,
    default_args=task_defaults(
        retries=3, retry_delay=timedelta(minutes=1), max_retry_delay=timedelta(minutes=15), execution_timeout=timedelta(hours=1)
    ),
    deadline=deadline(timedelta(minutes=45)),
    tags=["meterhouse", "openai", "usage"],
    doc_md=__doc__,
)
def openai_usage() -> None:
    last = last_tasks(VIEWS["usage"])
    for endpoint in USAGE:

        @task(task_id=endpoint.name, outlets=[FACTS[endpoint.name]], pool=POOL)
        def load(name: str) -> list[dict[str, object]]:
            from meterhouse.orchestration.tasks import load_endpoint  # noqa: PLC0415  # keeps parsing fast

            return load_endpoint(name)

        load(endpoint.name) >> last


openai_usage()
