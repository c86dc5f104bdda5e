"""Commands that are killed or stopped half-way: what is done stays done, and the next run completes the rest."""

from __future__ import annotations

import signal
import subprocess
import time
from datetime import timedelta

import pytest
from tests.conftest import Warehouse
from tests.postgres.comparison import assert_equals_source
from tests.postgres.fingerprints import places
from tests.postgres.loaded_organization import LoadedOrganization, rows

from meterhouse.catalogue.endpoints import COSTS_BY_USER, ENDPOINTS
from meterhouse.fake_openai import FakeOrganization, FakeServer

from .command_processes import DAYS, FIRST, LAST, TODAY, Terminal, api, terminal

__all__ = ["api", "terminal"]  # fixtures, which pytest finds by their names


def until(condition: object, process: subprocess.Popen[str], what: str) -> None:
    deadline = time.monotonic() + 40
    while not condition():  # type: ignore[operator]
        assert process.poll() is None, f"{what}: the command ended before it could be stopped"
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def until_nobody_is_connected(url: str) -> None:
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'meterhouse_loader'"
    deadline = time.monotonic() + 20
    while rows(url, others) != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.fault(72)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_backfill_that_is_killed_half_way_asks_only_for_the_rest_when_it_is_run_again(
    terminal: Terminal, warehouse: Warehouse, api: FakeServer, number: signal.Signals
) -> None:
    assert isinstance(api.application, FakeOrganization)
    loaded = LoadedOrganization(api.application, api, warehouse, "default")
    url = warehouse.superuser_url
    api.latency_seconds = 0.05
    with terminal.start("backfill", *DAYS) as process:
        until(lambda: len(api.requests) >= 17, process, "half of the windows")
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    until_nobody_is_connected(url)
    done = {(endpoint, start) for endpoint, start in rows(url, "SELECT endpoint, window_start FROM ops.load_log")}
    assert 10 <= len(done) < 30
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
        assert rows(url, "SELECT status FROM ops.run_log") == [("running",)]
    else:
        assert process.returncode == 130
        assert err.splitlines()[-1] == "meterhouse: stopped; what was committed stays, and the same command continues from there"
        assert "Traceback" not in err
        assert rows(url, "SELECT status, finished_at IS NOT NULL FROM ops.run_log") == [("stopped", True)]
    stood = places(url, [f"warehouse.{endpoint.table}" for endpoint in ENDPOINTS.values()])

    api.latency_seconds = 0.0
    api.requests.clear()
    found, out, err = terminal.run("backfill", *DAYS)
    assert found == 0, err
    # Both copies of the costs are asked for at one path.
    copies = [COSTS_BY_USER.name if "user_id" in one.values("group_by") and "costs" in one.path else None for one in api.requests]
    asked = [(copy or path.rpartition("/")[2], start) for copy, (path, start, _) in zip(copies, loaded.windows_asked(), strict=True)]
    assert len(asked) == len(set(asked)) == len(api.requests)
    assert done.isdisjoint(asked)
    assert len(done) + len(asked) == len(ENDPOINTS) * 3
    assert stood <= places(url, [f"warehouse.{endpoint.table}" for endpoint in ENDPOINTS.values()])
    assert_equals_source(loaded, FIRST, LAST + timedelta(days=1), when=f"after {number.name}")
    assert rows(url, "SELECT status FROM ops.run_log") == [("done",)]
    assert rows(url, "SELECT count(*) FROM ops.watermarks WHERE watermark IS NOT NULL") == [(0,)]
    assert out.count("coverage of ") == len(ENDPOINTS)
    assert "missing" not in out


@pytest.mark.fault(73)
def test_a_sync_that_is_terminated_says_stopped_and_the_next_one_completes(
    terminal: Terminal, warehouse: Warehouse, api: FakeServer
) -> None:
    url = warehouse.superuser_url
    api.latency_seconds = 0.05
    with terminal.start("sync") as process:
        until(lambda: len(api.requests) >= 12, process, "some windows")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert rows(url, "SELECT status FROM ops.run_log") == [("stopped",)]
    stopped_at = rows(url, "SELECT count(*) FROM ops.load_log")
    api.latency_seconds = 0.0
    found, _, err = terminal.run("sync")
    assert found == 0, err
    assert stopped_at < rows(url, "SELECT count(*) FROM ops.load_log")
    assert rows(url, "SELECT status FROM ops.run_log WHERE command = 'sync' ORDER BY run_id") == [("stopped",), ("done",)]
    assert rows(warehouse.reader_url, "SELECT count(DISTINCT endpoint), sum(missing_bucket_count) FROM bi.freshness") == [
        (len(ENDPOINTS), 0)
    ]
    assert isinstance(api.application, FakeOrganization)
    loaded = LoadedOrganization(api.application, api, warehouse, "default")
    assert_equals_source(loaded, TODAY - timedelta(days=20), TODAY - timedelta(days=2))
