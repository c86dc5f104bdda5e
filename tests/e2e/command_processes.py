"""The command line as processes of its own, with an environment that holds a warehouse and a stand-in of the vendor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import Warehouse

from meterhouse.fake_openai import FakeOrganization, FakeServer

TODAY = datetime.now(UTC).date()
# Settled figures: nothing about these days changes while a test runs.
FIRST, LAST = TODAY - timedelta(days=100), TODAY - timedelta(days=10)
DAYS = ["--from", str(FIRST), "--to", str(LAST)]


@dataclass
class Terminal:
    """Runs `python -m meterhouse` with its own environment, without a terminal."""

    environment: dict[str, str]

    def start(self, *arguments: str, **changes: str) -> subprocess.Popen[str]:
        environment = {name: text for name, text in {**self.environment, **changes}.items() if text}
        command = [sys.executable, "-m", "meterhouse", *arguments]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments: str, **changes: str) -> tuple[int, str, str]:
        with self.start(*arguments, **changes) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def refused(self, *arguments: str, status: int = 2, **changes: str) -> str:
        """Run what must be refused: one line, no traceback, nothing on standard output."""
        found, out, err = self.run(*arguments, **changes)
        assert (found, out) == (status, ""), err
        lines = err.splitlines()
        assert len(lines) == 1, err
        assert lines[0].startswith("meterhouse: ")
        assert "Traceback" not in err
        return lines[0]


@pytest.fixture(scope="module")
def api() -> Iterator[FakeServer]:
    with FakeServer(FakeOrganization(scale=0.2)) as server:
        yield server


@pytest.fixture
def terminal(api: FakeServer, warehouse: Warehouse, tmp_path: Path) -> Iterator[Terminal]:
    api.requests.clear()
    api.faults.clear()
    yield Terminal(
        {
            "PATH": os.environ["PATH"],
            # What these processes do counts as covered.
            **{name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")},
            "METERHOUSE_HOME": str(tmp_path / "home"),
            "OPENAI_ADMIN_KEY": api.admin_key,
            "OPENAI_BASE_URL": api.base_url,
            "WAREHOUSE_URL": warehouse.loader_url,
            "METERHOUSE_HISTORY_START": str(TODAY - timedelta(days=20)),
            "METERHOUSE_HTTP_RETRIES": "1",
        }
    )
    api.latency_seconds = 0.0
