"""One timed command: its seconds, its own memory, and what becomes of one that fails or never ends."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from benchmarks.loading.processes import CommandFailed, TookTooLong, run


def python(text: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", text]


def test_the_memory_is_that_of_the_command_and_not_of_its_parent() -> None:
    ballast = bytearray(200 << 20)
    assert run(python("pass"), {}).peak_megabytes < 50
    assert 100 < run(python("bytearray(100 << 20)"), {}).peak_megabytes < 150
    assert ballast


def test_the_seconds_are_those_of_the_command_on_the_clock_that_all_processes_share() -> None:
    before = time.monotonic()
    done = run(python("import time; time.sleep(0.3); print('said')"), {})
    assert before < done.began < done.ended < time.monotonic()
    assert done.seconds >= 0.3
    assert done.output == "said\n"


def test_a_command_that_fails_says_what_it_said() -> None:
    with pytest.raises(CommandFailed, match="ended with 3\nbroken"):
        run(python("import sys; print('broken'); sys.exit(3)"), {})


def test_one_that_never_ends_is_ended_with_its_children() -> None:
    began = time.monotonic()
    with pytest.raises(TookTooLong):
        run(["/bin/sh", "-c", "sleep 60 | sleep 60"], {}, timeout_seconds=1)
    assert time.monotonic() - began < 20


def test_a_command_gets_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-secret")
    assert run(python("import os; print('OPENAI_ADMIN_KEY' in os.environ, os.environ['GIVEN'])"), {"GIVEN": "yes"}).output == "False yes\n"


def test_a_benchmark_that_is_stopped_stops_its_command_too() -> None:
    text = "import sys; from benchmarks.loading.processes import run; run(['/bin/sh', '-c', 'echo $$ > {}; exec sleep 60'], {{}})"
    with tempfile.TemporaryDirectory() as folder:
        noted = Path(folder) / "pid"
        benchmark = subprocess.Popen([sys.executable, "-c", f"import signal; signal.signal(15, lambda *_: exit(1)); {text.format(noted)}"])
        deadline = time.monotonic() + 20
        while not (noted.exists() and noted.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        number = int(noted.read_text())
        benchmark.terminate()
        assert benchmark.wait(timeout=20) == 1
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
