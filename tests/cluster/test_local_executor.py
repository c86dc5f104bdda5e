"""Airflow on the LocalExecutor, as `make up` runs it: the scheduler and the database go away in the middle of a load."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from .conftest import Say
from .loads import held_load
from .stack import SCHEDULER, Stack, running_stack
from .variations import BACKFILL

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

# Loaded by the same runs as what is held, and not disturbed.
ALSO = ["images", "costs"]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """One stack for both tests; each loads its own days."""
    with running_stack("local") as running:
        yield running


@pytest.mark.fault(75)
def test_a_task_that_was_killed_with_its_scheduler_is_run_again_by_the_next_one(stack: Stack, say: Say) -> None:
    with held_load(stack, stack.day(-110), ["completions"], ALSO) as load:
        # The tasks are the scheduler's own processes, so they die with it.
        stack.kill(SCHEDULER)
        killed = time.monotonic()
        load.gates["completions"].opened.set()
        assert load.is_in_its_middle("completions")
        stack.begin(SCHEDULER)
        stack.until("the task is tried again", 120, lambda: load.newest()["try_number"] == 2 and load.newest()["start_date"])
        again = time.monotonic() - killed
        stack.until_green(BACKFILL, load.run)
        ended = time.monotonic() - killed
        assert [number for number, _, _ in load.tries()] == [1, 2]
        assert load.tries()[-1] == (2, "success", SCHEDULER)
        assert load.times_asked("completions") == (1, 2)
        compared = load.assert_equals_source()
        say(f"tried again {again:.0f} s after the kill, green after {ended:.0f} s; {compared} totals equal the source")
    assert stack.restarted == []


def test_a_restarted_database_costs_tries_and_no_row(stack: Stack, say: Say) -> None:
    with held_load(stack, stack.day(-172), ["completions"], ALSO) as load:
        stack.restart_database(down_seconds=3)
        back = time.monotonic()
        load.gates["completions"].opened.set()
        stack.until_green(BACKFILL, load.run)
        ended = time.monotonic() - back
        tries = load.tries()
        # One for the lost connection, and perhaps one for the scheduler, whose own processes the tasks are.
        assert 2 <= len(tries) <= 3
        assert {state for _, state, _ in tries[:-1]} == {"failed"}
        assert tries[-1][1] == "success"
        compared = load.assert_equals_source()
        say(
            f"green {ended:.0f} s after the database was back, tries {tries}; ended by themselves and started again:"
            f" {', '.join(stack.restarted) or 'none'}; {compared} totals equal the source"
        )
