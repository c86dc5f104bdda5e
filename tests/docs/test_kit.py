"""What a contributor is given: checks that are quick as they start nothing, the same tools before a commit, and a site of every page."""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
IGNORED = re.findall(r"test_\S+?(?=[ )])", re.findall(r"^PURE := (.*)$", MAKEFILE, re.MULTILINE)[0])
QUICK = [path for path in sorted((ROOT / "tests" / "unit").glob("test_*.py")) if not any(fnmatch(path.name, one) for one in IGNORED)]


def names(path: Path) -> set[str]:
    """Every name that a file mentions: imports, arguments and attributes."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.alias | ast.ImportFrom):
            found.add(str(node.name if isinstance(node, ast.alias) else node.module))
        elif isinstance(node, ast.arg):
            found.add(node.arg)
    return found


def test_quick_is_lint_and_most_of_the_unit_tests_and_is_in_contributing() -> None:
    assert re.search(r"^quick: lint ##.*\n\t@exec \$\(TEST\) \$\(PURE\)$", MAKEFILE, re.MULTILINE)
    assert (ROOT / "CONTRIBUTING.md").read_text().index("make quick") < (ROOT / "CONTRIBUTING.md").read_text().index("make test")
    assert len(QUICK) > len(list((ROOT / "tests" / "unit").glob("test_*.py"))) / 2


@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.stem)
def test_what_quick_runs_asks_no_server(path: Path) -> None:
    of_a_server = {"FakeServer", "http.server", "socket", "connect", "server", "warehouse", "warehouse_url", "temporary_postgres"}
    assert not names(path) & of_a_server


def test_before_a_commit_runs_what_lint_runs_from_the_same_environment() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local"
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    linted = re.search(r"^lint: .*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert linted
    commands = [line.strip().replace("$(VENV)", ".venv") for line in linted[1].splitlines()]
    assert [hook["entry"] for hook in local["hooks"]] == commands


def test_ci_builds_the_site() -> None:
    assert re.search(r"^exec make .*\bdocs\b", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert "--fail-on-warning" in MAKEFILE
