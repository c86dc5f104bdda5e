"""
### OpenAI backfill, by hand

Loads a range of days again: one task per endpoint, whatever the schedule has loaded. It moves no watermark, and a scheduled run may go
on beside it. Trigger it with the first and the last day (both included), the endpoints and the bucket width.

**When a task fails or is stopped.** What was committed stays. Clear the task, or trigger the same range again: it goes on behind the
last window that was committed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from meterhouse.endpoints import ENDPOINTS, WIDTHS

DEFAULTS: dict[str, Any] = {
    "owner": "meterhouse",
    "retries": 3,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
    "execution_timeout": timedelta(hours=6),
}
PARAMS = {
    "from": Param(type="string", format="date", title="From", description="First day."),
    "to": Param(type="string", format="date", title="To", description="Last day, included."),
    "endpoints": Param(
        list(ENDPOINTS), type="array", items={"type": "string", "enum": list(ENDPOINTS)}, examples=list(ENDPOINTS), title="Endpoints"
    ),
    "bucket_width": Param("1d", type="string", enum=list(WIDTHS), title="Bucket width", description="Costs have 1d alone."),
}


@dag(
    schedule=None,
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001  # Airflow reads it as UTC
    catchup=False,
    max_active_runs=2,
    default_args=DEFAULTS,
    params=PARAMS,
    tags=["meterhouse", "openai", "backfill"],
    doc_md=__doc__,
)
def openai_backfill() -> None:
    @task
    def plan() -> list[str]:
        from meterhouse.airflow_tasks import plan_backfill  # noqa: PLC0415  # keeps parsing fast

        params = get_current_context()["params"]
        return plan_backfill(params["from"], params["to"], params["endpoints"], params["bucket_width"])

    @task(map_index_template="{{ endpoint_name }}")
    def load(endpoint: str) -> list[dict[str, object]]:
        from meterhouse.airflow_tasks import backfill_endpoint  # noqa: PLC0415  # keeps parsing fast

        context = get_current_context()
        context["endpoint_name"] = endpoint  # type: ignore[typeddict-unknown-key]  # the name that the grid shows
        params = context["params"]
        return backfill_endpoint(endpoint, params["from"], params["to"], params["bucket_width"])

    load.expand(endpoint=plan())


openai_backfill()
