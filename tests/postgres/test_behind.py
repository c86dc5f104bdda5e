"""A window is put in place while the next one is taken in: the same rows, in the same order, and a stop is a stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from meterhouse.catalogue.endpoints import DAY
from meterhouse.errors import RejectedAnswer, TryAgainLater

from .comparison import assert_equals_source
from .doctored_vendor import doctor
from .loaded_organization import LoadedOrganization, midnight
from .one_session import one_session_at_a_time
from .slow_vendor import Slow

ONLY = ["completions"]
# Three windows.
DAYS = 70
STREAM = "endpoint = 'completions' AND bucket_width = 1440"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def load(acme: LoadedOrganization, **changes: Any) -> None:
    acme.backfill(acme.today - timedelta(days=DAYS), acme.today, ONLY, **{"connections": 2} | changes).raise_first()


def second_window(acme: LoadedOrganization) -> datetime:
    return midnight(acme.today - timedelta(days=DAYS)) + timedelta(days=DAY.max_buckets)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_waiting(acme: LoadedOrganization) -> bool:
    """Whether a window cannot be put in place because of the lock."""
    return acme.query(WAITING) != [(0,)]


@contextmanager
def nothing_is_put_in_place(acme: LoadedOrganization) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Let every window wait at its end until the context ends."""
    with psycopg.connect(acme.warehouse.superuser_url) as connection:
        connection.execute("LOCK TABLE ops.load_log IN EXCLUSIVE MODE")
        yield connection


@contextmanager
def in_another_thread(work: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """What it yields starts something that runs beside the context; what that raises is raised at the end."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    yield thread.start
    thread.join()
    if raised:
        raise raised[0]


def load_while_the_first_window_waits(acme: LoadedOrganization) -> None:
    """Load, and give the second window time to be taken in before the first one is put in place."""
    with in_another_thread(lambda: load(acme)) as start, nothing_is_put_in_place(acme):
        start()
        until(lambda: is_waiting(acme))
        time.sleep(0.5)


def projects_renamed(first: datetime) -> Callable[[str, list[str], list[dict[str, Any]]], None]:
    """From `first` on, every row is of one new project."""

    def change(_: str, dimensions: list[str], buckets: list[dict[str, Any]]) -> None:
        for bucket in buckets:
            for row in bucket["results"] if "project_id" in dimensions and bucket["start_time"] >= first.timestamp() else ():
                row["project_id"] = "proj_of_the_second_window"

    return change


def test_the_next_window_is_taken_in_while_one_is_put_in_place(acme: LoadedOrganization) -> None:
    doctor(acme, projects_renamed(second_window(acme)))
    taken_in = "SELECT count(*) > 0 FROM warehouse.dim_group WHERE project_id = 'proj_of_the_second_window'"
    with in_another_thread(lambda: load(acme)) as start:
        with nothing_is_put_in_place(acme):
            start()
            until(lambda: is_waiting(acme) and acme.query(taken_in) == [(True,)])
            assert acme.query("SELECT count(*) FROM ops.coverage") == [(0,)]
        until(lambda: acme.query("SELECT count(*) FROM ops.load_log") == [(3,)])
    assert acme.query("SELECT window_start FROM ops.load_log ORDER BY load_id") == acme.query(
        "SELECT window_start FROM ops.load_log ORDER BY window_start"
    )
    acme.server.application = acme.fake
    load(acme, force=True)
    assert_equals_source(acme, acme.today - timedelta(days=DAYS), acme.today, ONLY)


@pytest.fixture
def stops_at_an_interrupt() -> Iterator[None]:
    """A process that is one of several that run tests would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("stops_at_an_interrupt")
def test_a_stop_ends_the_window_that_is_being_put_in_place(acme: LoadedOrganization) -> None:
    def stop() -> None:
        until(lambda: is_waiting(acme))
        os.kill(os.getpid(), signal.SIGINT)

    with nothing_is_put_in_place(acme):
        stopping = threading.Thread(target=stop)
        stopping.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            load(acme)
        stopping.join()
        # It does not wait for the lock.
        assert time.monotonic() - began < 20
    until(lambda: acme.query("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("behind")]
    assert acme.query("SELECT (SELECT count(*) FROM ops.load_log), (SELECT count(*) FROM ops.coverage)") == [(0, 0)]
    assert acme.query("SELECT status FROM ops.run_log") == [("stopped",)]
    load(acme)
    assert_equals_source(acme, acme.today - timedelta(days=DAYS), acme.today, ONLY)


def test_a_fault_of_the_next_window_waits_for_the_one_before(acme: LoadedOrganization) -> None:
    acme.server.application = Slow(acme, seconds=0, fails_from=second_window(acme))
    with pytest.raises(TryAgainLater, match="HTTP 503"):
        load_while_the_first_window_waits(acme)
    assert acme.query("SELECT window_end FROM ops.load_log") == [(second_window(acme),)]
    acme.server.application = acme.fake
    load(acme)
    assert_equals_source(acme, acme.today - timedelta(days=DAYS), acme.today, ONLY)


def test_a_window_that_somebody_stored_meanwhile_is_loaded_again_before_the_next(acme: LoadedOrganization) -> None:
    load(acme)
    first = acme.today - timedelta(days=DAYS)
    spoil = (
        "UPDATE warehouse.usage_completions SET num_model_requests = num_model_requests + 1"
        f" WHERE bucket_width = 1440 AND bucket_start = '{first}T00:00Z'"
    )
    with in_another_thread(lambda: load(acme)) as start, psycopg.connect(acme.warehouse.superuser_url) as connection:
        # What was recognized by its digest has another one when it is its turn.
        connection.execute(f"SELECT FROM ops.watermarks WHERE {STREAM} FOR UPDATE".encode())
        start()
        until(lambda: is_waiting(acme))
        connection.execute(f"UPDATE ops.coverage SET content_digest = 'other' WHERE {STREAM} AND bucket_start = '{first}T00:00Z'".encode())
        connection.execute(spoil.encode())
    assert_equals_source(acme, first, acme.today, ONLY)
    loads = acme.query("SELECT window_start, rows_updated > 0 FROM ops.load_log ORDER BY load_id")
    assert loads[3:] == [(start, start == midnight(first)) for start, _ in loads[:3]]


def test_an_answer_that_ignored_its_grouping_is_compared_with_the_window_before(acme: LoadedOrganization) -> None:
    since = second_window(acme).timestamp()

    def ignore(_: str, dimensions: list[str], buckets: list[dict[str, Any]]) -> None:
        for bucket in buckets:
            if bucket["start_time"] >= since:
                bucket["results"] = [row | dict.fromkeys(dimensions) for row in bucket["results"]]

    doctor(acme, ignore)
    with pytest.raises(RejectedAnswer, match="ignored the grouping"):
        load_while_the_first_window_waits(acme)
    assert acme.query("SELECT window_end FROM ops.load_log") == [(second_window(acme),)]


@pytest.mark.parametrize("connections", [1, 2])
def test_a_server_that_has_no_session_left_is_loaded_over_one(acme: LoadedOrganization, connections: int) -> None:
    with one_session_at_a_time(acme):
        load(acme, connections=connections)
    assert_equals_source(acme, acme.today - timedelta(days=DAYS), acme.today, ONLY)
