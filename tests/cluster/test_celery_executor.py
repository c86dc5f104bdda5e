"""Airflow on the CeleryExecutor, with Redis and two workers: what is killed in the middle of a load recovers on its own."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.postgres.comparison import assert_equals_source

from meterhouse.catalogue.endpoints import ENDPOINTS, USAGE
from meterhouse.local.first_load import first_load

from .conftest import Say
from .listeners import listening_elsewhere
from .loads import WINDOW_DAYS, held_load
from .redis_server import NAME as REDIS
from .stack import HISTORY_DAYS, SCHEDULER, WORKERS, Stack, midnight, running_stack
from .variations import BACKFILL, FIRST_DAGS

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

# Loaded by the same runs as what is held, and not disturbed.
ALSO = ["images", "costs"]


@pytest.fixture(scope="module")
def stack(celery_and_redis: None) -> Iterator[Stack]:
    """One cluster for all tests of this file; each loads its own days."""
    with running_stack("celery") as running:
        yield running


def test_everything_is_loaded_by_both_workers_and_equals_the_source(stack: Stack, say: Say) -> None:
    say(f"the cluster was ready after {time.monotonic() - stack.begun:.0f} s")
    assert listening_elsewhere(stack.pids()) == []
    begun = time.monotonic()
    runs = [(done.dag, done.run) for done in first_load(stack.rest, lambda _: None, stack.supervise)]
    assert {dag for dag, _ in runs} == set(FIRST_DAGS) - {BACKFILL}
    first = stack.day(-HISTORY_DAYS - 20)
    runs.append((BACKFILL, stack.backfill(first, stack.day(-HISTORY_DAYS - 1), list(ENDPOINTS))))
    tasks = [task for dag, run in runs for task in stack.until_green(dag, run)]
    assert len(tasks) >= len(USAGE) + len(ENDPOINTS) + 2
    hosts = [task["hostname"] for task in tasks]
    assert set(hosts) == set(WORKERS)
    assert {task["try_number"] for task in tasks} == {1}
    compared = assert_equals_source(stack.loaded, first, stack.day(1))
    assert stack.loaded.read("SELECT count(*) FROM bi.costs_daily WHERE project_id IS NOT NULL AND project_name IS NULL") == [(0,)]
    share = ", ".join(f"{name} {hosts.count(name)}" for name in WORKERS)
    say(f"{len(runs)} runs green after {time.monotonic() - begun:.0f} s, tasks: {share}; {compared} totals equal")
    # From here on only the tests start runs, whatever the hour.
    for dag in stack.rest.dags():
        if dag != BACKFILL:
            stack.rest.pause(dag)


def test_a_task_whose_worker_was_killed_is_found_lost_and_ended_by_the_other_worker(stack: Stack, say: Say) -> None:
    with held_load(stack, stack.day(-110), ["completions"], ALSO) as load:
        worker = load.host
        (other,) = set(WORKERS) - {worker}
        stack.kill(worker)
        killed = time.monotonic()
        # The vendor's answer comes too late for the dead.
        load.gates["completions"].opened.set()
        assert load.is_in_its_middle("completions")
        stack.until("the task is found lost", 120, lambda: load.newest()["state"] != "running")
        lost = time.monotonic() - killed
        stack.until("the task is tried again", 120, lambda: load.newest()["try_number"] == 2 and load.newest()["start_date"])
        again = time.monotonic() - killed
        stack.until_green(BACKFILL, load.run)
        ended = time.monotonic() - killed
        assert load.tries() == [(1, "failed", worker), (2, "success", other)]
        assert "Detected a task instance without a heartbeat" in stack.log(SCHEDULER)
        # What the dead worker had committed is not asked for again; what it was waiting for is.
        assert load.times_asked("completions") == (1, 2)
        compared = load.assert_equals_source()
        say(
            f"found lost after {lost:.0f} s, tried again after {again:.0f} s, green after {ended:.0f} s; {compared} totals equal the source"
        )
    assert stack.restarted == []
    stack.begin_worker(worker)


def test_a_worker_that_is_asked_to_end_brings_its_load_home_first(stack: Stack, say: Say) -> None:
    with held_load(stack, stack.day(-110), ["embeddings"], []) as load:
        asked = time.monotonic()
        with stack.asked_to_end(load.host) as worker:
            time.sleep(5)
            assert worker.poll() is None
            assert load.is_in_its_middle("embeddings")
            load.gates["embeddings"].opened.set()
            stack.until("the worker ends", 60, lambda: worker.poll() is not None)
            ended = time.monotonic() - asked
        stack.until_green(BACKFILL, load.run)
        assert load.tries() == [(1, "success", load.host)]
        compared = load.assert_equals_source()
        say(f"the worker ended {ended:.0f} s after it was asked, 5 of which it waited for the vendor; {compared} totals equal")
    assert stack.restarted == []
    stack.begin_worker(load.host)


@pytest.mark.fault(74)
def test_a_frozen_worker_that_comes_back_too_late_changes_nothing(stack: Stack, say: Say) -> None:
    with held_load(stack, stack.day(-358), ["completions"], ALSO) as load:
        worker = load.host
        (other,) = set(WORKERS) - {worker}
        stack.freeze(worker)
        frozen = time.monotonic()
        try:
            load.gates["completions"].opened.set()
            stack.until_green(BACKFILL, load.run)
            ended = time.monotonic() - frozen
            assert load.tries() == [(1, "failed", worker), (2, "success", other)]
        finally:
            stack.thaw(worker)
        # Its task holds the vendor's answer by now, and learns that nobody waits for it any more.
        stack.until("the late task is ended", 60, lambda: "the task shouldn't be running anymore" in stack.log(worker))
        assert load.tries() == [(1, "failed", worker), (2, "success", other)]
        assert stack.rest.state(BACKFILL, load.run) == "success"
        # If it came to write before it was ended, it found that a later fetch had stored every bucket.
        written = stack.loaded.query(
            "SELECT buckets, rows_inserted + rows_updated + rows_removed FROM ops.load_log WHERE endpoint = 'completions'"
            " AND window_start = %s ORDER BY fetch_number DESC",
            [midnight(load.second)],
        )
        assert written[0][0] == WINDOW_DAYS
        assert written[1:] in ([], [(0, 0)])
        compared = load.assert_equals_source()
        late = "came to write and was fenced off" if written[1:] else "was ended before it could write"
        say(f"green {ended:.0f} s after the worker froze; when it thawed, its task {late}; {compared} totals equal")
    assert stack.restarted == []


@pytest.mark.fault(75)
def test_a_killed_scheduler_finds_its_tasks_on_the_workers_and_none_is_done_twice(stack: Stack, say: Say) -> None:
    with held_load(stack, stack.day(-172), ["completions", "embeddings"], ALSO) as load:
        stack.kill(SCHEDULER)
        killed = time.monotonic()
        load.gates["completions"].opened.set()
        stack.until("a worker ends its load without a scheduler", 60, lambda: load.is_loaded("completions"))
        stack.begin(SCHEDULER)
        stack.until("the other task is adopted", 120, lambda: "Adopted the following 1 tasks" in stack.log(SCHEDULER))
        adopted = time.monotonic() - killed
        assert load.is_in_its_middle("embeddings")
        load.gates["embeddings"].opened.set()
        stack.until_green(BACKFILL, load.run)
        ended = time.monotonic() - killed
        assert load.tries() == [(1, "success", task["hostname"]) for task in load.tasks]
        assert [load.times_asked(endpoint) for endpoint in load.gates] == [(1, 1), (1, 1)]
        compared = load.assert_equals_source()
        say(
            f"a running task adopted {adopted:.0f} s after the kill, green after {ended:.0f} s, one try; {compared} totals equal the source"
        )
    assert stack.restarted == []


def test_a_restarted_database_costs_a_try_and_no_row(stack: Stack, say: Say) -> None:
    with held_load(stack, stack.day(-234), ["completions"], ALSO) as load:
        stack.restart_database(down_seconds=3)
        back = time.monotonic()
        load.gates["completions"].opened.set()
        stack.until_green(BACKFILL, load.run)
        ended = time.monotonic() - back
        assert [(number, state) for number, state, _ in load.tries()] == [(1, "failed"), (2, "success")]
        assert "the warehouse went away" in stack.task_log(load.run, attempt=1)
        assert load.times_asked("completions") == (1, 2)
        compared = load.assert_equals_source()
        say(
            f"green {ended:.0f} s after the database was back, in its second try; ended by themselves and started again:"
            f" {', '.join(stack.restarted) or 'none'}; {compared} totals equal the source"
        )


def test_a_broker_that_forgot_everything_is_found_again_by_scheduler_and_workers(stack: Stack, say: Say) -> None:
    stack.restarted.clear()
    with held_load(stack, stack.day(-296), ["completions"], ALSO) as load:
        stack.kill(REDIS)
        killed = time.monotonic()
        time.sleep(3)
        stack.redis.start()
        load.gates["completions"].opened.set()
        stack.until_green(BACKFILL, load.run)
        ended = time.monotonic() - killed
        assert load.tries() == [(1, "success", load.host)]
        compared = load.assert_equals_source()
    first = stack.day(-HISTORY_DAYS - 40)
    tasks = stack.until_green(BACKFILL, stack.backfill(first, stack.day(-HISTORY_DAYS - 21), list(ENDPOINTS)))
    again = time.monotonic() - killed
    assert {task["hostname"] for task in tasks} == set(WORKERS)
    compared += assert_equals_source(stack.loaded, first, stack.day(-HISTORY_DAYS - 20))
    say(f"green {ended:.0f} s after the kill, one try; a further run on both workers green after {again:.0f} s; {compared} totals equal")
    assert stack.restarted == []
