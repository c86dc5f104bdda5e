"""`meterhouse down`: stop what a stack of this METERHOUSE_HOME left running, however it was started or killed."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from pathlib import Path

from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.local.airflow import STOP_ORDER
from meterhouse.local.children import FILE_NAME, Recorded, recorded, stop_recorded
from meterhouse.local.console import Console
from meterhouse.local.databases import data_folder, embedded_server
from meterhouse.local.one_at_a_time import one_at_a_time
from meterhouse.local.secrets_file import Secrets
from meterhouse.settings import Settings

logger = logging.getLogger(__name__)

PARENT = "meterhouse-up"
STOP_SECONDS = 90


def down(settings: Settings) -> int:
    """Ask a running `up` to stop and wait for it; then stop what a killed one left behind."""
    console = Console()
    if not settings.home.exists():
        console.line(f"nothing is running: {settings.home} does not exist")
        return 0
    parent = next((record for record in recorded(settings.home) if record.name == PARENT and record.alive()), None)
    stopped: list[str] = []
    if parent is not None:
        with console.step("stack stopped"):
            _stop_parent(parent)
        stopped.append(PARENT)
    with one_at_a_time(settings.home):
        stopped += clear_leftovers(settings)
    console.line(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


def clear_leftovers(settings: Settings) -> list[str]:
    """Stop the processes that a killed stack left; only the holder of the stack's lock may call this."""
    records = [record for record in recorded(settings.home) if record.name != PARENT]
    first = [name for names in STOP_ORDER for name in names]
    stopped: list[str] = []
    for names in STOP_ORDER:
        stopped += stop_recorded([record for record in records if record.name in names])
    stopped += stop_recorded([record for record in records if record.name not in first])
    (settings.home / FILE_NAME).unlink(missing_ok=True)
    if server_may_run(settings.home):
        # Without the wheel there is no server of ours either.
        with contextlib.suppress(FixConfiguration):
            server = embedded_server(settings, Secrets.load(settings.home))
            if server.is_running():
                server.stop()
                stopped.append("postgres")
    if stopped:
        logger.info("stopped what an earlier start left: %s", ", ".join(stopped))
    return stopped


def server_may_run(home: Path) -> bool:
    """Tell whether an embedded server was ever made here, without touching anything."""
    return data_folder(home).exists() or (home / "secrets.json").exists()


def _stop_parent(parent: Recorded) -> None:
    os.kill(parent.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while parent.alive():
        if time.monotonic() > deadline:
            raise TryAgainLater(f"process {parent.pid} (meterhouse up) has not stopped after {STOP_SECONDS} s: try again")
        time.sleep(0.1)
