"""Two invented organizations in one warehouse, loaded by the real code, and the dashboard's own server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import requests
from playwright.sync_api import Browser, sync_playwright
from tests.conftest import Warehouse
from tests.e2e.browser import FLAGS, PROGRAM
from tests.postgres.loaded_organization import NOW, fresh_warehouse, midnight, served

from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.queries import Reader
from meterhouse.fake_openai import FakeOrganization
from meterhouse.load.directory import sync_directory
from meterhouse.local.postgres import EmbeddedPostgres
from meterhouse.ports import free_port
from meterhouse.warehouse.changes import compare_costs
from meterhouse.warehouse.rollups import fill

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
    """The address of a real `meterhouse dashboard` of the readers."""
    with started(loaded.reader_url, tmp_path_factory.mktemp("dashboard")) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; a second one at the same time would not start, so it ends with the module."""
    if PROGRAM is None:
        pytest.skip("Chromium is not installed (on Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS)
        try:
            yield running
        finally:
            running.close()


def environment(url: str, home: Path) -> dict[str, str]:
    """The environment of somebody who has set up only this warehouse."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("METERHOUSE_", "WAREHOUSE_", "OPENAI_"))}
    return kept | {"METERHOUSE_HOME": str(home), "WAREHOUSE_URL": url}


@contextmanager
def started(url: str, home: Path, *options: str, **variables: str) -> Iterator[str]:
    """The address of a real `meterhouse dashboard` over the warehouse at `url`, as another terminal starts it."""
    port = free_port()
    with Path(home / "dashboard.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "meterhouse", "dashboard", "--port", str(port), *options],
            env=environment(url, home) | variables,
            stdout=log,
            stderr=log,
        )
    try:
        address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while not answers(address):
            assert process.poll() is None, (home / "dashboard.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def answers(address: str) -> bool:
    """Whether the server says of itself whether it can read the warehouse."""
    try:
        return "status" in requests.get(f"{address}/healthz", timeout=5).json()
    except requests.RequestException:
        return False


def dashboard_command(url: str, home: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a `meterhouse dashboard` that should not start."""
    line = [sys.executable, "-m", "meterhouse", "dashboard", "--port", str(free_port()), *options]
    return subprocess.run(line, env=environment(url, home) | variables, capture_output=True, text=True, check=False, timeout=60)


def report_command(url: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `meterhouse report` as in a terminal."""
    line = [sys.executable, "-m", "meterhouse", "report", *arguments]
    return subprocess.run(line, env=environment(url, home), capture_output=True, text=True, check=False)


def add_up(warehouse: Warehouse) -> None:
    """Write the daily totals, and why the costs changed, as a load would have, after rows were changed by hand."""
    with psycopg.connect(warehouse.owner_url, autocommit=True) as owner:
        with owner.transaction():
            fill(owner)
        for (organization_id,) in owner.execute("DELETE FROM warehouse.cost_comparisons RETURNING organization_id").fetchall():
            compare_costs(owner, organization_id)
