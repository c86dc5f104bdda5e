"""`meterhouse mcp` in a process of its own, asked by the SDK's own client: what it shows, what it refuses, and that it writes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from tests.conftest import Server, Warehouse
from tests.postgres.fingerprints import row_counts
from tests.postgres.teams_of_projects import team

from meterhouse.warehouse.view_reach import TEAM_VIEW_NAMES, VIEW_NAMES

PREFIX = "Error executing tool "


@dataclass(frozen=True)
class Assistant:
    """Starts the command as an assistant does, and calls its tools."""

    url: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if name in {"PATH", "PYTHONPATH"} or name.startswith("COVERAGE_")}
        return kept | {"WAREHOUSE_URL": self.url, "METERHOUSE_HOME": str(self.home)}

    @asynccontextmanager
    async def session(self, *words: str) -> AsyncIterator[ClientSession]:
        started = StdioServerParameters(command=sys.executable, args=["-m", "meterhouse", *words], env=self.environment)
        with (self.home / "stderr").open("w") as errors:
            async with stdio_client(started, errlog=errors) as streams, ClientSession(*streams) as session:
                await session.initialize()
                yield session

    def asked(self, *calls: tuple[str, dict[str, Any]], words: tuple[str, ...] = ("mcp",)) -> list[tuple[bool, str]]:
        """Call tools one after the other in one process; (whether it was refused, its text) of each."""

        async def run() -> list[tuple[bool, str]]:
            async with self.session(*words) as session:
                results = [await session.call_tool(name, arguments) for name, arguments in calls]
            return [(bool(result.is_error), "".join(part.text for part in result.content if part.type == "text")) for result in results]

        found = anyio.run(run)
        assert "Traceback" not in (self.home / "stderr").read_text()
        return found

    def queries(self, *statements: str, words: tuple[str, ...] = ("mcp",)) -> list[tuple[bool, str]]:
        return self.asked(*(("query", {"sql": sql}) for sql in statements), words=words)

    def refusals(self, *statements: str, words: tuple[str, ...] = ("mcp",)) -> list[str]:
        """The one line of each statement, all of which must be refused; the server goes on answering."""
        *refused, (is_refused, text) = self.queries(*statements, "SELECT 1 AS one", words=words)
        assert (is_refused, text) == (False, '{"columns":["one"],"rows":[[1]]}')
        assert all(is_error and said.startswith(f"{PREFIX}query: ") and "\n" not in said for is_error, said in refused), refused
        return [said.removeprefix(f"{PREFIX}query: ") for _, said in refused]


@pytest.fixture
def assistant(loaded_warehouse: Warehouse, tmp_path: Path) -> Assistant:
    return Assistant(loaded_warehouse.reader_url, tmp_path)


def test_every_view_is_listed_and_described_as_the_server_does(assistant: Assistant, loaded_warehouse: Warehouse) -> None:
    (_, listed), (_, short), (_, full), (is_refused, told) = assistant.asked(
        ("list_views", {}),
        ("describe_view", {"view": "costs_daily"}),
        ("describe_view", {"view": "bi.costs_daily"}),
        ("describe_view", {"view": "warehouse.costs"}),
    )
    views = json.loads(listed)
    assert [one["view"] for one in views] == sorted(f"bi.{name}" for name in VIEW_NAMES)
    assert all(one["holds"].startswith("One row per") for one in views)
    described = json.loads(short)
    assert described == json.loads(full)
    assert described["view"] == "bi.costs_daily"
    with psycopg.connect(loaded_warehouse.reader_url) as connection:
        columns = connection.execute(
            "SELECT column_name, data_type, description FROM bi.data_dictionary WHERE view_name = 'costs_daily' ORDER BY column_position"
        ).fetchall()
    assert [(one["name"], one["type"], one["meaning"]) for one in described["columns"]] == columns
    assert is_refused
    assert told == f"{PREFIX}describe_view: there is no view 'warehouse.costs' for this role: list_views names those that exist"


def test_there_are_three_tools_which_only_read_and_say_their_limits(assistant: Assistant) -> None:
    async def run() -> Any:
        async with assistant.session("mcp", "--rows", "7", "--seconds", "3") as session:
            return await session.list_tools()

    tools = {tool.name: tool for tool in anyio.run(run).tools}
    assert tools.keys() == {"list_views", "describe_view", "query"}
    assert all(tool.annotations.read_only_hint and not tool.annotations.destructive_hint for tool in tools.values())
    assert "More than 7 rows or 3 seconds are refused" in tools["query"].description
    assert {name: list(tool.input_schema["properties"]) for name, tool in tools.items()} == {
        "list_views": [], "describe_view": ["view"], "query": ["sql"],
    }  # fmt: skip


def test_an_answer_is_exact_and_null_is_null(assistant: Assistant, loaded_warehouse: Warehouse) -> None:
    odd = (
        "SELECT 12345678901234567890.000000000001::numeric AS a, NULL::text AS b, true AS c, 3::bigint AS d, DATE '2026-10-01' AS e,"
        " 'ü' AS f"
    )
    total = "SELECT usage_date, sum(cost) AS cost FROM bi.costs_daily GROUP BY 1 ORDER BY 1 LIMIT 3"
    (_, exact), (_, summed) = assistant.queries(odd, total)
    assert json.loads(exact) == {
        "columns": ["a", "b", "c", "d", "e", "f"],
        "rows": [["12345678901234567890.000000000001", None, True, 3, "2026-10-01", "ü"]],
    }
    with psycopg.connect(loaded_warehouse.reader_url) as connection:
        rows = connection.execute(total.encode()).fetchall()
    assert json.loads(summed)["rows"] == [[str(day), str(cost)] for day, cost in rows]


def test_whatever_is_no_question_for_the_views_is_refused_in_one_line_and_nothing_is_written(
    assistant: Assistant, loaded_warehouse: Warehouse
) -> None:
    before = row_counts(loaded_warehouse.superuser_url)
    told = assistant.refusals(
        "",
        "DELETE FROM bi.costs_daily",
        "SELECT 1; DROP VIEW bi.costs_daily",
        "SELECT 1 INTO somewhere",
        "WITH gone AS (DELETE FROM warehouse.costs RETURNING 1) SELECT * FROM gone",
        "SELECT * FROM warehouse.costs",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT set_config('role', 'meterhouse_loader', false)",
        "SELECT warehouse.ensure_partition('costs', '2031-01-01')",
        "SELECT * FROM bi.no_such_view",
        "SELECT no_such_column FROM bi.costs_daily",
        "COMMIT",
        "SELECT 'a\0b'",
    )
    assert told[0].startswith("there is no question: write one SELECT")
    assert (
        told[5]
        == "permission denied for schema warehouse at line 1, column 15: ask the views of the schema bi, or use a role that may read this"
    )
    assert "docs/views.md lists them" in told[9]
    assert 'column "no_such_column" does not exist at line 1, column 8' in told[10]
    assert row_counts(loaded_warehouse.superuser_url) == before


def test_an_answer_that_is_too_large_or_takes_too_long_is_refused_whatever_it_sets(assistant: Assistant) -> None:
    lasting = "SELECT set_config('statement_timeout', '0', false), pg_sleep(0.02) FROM generate_series(1, 1000)"
    told = assistant.refusals(
        "SELECT n FROM generate_series(1, 501) AS s (n)",
        "SELECT pg_sleep(60)",
        lasting,
        words=("mcp", "--rows", "500", "--seconds", "1"),
    )
    assert told[0] == "the answer has more than 500 rows: add them up in SQL, or choose fewer with WHERE or LIMIT"
    assert all("the question was ended (canceling statement due to statement timeout" in line for line in told[1:]), told
    (fits, long) = assistant.queries("SELECT n FROM generate_series(1, 1000) AS s (n)", "SELECT repeat('x', 1000001)")
    assert (fits[0], len(json.loads(fits[1])["rows"])) == (False, 1000)
    assert long == (True, f"{PREFIX}query: the answer has more than 1,000,000 characters: choose fewer columns or rows")


@pytest.mark.parametrize("role", ["loader_url", "owner_url", "superuser_url"])
def test_a_role_that_may_do_more_than_read_is_not_served(loaded_warehouse: Warehouse, tmp_path: Path, role: str) -> None:
    asker = Assistant(getattr(loaded_warehouse, role), tmp_path)
    command = [sys.executable, "-m", "meterhouse", "mcp"]
    done = subprocess.run(command, env=asker.environment, input="", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "may do more than read: set WAREHOUSE_URL to a member of meterhouse_reader" in done.stderr


def test_a_team_sees_its_own_views_and_a_reader_tables_of_ones_own(server: Server, loaded_warehouse: Warehouse, tmp_path: Path) -> None:
    with (
        psycopg.connect(loaded_warehouse.superuser_url, autocommit=True) as superuser,
        team(server, loaded_warehouse, ["all"]) as of_a_team,
    ):
        superuser.execute("CREATE TABLE my.customers (project_id text); COMMENT ON TABLE my.customers IS 'Who pays us.'")
        superuser.execute("GRANT SELECT ON my.customers TO meterhouse_reader")
        try:
            ((_, seen), refused) = Assistant(of_a_team.url, tmp_path).asked(
                ("list_views", {}), ("query", {"sql": "SELECT 1 FROM bi.costs_daily"})
            )
            ((_, of_reader),) = Assistant(loaded_warehouse.reader_url, tmp_path).asked(("list_views", {}))
        finally:
            superuser.execute("DROP TABLE my.customers")
    assert [one["view"] for one in json.loads(seen)] == sorted(f"bi_team.{name}" for name in TEAM_VIEW_NAMES)
    assert refused[0]
    assert "permission denied for schema bi " in refused[1]
    assert {"view": "my.customers", "holds": "Who pays us."} in json.loads(of_reader)


def listening(pid: int) -> list[str]:
    """The sockets of a process that listen."""
    own = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]]
    return [line[1] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in own]


def test_standard_output_has_the_protocol_and_nothing_else_and_nothing_listens(assistant: Assistant) -> None:
    messages = [
        {"id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        }},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "query", "arguments": {"sql": "SELECT 1 AS one"}}},
        {"id": 3, "method": "tools/call", "params": {"name": "query", "arguments": {"sql": "DROP VIEW bi.costs_daily"}}},
    ]  # fmt: skip
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "meterhouse", "--verbose", "mcp"]
    with subprocess.Popen(command, env=assistant.environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        answers = []
        for message in messages:
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            process.stdin.flush()
            if "id" in message:
                answers.append(json.loads(process.stdout.readline()))
        assert listening(process.pid) == []
        rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest) == (0, "")
    assert [answer["id"] for answer in answers] == [1, 2, 3]
    assert answers[0]["result"]["serverInfo"]["name"] == "meterhouse"
    assert "Null is unknown, not zero." in answers[0]["result"]["instructions"]
    assert [answer["result"].get("isError", False) for answer in answers[1:]] == [False, True]
    assert "Traceback" not in errors


def test_without_the_package_one_line_says_what_to_install(assistant: Assistant) -> None:
    program = "import sys; sys.modules['mcp'] = None; from meterhouse.command_line.cli import main; sys.exit(main(['mcp']))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=assistant.environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "meterhouse: meterhouse mcp needs mcp: install meterhouse with its extra, meterhouse[assistant]\n"
