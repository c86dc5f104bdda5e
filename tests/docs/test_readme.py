"""The README cannot drift: its commands, the answers to its questions and the figures that it promises are held to the code."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.docs.markdown import blocks

from meterhouse.admin_keys import AdminKey, Organization
from meterhouse.command_line.cli import main
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.load.directory import sync_directory
from meterhouse.load.sync import sync
from meterhouse.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
QUESTIONS = re.findall(r"```sql\n(.*?)```\n\n```\n(.*?)```", README, re.DOTALL)


def test_the_readme_is_short_and_has_one_picture_before_anything_else():
    lines = README.splitlines()
    assert len(lines) <= 120
    assert [number for number, line in enumerate(lines) if line.startswith("![")] == [4]


def test_the_first_commands_are_a_clone_and_two_make_targets():
    clone, *rest = blocks(README, "")[0].splitlines()
    assert clone.startswith("git clone ")
    assert rest == ["make up", "make test"]


def test_ci_calls_the_readmes_test_command():
    assert "make" in (ROOT / ".ci" / "run").read_text()
    assert re.search(r"make .*\btest\b", (ROOT / ".ci" / "run").read_text())


def test_every_figure_of_the_promises_is_on_the_page_about_reliability():
    promises = README[README.index("## What it promises") : README.index("## Links")]
    held = set(re.findall(r"\d[\d,.]*\d|\d", (ROOT / "docs" / "reliability.md").read_text()))
    figures = re.findall(r"\d[\d,.]*\d|\d", promises)
    assert len(figures) >= 10
    assert set(figures) <= held


@pytest.fixture
def demo_url(warehouse_url: str) -> str:
    """A warehouse with costs, tokens and names of the demo organization, from September 2026 on."""
    with FakeServer(FakeOrganization(now=NOW)) as server:
        settings = Settings(
            organizations=(Organization("demo", AdminKey(server.admin_key), server.base_url),),
            warehouse_url=warehouse_url,
            history_start=datetime(2026, 9, 1, tzinfo=UTC),
            widths=("1d",),
        )
        sync(settings, ["costs", "completions", "embeddings"], clock=lambda: NOW)
        sync_directory(settings, clock=lambda: NOW)
    return warehouse_url


def test_each_of_the_three_questions_gives_the_answer_that_is_shown(
    demo_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert len(QUESTIONS) == len(blocks(README, "sql")) == 3
    monkeypatch.setenv("WAREHOUSE_URL", demo_url)
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path))
    for query, answer in QUESTIONS:
        assert main(["sql", query]) == 0
        *table, rows = capsys.readouterr().out.splitlines()
        assert table == answer.splitlines()
        assert rows.strip("()").split()[0] == str(len(table) - 2)
