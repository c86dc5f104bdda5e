"""The command line as people meet it: one line that says what to do, the right exit status, and work that can be stopped and resumed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import LOADER, PASSWORDS, Warehouse
from tests.postgres.comparison import assert_equals_source
from tests.postgres.fingerprints import places, row_counts
from tests.postgres.loaded_organization import LoadedOrganization, rows

from meterhouse.catalogue.endpoints import COSTS_BY_USER, ENDPOINTS
from meterhouse.command_line.cli import COMMANDS
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


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    "command", [["sync"], ["sync", "--only", "costs"], ["sync", "--only", "directory"], ["backfill", *DAYS]], ids=" ".join
)
def test_a_wrong_key_is_one_line_and_nothing_is_written(terminal: Terminal, warehouse: Warehouse, command: list[str]) -> None:
    line = terminal.refused(*command, OPENAI_ADMIN_KEY="sk-admin-somebody-elses-key")
    assert "refuses the admin key" in line
    assert "use an organization admin key" in line
    assert "somebody" not in line
    assert row_counts(warehouse.superuser_url) == {}


@pytest.mark.parametrize("command", [["sync"], ["sync", "--only", "directory"], ["backfill", *DAYS]], ids=" ".join)
def test_an_unreachable_host_is_one_line_with_status_one_and_nothing_is_written(
    terminal: Terminal, warehouse: Warehouse, command: list[str]
) -> None:
    port = closed_port()
    status, out, err = terminal.run(*command, OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1")
    *attempts, line = err.splitlines()
    assert (status, out) == (1, ""), err
    # Each further attempt is a warning; what to do is said once.
    assert attempts
    assert all(re.fullmatch(r"WARNING \S+: cannot be reached, .*; attempt \d of \d in [\d.]+ s", one) for one in attempts), err
    assert line.startswith(f"meterhouse: 127.0.0.1:{port}")
    assert "cannot be reached" in line
    assert "run again later" in line
    assert row_counts(warehouse.superuser_url) == {}


REFUSED: dict[str, tuple[list[str], dict[str, str], str]] = {
    "a malformed key": (["sync"], {"OPENAI_ADMIN_KEY": "not a key"}, "OPENAI_ADMIN_KEY does not look like an admin key"),
    "no key": (["sync"], {"OPENAI_ADMIN_KEY": ""}, "OPENAI_ADMIN_KEY is not set"),
    "a malformed address of the API": (["sync"], {"OPENAI_BASE_URL": "http://example.com"}, "OPENAI_BASE_URL must be an https address"),
    "no warehouse": (["sync"], {"WAREHOUSE_URL": ""}, "WAREHOUSE_URL is not set"),
    "a malformed warehouse": (["sync"], {"WAREHOUSE_URL": "mysql://u:secret-1@h/d"}, "WAREHOUSE_URL must be a URL of the form postgresql://"),
    "a warehouse without a name": (["status"], {"WAREHOUSE_URL": "postgresql://u:secret-1@127.0.0.1"}, "WAREHOUSE_URL must be a URL"),
    "a warehouse with a wrong option": (
        ["status"], {"WAREHOUSE_URL": "postgresql://u:secret-1@127.0.0.1/d?sslmod=off"}, "WAREHOUSE_URL must be a URL",
    ),
    "from after to": (["backfill", "--from", "2026-03-02", "--to", "2026-03-01"], {}, "is after the last day 2026-03-01: swap them"),
    "from in the future": (["backfill", "--from", "2126-03-01", "--to", "2126-03-02"], {}, "is in the future"),
    "a bad date": (["backfill", "--from", "2026-02-30", "--to", "2026-03-01"], {}, "'2026-02-30' is not a day: write it as YYYY-MM-DD"),
    "a missing end": (["backfill", "--from", "2026-03-01"], {}, "--to"),
    "an unknown endpoint": (["sync", "--only", "completions,emails"], {}, "unknown endpoint 'emails': choose from directory, completions"),
    "an unknown endpoint to backfill": (["backfill", *DAYS, "--only", "emails"], {}, "unknown endpoint 'emails': choose from completions"),
    "a width that costs do not have": (["backfill", *DAYS, "--only", "costs", "--bucket-width", "1h"], {}, "choose 1d"),
    "an unknown width": (["backfill", *DAYS, "--bucket-width", "2d"], {}, "'1d'"),
    "an unknown view": (["export", "costs", "--format", "csv", "--out", "never.csv"], {}, "there is no view bi.costs: choose from"),
    "an unknown format": (["export", "costs_daily", "--format", "xls", "--out", "never.xls"], {}, "'csv', 'json', 'parquet'"),
    "a folder that is not there": (["export", "costs_daily", "--format", "csv", "--out", "/nowhere/x.csv"], {}, "/nowhere does not exist"),
    "an organization nobody knows": (["purge", "--organization", "globex"], {}, "no organization is called 'globex'"),
    "no command": ([], {}, "COMMAND"),
    "an unknown command": (["fetch"], {}, "fetch"),
    "a bad setting": (["sync"], {"METERHOUSE_USAGE_LOOKBACK_DAYS": "many"}, "METERHOUSE_USAGE_LOOKBACK_DAYS must be a whole number"),
    "an unknown endpoint in the settings": (["sync"], {"METERHOUSE_ENDPOINTS": "emails"}, "METERHOUSE_ENDPOINTS must be"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_in_one_line_with_status_two_and_nothing_is_written(
    terminal: Terminal, warehouse: Warehouse, api: FakeServer, case: str
) -> None:
    arguments, changes, words = REFUSED[case]
    line = terminal.refused(*arguments, **changes)
    assert words in line
    assert "secret-1" not in line
    assert api.requests == []
    assert row_counts(warehouse.superuser_url) == {}


@pytest.mark.fault(45)
@pytest.mark.parametrize("command", ["sync", "status"])
def test_a_warehouse_that_is_away_or_refuses_the_role_is_one_line(terminal: Terminal, warehouse: Warehouse, command: str) -> None:
    wrong = warehouse.loader_url.replace(PASSWORDS[LOADER], "wrong-password")
    line = terminal.refused(command, WAREHOUSE_URL=wrong)
    assert "refuses the connection" in line
    assert "check WAREHOUSE_URL" in line
    assert "wrong-password" not in line
    away = f"postgresql://u:secret-1@127.0.0.1:{closed_port()}/d"
    line = terminal.refused(command, status=1, WAREHOUSE_URL=away)
    assert "cannot be reached" in line
    assert "secret-1" not in line


@pytest.mark.parametrize(
    "command", [["sync"], ["backfill", *DAYS], ["status"], ["check"], ["purge", "--organization", "demo"]], ids=" ".join
)
def test_a_database_that_was_never_migrated_says_so_before_anything_is_asked(
    terminal: Terminal, empty_database: Warehouse, api: FakeServer, command: list[str]
) -> None:
    line = terminal.refused(*command, WAREHOUSE_URL=empty_database.owner_url)
    assert line == "meterhouse: the warehouse is empty: run meterhouse migrate"
    assert api.requests == []
    assert rows(empty_database.superuser_url, "SELECT count(*) FROM pg_namespace WHERE nspname IN ('ops', 'warehouse', 'bi')") == [(0,)]


@pytest.mark.parametrize("command", [["sync"], ["backfill", *DAYS]], ids=" ".join)
def test_a_database_that_is_one_migration_behind_says_so_before_anything_is_asked(
    terminal: Terminal, warehouse: Warehouse, api: FakeServer, command: list[str]
) -> None:
    rows(warehouse.owner_url, "UPDATE ops.alembic_version SET version_num = '0000'")
    line = terminal.refused(*command)
    assert line.startswith("meterhouse: the warehouse is at migration 0000, this version needs ")
    assert line.endswith("run meterhouse migrate")
    assert api.requests == []
    assert row_counts(warehouse.superuser_url) == {}
    # A database of a newer version is not for this one to touch.
    assert "unknown to this version" in terminal.refused("migrate", WAREHOUSE_URL=warehouse.owner_url)


def test_migrate_needs_the_owner_and_says_what_it_did(terminal: Terminal, empty_database: Warehouse) -> None:
    found, out, err = terminal.run("migrate", WAREHOUSE_URL=empty_database.owner_url)
    assert (found, err) == (0, "")
    assert out.startswith("applied 0001")
    assert terminal.run("migrate", WAREHOUSE_URL=empty_database.owner_url)[1] == "tables and views are up to date\n"
    assert "migrate as meterhouse_owner" in terminal.refused("migrate", WAREHOUSE_URL=empty_database.loader_url)


def test_the_help_of_every_command_works(terminal: Terminal) -> None:
    found, out, err = terminal.run("--help")
    assert (found, err) == (0, "")
    assert all(f"    {command} " in out or f"    {command}\n" in out for command in COMMANDS)
    for command in COMMANDS:
        found, out, err = terminal.run(command, "--help")
        assert (found, err) == (0, "")
        assert f"meterhouse {command}" in out
    assert terminal.run("--version")[0] == 0


def test_a_whole_session_of_plain_lines(terminal: Terminal, warehouse: Warehouse, tmp_path: Path) -> None:
    few = ["completions", "costs", "directory"]
    found, out, err = terminal.run("status")
    assert (found, out, err) == (0, "nothing is loaded yet: run meterhouse sync\n", "")

    found, out, err = terminal.run("sync", "--only", ",".join(few))
    assert found == 0, err
    assert "default/completions/1d: 1 window, 1 page, 21 buckets" in out
    assert "default: names: projects" in out
    # Not on a terminal: plain lines, without bars, colours or carriage returns.
    assert sorted(err.splitlines()) == [
        "default/completions/1d: 1 of 1 window", "default/completions/1h: 3 of 3 windows", "default/costs/1d: 1 of 1 window",
    ]  # fmt: skip
    assert not set(out + err) & {"\x1b", "\r"}

    found, out, _ = terminal.run("status")
    assert found == 0
    assert [line.split()[:4] for line in out.splitlines()[1:]] == [
        ["default", "completions", "1d", "loaded"], ["default", "completions", "1h", "loaded"], ["default", "costs", "1d", "loaded"],
    ]  # fmt: skip
    headings, *lines = (re.split(r"\s{2,}", line) for line in out.splitlines())
    assert headings[4:10] == ["read_at_utc", "loaded_until_utc", "settled_through", "buckets", "settled", "missing"]
    shown = rows(
        warehouse.superuser_url,
        "SELECT last_loaded_at_utc, loaded_until_utc, settled_through_date, bucket_count, settled_bucket_count, missing_bucket_count"
        " FROM bi.freshness ORDER BY organization, endpoint, bucket_width",
    )
    assert [line[4:10] for line in lines] == [[str(cell) for cell in row] for row in shown]
    found, out, err = terminal.run("check")
    assert (found, err) == (0, ""), out
    assert "ok    coverage_gaps: nothing found" in out
    rows(warehouse.superuser_url, "DELETE FROM ops.coverage WHERE endpoint = 'costs' AND bucket_start = now()::date - 3")
    found, out, _ = terminal.run("check")
    assert found == 1
    assert "fail  coverage_gaps: 1 found: default/costs/1d: missing buckets: 1" in out

    out_file = tmp_path / "costs.csv"
    found, out, _ = terminal.run("export", "costs_daily", "--format", "csv", "--out", str(out_file))
    lines = len(out_file.read_text().splitlines()) - 1
    assert (found, out) == (0, f"wrote {lines:,} rows to {out_file}\n")

    found, out, _ = terminal.run(
        "backfill", "--from", str(TODAY - timedelta(days=40)), "--to", str(TODAY - timedelta(days=30)), "--only", "costs"
    )
    assert found == 0
    assert f"coverage of [{TODAY - timedelta(days=40)}, {TODAY - timedelta(days=29)}) in default/costs/1d: 11 loaded\n" in out

    found, out, _ = terminal.run("purge", "--organization", "default")
    assert found == 0
    assert out.startswith("removed default: ")
    assert set(row_counts(warehouse.superuser_url)) <= {"ops.check_results"}


def test_an_endpoint_that_is_not_offered_is_said_and_is_no_failure(terminal: Terminal, warehouse: Warehouse) -> None:
    with FakeServer(FakeOrganization(scale=0.2, absent_endpoints=["decisions"])) as other:
        found, out, err = terminal.run("sync", "--only", "decisions,images", OPENAI_BASE_URL=other.base_url)
        assert found == 0, err
        assert "default/decisions/1d: not offered by this organization" in out
        assert "not offered" in terminal.run("status")[1]


def test_a_load_that_got_nothing_is_not_a_success(terminal: Terminal, warehouse: Warehouse) -> None:
    floor = TODAY - timedelta(days=40)
    offers: dict[str, Any] = {"absent_endpoints": ["decisions"], "history_days": 40}
    with FakeServer(FakeOrganization(scale=0.2, **offers)) as other:
        found, out, err = terminal.run("sync", "--only", "decisions", OPENAI_BASE_URL=other.base_url)
        assert (found, err.splitlines()[-1][:60]) == (2, "meterhouse: nothing was loaded: not offered by this organiza")
        assert "default/decisions/1d: not offered by this organization" in out

        beyond = ["--from", str(TODAY - timedelta(days=90)), "--to", str(TODAY - timedelta(days=80)), "--only", "costs,images"]
        found, out, err = terminal.run("backfill", *beyond, OPENAI_BASE_URL=other.base_url)
        assert found == 2
        assert err.splitlines()[-1] == (
            f"meterhouse: nothing was loaded: the vendor reports nothing before {floor} (default/images/1d, default/costs/1d):"
            " ask for other days or endpoints"
        )
        assert f"default/costs/1d: the vendor reports nothing before {floor}\n" in out
        assert "default/costs/1d: nothing could be loaded" in err
        assert "1 of 1 window" not in err

        partly = ["--from", str(TODAY - timedelta(days=50)), "--to", str(TODAY + timedelta(days=3)), "--only", "costs"]
        found, out, err = terminal.run("backfill", *partly, OPENAI_BASE_URL=other.base_url)
        assert found == 0, err
        assert out.splitlines()[0].endswith(f"; the vendor reports nothing before {floor}")
        assert "10 missing" in out
        assert f"meterhouse: the days after today, {TODAY}, are in the future and left out" in err.splitlines()


def test_a_key_that_may_read_no_list_reads_no_names_and_says_so(terminal: Terminal, api: FakeServer) -> None:
    for _ in range(2):
        api.fail_next(9, status=404, path_contains="/projects")
        api.fail_next(9, status=404, path_contains="/users")
    found, out, err = terminal.run("sync", "--only", "directory")
    # Its spend limits are another list, which it may read.
    names = "default: names: the vendor offers none of the lists\n"
    assert (found, out) == (2, f"{names}default: spend limits: 3 limits at the vendor, changed\n")
    assert err == "meterhouse: no names were read: the vendor offers none of the lists (default)\n"


def test_an_export_says_what_it_did_not_find(terminal: Terminal, warehouse: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "costs.csv"
    export = ["export", "costs_daily", "--format", "csv", "--out", str(out)]
    assert "nothing is loaded yet: run meterhouse sync first" in terminal.refused(*export, "--where-project", "proj_x")
    assert terminal.run("sync", "--only", "costs,directory")[0] == 0
    (project, name), (other, _), *_ = rows(
        warehouse.reader_url, "SELECT project_id, project_name FROM bi.dim_project WHERE project_id IS NOT NULL ORDER BY 2"
    )
    line = terminal.refused(*export, "--where-project", other, name)
    assert line == f"meterhouse: {name!r} is the name of a project and not its identifier: write --where-project {project}"
    assert f"did you mean {project} ({name})?" in terminal.refused(*export, "--where-project", f"{project}x")
    assert "there is " in terminal.refused(*export, "--where-project", "zzzzzz")
    line = terminal.refused(*export, "--where-organization", "Default")
    assert line == "meterhouse: no organization is called 'Default'; did you mean default?"
    assert not out.exists()

    # A project that exists, and days that were never loaded: the file is there, without a row.
    early = ["--from", str(TODAY - timedelta(days=60)), "--to", str(TODAY - timedelta(days=31))]
    found, told, err = terminal.run(*export, *early, "--where-project", project)
    assert (found, told) == (0, f"wrote 0 rows to {out}\n")
    assert len(out.read_text().splitlines()) == 1
    assert err.splitlines() == [
        "meterhouse: bi.costs_daily has no rows for this",
        f"meterhouse: default: 0 of the 30 days {early[1]} to {early[3]} are loaded of costs",
    ]
    found, _, err = terminal.run(*export, "--from", str(TODAY - timedelta(days=29)))
    assert (found, err) == (0, f"meterhouse: default: 21 of the 30 days {TODAY - timedelta(days=29)} to {TODAY} are loaded of costs\n")
    found, _, err = terminal.run(*export, "--from", str(TODAY - timedelta(days=9)), "--to", str(TODAY + timedelta(days=9)))
    assert (found, err) == (0, "")
    assert "is in the future" in terminal.run(*export, "--from", str(TODAY + timedelta(days=2)))[2]
    usage = ["export", "usage_hourly", "--format", "json", "--out", str(tmp_path / "usage.json")]
    assert "no usage is loaded yet" in terminal.run(*usage, "--to", str(TODAY))[2]


def test_a_report_of_days_that_nobody_loaded_is_not_written(terminal: Terminal, warehouse: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert terminal.run("sync", "--only", "costs")[0] == 0
    first, last = TODAY - timedelta(days=60), TODAY - timedelta(days=31)
    line = terminal.refused("report", "--out", str(out), "--from", str(first), "--to", str(last))
    assert f"nothing is loaded for {first} to {last}" in line
    assert f"meterhouse backfill --from {first} --to {last}" in line
    assert not out.exists()


def test_renaming_an_organization_is_one_command(terminal: Terminal, warehouse: Warehouse) -> None:
    assert terminal.run("sync", "--only", "costs")[0] == 0
    renamed = {"OPENAI_ADMIN_KEY": "", "OPENAI_ADMIN_KEY_ACME": terminal.environment["OPENAI_ADMIN_KEY"]}
    stood = places(warehouse.superuser_url)
    line = terminal.refused("sync", "--only", "costs", **renamed)
    assert "if its label has changed, run meterhouse rename-organization default acme;" in line
    assert places(warehouse.superuser_url) == stood
    assert "METERHOUSE_MIGRATE_URL" in terminal.refused("rename-organization", "default", "acme")
    owner = {"METERHOUSE_MIGRATE_URL": warehouse.owner_url}
    assert "cannot be a label" in terminal.refused("rename-organization", "default", "Acme Inc", **owner)
    for words in ("default is now called acme", "default is already called acme"):
        found, out, err = terminal.run("rename-organization", "default", "acme", **owner)
        assert (found, err) == (0, "")
        assert out.startswith(words)
    assert terminal.run("sync", "--only", "costs", **renamed)[0] == 0
    assert rows(warehouse.reader_url, "SELECT DISTINCT organization FROM bi.costs_daily") == [("acme",)]


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
