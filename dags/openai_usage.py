"""
### OpenAI usage, hourly

Loads what was used: one task per usage endpoint, day and hour buckets, for every organization. `report` then publishes the asset
`bi.usage`.

**What a run does.** It reads the past hour, and the last three days again (`METERHOUSE_USAGE_LOOKBACK_DAYS`), because the
vendor adds late minutes and restates past buckets. Each window replaces its rows in the warehouse in one transaction. If
Airflow was down, the next run begins where the last one ended, so gaps close automatically.

**When a task fails.** The last line of its log, and its XCom `error`, say what to do. A wrong key or setting fails at once; a busy vendor
or warehouse is tried again. Nothing is ever half-written, and clearing a task is always safe. `report` fails and
sends an alert if an endpoint failed; clear it together with the failed task.

**An endpoint that the organization does not offer** is not a failure: the task's result says `not_offered`.

**A run that takes longer than 45 minutes** is late and sends an alert. **To load past days again,** use the form of `openai_backfill`;
Airflow's own backfill works too, but creates a run for every hour.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import CronDataIntervalTimetable, dag, task

from meterhouse.catalogue.endpoints import USAGE
from meterhouse.orchestration.dag_parts import ALERT, FACTS, VIEWS, deadline, task_defaults
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
    @task(outlets=[VIEWS["usage"]], trigger_rule="all_done", on_failure_callback=ALERT)
    def report() -> dict[str, object]:
        from meterhouse.orchestration.report import report_run  # noqa: PLC0415  # keeps parsing fast

        return report_run()

    last = report()
    for endpoint in USAGE:

        @task(task_id=endpoint.name, outlets=[FACTS[endpoint.name]], pool=POOL)
        def load(name: str) -> list[dict[str, object]]:
            from meterhouse.orchestration.tasks import load_endpoint  # noqa: PLC0415  # keeps parsing fast

            return load_endpoint(name)

        load(endpoint.name) >> last


openai_usage()
