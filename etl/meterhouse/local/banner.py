"""The last words of `meterhouse up`: where everything is, what was loaded, and that a trial's data is invented."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from meterhouse.errors import MeterhouseError
from meterhouse.local.first_load import FirstRun
from meterhouse.warehouse.database import connect, translated
from meterhouse.warehouse.session import READ

EXAMPLE = "SELECT * FROM bi.spend_by_project_month"
LOADED = """
SELECT organization || ' usage ' || endpoint, count(*), min(usage_date), max(usage_date) FROM bi.usage_daily GROUP BY organization, endpoint
UNION ALL
SELECT organization || ' costs', count(*), min(usage_date), max(usage_date) FROM bi.costs_daily GROUP BY organization
ORDER BY 1
"""


def program() -> str:
    """Return what to type in a second terminal for our command, in whose shell no environment is active."""
    beside = Path(sys.executable).with_name("meterhouse")
    if not beside.exists():
        return "meterhouse"
    return os.path.relpath(beside) if beside.is_relative_to(Path.cwd()) else str(beside)


def loaded(reader_url: str) -> list[str]:
    """Return one line for each endpoint with rows, as a BI user sees them; a reason when they cannot be read."""
    try:
        with connect(reader_url, READ) as connection, translated("what was loaded"):
            rows = connection.execute(LOADED).fetchall()
    except MeterhouseError as error:
        return [f"cannot be read by the reader role yet ({error})"]
    lines = [f"{name:<44} {count:>9,} {'row ' if count == 1 else 'rows'}  {first} to {last}" for name, count, first, last in rows]
    return lines or ["nothing yet"]


def banner(
    *,
    airflow_url: str,
    dashboard_url: str,
    airflow_user: str,
    airflow_password: str,
    warehouse_url: str | None,
    notes: Sequence[str],
    runs: Sequence[FirstRun],
    demo: bool,
    seconds: float,
    logs: str,
) -> list[str]:
    """Return the lines; `warehouse_url` is the reader's, or None when the warehouse is the caller's own server."""
    failed = [run for run in runs if run.state != "success"]
    lines = ["", f"meterhouse is up ({seconds:.0f} s)" + (", but the first load failed" if failed else ""), ""]
    lines += [f"  Dashboard   {dashboard_url}"]
    lines += [f"  Airflow     {airflow_url}   user {airflow_user}   password {airflow_password}"]
    if warehouse_url:
        lines += [f"  Warehouse   {warehouse_url}", "              (reads the bi views; any BI tool takes it)"]
        lines += [f"  Try         {program()} sql '{EXAMPLE}'"]
    else:
        lines += ["  Warehouse   your own server (WAREHOUSE_URL)"]
    lines += [f"  Logs        {logs}"]
    for run in runs:
        lines += [f"  First run   {run.dag}: {run.state}"]
        lines += [f"              task {task}: {state}" for task, state in run.tasks.items() if state in {"failed", "upstream_failed"}]
    if failed:
        lines += ["              look at the failed task's log in Airflow; the schedule tries again"]
    if warehouse_url:
        lines += [f"  {'Loaded' if index == 0 else '':<12}{text}" for index, text in enumerate(loaded(warehouse_url))]
    if demo:
        lines += [
            "",
            "  This data is invented: no OPENAI_ADMIN_KEY is set, so a stand-in API made it up. It belongs to the organization",
        ]
        lines += [f"  demo, and `{program()} purge --organization demo` removes it."]
    elif any(line.lstrip().startswith(("demo ", "Loaded      demo ")) for line in lines):
        lines += [
            "",
            f"  The organization demo is invented, left from a trial without a key: `{program()} purge --organization demo` removes it.",
        ]
    lines += [f"  {note}" for note in notes]
    return [*lines, "", "Ctrl-C stops everything.", ""]
