"""What the DAGs of reports call: the report of a week or a month for everybody, and each team's own, as files and by mail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from meterhouse.orchestration.connections import task_settings
from meterhouse.orchestration.tasks import data_interval, in_airflow_terms
from meterhouse.settings import Settings

Kind = Literal["weekly", "monthly"]


def write_report(kind: Kind) -> dict[str, object]:
    """Write the report of the last week or month before the run's end, and mail it where asked to; return where it is and its totals."""
    from meterhouse.dashboard.reader_url import reader_url  # noqa: PLC0415  # only where it is needed, as in `tasks`
    from meterhouse.orchestration.report_files import mail_report  # noqa: PLC0415  # as above

    with _asked_for(kind) as (settings, folder):
        written = _written(kind, reader_url(settings), folder, None)
        mail_report(written)
    summary: dict[str, object] = written.as_dict()
    return summary


def teams_with_reports(kind: Kind) -> list[str]:
    """Return the teams that get a report of their own by mail."""
    from meterhouse.orchestration.report_files import teams_to_mail  # noqa: PLC0415  # as above

    with _asked_for(kind) as (settings, _):
        return teams_to_mail(settings.require_warehouse())


def write_team_report(kind: Kind, team: str) -> dict[str, object]:
    """Write the same report as a team's role sees it, and mail it to the team's own people; return where it is and its totals."""
    from meterhouse.orchestration.report_files import mail_report, recipients_of  # noqa: PLC0415  # as above

    with _asked_for(kind) as (settings, folder):
        # The loader's address: the owner has lent it the teams' roles.
        url = settings.require_warehouse()
        to = recipients_of(url, team)
        written = _written(kind, url, folder, team)
        mail_report(written, to)
    summary: dict[str, object] = written.as_dict()
    return summary


@contextmanager
def _asked_for(kind: Kind) -> Iterator[tuple[Settings, Path]]:
    """The settings and the folder of the reports, with errors in Airflow's terms; skips the task when nobody asks for any."""
    with in_airflow_terms(get_current_context()):
        settings = task_settings()
        folder = settings.weekly_report_dir if kind == "weekly" else settings.monthly_report_dir
        if folder is None:
            raise AirflowSkipException(f"METERHOUSE_{kind.upper()}_REPORT_DIR is not set, so no report is wanted")
        yield settings, folder


def _written(kind: Kind, url: str, folder: Path, team: str | None) -> Any:
    from meterhouse.orchestration.monthly_report import month_over, write_month  # noqa: PLC0415  # as above
    from meterhouse.orchestration.weekly_report import week_before, write_week  # noqa: PLC0415  # as above

    context = get_current_context()
    interval = data_interval(context)
    # Not the clock: a run that is cleared a week later writes its own week again.
    end = interval.end if interval else context["dag_run"].run_after
    if kind == "weekly":
        return write_week(url, *week_before(end), folder, team=team)
    # The last try does not wait any longer: it writes what is known, and says what is not final.
    is_last = context["ti"].try_number > context["ti"].max_tries
    return write_month(url, month_over(end), folder, team=team, waits=not is_last)
