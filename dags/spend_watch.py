"""
### Spend watch

Reports budgets that have reached a threshold, budgets that will be passed, and unusual days, after every load of costs. Each threshold is
reported once per budget and period, and so is "will be passed on the 24th"; an unusual day is reported once, however often it is restated.
docs/budgets.md says how budgets are written down.

**What a run does.** It looks at `bi.budget_status` and `bi.cost_anomalies`, which the load has just brought up to date, and sends what is
new in one message through the connections of the alerts, `meterhouse_alerts` and `meterhouse_alerts_mail`. Without a connection nothing
is sent. A budget that falls below a threshold because the vendor restated a day, and reaches it again, is not
reported again.

**When the task fails.** The last line of its log, and its XCom `error`, say what to do. If no channel takes the message the task tries
again; what was not sent is due again with the next run. Clearing the task is always safe: what was sent is not sent again.

**To send it now,** trigger this DAG, or use `meterhouse budgets report`; with `--dry-run` that shows what is due.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task

from meterhouse.orchestration.dag_parts import ALERT, VIEWS, task_defaults


@dag(
    schedule=VIEWS["costs"],
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001  # Airflow reads it as UTC
    catchup=False,
    max_active_runs=1,
    default_args=task_defaults(
        retries=3, retry_delay=timedelta(minutes=5), max_retry_delay=timedelta(minutes=30), execution_timeout=timedelta(minutes=30)
    ),
    tags=["meterhouse", "openai", "budgets"],
    doc_md=__doc__,
)
def spend_watch() -> None:
    @task(on_failure_callback=ALERT)
    def notices() -> dict[str, object]:
        from meterhouse.orchestration.tasks import watch_spending  # noqa: PLC0415  # keeps parsing fast

        return watch_spending()

    notices()


spend_watch()
