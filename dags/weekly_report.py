"""
### Weekly report

Writes the dashboard's figures, charts and tables of the last week, Monday to Sunday, to one HTML file that opens offline: for those who
have no access to anything here. Nobody gets one unless the setting `METERHOUSE_WEEKLY_REPORT_DIR` names a folder.

**What a run does.** On Monday at 06:30 UTC, after the night's loads, it writes `meterhouse-<Monday>-to-<Sunday>.html` into that folder,
over a file of the same week, whole or not at all. With a connection `meterhouse_report_mail` it also mails the file, with the totals in the
mail's text. Days that are not loaded or not complete are named in the file, the log and the mail. Without the setting the task is skipped.

**When the task fails.** The last line of its log, and its XCom `error`, say what to do. A folder that cannot be written to and a mail
without addressees fail at once; a warehouse that is away or has nothing of the week yet, and a mail server that does not take the mail, are
tried again. Clearing the task is always safe: it writes the same week again, and mails it again.

**To have one now,** trigger this DAG: it writes the week before the last Monday, 06:30 UTC. Give a logical date of an earlier week to
have the week before that one. For any other days there is `meterhouse report --out FILE --from DAY --to DAY`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import CronDataIntervalTimetable, dag, task

from meterhouse.orchestration.dag_parts import ALERT, task_defaults


@dag(
    schedule=CronDataIntervalTimetable("30 6 * * 1", timezone="UTC"),
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001  # Airflow reads it in the timetable's zone, UTC
    catchup=False,
    max_active_runs=1,
    default_args=task_defaults(
        retries=3, retry_delay=timedelta(minutes=10), max_retry_delay=timedelta(hours=1), execution_timeout=timedelta(hours=1)
    ),
    tags=["meterhouse", "openai", "report"],
    doc_md=__doc__,
)
def weekly_report() -> None:
    @task(on_failure_callback=ALERT)
    def report() -> dict[str, object]:
        from meterhouse.orchestration.tasks import write_weekly_report  # noqa: PLC0415  # keeps parsing fast

        return write_weekly_report()

    report()


weekly_report()
