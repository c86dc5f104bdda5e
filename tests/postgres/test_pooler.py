"""Poolers: in session mode a real PgBouncer is no hindrance; in the others every command is one line, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.errors import FixConfiguration
from meterhouse.export import export_view
from meterhouse.warehouse.database import connect
from meterhouse.warehouse.migrate import migrate
from meterhouse.warehouse.session import READ

from .comparison import assert_equals_source
from .fingerprints import row_counts
from .loaded_organization import LoadedOrganization
from .pgbouncer import PROGRAM, pgbouncer
from .terminal import Terminal, reading_commands, writing_commands

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")

Through = Callable[..., str]
MODES = {
    "transaction": (),
    "transaction, options ignored": ("ignore_startup_parameters = options,extra_float_digits",),
    "transaction, in turn": ("server_round_robin = 1", "default_pool_size = 3", "min_pool_size = 3"),
    "transaction, one connection": ("default_pool_size = 1",),
    "statement": (),
}


@pytest.fixture
def through(tmp_path: Path) -> Iterator[Through]:
    """Puts a PgBouncer before an address: `through(url, mode, *settings)`."""
    with ExitStack() as opened:
        yield lambda url, mode, *settings: opened.enter_context(pgbouncer(tmp_path, url, mode, *settings))


@pytest.mark.parametrize("settings", [(), ("ignore_startup_parameters = options,extra_float_digits",), ("server_reset_query =",)], ids=str)
def test_everything_works_behind_a_pooler_in_session_mode(
    acme: LoadedOrganization, through: Through, tmp_path: Path, settings: tuple[str, ...]
) -> None:
    direct = acme.warehouse
    acme.warehouse = replace(direct, loader_url=through(direct.loader_url, "session", *settings))
    assert migrate(through(direct.owner_url, "session", *settings)) == []
    acme.sync().raise_first()
    acme.sync().raise_first()
    assert_equals_source(acme, acme.today.replace(day=1), acme.today)
    reader = through(direct.reader_url, "session", *settings)
    assert export_view(reader, "costs_daily", "csv", tmp_path / "costs.csv") > 0


def test_a_pooler_in_session_mode_with_one_connection_works(warehouse: Warehouse, through: Through) -> None:
    url = through(warehouse.loader_url, "session", "default_pool_size = 1")
    with connect(url) as connection:
        assert connection.execute("SHOW DateStyle").fetchone() == ("ISO, YMD",)


@pytest.mark.fault(60)
@pytest.mark.parametrize("mode", MODES)
def test_a_pooler_that_lends_a_sessions_backend_is_refused(warehouse: Warehouse, through: Through, mode: str) -> None:
    url = through(warehouse.loader_url, mode.split(",", maxsplit=1)[0], *MODES[mode])
    for purpose in (None, READ):
        with pytest.raises(FixConfiguration, match=r"transaction or statement mode.*use the pooler in session mode"):
            connect(url, *([purpose] if purpose else []))


def test_it_is_refused_while_others_use_it(warehouse: Warehouse, through: Through) -> None:
    """Which session is lent which backend is a matter of luck then; the proof is not."""
    url = through(warehouse.loader_url, "transaction", "default_pool_size = 4")
    with psycopg.connect(url, prepare_threshold=None) as busy, psycopg.connect(url, prepare_threshold=None) as other:
        for one in (busy, other):
            one.execute("SELECT 1")
        for _ in range(3):
            with pytest.raises(FixConfiguration, match="use the pooler in session mode"):
                connect(url)


def test_every_command_says_so_in_one_line_and_writes_nothing(
    small: LoadedOrganization,
    through: Through,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = Terminal(small, tmp_path / "home", monkeypatch, capsys)
    before = row_counts(small.warehouse.superuser_url)
    url = through(small.warehouse.owner_url, "transaction", "ignore_startup_parameters = options")
    for command in [*writing_commands(small.today, tmp_path), *reading_commands(tmp_path)]:
        assert "use the pooler in session mode" in terminal.refused(url, *command, status=2), command
    assert row_counts(small.warehouse.superuser_url) == before
