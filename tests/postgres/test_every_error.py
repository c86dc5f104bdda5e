"""Every class of database errors at any statement of any command: one sentence, no traceback, and the next load is right."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from .comparison import assert_equals_source
from .doctored_vendor import THREE
from .failing_statement import FailingStatement
from .loaded_organization import LoadedOrganization
from .terminal import Terminal, reading_commands, writing_commands

# One code per class, and those of which the classes hold more than one kind.
CODES = [
    *{
        kind.sqlstate[:2]: kind.sqlstate
        for kind in vars(psycopg.errors).values()
        if isinstance(kind, type) and issubclass(kind, psycopg.Error) and kind.sqlstate and kind.sqlstate >= "03"
    }.values(),
    *("08006", "25006", "25P03", "40001", "40P01", "42501", "53100", "55P03", "57014", "57P01", "ZZ999"),
]
NAMES = [
    "migrate", "sync", "directory", "backfill", "check", "import", "budgets", "rebuild-totals", "purge", "alias", "grant-team",
    "rename-organization", "status", "export", "report", "sql",
]  # fmt: skip


@pytest.fixture
def terminal(small: LoadedOrganization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(small, tmp_path / "home", monkeypatch, capsys)


@pytest.mark.parametrize("name", NAMES)
def test_an_error_at_any_statement_is_one_line(small: LoadedOrganization, terminal: Terminal, tmp_path: Path, name: str) -> None:
    walk(small, terminal, tmp_path, name, rounds=4)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
def test_every_class_of_errors_at_many_statements(small: LoadedOrganization, terminal: Terminal, tmp_path: Path, name: str) -> None:
    walk(small, terminal, tmp_path, name, rounds=3 * len(CODES))


def walk(small: LoadedOrganization, terminal: Terminal, tmp_path: Path, name: str, rounds: int) -> None:
    """Run a command again and again, each time with an error at another of its statements; then load without one."""
    day = small.today - timedelta(days=1)
    command = dict(zip(NAMES, [*writing_commands(day, tmp_path), *reading_commands(tmp_path)], strict=True))[name]
    with FailingStatement(small.warehouse.owner_url) as counting:
        status, err = terminal.run(counting.url, *command)
        assert status == 0 or name == "check", err
    chosen = random.Random(name)  # noqa: S311  # the same choice every time
    codes = chosen.sample(CODES * 3, rounds)
    while codes:
        at = chosen.randint(1, counting.statements)
        with FailingStatement(small.warehouse.owner_url, at, codes[-1]) as failing:
            status, err = terminal.run(failing.url, *command)
        what = f"{command} with {codes[-1]} at statement {at} of {counting.statements}: exit {status}\n{err}"
        # A second time there may be less to do.
        if failing.was_hit:
            codes.pop()
            if status == 0 and failing.was_while_opening_another:
                continue  # without a further session everything goes over the first
            assert status in {1, 2}, what
            assert err.splitlines()[-1].startswith("meterhouse: "), what
        assert "Traceback" not in err, what
    if name in {"sync", "backfill", "directory", "rebuild-totals", "migrate"}:
        small.sync().raise_first()
        assert_equals_source(small, day, small.today, THREE, when="after the errors")
