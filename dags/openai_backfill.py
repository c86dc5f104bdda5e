"""
### OpenAI backfill, by hand

Loads a range of days again, whatever the schedule has loaded: one task per endpoint for days, more for hours and minutes. It moves no
watermark, and a scheduled run may go on beside it, or a second backfill.

**The form.** First and last day (both included), the endpoints, the bucket width. With **dry run** nothing is loaded: the log of `plan`,
and its XCom `plan`, say which windows would be asked for, in how many calls, what the warehouse holds of them already, and what lies
beyond the vendor's reach. **Force** lets an empty answer remove the rows of an old day; without it such an answer is refused.

**When a task fails or is stopped.** What was committed stays. Clear the task, or trigger the same range again: it goes on behind the
last window that was committed. When `plan` fails, its last line says which field to correct.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import Param, dag, task

from meterhouse.catalogue.endpoints import DAY, ENDPOINTS, WIDTHS
from meterhouse.orchestration.dag_parts import ALERT, BACKFILLED, task_defaults
from meterhouse.orchestration.pool import POOL

NAMES = list(ENDPOINTS)
PARAMS = {
    "from": Param(type="string", format="date", title="From", description="First day, UTC."),
    "to": Param(type="string", format="date", title="To", description="Last day, included."),
    "endpoints": Param(
        NAMES,
        type="array",
        items={"type": "string", "enum": NAMES},
        examples=NAMES,
        minItems=1,
        uniqueItems=True,
        title="Endpoints",
        description="All are chosen; remove what is not needed.",
    ),
    "bucket_width": Param(DAY.name, type="string", enum=list(WIDTHS), title="Bucket width", description="Costs have 1d alone."),
    "dry_run": Param(False, type="boolean", title="Dry run", description="Show the plan and load nothing."),
    "force": Param(False, type="boolean", title="Force", description="Let an empty answer remove the rows of an old day."),
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

    @task(outlets=[BACKFILLED], trigger_rule="all_done", on_failure_callback=ALERT)
    def report() -> dict[str, object]:
        from meterhouse.orchestration.report import report_run  # noqa: PLC0415  # keeps parsing fast

        return report_run()

    load.expand(piece=plan()) >> report()


openai_backfill()
