"""
### Monthly report

Writes one HTML file about the last month, after its close: five answers, what is to be done, four pictures, how the month ties to its
invoice, and what it cost by team, project and model. It is written only if the setting `METERHOUSE_MONTHLY_REPORT_DIR` names a folder.

**What a run does.** On the 3rd at 06:30 UTC, once the costs of the last day are settled, it writes `meterhouse-<year>-<month>.html` into
that folder, replacing an earlier file of the same month, completely or not at all. With a connection `meterhouse_report_mail` it also mails
the file, with the answers in the mail's text. If the month is not settled yet, it tries again for most of a day; the last try writes what
is known, and the file, the log and the mail say that the month is not settled. Without the setting the tasks are skipped.

**Teams.** `teams` lists the teams that have recipients (`meterhouse import recipients`), and `team_report` writes and mails the same report
to each of them, as that team's role sees it: only its own projects, and no invoice.

**When a task fails.** The last line of its log, and its XCom `error`, say what to do. Clearing a task is always safe: it writes the same
month again, and mails it again. Do so when the invoice was imported later: the file then says whether the month ties.

**To get one now,** trigger this DAG: it writes the month before the last 3rd, 06:30 UTC. With a logical date in an earlier month, it
writes the month before that one; or use `meterhouse report --out FILE --month 2026-10`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import CronDataIntervalTimetable, dag

from meterhouse.orchestration.dag_parts import task_defaults
from meterhouse.orchestration.reporting_tasks import reporting_tasks


@dag(
    # The costs of the last day are settled 24 hours after its end, and read at 01:17 on the 2nd at the earliest.
    schedule=CronDataIntervalTimetable("30 6 3 * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001  # Airflow reads it in the timetable's zone, UTC
    catchup=False,
    max_active_runs=1,
    default_args=task_defaults(
        retries=5, retry_delay=timedelta(hours=1), max_retry_delay=timedelta(hours=6), execution_timeout=timedelta(hours=1)
    ),
    tags=["meterhouse", "openai", "report"],
    doc_md=__doc__,
)
def monthly_report() -> None:
    reporting_tasks("monthly")


monthly_report()
