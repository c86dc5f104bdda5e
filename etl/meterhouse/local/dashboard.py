"""The dashboard as a child process of the local stack: reachable as soon as the warehouse answers, even during the first load."""

from __future__ import annotations

import os
import sys
import time

import requests

from meterhouse.errors import TryAgainLater
from meterhouse.local.children import Children
from meterhouse.local.ports import LOOPBACK

NAME = "dashboard"
READY_SECONDS = 60


def address(port: int) -> str:
    """Return where a browser finds it."""
    return f"http://{LOOPBACK}:{port}"


def start_dashboard(children: Children, port: int, reader_url: str) -> None:
    """Start the dashboard on the loopback's `port`, reading as the role of `reader_url`, and wait until it answers."""
    passed = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in passed if name in os.environ}
    # By the environment: a command line can be read by everybody on the machine.
    environment |= {"WAREHOUSE_URL": reader_url, "METERHOUSE_HOME": str(children.home), "PYTHONUNBUFFERED": "1"}
    child = children.start(NAME, [sys.executable, "-m", "meterhouse", "dashboard", "--port", str(port)], environment)
    session = requests.Session()
    session.trust_env = False
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            if session.get(f"{address(port)}/healthz", timeout=2).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise TryAgainLater(f"the dashboard did not start on port {port}: see {children.log_file(NAME)}")
