"""Every fault of the catalogue has a test that carries its number, or a line in docs/reliability.md that says why there is none."""

from __future__ import annotations

import ast
import csv
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "reliability.md"


def catalogue() -> dict[str, str]:
    """Title by number."""
    with (TESTS / "faults" / "catalogue.csv").open(newline="") as file:
        return {row["number"]: row["title"] for row in csv.DictReader(file)}


@cache
def marked() -> list[tuple[str, str]]:
    """(number, where) of every marker, as written in the files: tests that run only elsewhere count too."""
    return [
        (str(ast.literal_eval(argument)), f"{path.relative_to(TESTS)}:{node.lineno}")
        for path in sorted(TESTS.rglob("test_*.py"))
        if "mark.fault(" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "pytest.mark.fault"
        for argument in node.args
    ]


def without_a_test() -> dict[str, str]:
    """Reason by number, from the table of the page."""
    section = PAGE.read_text().partition("\n## Faults without a test\n")[2].partition("\n## ")[0]
    return {number: reason for number, _, reason in re.findall(r"^\| (\d+[a-z]?) \| ([^|]+) \| ([^|]+) \|$", section, re.MULTILINE)}


def test_every_fault_has_a_test_or_a_reason_and_not_both() -> None:
    tested, excused = {number for number, _ in marked()}, set(without_a_test())
    assert catalogue().keys() - tested - excused == set(), "neither a test nor a reason"
    assert tested & excused == set(), "a reason for having no test, and a test"
    assert all(len(reason.split()) > 3 for reason in without_a_test().values())


def test_no_marker_and_no_reason_is_of_a_fault_that_does_not_exist() -> None:
    assert [(number, where) for number, where in marked() if number not in catalogue()] == []
    assert without_a_test().keys() - catalogue().keys() == set()


def test_numbers_run_without_a_gap_and_titles_differ() -> None:
    titles = catalogue()
    assert [int(number) for number in titles if number.isdigit()] == list(range(1, 91))
    assert len(set(titles.values())) == len(titles) == 92
