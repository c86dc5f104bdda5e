"""A process that only forks loaders, one per line of orders, so that a kill does not cost the start of an interpreter.

Each loader is a process of its own: it opens its own connections, loads with the real code, and dies by SIGKILL at the chosen point.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from meterhouse.admin_keys import AdminKey, Organization
from meterhouse.errors import MeterhouseError
from meterhouse.load.sync import backfill, sync
from meterhouse.settings import Settings
from meterhouse.windows import Window

from .kill_points import Moment, installed, kill, planned

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 60.0
_FAILED, _BROKEN = 3, 4


@dataclass(frozen=True)
class Order:
    """What a loader is to do and where it is to die; without a moment it lives, unless `kill_after_seconds` ends it from outside."""

    warehouse_url: str
    base_url: str
    admin_key: str
    label: str
    endpoints: tuple[str, ...]
    history_start: str
    now: str
    window: tuple[str, str] | None = None
    moment: Moment | None = None
    nth: int = 1
    kill_after_seconds: float | None = None


@dataclass(frozen=True)
class Fate:
    """What became of a loader: killed, done, failed with an error of ours, broken with a traceback, or endless; `said` is its error."""

    how: str
    said: str
    seconds: float
    peak_megabytes: float


def _load(order: Order) -> None:
    settings = Settings(
        organizations=(Organization(order.label, AdminKey(order.admin_key), order.base_url),), warehouse_url=order.warehouse_url,
        endpoints=order.endpoints, widths=("1d",), history_start=datetime.fromisoformat(order.history_start), retries=0,
    )  # fmt: skip
    now = datetime.fromisoformat(order.now)
    if order.window is None:
        sync(settings, clock=lambda: now).raise_first()
    else:
        start, end = map(datetime.fromisoformat, order.window)
        backfill(settings, Window(start, end), clock=lambda: now).raise_first()


def _be_a_loader(order: Order, said: int) -> None:
    """Never returns."""
    status = _BROKEN
    try:
        if order.moment is None:
            _load(order)
        else:
            with installed(), planned(order.moment, order.nth, kill):
                _load(order)
        status = 0
    except MeterhouseError as error:
        os.write(said, str(error).encode())
        status = _FAILED
    except BaseException:  # whatever it is, it is reported
        os.write(said, traceback.format_exc().encode()[-4000:])
    finally:
        os._exit(status)


def _raise(order: Order) -> Fate:
    heard, said = os.pipe()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _be_a_loader(order, said)
    os.close(said)
    how = ""
    while True:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        spent = time.monotonic() - began
        if ended:
            break
        if order.kill_after_seconds is not None and spent >= order.kill_after_seconds and not how:
            os.kill(pid, signal.SIGKILL)
            how = "killed"
        if spent > MOST_SECONDS and how != "endless":
            os.kill(pid, signal.SIGKILL)
            how = "endless"
        time.sleep(0.002)
    if how != "endless":
        how = "killed" if os.WIFSIGNALED(status) else {0: "done", _FAILED: "failed"}.get(os.WEXITSTATUS(status), "broken")
    with os.fdopen(heard, "rb") as pipe:
        return Fate(how, pipe.read().decode(), spent, used.ru_maxrss / 1024)


class Nursery:
    """The process, as a context manager: `with Nursery() as nursery: nursery.load(order).how`."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.faults.loader_nursery"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.communicate(timeout=MOST_SECONDS)

    def load(self, order: Order) -> Fate:
        """Have a loader do it, and wait for its end."""
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        pipe_in.write(json.dumps(asdict(order)) + "\n")
        pipe_in.flush()
        return Fate(**json.loads(pipe_out.readline()))


def main() -> None:
    """Take orders until there are no more."""
    for line in sys.stdin:
        given: dict[str, Any] = json.loads(line)
        moment = given.pop("moment")
        order = Order(**given | {"endpoints": tuple(given["endpoints"])}, moment=None if moment is None else Moment(moment))
        sys.stdout.write(json.dumps(asdict(_raise(order))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
