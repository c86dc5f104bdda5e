"""
### OpenAI backfill, by hand

Loads a range of days again, whatever the schedule has loaded: one task per endpoint for days, more for hours and minutes. It does not
move the watermark. A scheduled run or a second backfill can run at the same time. `allocate` then spreads the costs of the days that
changed over those who caused them, and `report` adds up what the run did.

**The form.** First and last day (both inclusive), the endpoints, the bucket width. With **dry run** nothing is loaded: the log of `plan`
and its XCom `plan` show which windows would be requested, in how many calls, what the warehouse already has, and what is too old for
the vendor to report. **Force** allows an empty answer to remove the rows of an old day; without it, such an answer is rejected.

**When a task fails or is stopped.** What was committed stays. Clear the task, or trigger the same range again: it continues after the
last committed window. If `plan` fails, its last log line says which field to correct.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import Param, dag, task

from meterhouse.catalogue.endpoints import DAY, ENDPOINTS, WIDTHS
from meterhouse.orchestration.dag_parts import BACKFILLED, task_defaults
from meterhouse.orchestration.last_tasks import last_tasks
from meterhouse.orchestration.pool import POOL

NAMES = list(ENDPOINTS)
PARAMS = {
    "from": Param(type="string", format="date", title="From", description="First day, UTC."),
    "to": Param(type="string", format="date", title="To", description="Last day (inclusive), UTC."),
    "endpoints": Param(
        NAMES,
        type="array",
        items={"type": "string", "enum": NAMES},
        examples=NAMES,
        minItems=1,
        uniqueItems=True,
        title="Endpoints",
        description="All are selected; remove those you do not need.",
    ),
    "bucket_width": Param(DAY.name, type="string", enum=list(WIDTHS), title="Bucket width", description="Costs have only 1d."),
    "dry_run": Param(False, type="boolean", title="Dry run", description="Show the plan and load nothing."),
    "force": Param(False, type="boolean", title="Force", description="Allow an empty answer to remove the rows of an old day."),
}


@dag(
    schedule=None,
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001  # Airflow reads it as UTC
    catchup=False,
    max_active_runs=2,
    default_args=task_defaults(
        retries=3, retry_delay=timedelta(minutes=1), max_retry_delay=timedelta(minutes=15), execution_timeout=timedelta(hours=6)
    ),
    params=PARAMS,
    tags=["meterhouse", "openai", "backfill"],
    doc_md=__doc__,
)
def openai_backfill() -> None:
    @task
    def plan() -> list[dict[str, str]]:
        from meterhouse.orchestration.tasks import plan_backfill  # noqa: PLC0415  # keeps parsing fast

        return plan_backfill()

    @task(map_index_template="{{ piece_name }}", outlets=[BACKFILLED], pool=POOL)
    def load(piece: dict[str, str]) -> list[dict[str, object]]:
        from meterhouse.orchestration.tasks import backfill_piece  # noqa: PLC0415  # keeps parsing fast

        return backfill_piece(piece)

    load.expand(piece=plan()) >> last_tasks(BACKFILLED)


openai_backfill()
