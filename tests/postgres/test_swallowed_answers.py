"""Answers that never come, a COMMIT's above all: the process ends with one line, and the next run makes the warehouse whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.conftest import Warehouse
from tests.faults.tcp_proxy import TcpProxy

from meterhouse.errors import TryAgainLater
from meterhouse.warehouse import watched_connection
from meterhouse.warehouse.database import Connection, connect, translated
from meterhouse.warehouse.migrate import migrate

from .comparison import assert_equals_source
from .loaded_organization import LoadedOrganization

DEADLINE_SECONDS = 25


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(watched_connection, "PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(watched_connection, "PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(watched_connection, "LOOK_SECONDS", 2.0)
    started = time.monotonic()
    yield
    assert time.monotonic() - started < DEADLINE_SECONDS * 2


@pytest.mark.fault(48, 49)
@pytest.mark.parametrize(
    ("at", "proxied"),
    [(3, {}), (3, {"reaches_server": False}), (1, {"all_hang": True}), (1, {"all_hang": True, "reaches_server": False})],
    ids=["answer lost", "COMMIT lost", "answer and network lost", "COMMIT and network lost"],
)
def test_a_load_whose_commit_gets_no_answer_ends_and_its_replay_is_whole(
    acme: LoadedOrganization, at: int, proxied: dict[str, bool]
) -> None:
    acme.defaults |= {"endpoints": ("completions", "costs")}
    direct = acme.warehouse
    with TcpProxy(direct.loader_url, b"COMMIT", at, **proxied) as proxy:
        acme.warehouse = replace(direct, loader_url=proxy.url)
        started = time.monotonic()
        with pytest.raises(TryAgainLater):
            acme.sync().raise_first()
        assert time.monotonic() - started < DEADLINE_SECONDS
        assert proxy.hangs.is_set()
    acme.warehouse = direct
    acme.sync().raise_first()
    assert_equals_source(acme, acme.today.replace(day=1), acme.today, ["completions", "costs"])


def test_the_words_say_that_the_outcome_is_unknown_and_what_to_do(warehouse: Warehouse) -> None:
    def commit(connection: Connection) -> None:
        with translated("acme/costs/1d"), connection.transaction():
            connection.execute("CREATE TEMPORARY TABLE mine (one integer)")

    with TcpProxy(warehouse.loader_url, b"COMMIT") as proxy, connect(proxy.url) as connection:
        with pytest.raises(TryAgainLater, match="did not answer, so whether the last step was kept is not known; run again") as lost:
            commit(connection)
        assert "\n" not in str(lost.value)
        assert connection.closed


def test_a_migration_whose_commit_gets_no_answer_ends_too(warehouse: Warehouse) -> None:
    with TcpProxy(warehouse.owner_url, b"COMMIT") as proxy, pytest.raises(TryAgainLater, match="did not answer"):
        migrate(proxy.url)
    migrate(warehouse.owner_url)


def test_a_server_that_is_mute_from_the_start_is_given_up(warehouse: Warehouse) -> None:
    with TcpProxy(warehouse.loader_url, b"pg_is_in_recovery", all_hang=True) as proxy, pytest.raises(TryAgainLater, match="did not answer"):
        connect(proxy.url)


def test_a_statement_that_takes_long_is_waited_for(warehouse: Warehouse) -> None:
    with connect(warehouse.loader_url) as connection:
        assert connection.execute("SELECT 7 FROM pg_sleep(4)").fetchone() == (7,)


@pytest.mark.fault(47)
def test_a_copy_whose_data_the_network_swallows_is_given_up(warehouse: Warehouse) -> None:
    def copy_in(connection: Connection) -> None:
        with translated("acme"), connection.cursor() as cursor, cursor.copy("COPY mine FROM STDIN") as copy:
            for _ in range(20_000):
                copy.write("x" * 1000 + "\n")

    with TcpProxy(warehouse.loader_url, b"xxxx", reaches_server=False) as proxy, connect(proxy.url) as connection:
        connection.execute("CREATE TEMPORARY TABLE mine (one text)")
        with pytest.raises(TryAgainLater):
            copy_in(connection)
