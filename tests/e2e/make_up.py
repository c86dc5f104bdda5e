"""`make up` as a process of its own, a second terminal beside it, and what of it is still alive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
UP = [sys.executable, "-m", "meterhouse", "up"]


@contextmanager
def running(environment: dict[str, str], log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start `up`, yield it with all that it said until it was ready, and stop it with Ctrl-C's signal."""
    with log.open("wb") as out:
        process = subprocess.Popen(UP, env=environment, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 400
        while "Ctrl-C stops everything" not in (said := log.read_text()):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.5)
        yield process, said
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=120)


def until(found: Callable[[], T], what: str, seconds: float = 180) -> T:
    """Wait until `found` returns something, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.5)
    return value


def command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as in a second terminal."""
    return subprocess.run([sys.executable, "-m", "meterhouse", *arguments], env=environment, capture_output=True, text=True, check=False)


def ours(home: Path) -> list[str]:
    """Command lines of living processes that were started for this home."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            environ = (process / "environ").read_bytes()
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(home).encode() in environ or str(home) in line:
            found.append(line)
    return found
