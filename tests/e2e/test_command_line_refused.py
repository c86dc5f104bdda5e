"""Commands that cannot do what they are asked: one line that says what to do, the right exit status, and nothing written."""

from __future__ import annotations

import re
import socket

import pytest
from tests.conftest import LOADER, PASSWORDS, Warehouse
from tests.postgres.fingerprints import row_counts
from tests.postgres.loaded_organization import rows

from meterhouse.fake_openai import FakeServer

from .command_processes import DAYS, Terminal, api, terminal

__all__ = ["api", "terminal"]  # fixtures, which pytest finds by their names


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
