"""The stand-in API as a child process: what is loaded when nobody has named an organization."""

from __future__ import annotations

import os
import sys
import time

import requests

from meterhouse.errors import TryAgainLater
from meterhouse.local.children import Children
from meterhouse.local.ports import LOOPBACK

NAME = "fake-api"
READY_SECONDS = 60


def base_url(port: int) -> str:
    """Return the address that takes the place of the vendor's."""
    return f"http://{LOOPBACK}:{port}/v1"


def start_stand_in(children: Children, port: int, key: str) -> None:
    """Start the stand-in on the loopback's `port`, opened by `key`, and wait until it answers."""
    passed = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in passed if name in os.environ}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("METERHOUSE_FAKE_")}
    # By the environment: a command line can be read by everybody on the machine.
    environment |= {"METERHOUSE_FAKE_API_KEY": key, "METERHOUSE_HOME": str(children.home), "PYTHONUNBUFFERED": "1"}
    child = children.start(NAME, [sys.executable, "-m", "meterhouse", "fake-api", "--port", str(port)], environment)
    session = requests.Session()
    session.trust_env = False
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            if session.get(f"http://{LOOPBACK}:{port}/_control/health", timeout=2).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise TryAgainLater(f"the stand-in API did not start on port {port}: see {children.log_file(NAME)}")
