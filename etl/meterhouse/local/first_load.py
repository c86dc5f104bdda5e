"""The first synchronisation, as Airflow runs, so that an operator's first look shows green runs with the real tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from meterhouse.counts import counted
from meterhouse.errors import TryAgainLater
from meterhouse.local.airflow_rest import DONE, AirflowRest
from meterhouse.warehouse.database import connect, translated
from meterhouse.warehouse.session import READ

# Names first, so that the facts find them.
FIRST_DAGS = ("openai_directory", "openai_costs", "openai_usage")
SCHEDULED_SECONDS = 20
LOAD_SECONDS = 3600
ACTIVE = ("queued", "running")


@dataclass(frozen=True)
class FirstRun:
    """A run that was waited for, and how it ended."""

    dag: str
    run: str
    state: str
    tasks: dict[str, str]


def never_loaded(warehouse_url: str, labels: Iterable[str]) -> list[str]:
    """Return those of `labels` that have nothing loaded yet, such as a first key after a trial with the demo organization."""
    with connect(warehouse_url, READ) as connection, translated("the first load"):
        query = (
            "SELECT DISTINCT label FROM warehouse.dim_organization JOIN ops.watermarks USING (organization_id) WHERE watermark IS NOT NULL"
        )
        loaded = {label for (label,) in connection.execute(query)}
    return [label for label in labels if label not in loaded]


def first_load(
    rest: AirflowRest, progress: Callable[[str], None], check: Callable[[], None], *, newcomers: Sequence[str] = ()
) -> list[FirstRun]:
    """Run each DAG that never succeeded, all of them when there are `newcomers`, wait for them, and return how they ended.

    `check` raises when a process died.
    """
    waiting = {
        dag: _run_to_wait_for(rest, dag, check, is_new=bool(newcomers))
        for dag in FIRST_DAGS
        if newcomers or not rest.runs(dag, ["success"])
    }
    finished: list[FirstRun] = []
    deadline = time.monotonic() + LOAD_SECONDS
    while waiting:
        check()
        for dag, run in list(waiting.items()):
            state = rest.state(dag, run)
            if state in DONE:
                finished.append(FirstRun(dag, run, state, rest.task_states(dag, run)))
                del waiting[dag]
        if waiting:
            if time.monotonic() > deadline:
                raise TryAgainLater(f"the first load has not ended after {LOAD_SECONDS} s: look at it in Airflow")
            progress(", ".join(f"{dag} {_done(rest.task_states(dag, run))}" for dag, run in waiting.items()))
            time.sleep(0.5)
    return finished


def _run_to_wait_for(rest: AirflowRest, dag: str, check: Callable[[], None], *, is_new: bool) -> str:
    """Return a run that is under way or that the schedule is about to start; else start one, even if there are old ones, if `is_new`."""
    deadline = time.monotonic() + SCHEDULED_SECONDS
    while True:
        if active := rest.runs(dag, ACTIVE):
            return str(active[0]["dag_run_id"])
        if time.monotonic() > deadline or not _due(rest.dags()[dag]):
            break
        check()
        time.sleep(0.5)
    if not is_new and (done := rest.runs(dag, ["success"])):
        return str(done[0]["dag_run_id"])
    # Without an interval a run has nothing to load; the loader itself goes back to where the history starts.
    now = datetime.now(tz=UTC).replace(microsecond=0)
    midnight = now.replace(hour=0, minute=0, second=0)
    return rest.trigger(dag, logical_date=now.isoformat(), data_interval_start=midnight.isoformat(), data_interval_end=now.isoformat())


def _due(dag: dict[str, Any]) -> bool:
    """Return whether the scheduler is about to start a run on its own."""
    if dag.get("is_paused"):
        return False
    run_after = dag.get("next_dagrun_run_after")
    return run_after is not None and datetime.fromisoformat(run_after) <= datetime.now(tz=UTC)


def _done(tasks: dict[str, str]) -> str:
    ready = sum(state in {"success", "skipped"} for state in tasks.values())
    again = sum(state == "up_for_retry" for state in tasks.values())
    return f"{ready}/{counted(len(tasks), 'task')}" + (f" ({again} will be tried again)" if again else "")
