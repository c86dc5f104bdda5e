"""Two invented organizations in one warehouse, loaded by the real code, and the dashboard's own server beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import NOW, fresh_warehouse, midnight, served

from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.queries import Reader
from meterhouse.directory import sync_directory
from meterhouse.fake_openai import FakeOrganization
from meterhouse.local.ports import free_port
from meterhouse.local.postgres import EmbeddedPostgres

FIRST, LAST = date(2026, 10, 22), NOW.date()
EVERYTHING = Filters(FIRST, LAST)


@pytest.fixture(scope="session")
def loaded(server: EmbeddedPostgres, template: str) -> Iterator[Warehouse]:
    """Fifty days of acme and of labs, with names, and two days of hours; the tests only look at it."""
    with fresh_warehouse(server, template, f"dashboard_{uuid4().hex[:12]}") as warehouse:
        for label, seed, scale in (("acme", 7, 0.2), ("labs", 11, 0.3)):
            with served(FakeOrganization(NOW, scale=scale, seed=seed), warehouse, label) as organization:
                organization.defaults |= {"history_start": midnight(date(2026, 10, 1)), "hourly_history_days": 2}
                organization.sync().raise_first()
                sync_directory(organization.settings(), clock=organization.fake.clock.now)
        yield warehouse


@pytest.fixture(scope="session")
def reader(loaded: Warehouse) -> Reader:
    """The dashboard's own door to it."""
    return Reader(loaded.reader_url)


@pytest.fixture(scope="session")
def dashboard(loaded: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real `meterhouse dashboard`, as another terminal starts it."""
    home = tmp_path_factory.mktemp("dashboard")
    port = free_port()
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("METERHOUSE_", "WAREHOUSE_", "OPENAI_"))}
    environment |= {"METERHOUSE_HOME": str(home), "WAREHOUSE_URL": loaded.reader_url}
    with Path(home / "dashboard.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "meterhouse", "dashboard", "--port", str(port)], env=environment, stdout=log, stderr=log
        )
    try:
        address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while not healthy(address):
            assert process.poll() is None, (home / "dashboard.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def healthy(address: str) -> bool:
    """Whether the server says that it can read the warehouse."""
    try:
        return requests.get(f"{address}/healthz", timeout=5).json() == {"status": "ok"}
    except requests.RequestException:
        return False
