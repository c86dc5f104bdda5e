"""
### OpenAI costs, every six hours

Loads what was billed, by day, project, API key and line item (`costs`): these are the figures that tie to the invoice. `costs_by_user`
loads the same money once more, as the vendor bills it by user. `allocate` then finds out whose each billed cent is, and `report` publishes
the asset `bi.costs`.

**What a run does.** It reads today so far (`open`), yesterday, and the last ten days again (`METERHOUSE_COSTS_LOOKBACK_DAYS`); in the
first days of a month it goes back to the start of the previous month, so that a closed month is read again completely. Each window replaces
its rows in the warehouse in one transaction. The vendor adds to a day's bill for hours after midnight, so a day is `settling` until it has
been read 24 hours after its end (`METERHOUSE_COSTS_SETTLING_HOURS`). From then on it is `settled` and complete.

**When a task fails.** The last line of its log, and its XCom `error`, say what to do. A wrong key or setting fails at once; a busy vendor
or warehouse is tried again. Nothing is ever half-written, and clearing a task is always safe. `allocate` runs even if a load failed, with
what is stored. `report` fails and sends an alert if any task before it failed; clear it together with that task.

**An organization that does not bill by user** is not a failure: `costs_by_user` is skipped with one line that quotes the vendor, and its
costs are spread by what was used.

**To load past days again,** use the form of `openai_backfill`, or Airflow's own backfill of this DAG: four runs
per day.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import CronDataIntervalTimetable, dag, task

from meterhouse.catalogue.endpoints import COPIES_OF_COSTS, COSTS
from meterhouse.orchestration.dag_parts import FACTS, VIEWS, task_defaults
from meterhouse.orchestration.last_tasks import last_tasks
from meterhouse.orchestration.pool import POOL


@dag(
    # Not at a full hour, when everybody asks; the run at 01:17 settles the day that ended a day before.
    schedule=CronDataIntervalTimetable("17 1,7,13,19 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001  # Airflow reads it in the timetable's zone, UTC
    catchup=False,
    max_active_runs=1,
    default_args=task_defaults(
        retries=5, retry_delay=timedelta(minutes=5), max_retry_delay=timedelta(hours=1), execution_timeout=timedelta(hours=1)
    ),
    tags=["meterhouse", "openai", "costs"],
    doc_md=__doc__,
)
def openai_costs() -> None:
    last = last_tasks(VIEWS["costs"])
    for endpoint in (COSTS, *COPIES_OF_COSTS):

        @task(task_id=endpoint.name, outlets=[FACTS[endpoint.name]], pool=POOL)
        def load(name: str) -> list[dict[str, object]]:
            from meterhouse.orchestration.tasks import load_endpoint  # noqa: PLC0415  # keeps parsing fast

            return load_endpoint(name)

        load(endpoint.name) >> last


openai_costs()
