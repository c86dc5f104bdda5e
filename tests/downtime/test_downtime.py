"""Everything is off for five days: the next scheduled runs close the gap by themselves, and nothing of it is left to see."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.cluster.stack import SCHEDULER, Stack, Variation, running_stack
from tests.postgres.comparison import assert_equals_source

from meterhouse.local.airflow import COMPONENTS
from meterhouse.local.first_load import FIRST_DAGS, first_load

pytestmark = [pytest.mark.downtime, pytest.mark.timeout(900)]

# More than the three days that an hourly run reads again.
AWAY = timedelta(days=5)
LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


def clock_behind(span: timedelta) -> dict[str, str]:
    """The variables by which a process believes that it is earlier."""
    return {"LD_PRELOAD": str(LIBRARY), "FAKETIME": f"-{int(span.total_seconds())}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


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


@pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed (on Debian: apt-get install faketime)")
def test_five_days_of_downtime_are_closed_by_the_next_scheduled_runs_and_leave_no_hole() -> None:
    with running_stack("local", Variation(environment=clock_behind(AWAY), behind=AWAY)) as stack:
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
            for name in clock_behind(AWAY):
                del environment[name]
        back = datetime.now(UTC)
        for name in COMPONENTS:
            stack.begin(name)
        stack.airflow.wait_until_healthy(stack.rest, lambda _: None)

        # No hand is laid on it: what the schedule starts is all that runs.
        for dag in FIRST_DAGS:
            stack.until(f"{dag} has run by itself", 240, lambda dag=dag: "success" in scheduled_since(stack, dag, back))
        assert {len(scheduled_since(stack, dag, back)) for dag in FIRST_DAGS} == {1}
        stack.until("the checks have run", 120, lambda: "success" in scheduled_since(stack, "warehouse_checks", back))
        after = loaded_until(stack)
        assert set(after) == set(before)
        assert all(after[stream] - before[stream] >= AWAY - timedelta(hours=1) for stream in before)
        assert missing(stack) == 0
        days = stack.loaded.read(
            "SELECT min(usage_date), max(usage_date), count(DISTINCT usage_date) FROM bi.coverage WHERE endpoint = 'costs'"
        )
        ((first, last, count),) = days
        assert (last - first).days + 1 == count
        assert_equals_source(stack.loaded, first, date.fromordinal(last.toordinal() + 1), when="after the downtime")
