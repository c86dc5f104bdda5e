"""The tasks of a DAG that writes reports: one for everybody, and one per team that has recipients. Parsed every minute."""

from __future__ import annotations

from typing import Literal

from airflow.sdk import get_current_context, task

from meterhouse.orchestration.dag_parts import ALERT


def reporting_tasks(kind: Literal["weekly", "monthly"]) -> None:
    """Add them to the DAG that is being declared."""

    @task(on_failure_callback=ALERT)
    def report() -> dict[str, object]:
        from meterhouse.orchestration.report_tasks import write_report  # noqa: PLC0415  # keeps parsing fast

        return write_report(kind)

    @task(on_failure_callback=ALERT)
    def teams() -> list[str]:
        from meterhouse.orchestration.report_tasks import teams_with_reports  # noqa: PLC0415  # as above

        return teams_with_reports(kind)

    # A team's mail that is not taken is tried again without the others'.
    @task(on_failure_callback=ALERT, map_index_template="{{ team_name }}")
    def team_report(team: str) -> dict[str, object]:
        from meterhouse.orchestration.report_tasks import write_team_report  # noqa: PLC0415  # as above

        get_current_context()["team_name"] = team  # type: ignore[typeddict-unknown-key]  # the name that the grid shows
        return write_team_report(kind, team)

    report()
    team_report.expand(team=teams())
