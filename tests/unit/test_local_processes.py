"""Processes are recognised by number and start time, stopped with all their children, and strangers are left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meterhouse.errors import FixConfiguration
from meterhouse.local import interrupts, processes
from meterhouse.local.children import Children, Recorded, recorded, stop_recorded
from meterhouse.local.one_at_a_time import one_at_a_time

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
# A leader that ignores SIGTERM and has its own child.
STUBBORN = [
    sys.executable,
    "-c",
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); print('ready', flush=True); time.sleep(60)",
]
# A leader that leaves a child behind when it is killed.
PARENT = [sys.executable, "-c", "import os, time; os.fork(); print('ready', flush=True); time.sleep(60)"]


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    started = Children(tmp_path)
    yield started
    for child in started.running.values():
        for pid in processes.session_members(child.pid):
            os.kill(pid, signal.SIGKILL)
        child.wait()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_child_is_written_down_and_recognised(children: Children, tmp_path: Path) -> None:
    child = children.start("sleeper", SLEEP, os.environ)
    (found,) = recorded(tmp_path)
    assert (found.name, found.pid) == ("sleeper", child.pid)
    assert found.alive()
    assert (tmp_path / "processes.json").stat().st_mode & 0o777 == 0o600
    children.stop(["sleeper"])
    assert not found.alive()
    assert recorded(tmp_path) == []
    assert child.returncode == -signal.SIGTERM


def test_a_number_that_belongs_to_somebody_else_by_now_is_not_touched() -> None:
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        record = Recorded("ours, long gone", stranger.pid, "another start time")
        assert not record.alive()
        assert record.members() == []
        assert stop_recorded([record]) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_zombie_counts_as_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    eventually(lambda: processes.started_at(child.pid) is None)
    assert processes.command_line(child.pid) == ""
    child.wait()


def test_what_ignores_the_request_is_killed_with_its_children(children: Children) -> None:
    child = children.start("stubborn", STUBBORN, os.environ)
    eventually(lambda: len(processes.session_members(child.pid)) == 2 and "ready" in children.log_file("stubborn").read_text())
    assert stop_recorded(recorded(children.home), stop_seconds=0.2) == ["stubborn"]
    assert processes.session_members(child.pid) == []


def test_workers_of_a_killed_leader_are_found_and_ended(children: Children) -> None:
    leader = children.start("leader", PARENT, os.environ)
    eventually(lambda: len(processes.session_members(leader.pid)) == 2)
    leader.kill()
    leader.wait()
    (record,) = recorded(children.home)
    assert not record.alive()
    assert len(record.members()) == 1
    stop_recorded([record])
    assert record.members() == []


def test_a_child_that_ends_on_its_own_is_named(children: Children) -> None:
    children.start("sleeper", SLEEP, os.environ)
    assert children.ended() is None
    children.start("brief", [sys.executable, "-c", "print('why')"], os.environ)
    eventually(lambda: children.ended() == "brief")
    assert children.log_file("brief").read_text() == "why\n"


def test_a_damaged_file_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "processes.json").write_text("{")
    assert recorded(tmp_path) == []
    (tmp_path / "processes.json").write_text(json.dumps([{"unknown": 1}]))
    assert recorded(tmp_path) == []


def test_a_second_stack_learns_of_the_first(tmp_path: Path) -> None:
    with one_at_a_time(tmp_path), pytest.raises(FixConfiguration, match="already runs"), one_at_a_time(tmp_path):
        pass
    with one_at_a_time(tmp_path):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_an_exception_and_waits_while_it_is_held(number: signal.Signals) -> None:
    steps = []

    def step() -> None:
        with interrupts.held():
            os.kill(os.getpid(), number)
            steps.append("went on")
        steps.append("not reached")

    with interrupts.as_exception():
        with pytest.raises(interrupts.Interrupted):
            step()
        # A second one changes nothing while everything is being stopped.
        os.kill(os.getpid(), number)
        steps.append("stopped")
    assert steps == ["went on", "stopped"]
