"""
### Weekly report

Writes the dashboard's figures, charts and tables of the last week, Monday to Sunday, to one HTML file that opens offline: for people
without access to Airflow or the warehouse. It is written only if the setting `METERHOUSE_WEEKLY_REPORT_DIR` names a folder.

**What a run does.** On Monday at 06:30 UTC, after the night's loads, it writes `meterhouse-<Monday>-to-<Sunday>.html` into that folder,
replacing an earlier file of the same week, completely or not at all. With a connection `meterhouse_report_mail` it also mails the file,
with the totals, the five answers and what is to be done in the mail's text. The file, the log and the mail name the days that are not
loaded or not complete. Without the setting the tasks are skipped.

**Teams.** `teams` lists the teams that have recipients (`meterhouse import recipients`), and `team_report` writes and mails the same report
to each of them, as that team's role sees it: only its own projects.

**When a task fails.** The last line of its log, and its XCom `error`, say what to do. A folder that cannot be written to and a mail
without addressees fail at once; if the warehouse is unavailable or has nothing for the week yet, or the mail server rejects the mail,
the task tries again. Clearing a task is always safe: it writes the same week again, and mails it again.

**To get one now,** trigger this DAG: it writes the week before the last Monday, 06:30 UTC. With a logical date in an earlier week, it
writes the week before that one. For any other days, use `meterhouse report --out FILE --from DAY --to DAY`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import CronDataIntervalTimetable, dag

from meterhouse.orchestration.dag_parts import task_defaults
from meterhouse.orchestration.reporting_tasks import reporting_tasks


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
    reporting_tasks("weekly")


weekly_report()
