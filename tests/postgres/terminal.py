"""The command line inside the test's own process, for what a command says of a warehouse."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from meterhouse.command_line.cli import main

from .loaded_organization import LoadedOrganization


class Terminal:
    """Runs commands for one organization; the environment holds what a command needs and nothing of the machine."""

    def __init__(self, acme: LoadedOrganization, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._acme = acme
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.environment = {
            "METERHOUSE_HOME": str(home),
            "OPENAI_ADMIN_KEY_ACME": acme.server.admin_key,
            "OPENAI_BASE_URL": acme.server.base_url,
            "METERHOUSE_HISTORY_START": f"{acme.today - timedelta(days=3)}",
            "METERHOUSE_HTTP_RETRIES": "0",
        }

    def run(self, url: str, *arguments: str) -> tuple[int, str]:
        """Run a command against `url`; return its exit status and what it wrote to the standard error."""
        for name, value in {**self.environment, "WAREHOUSE_URL": url}.items():
            self._monkeypatch.setenv(name, value)
        self._capsys.readouterr()
        status = main(arguments)
        return status, self._capsys.readouterr().err

    def refused(self, url: str, *arguments: str, status: int) -> str:
        """Run what must be refused; return its one line."""
        found, err = self.run(url, *arguments)
        lines = [line for line in err.splitlines() if line]
        assert found == status, err
        assert len(lines) == 1, err
        assert lines[0].startswith("meterhouse: ")
        return lines[0]


def writing_commands(day: date, folder: Path) -> list[list[str]]:
    """One call of every command that writes to the warehouse."""
    saved = folder / "cost_saved.csv"
    saved.write_text("start_time,end_time,amount_value,amount_currency\n1761955200,1762041600,1.5,usd\n")
    budgets = folder / "budgets.csv"
    budgets.write_text("organization,budget,scope_kind,currency,period,amount\nacme,All of it,organization,usd,month,1000\n")
    return [
        ["migrate"],
        ["sync"],
        ["sync", "--only", "directory"],
        ["backfill", "--from", str(day), "--to", str(day)],
        ["check", "--offline"],
        ["import", "costs", str(saved)],
        ["budgets", "import", str(budgets)],
        ["rebuild-totals"],
        ["purge", "--organization", "acme"],
        ["alias", "gpt-4o", "ours"],
        ["grant-team", "team_x", "--projects", "all"],
        ["rename-organization", "acme", "globex"],
    ]


def reading_commands(folder: Path) -> list[list[str]]:
    """One call of every command that reads from the warehouse."""
    return [
        ["status"],
        ["export", "costs_daily", "--format", "csv", "--out", str(folder / "costs.csv")],
        ["report", "--out", str(folder / "report.html")],
        ["sql", "SELECT count(*) FROM bi.costs_daily"],
    ]
