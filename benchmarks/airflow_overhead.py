"""What Airflow itself costs: seconds per task beyond its work, and seconds of an hourly run that finds nothing new.

Run it while `make up` runs, on an otherwise quiet machine:

    .venv/bin/python benchmarks/airflow_overhead.py --runs 5
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from meterhouse.local.airflow_rest import DONE, AirflowRest
from meterhouse.local.secrets_file import AIRFLOW_ADMIN, Secrets
from meterhouse.settings import load_settings
from meterhouse.stack_file import StackFile

DAG = "openai_usage"


class Rest(AirflowRest):
    """What a run looked like, task by task."""

    def tasks(self, run: str) -> list[dict[str, Any]]:
        """Return the tasks of a run with their times."""
        path = f"/api/v2/dags/{DAG}/dagRuns/{quote(run, safe='')}/taskInstances?limit=100"
        found: list[dict[str, Any]] = self._get(path)["task_instances"]
        return found

    def times(self, run: str) -> tuple[datetime, datetime]:
        """Return when a run began and ended."""
        found = self._get(f"/api/v2/dags/{DAG}/dagRuns/{quote(run, safe='')}")
        return datetime.fromisoformat(found["start_date"]), datetime.fromisoformat(found["end_date"])

    def summaries(self, run: str, task: str) -> list[dict[str, Any]]:
        """Return what a load returned."""
        path = f"/api/v2/dags/{DAG}/dagRuns/{quote(run, safe='')}/taskInstances/{task}/xcomEntries/return_value"
        found: list[dict[str, Any]] = self._get(path)["value"]
        return found


def one_run(rest: Rest) -> str:
    """Run the DAG for the hour that has passed and wait for its end."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    times = {"data_interval_start": (hour - timedelta(hours=1)).isoformat(), "data_interval_end": hour.isoformat()}
    run = rest.trigger(DAG, logical_date=datetime.now(UTC).isoformat(), **times)
    while (state := rest.state(DAG, run)) not in DONE:
        time.sleep(0.2)
    if state != "success":
        sys.exit(f"{run} ended as {state}")
    return run


def spread(values: Sequence[float]) -> str:
    """Return minimum, median and maximum in seconds."""
    return f"{min(values):.2f} / {statistics.median(values):.2f} / {max(values):.2f} s"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    count = parser.parse_args().runs
    home = load_settings().home
    address = StackFile.read(home).airflow_url
    if address is None:
        sys.exit("no stack runs here: start make up in another terminal")
    rest = Rest(address, AIRFLOW_ADMIN, Secrets.load(home).airflow_admin)
    walls, tasks, work, waits = [], [], [], []
    one_run(rest)  # the one that finds what is new
    for _ in range(count):
        run = one_run(rest)
        start, end = rest.times(run)
        walls.append((end - start).total_seconds())
        for task in rest.tasks(run):
            inner = 0.0
            if task["task_id"] != "report":
                found = rest.summaries(run, task["task_id"])
                inner = sum(summary["fetch_seconds"] + summary["load_seconds"] for summary in found)
                work.append(inner)
            tasks.append(task["duration"] - inner)
            waits.append((datetime.fromisoformat(task["start_date"]) - datetime.fromisoformat(task["queued_when"])).total_seconds())
    sys.stdout.write(
        f"{count} runs of {DAG} that found nothing new, minimum / median / maximum\n"
        f"  a run, from start to end           {spread(walls)}\n"
        f"  a task beyond its fetch and load   {spread(tasks)}\n"
        f"  a task's fetch and load            {spread(work)}\n"
        f"  a task from queued to started      {spread(waits)}\n"
    )


if __name__ == "__main__":
    main()
