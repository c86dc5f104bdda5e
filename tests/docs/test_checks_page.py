"""The page about the checks cannot drift: its table is held to the code, and so are the commands and figures in its text."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from meterhouse.checks.control_totals import COSTS_DAYS, MONEY_TOLERANCE, USAGE_DAYS
from meterhouse.checks.warehouse_checks import Check, checks
from meterhouse.command_line.command_words import parser

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "checks.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]


def test_the_table_holds_every_check_in_order_with_its_severity_and_its_meaning() -> None:
    assert [(name.strip("`"), severity, meaning) for name, severity, meaning, _ in ROWS] == [
        (check.name, check.severity, check.meaning) for check in checks()
    ]


def test_every_check_has_a_sentence_about_what_to_do() -> None:
    assert len(ROWS) == len(checks())
    for name, _, meaning, to_do in ROWS:
        assert to_do.endswith("."), name
        assert to_do != meaning


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.name)
def test_the_page_says_which_findings_name_a_backfill(check: Check) -> None:
    to_do = next(row[3] for row in ROWS if row[0] == f"`{check.name}`")
    assert ("meterhouse backfill" in (check.query or "")) == bool(re.search(r"backfills? that the finding names", to_do))


def test_the_commands_of_the_page_are_ones_that_the_parser_takes() -> None:
    commands = [line for line in PAGE.splitlines() if line.startswith("meterhouse ")]
    assert len(commands) == 2
    for line in commands:
        parser().parse_args(shlex.split(line)[1:])


def test_the_spans_and_the_tolerance_are_those_of_the_code() -> None:
    meaning = next(check.meaning for check in checks() if check.name == "control_totals")
    assert f"the last {USAGE_DAYS} for usage or {COSTS_DAYS} for costs" in meaning
    assert f"a tolerance of {MONEY_TOLERANCE:f}," in PAGE
    spans = {int(days) for check in checks() for days in re.findall(r"interval '(\d+) days'", check.query or "")}
    assert {40, 10} <= spans, "the page speaks of spans that no query has"
    assert "the last 40 days of day buckets, and at the last 10 days of hours" in PAGE
    for check in checks():
        if "usage_named" in (check.query or "") or "warehouse.costs" in (check.query or ""):
            assert re.search(r"\bthe last (40|10)\b", check.meaning), f"{check.name} does not say how far back it looks"
