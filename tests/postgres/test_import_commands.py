"""`meterhouse import` as people type it: what it says, how it ends, and what the checks think of the warehouse afterwards."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from meterhouse.catalogue.endpoints import COMPLETIONS
from meterhouse.checks.warehouse_checks import run_warehouse_checks
from meterhouse.command_line.cli import main

from .loaded_organization import LoadedOrganization
from .saved_exports import costs_export, usage_export
from .terminal import Terminal

FIRST, END = date(2026, 3, 2), date(2026, 3, 9)


@pytest.fixture
def terminal(small: LoadedOrganization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(small, tmp_path / "home", monkeypatch, capsys)


def test_files_of_both_kinds_are_imported_beside_what_the_api_loaded_and_no_check_finds_anything(
    small: LoadedOrganization, terminal: Terminal, tmp_path: Path
) -> None:
    costs = tmp_path / "cost_2026-03-02_2026-03-08.csv"
    usage = tmp_path / "completions_usage_2026-03-02_2026-03-08.csv"
    costs.write_text(costs_export(small.fake, FIRST, END))
    usage.write_text(usage_export(small.fake, COMPLETIONS, FIRST, END))
    os.utime(costs, (small.now.timestamp(), small.now.timestamp()))
    url = small.warehouse.loader_url
    watermarks = small.query("SELECT endpoint, bucket_width, watermark, loaded_from FROM ops.watermarks ORDER BY 1, 2")
    before = failing(small)
    assert terminal.run(url, "import", "costs", str(costs), "--exported-on", "2026-03-20") == (0, "")
    assert terminal.run(url, "import", "usage", str(usage), "--organization", "acme") == (0, "")
    assert small.query("SELECT endpoint, bucket_width, watermark, loaded_from FROM ops.watermarks ORDER BY 1, 2") == watermarks
    assert failing(small) == before
    commands = "SELECT command, parameters ->> 'file', status FROM ops.run_log WHERE command LIKE 'import%' ORDER BY run_id"
    assert small.query(commands) == [("import costs", costs.name, "done"), ("import usage", usage.name, "done")]


def failing(loaded: LoadedOrganization) -> set[str]:
    """The names of the checks that find something."""
    return {result.check.name for result in run_warehouse_checks(loaded.settings(), clock=lambda: loaded.now) if not result.is_ok}


def test_what_is_refused_is_one_line_and_exit_status_2(terminal: Terminal, small: LoadedOrganization, tmp_path: Path) -> None:
    url = small.warehouse.loader_url
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    assert "wrong.csv is not an export or saved answer" in terminal.refused(url, "import", "costs", str(wrong), status=2)
    costs = tmp_path / "cost_2026-03-02_2026-03-08.csv"
    costs.write_text(costs_export(small.fake, FIRST, END))
    assert "import it with meterhouse import costs" in terminal.refused(url, "import", "usage", str(costs), status=2)
    assert "is not a file" in terminal.refused(url, "import", "costs", str(tmp_path / "none.csv"), status=2)
    told = terminal.refused(url, "import", "legacy-api", "--from", "2026-03-02", "--to", "2026-03-08", status=2)
    assert "no longer answers /usage for API keys" in told
    assert "docs/import.md" in told
    assert small.query("SELECT count(*) FROM ops.run_log WHERE command LIKE 'import%'") == [(0,)]
    for words in ([], [str(wrong), "--remove", "INV-1"], [str(wrong), "--organization", "acme"]):
        assert "give files to import, or --remove" in terminal.refused(url, "import", "invoice", *words, status=2)
    assert "no invoice INV-1 is stored" in terminal.refused(url, "import", "invoice", "--remove", "INV-1", status=2)


@pytest.mark.parametrize("words", [["import"], ["import", "usage"], ["import", "costs", "x.csv", "--exported-on", "yesterday"]])
def test_words_that_are_missing_or_wrong_are_exit_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
