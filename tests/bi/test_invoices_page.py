"""The pages about invoices and teams: their files are imported as they stand, and the answers are those that the page shows."""

from __future__ import annotations

import re
import shlex
from decimal import Decimal
from pathlib import Path

import pytest
from tests.bi.given import Given
from tests.bi.invoices import settled_month
from tests.docs.markdown import blocks

from meterhouse.command_line.cli import main
from meterhouse.warehouse.rollups import fill
from meterhouse.warehouse.view_reach import VIEW_NAMES

DOCS = Path(__file__).resolve().parents[2] / "docs"
INVOICES, TEAMS = (DOCS / "invoices.md").read_text(), (DOCS / "teams.md").read_text()


@pytest.fixture
def run(given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs a command of a page where its files are, and returns what it says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WAREHOUSE_URL", given.warehouse.loader_url)

    def command(line: str) -> str:
        assert main(shlex.split(line)[1:]) == 0
        return capsys.readouterr().out

    return command


def test_october_is_reconciled_as_the_page_says(given: Given, tmp_path: Path, run) -> None:
    settled_month(given)
    given.cost("2026-10-15", "2286.742318", project_id="a")
    fill(given.owner)
    invoice, purchases, rates = blocks(INVOICES, "csv")
    for name, text in (("october.csv", invoice), ("purchases.csv", purchases), ("rates.csv", rates)):
        (tmp_path / name).write_text(text)
    (tmp_path / "october.json").write_text(blocks(INVOICES, "json")[0])
    assert run("meterhouse import invoice october.json --dry-run").startswith("1 invoice (1 new) of 2026-10-01 to 2026-10-31, 2286.74 usd")
    commands, answers = blocks(INVOICES, "")[::2], blocks(INVOICES, "")[1:2]
    assert run(commands[0]).rstrip() == answers[0]
    assert run("meterhouse import purchases purchases.csv").startswith("2 purchases (2 new)")
    assert run("meterhouse import rates rates.csv").startswith("2 rates (2 new)")
    for question in blocks(INVOICES, "sql"):
        given.shown(question)
    ((state, *amounts),) = given.shown(
        "SELECT state, billed, tax, credit, bundle, adjustment, restatement, period_shift, rounding, unexplained FROM bi.invoice_tie_out"
    )
    assert state == "tied_with_rounding"
    assert sum(amounts) == Decimal("3197.22")


def test_the_list_of_teams_on_the_page_is_one_that_is_taken(tmp_path: Path, run) -> None:
    (tmp_path / "teams.csv").write_text(blocks(TEAMS, "csv")[0])
    importing, listing = blocks(TEAMS, "")[0].strip().splitlines()
    assert run(importing).startswith("7 assignments (7 new) of 5 teams: stored")
    assert len(run(listing).splitlines()) == 8
    assert run(importing).startswith("7 assignments (7 unchanged) of 5 teams: nothing had changed")


@pytest.mark.parametrize("page", [INVOICES, TEAMS])
def test_the_views_that_the_pages_name_are_there(page: str) -> None:
    named = set(re.findall(r"\bbi\.([a-z_]+)", page))
    assert len(named) >= 4
    assert named <= set(VIEW_NAMES)
