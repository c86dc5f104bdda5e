"""The README cannot drift: its tables, commands and the first query's result are held to the code."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from meterhouse.command_line.command_words import RENAMED, parser
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.load.directory import sync_directory
from meterhouse.load.sync import sync
from meterhouse.settings import AdminKey, Organization, Settings, describe_settings
from meterhouse.warehouse.views import VIEW_NAMES

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def table(header: str) -> list[list[str]]:
    """Rows of the table with this header line, cell by cell."""
    lines = README[README.index(header) :].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in iter_until_blank(lines)]


def iter_until_blank(lines: list[str]) -> list[str]:
    return lines[: lines.index("")] if "" in lines else lines


def blocks(language: str) -> list[str]:
    """Contents of the fenced blocks of a language; "" for those that name none."""
    found: list[tuple[str, list[str]]] = []
    inside = False
    for line in README.splitlines():
        if line.startswith("```"):
            inside = not inside
            if inside:
                found.append((line.removeprefix("```"), []))
        elif inside:
            found[-1][1].append(line)
    return ["\n".join(lines) for name, lines in found if name == language]


def test_the_views_table_lists_every_view_and_no_other():
    assert {row[0].strip("`") for row in table("| view | one row per |")} == {f"bi.{name}" for name in VIEW_NAMES}


def test_the_settings_table_says_what_the_code_says():
    shown = [(row[0].strip("`"), row[1].replace("`", ""), row[2].strip("`")) for row in table("| variable | meaning | default |")]
    assert shown == [(variable, meaning.replace("`", ""), default) for variable, meaning, default in describe_settings()]


def test_the_command_table_lists_every_command_and_no_other():
    listed = {row[0].strip("`").split()[1] for row in table("| command | does |")}
    actions = [action for action in parser()._actions if action.dest == "command"]
    assert listed == set(actions[0].choices or {}) - set(RENAMED)


def test_every_command_in_the_text_is_one_that_the_parser_takes():
    commands = [line for block in blocks("") for line in block.splitlines() if line.startswith("meterhouse ")]
    assert len(commands) >= 4
    for line in commands:
        parser().parse_args(shlex.split(line)[1:])


def test_every_make_target_in_the_text_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)`", README)) | {
        line.split()[1] for block in blocks("") for line in block.splitlines() if line.startswith("make ")
    }
    assert {"up", "test", "clean"} <= named
    assert named <= targets


def test_the_dag_table_lists_every_dag_file():
    assert {row[0].strip("`") for row in table("| DAG | when | loads |")} == {path.stem for path in (ROOT / "dags").glob("*.py")}


def test_ci_calls_the_readmes_test_command():
    assert "make" in (ROOT / ".ci" / "run").read_text()
    assert re.search(r"make .*\btest\b", (ROOT / ".ci" / "run").read_text())


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#]+)\)", README))
def test_every_link_of_the_readme_leads_somewhere(path: str):
    assert (ROOT / path).exists()


def test_the_first_query_gives_the_result_that_is_shown(warehouse_url: str):
    organization = FakeOrganization(now=NOW)
    with FakeServer(organization) as server:
        settings = Settings(
            organizations=(Organization("demo", AdminKey(server.admin_key), server.base_url),),
            warehouse_url=warehouse_url,
            history_start=datetime(2026, 9, 1, tzinfo=UTC),
        )
        sync(settings, ["costs"], clock=lambda: NOW)
        sync_directory(settings, clock=lambda: NOW)
    with psycopg.connect(warehouse_url) as connection:
        rows = connection.execute(blocks("sql")[0].encode()).fetchall()
    shown = [[cell.strip() for cell in line.split("|")] for line in blocks("")[0].splitlines()[2:]]
    assert [[str(value) for value in row] for row in rows] == shown
