"""The processes of the local stack: each in its own session, recorded the moment it starts, stopped in order.

`processes.json` in METERHOUSE_HOME outlives a killed parent, so the next start and `meterhouse down` find what it left. A process
is ended only if its number and its start time both match: the system gives numbers to strangers again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from meterhouse.local import processes
from meterhouse.local.interrupts import held
from meterhouse.local.private_files import make_folder, write_private

logger = logging.getLogger(__name__)

FILE_NAME = "processes.json"
STOP_SECONDS = 15
MAX_LOG_BYTES = 20_000_000


@dataclass(frozen=True)
class Recorded:
    """A process that a stack started: enough to recognise it later."""

    name: str
    pid: int
    started: str
    own_session: bool = True

    def alive(self) -> bool:
        """Tell whether exactly this process still runs."""
        return processes.started_at(self.pid) == self.started

    def members(self) -> list[int]:
        """Return this process and what runs in its session; nothing when its number belongs to somebody else by now."""
        if not self.own_session:
            return [self.pid] if self.alive() else []
        now = processes.started_at(self.pid)
        if now is not None and now != self.started:
            return []
        return processes.session_members(self.pid)


class Children:
    """The processes started from here, by name, in the order of their start."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._recorded: list[Recorded] = []

    def log_file(self, name: str) -> Path:
        """Return where the output of `name` goes."""
        return self.home / "logs" / f"{name}.log"

    def record_self(self, name: str) -> None:
        """Write this process down, so that `down` in another terminal can ask it to stop."""
        self._record(Recorded(name, os.getpid(), processes.started_at(os.getpid()) or "", own_session=False))

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start `command` in its own session with its output in its log file."""
        path = self.log_file(name)
        make_folder(path.parent, 0o700)
        if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        # A signal between the start and the note would leave a process that nobody knows.
        with held(), path.open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 - commands are made in this package
                list(command),
                env=dict(environment),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal reaches only the parent, which stops them in order.
                start_new_session=True,
            )
            self.running[name] = child
            self._record(Recorded(name, child.pid, processes.started_at(child.pid) or ""))
        return child

    def ended(self) -> str | None:
        """Return the name of the first child that is gone without having been stopped."""
        return next((name for name, child in self.running.items() if child.poll() is not None), None)

    def stop(self, names: Sequence[str]) -> None:
        """Stop these children together: ask, wait, and end what is left of each session."""
        chosen = [record for record in self._recorded if record.name in names and record.own_session]
        stop_recorded(chosen)
        for record in chosen:
            child = self.running.pop(record.name, None)
            if child is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=5)
            self._recorded.remove(record)
        self._save()

    def forget(self) -> None:
        """Remove the file: everything is stopped."""
        (self.home / FILE_NAME).unlink(missing_ok=True)

    def _record(self, record: Recorded) -> None:
        self._recorded.append(record)
        self._save()

    def _save(self) -> None:
        write_private(self.home / FILE_NAME, json.dumps([asdict(record) for record in self._recorded], indent=1))


def recorded(home: Path) -> list[Recorded]:
    """Return what the last stack of `home` recorded; empty if it stopped normally."""
    path = home / FILE_NAME
    if not path.exists():
        return []
    try:
        return [Recorded(**entry) for entry in json.loads(path.read_text())]
    except (ValueError, TypeError):
        logger.warning("%s cannot be read, so processes of an earlier start may still run", path)
        return []


def stop_recorded(records: Sequence[Recorded], stop_seconds: float = STOP_SECONDS) -> list[str]:
    """Ask these processes to end, wait, then kill what is left of their sessions; return the names of those that ran."""
    found = [record for record in records if record.members()]
    for record in found:
        # Only the leader at first: it ends its own workers in order.
        _signal([record.pid] if record.alive() else record.members(), signal.SIGTERM)
    deadline = time.monotonic() + stop_seconds
    while any(record.alive() for record in found) and time.monotonic() < deadline:
        time.sleep(0.05)
    for record in found:
        left = record.members()
        if left:
            logger.info("%s did not end in time: killing %d processes", record.name, len(left))
        _signal(left, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(record.members() for record in found) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [record.name for record in found]


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
