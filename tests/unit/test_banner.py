"""The banner of `make up`: what it says to type works in a second terminal, in which nothing is activated."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meterhouse.local.banner import banner, program


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment in a folder `.venv`, whose interpreter runs us."""
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder


def test_a_command_is_named_by_the_shortest_path_that_works(environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert program() == "meterhouse", "an environment without our command"
    (environment / "meterhouse").touch()
    assert program() == ".venv/bin/meterhouse"
    monkeypatch.chdir("/")
    assert program() == (environment / "meterhouse").as_posix().lstrip("/")


def test_the_banner_asks_the_warehouse_with_what_is_installed(environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (environment / "meterhouse").touch()
    monkeypatch.setattr("meterhouse.local.banner.loaded", lambda _: ["demo costs  5 rows"])
    lines = banner(
        dashboard_url="http://127.0.0.1:1", airflow_url="http://127.0.0.1:2", airflow_user="admin", airflow_password="secret",
        warehouse_url="postgresql://reader@127.0.0.1:3/warehouse", runs=[], demo=True, seconds=12.0, logs=".meterhouse/logs", notes=[],
    )  # fmt: skip
    assert "  Try         .venv/bin/meterhouse sql 'SELECT * FROM bi.spend_by_project_month'" in lines
    assert "  demo, and `.venv/bin/meterhouse purge --organization demo` removes it." in lines
