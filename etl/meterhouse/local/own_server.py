"""A server of our own as a child process of the local stack: `meterhouse <name>`, waited for until it answers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

import requests

from meterhouse.errors import TryAgainLater
from meterhouse.local.children import Children
from meterhouse.ports import LOOPBACK

READY_SECONDS = 60
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class OwnServer:
    """A command that serves on the loopback: its name, which its process has too, what people call it, and where it says it is well."""

    name: str
    called: str
    health_path: str

    def address(self, port: int) -> str:
        """Return where it is found."""
        return f"http://{LOOPBACK}:{port}"

    def start(self, children: Children, port: int, environment: Mapping[str, str]) -> None:
        """Start it on `port` with `environment`, and wait until it answers; raises `TryAgainLater` when it does not."""
        given = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        given |= {**environment, "METERHOUSE_HOME": str(children.home), "PYTHONUNBUFFERED": "1"}
        child = children.start(self.name, [sys.executable, "-m", "meterhouse", self.name, "--port", str(port)], given)
        session = requests.Session()
        session.trust_env = False
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and child.poll() is None:
            try:
                if session.get(f"{self.address(port)}{self.health_path}", timeout=2).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.1)
        raise TryAgainLater(f"{self.called} did not start on port {port}: see {children.log_file(self.name)}")
