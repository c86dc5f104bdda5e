"""The end of a run with several loads: what they did in all, which of them failed and why, and the views that are complete with it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from meterhouse.errors import FixConfiguration
from meterhouse.orchestration.alerts import Problem, ProblemsFound, problem_of
from meterhouse.orchestration.dag_parts import BACKFILLED, family

log = logging.getLogger(__name__)

COUNTED = (
    "windows",
    "pages",
    "buckets",
    "rows_inserted",
    "rows_updated",
    "rows_removed",
    "rows_unchanged",
    "restated_buckets",
    "fetch_seconds",
    "load_seconds",
)
# The task that reads what a person has just typed.
FORM = "plan"
# The XCom of a load that was skipped, as it loaded nothing of what was asked for: why.
NOTHING_LOADED = "nothing_loaded"
_GOOD_STATES = {"success", "skipped", "removed"}


def row_counts(summaries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the summaries of several streams add up to: counts, and seconds of waiting and loading."""
    found = list(summaries)
    return {name: round(sum(summary.get(name, 0) for summary in found), 3) for name in COUNTED}


def report_run() -> dict[str, Any]:
    """Return what the run's loads did in all, and publish their views; raises `ProblemsFound` when one of them failed.

    Skipped when nothing was to be loaded, as after a dry run. Fails when a form asked for something and nothing of it could be loaded.
    """
    context = get_current_context()
    ti = context["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    others = {name: str(state) for name, state in states.items() if name != ti.task_id}
    if failed := sorted(name for name, state in others.items() if state not in _GOOD_STATES):
        raise ProblemsFound([problem for name in failed if (problem := _problem(ti, name, others[name], failed))])
    summaries = [summary for name, state in others.items() if state == "success" for summary in _summaries(ti, name)]
    if not summaries:
        reasons = {
            str(reason): name for name, state in others.items() if state == "skipped" and (reason := _pulled(ti, name, NOTHING_LOADED))
        }
        if reasons and FORM in ti.task.dag.task_dict:
            # The person who filled in the form is watching the run.
            raise ProblemsFound(
                [problem_of(f"{ti.dag_id}/{_shown(ti, name)}", NOTHING_LOADED, why, is_seen=True) for why, name in reasons.items()]
            )
        raise AirflowSkipException("; ".join(reasons) or "there was nothing to load")
    for views in {family(summary["endpoint"]).name: family(summary["endpoint"]) for summary in summaries}.values():
        counts = row_counts(summary for summary in summaries if family(summary["endpoint"]) == views)
        if views in ti.task.outlets:
            context["outlet_events"][views].extra = counts
        else:
            context["outlet_events"][BACKFILLED].add(views, extra=counts)
    totals = row_counts(summaries)
    log.info("%d streams: %s", len(summaries), ", ".join(f"{name} {value:,}" for name, value in totals.items()))
    return totals


def _summaries(ti: Any, name: str) -> Sequence[dict[str, Any]]:
    """Return the summaries that a task has returned; nothing for a task that plans."""
    found = _pulled(ti, name, "return_value") or []
    return [summary for summary in found if "rows_inserted" in summary]


def _pulled(ti: Any, name: str, key: str) -> Any:
    """Return an XCom of a task by the name that its state stands under, `task` or `task_<map index>`."""
    if name in ti.task.dag.task_dict:
        return ti.xcom_pull(task_ids=name, key=key, map_indexes=-1)
    task, _, index = name.rpartition("_")
    return ti.xcom_pull(task_ids=task, key=key, map_indexes=int(index))


def _problem(ti: Any, name: str, state: str, failed: Sequence[str]) -> Problem | None:
    """Return what made a task fail, in its own words; None for one that did not run because another failed."""
    if state == "upstream_failed" and len(failed) > 1:
        return None
    error = _pulled(ti, name, "error") or {"kind": state, "text": f"it ended as {state}: see its log"}
    is_seen = name == FORM and error["kind"] == FixConfiguration.__name__
    return problem_of(f"{ti.dag_id}/{_shown(ti, name)}", error["kind"], error["text"], is_seen=is_seen)


def _shown(ti: Any, name: str) -> str:
    """Return the name that the grid shows: that of the piece for a mapped task."""
    if name in ti.task.dag.task_dict:
        return name
    planned = _pulled(ti, FORM, "return_value") or []
    index = int(name.rpartition("_")[2])
    return str(planned[index]["name"]) if index < len(planned) else name
