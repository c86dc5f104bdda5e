"""The report as a PDF by the browser that is installed: A4, the answers on a sheet of their own; and what happens without a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import NOW
from tests.unit.answer_rows import EVERY_ROW, OCTOBER, TIED

from meterhouse.answers.answer import capital
from meterhouse.answers.five import five_answers
from meterhouse.answers.to_do import to_do
from meterhouse.dashboard import printing
from meterhouse.dashboard.month_figures import MonthFigures
from meterhouse.dashboard.month_report import month_report
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.static_report import report
from meterhouse.errors import FixConfiguration, TryAgainLater

from .conftest import EVERYTHING, environment, report_command
from .paper import printed

pytestmark = pytest.mark.skipif(not any(os.access(path, os.X_OK) for path in ("/usr/bin/pdftotext",)), reason="pdftotext is not installed")


@pytest.fixture(scope="module")
def sheets(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The text of every sheet of a report with all that the first page can show."""
    file = tmp_path_factory.mktemp("pdf") / "report.pdf"
    file.write_bytes(printing.to_pdf(report(replace(reader.snapshot(EVERYTHING), answers=EVERY_ROW), NOW)))
    assert file.stat().st_size < 5_000_000, "a report must be small enough to mail"
    shown = subprocess.run(["pdfinfo", str(file)], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Page size: +59[45]\.\d+ x 84[12]\.?\d* pts \(A4\)", shown), shown
    text = subprocess.run(["pdftotext", "-layout", str(file), "-"], capture_output=True, text=True, check=True).stdout
    return text.split("\f")


def test_the_first_sheet_holds_the_answers_what_is_to_be_done_and_the_pictures_and_nothing_else_does(sheets: list[str]) -> None:
    first = " ".join(sheets[0].split())
    # Words of a line may be apart: a label comes before each sentence.
    tasks = [f"{capital(one.what)}. {''.join(one.explained)}" for one in to_do(EVERY_ROW)]
    assert tasks
    for sentence in (*(one.sentence for one in five_answers(EVERY_ROW, "usd")), *tasks):
        # Each statement has a line of its own.
        assert all(word.strip(";.").lower() in first.lower() for word in sentence.split()), sentence
    for title in (
        "November, day by day",
        "November 2026: billed, expected and October",
        "Change by project compared with",
        "Cost per day; marked: unusual for a project",
    ):
        assert title in first
    assert "Requests" not in first
    assert "Requests" in sheets[1]
    assert "You can rely on these figures" not in "".join(sheets[1:])


def test_an_invoice_with_a_long_reason_covers_nothing_on_paper(browser: Browser, tmp_path: Path) -> None:
    late = replace(TIED, state="mismatch", state_reason="the invoice is 80.60 higher than what explains it", tax=Decimal("12.50"))
    page = browser.new_page()
    page.set_content(month_report(MonthFigures(OCTOBER, replace(EVERY_ROW, month=OCTOBER, tie_outs=(late,))), NOW))
    sheets = printed(page, tmp_path)
    page.close()
    assert sheets.overprinted() == []
    # Both columns of it are there: before, the second half of a table in two columns had lost its amounts.
    assert [word for word in sheets.words if word.text == "$12.50" and word.right < sheets.width]


def test_tables_go_on_with_their_headings_and_no_row_is_on_two_sheets(sheets: list[str]) -> None:
    rows = [line for sheet in sheets for line in sheet.splitlines() if re.match(r" *\d+ Nov 2026 +\$", line)]
    days = [re.match(r" *(\d+ Nov 2026)", row) for row in rows]
    assert len(rows) >= 20
    assert all(days)
    # Every sheet that begins within a table begins with its columns.
    for sheet in sheets[1:]:
        lines = [line.strip() for line in sheet.splitlines() if line.strip()]
        if lines:
            assert not re.match(r"\d+ (Oct|Nov) 2026 ", lines[0]), lines[:2]


@pytest.mark.parametrize("arguments", [["--out", "october.pdf"], ["--out", "october", "--pdf"]])
def test_the_command_writes_a_pdf_by_the_files_name_or_when_it_is_asked_to(loaded: Warehouse, tmp_path: Path, arguments: list[str]) -> None:
    arguments = [arguments[0], str(tmp_path / arguments[1]), *arguments[2:]]
    done = report_command(loaded.reader_url, tmp_path, *arguments, "--month", "2026-10")
    assert (done.returncode, done.stdout.startswith("wrote ")) == (0, True), done.stderr
    assert Path(arguments[1]).read_bytes().startswith(b"%PDF-")
    assert [path.name for path in tmp_path.iterdir()] == [Path(arguments[1]).name]


def test_without_a_browser_one_line_says_what_to_install_and_nothing_is_written(loaded: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_text("last week's")
    line = [sys.executable, "-m", "meterhouse", "report", "--out", str(tmp_path / "report.pdf")]
    bare = environment(loaded.reader_url, tmp_path) | {"PATH": str(tmp_path)}
    done = subprocess.run(line, env=bare, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"meterhouse: {printing.NONE}\n")
    assert (tmp_path / "report.pdf").read_text() == "last week's"
    assert [path.name for path in tmp_path.iterdir()] == ["report.pdf"]


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ("#!/bin/sh\nexit 3\n", TryAgainLater, "ended with status 3 and wrote no PDF: try again, or write HTML"),
        ("#!/no/such/interpreter\n", FixConfiguration, "cannot be started"),
        ('#!/bin/sh\nfor word; do case $word in --print-to-pdf=*) echo no > "${word#*=}";; esac; done\n', TryAgainLater, "wrote no PDF"),
    ],
)
def test_a_browser_that_writes_nothing_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, error: type[Exception], words: str
) -> None:
    program = tmp_path / "chromium"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(error, match=words):
        printing.to_pdf("<p>figures</p>")


def test_the_browser_is_shown_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program, seen = tmp_path / "chromium", tmp_path / "seen"
    program.write_text(
        f'#!/bin/sh\n/usr/bin/env > {seen}\nfor word; do case $word in --print-to-pdf=*) echo %PDF-1.4 > "${{word#*=}}";; esac; done\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://canary:secret@nowhere/none")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-canary")
    assert printing.to_pdf("<p>figures</p>") == b"%PDF-1.4\n"
    told = {line.partition("=")[0] for line in seen.read_text().splitlines()}
    assert told - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "HOME", "LANG"}


def test_a_month_and_days_are_not_asked_for_together(loaded: Warehouse, tmp_path: Path) -> None:
    out = str(tmp_path / "report.html")
    done = report_command(loaded.reader_url, tmp_path, "--out", out, "--month", "2026-10", "--from", "2026-10-02")
    assert (done.returncode, done.stderr) == (2, "meterhouse: --month is a whole month: leave out --from and --to\n")
    done = report_command(loaded.reader_url, tmp_path, "--out", out, "--month", "2026-13")
    assert (done.returncode, "2026-13" in done.stderr) == (2, True)
    done = report_command(loaded.reader_url, tmp_path, "--out", out, "--month", "2025-10")
    assert (done.returncode, "no costs of 2025-10 are loaded" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []
