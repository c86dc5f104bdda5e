"""What people read is plain English: phrases that are always wrong do not come back, and one thing is counted in the singular."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tests.docs.prose import comments, page_text, prose, python_text

from meterhouse.catalogue.dictionary import COLUMNS, TEAM_COLUMNS
from meterhouse.command_line.cli import main
from meterhouse.command_line.command_words import RENAMED, parser
from meterhouse.counts import counted
from meterhouse.settings import describe_settings
from meterhouse.warehouse.views import views

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "etl" / "meterhouse"
WRONG = {
    r"\balone\b": "say only, before its noun",
    r"\banew\b": "say again, or use a verb such as rewrite",
    r"\bfor ever\b": "say forever",
    r"\b(?:is|are|was|were|be|been|not) told\b": "say reported, known or shown",
    r"\btold (?:once|again|apart|in|of)\b": "say reported, distinguished or shown",
    r"\b(?:do|does|did) not tell\b": "say does not report, or unknown",
    r"\bby (?:itself|themselves)\b": "say automatically, on its own or separately",
    r"\bwhoever\b": "name the person or the role, or turn the sentence around",
    r"\bone's own\b": "say your own",
    r"\bas (?:it|they) came\b": "say unchanged",
    r"\bheld against\b": "say compared with",
    r"(?<!\ba )(?<!\bthe )\bstands? (?:in|beside|behind|there)\b": "say is in, is next to, follows or exists",
    r"\bsums? by day\b": "say daily totals",
    r"\b(?:ms|MB|bytes?|rows?|messages?|calls?|requests?|seconds?|module|package) a "
    r"(?:page|row|call|run|request|day|second|tool|task|process)\b": "say per",
    r"\b1 (?:pages|rows|windows|buckets|days|hours|calls|tasks|requests|tokens)\b": "use meterhouse.counts.counted",
    r"\bshould an? \w+ (?:say|report|find)\b": "say if a check reports",
    r"\bso many (?:days|hours|months|steps|windows|megabytes)\b": "say this many",
    r"\bthe (?:first|last) so many\b": "say the first N",
    r"\bof which nothing\b": "turn the sentence around",
    r"\bin it too\b": "say includes",
}
# What is not touched is left alone.
RIGHT = r"\b(?:leave|leaves|left|leaving)(?: \w+){0,4} alone\b"
# The comments of tables are part of the migrations that were released with them.
OF_MIGRATIONS = {"warehouse/tables.py", "warehouse/operational_tables.py"}


def _commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    top = parser()
    yield "meterhouse", top
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _literals(path: Path) -> Iterator[str]:
    """Every string of a file that is no docstring; an f-string is one text with 2 in the place of every value."""
    tree = ast.parse(path.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "2" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (docstrings | within):
            yield node.value


@cache
def texts() -> list[tuple[str, str]]:
    """Return (where it stands, text) of what users read."""
    found = [(f"help of {name}", one.format_help()) for name, one in _commands()]
    found += [(f"column {name}", meaning.comment()) for each in (COLUMNS, TEAM_COLUMNS) for name, meaning in each.items()]
    found += [(f"view {view.name}", view.comment) for view in views()]
    found += [(f"setting {variable}", meaning) for variable, meaning, _ in describe_settings()]
    for path in sorted((ROOT / "dags").glob("*.py")):
        found.append((f"doc of {path.name}", ast.get_docstring(ast.parse(path.read_text())) or ""))
        found += [(path.name, text) for text in _literals(path)]
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name not in OF_MIGRATIONS:
            found += [(name, text) for text in _literals(path)]
    return found


def faults(text: str) -> list[str]:
    """Return why a text does not read as natural English; empty when it does."""
    words = re.sub(RIGHT, "", " ".join(text.split()))
    return [remedy for phrase, remedy in WRONG.items() if re.search(phrase, words, re.IGNORECASE)]


def test_every_kind_of_text_is_read() -> None:
    kinds = {where.split()[0] for where, _ in texts()}
    assert {"help", "column", "view", "setting", "doc", "dashboard/page.py", "openai_backfill.py"} <= kinds
    assert ("dashboard/controls.py", "Auto-refresh") in texts()
    files = {where for where, _ in prose()}
    assert {"README.md", "docs/bi/access.md", "deploy/kubernetes/README.md", "tests/mutation_survivors.md"} <= files
    assert {"etl/meterhouse/money.py", "dags/openai_usage.py", "migrations/env.py", "tests/docs/test_natural_english.py"} <= files
    assert {"etl/meterhouse/warehouse/sql/rights.sql", "Makefile", "docker-compose.yml", "deploy/kubernetes/values.yaml"} <= files
    assert ("tests/docs/test_natural_english.py", test_every_kind_of_text_is_read.__name__.replace("_", " ")) in prose()


def test_no_text_that_users_read_has_a_phrase_that_is_always_wrong() -> None:
    found = [f"{where}: {why}: {' '.join(text.split())[:200]}" for where, text in texts() for why in faults(text)]
    assert not found, "\n".join(found)


def test_no_page_comment_docstring_or_name_of_a_test_has_a_phrase_that_is_always_wrong() -> None:
    found = [f"{where}: {why}: {' '.join(text.split())[:300]}" for where, text in prose() for why in faults(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "lets a role see some projects alone", "writes the sums anew", "tokens whose cache is told", "rows that do not tell requests",
        "1 pages", "should a check say that they are not", "the first so many days", "days of which nothing is loaded", "is in it too",
        "days are kept for ever", "a problem is told once", "the gap closes by itself", "Whoever may read it", "in one's own Airflow",
        "text is stored as it came", "days that are held against others", "what stands in the log", "keeps the sums by day",
        "at most 1 byte a row", "100 ms a page", "one message a run", "one module or package a tool", "after so many days",
    ],
)  # fmt: skip
def test_a_phrase_that_came_back_would_be_found(text: str) -> None:
    assert faults(text)


def test_comments_docstrings_and_names_are_found_wherever_they_are() -> None:
    function = 'def test_a_name():\n    """A docstring."""\n    return "#"  # behind code\n'
    source = f'"""A module."""\n\n# Two lines\n# of one comment.\n{function}'
    assert {"A module.", "Two lines of one comment.", "test a name", "A docstring.", "behind code"} <= set(python_text(source))
    assert list(filter(None, comments("-- One\n-- comment.\nSELECT 1  -- another", "--"))) == ["One comment. another"]
    assert list(filter(None, comments("up: install ## Start everything\n\t@echo '#'\n", "#"))) == ["Start everything"]
    assert "".join(page_text("Words.\n\n```\nbuckets alone\n```\n")).strip() == "Words."


@pytest.mark.parametrize(
    "text",
    ["what is right is left alone", "leaves the others alone", "11 pages, 1 page", "a stand-in", "once a day", "so many that it fails",
     "told to stop"],
)  # fmt: skip
def test_what_is_right_is_not_found(text: str) -> None:
    assert not faults(text)


def test_a_count_has_its_noun_in_the_singular_for_one() -> None:
    assert [counted(number, "page") for number in (0, 1, 2, 1200)] == ["0 pages", "1 page", "2 pages", "1,200 pages"]
    assert [counted(number, "query", "queries") for number in (1, 2)] == ["1 query", "2 queries"]


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_a_renamed_command_works_by_its_old_name_is_not_in_the_help_and_says_so(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert new in parser().format_help()
    assert old not in parser().format_help()
    for variable in ("WAREHOUSE_URL", "METERHOUSE_MIGRATE_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path))
    answers = []
    for name in (old, new):
        answers.append((main([name]), capsys.readouterr().err.splitlines()))
    (old_status, old_lines), (new_status, new_lines) = answers
    assert old_lines == [f"meterhouse: {old} is called {new} now", *new_lines]
    assert old_status == new_status == 2
    assert len(new_lines) == 1
