"""Everything is off for five days: the next scheduled runs close the gap on their own, and leave no trace of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.cluster.stack import SCHEDULER, Stack, running_stack
from tests.cluster.variations import Variation
from tests.postgres.comparison import assert_equals_source

from meterhouse.local.airflow import COMPONENTS
from meterhouse.local.first_load import ACTIVE, FIRST_DAGS, first_load

pytestmark = [pytest.mark.downtime, pytest.mark.timeout(900)]

# More than the three days that an hourly run reads again.
AWAY = timedelta(days=5)
BEHIND_VARIABLE = "METERHOUSE_TEST_SECONDS_BEHIND"
# Python runs this at the start of every process, and those that are forked from it keep the clock.
SITECUSTOMIZE = f"""
import os

if seconds := os.environ.get("{BEHIND_VARIABLE}"):
    import datetime

    import time_machine

    earlier = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=float(seconds))
    time_machine.travel(earlier, tick=True).start()
"""


def missing(stack: Stack) -> int:
    ((count,),) = stack.loaded.read("SELECT count(*) FROM bi.coverage WHERE status = 'missing'")
    return int(count)


def loaded_until(stack: Stack) -> dict[tuple[str, int], datetime]:
    return {
        (name, width): moment for name, width, moment in stack.loaded.query("SELECT endpoint, bucket_width, watermark FROM ops.watermarks")
    }


def scheduled_since(stack: Stack, dag: str, moment: datetime) -> list[str]:
    """The states of the runs that the schedule has started since `moment`."""
    runs = [run for run in stack.rest.runs(dag) if run["run_type"] == "scheduled"]
    return [run["state"] for run in runs if datetime.fromisoformat(run["queued_at"]) >= moment]


def test_five_days_of_downtime_are_closed_by_the_next_scheduled_runs_and_leave_no_hole() -> None:
    behind = {BEHIND_VARIABLE: str(AWAY.total_seconds())}
    with running_stack("local", Variation(environment=behind, modules={"sitecustomize.py": SITECUSTOMIZE}, behind=AWAY)) as stack:
        first_load(stack.rest, lambda _: None, stack.supervise)
        before = loaded_until(stack)
        longest = max(before.values())
        now = datetime.now(UTC)
        assert now - timedelta(days=6) < longest < now - timedelta(days=4)
        assert missing(stack) == 0

        # The power goes: all of Airflow, then the database.
        stack.children.stop([SCHEDULER])
        stack.children.stop([name for name in COMPONENTS if name != SCHEDULER])
        stack.server.stop()
        stack.fake.clock.advance(AWAY.total_seconds())
        stack.server.start()
        for environment in stack.environments.values():
            del environment[BEHIND_VARIABLE]
        back = datetime.now(UTC)
        for name in COMPONENTS:
            stack.begin(name)
        stack.airflow.wait_until_healthy(stack.rest, lambda _: None)

        # No hand is laid on it: what the schedule starts is all that runs, at most what was due when the power went and what is due now.
        def caught_up() -> bool:
            after = loaded_until(stack)
            return all(after[stream] - before[stream] >= AWAY - timedelta(hours=1) for stream in before)

        stack.until("every stream has caught up", 240, caught_up)
        stack.until("all runs have ended", 120, lambda: not any(stack.rest.runs(dag, ACTIVE) for dag in (*FIRST_DAGS, "warehouse_checks")))
        for dag in FIRST_DAGS:
            assert scheduled_since(stack, dag, back) in (["success"], ["success", "success"]), dag
        assert set(loaded_until(stack)) == set(before)
        assert stack.loaded.read("SELECT check_name, detail FROM bi.checks WHERE severity = 'fail' AND NOT is_ok") == []
        assert missing(stack) == 0
        days = stack.loaded.read(
            "SELECT min(usage_date), max(usage_date), count(DISTINCT usage_date) FROM bi.coverage WHERE endpoint = 'costs'"
        )
        ((first, last, count),) = days
        assert (last - first).days + 1 == count
        assert_equals_source(stack.loaded, first, date.fromordinal(last.toordinal() + 1), when="after the downtime")
