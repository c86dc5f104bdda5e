"""The reference pages cannot drift: their tables and commands are held to the code, and every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.docs.markdown import anchors, blocks, links, table

from meterhouse.command_line.command_words import RENAMED, parser
from meterhouse.settings import describe_settings
from meterhouse.warehouse.view_reach import VIEW_NAMES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# What people read first, and what moved out of it.
PAGES = [ROOT / "README.md", *(DOCS / f"{name}.md" for name in ("install", "views", "commands", "settings"))]
# Every page of the project that is written by hand.
LINKED = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])


def test_the_views_table_lists_every_view_and_no_other():
    page = (DOCS / "views.md").read_text()
    assert {row[0].strip("`") for row in table(page, "| view | one row per |")} == {f"bi.{name}" for name in VIEW_NAMES}


def test_the_settings_table_says_what_the_code_says():
    rows = table((DOCS / "settings.md").read_text(), "| variable | meaning | default |")
    shown = [(row[0].strip("`"), row[1].replace("`", ""), row[2].strip("`")) for row in rows]
    assert shown == [(variable, meaning.replace("`", ""), default) for variable, meaning, default in describe_settings()]


def test_the_command_table_lists_every_command_and_no_other():
    listed = {row[0].strip("`").split()[1] for row in table((DOCS / "commands.md").read_text(), "| command | does |")}
    actions = [action for action in parser()._actions if action.dest == "command"]
    assert listed == set(actions[0].choices or {}) - set(RENAMED)


def test_the_dag_table_lists_every_dag_file():
    rows = table((DOCS / "install.md").read_text(), "| DAG | when | loads |")
    assert {row[0].strip("`") for row in rows} == {path.stem for path in (ROOT / "dags").glob("*.py")}


def test_every_command_in_the_text_is_one_that_the_parser_takes():
    found = [line for page in PAGES for block in blocks(page.read_text(), "") for line in block.splitlines()]
    commands = [line for line in found if line.startswith("meterhouse ")]
    assert len(commands) >= 4
    for line in commands:
        parser().parse_args(shlex.split(line)[1:])


def test_every_make_target_in_the_text_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(page.read_text() for page in PAGES)
    named = set(re.findall(r"`make ([a-z]+)`", text)) | {
        line.split()[1] for block in blocks(text, "") for line in block.splitlines() if line.startswith("make ")
    }
    assert {"up", "test", "clean"} <= named
    assert named <= targets


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_to_a_heading_that_are_there(page: Path):
    for path, anchor in links(page.read_text()):
        target = page.parent / path if path else page
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target.read_text()), f"{path}#{anchor}"
