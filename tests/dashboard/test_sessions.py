"""The dashboard's server keeps its sessions open for the next click, and gives up what is broken, old or no longer wanted."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.dashboard import sessions
from meterhouse.dashboard.presets import PRESETS, preset, spans
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.server import Snapshots
from meterhouse.dashboard.sessions import Sessions

from .conftest import EVERYTHING


def pid(kept: Sessions) -> int:
    with kept.first() as (session, _):
        return session.info.backend_pid


def is_there(warehouse: Warehouse, backend_pid: int) -> bool:
    with psycopg.connect(warehouse.superuser_url) as connection:
        return connection.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (backend_pid,)).fetchone() is not None


def wait_until_gone(warehouse: Warehouse, backend_pid: int) -> None:
    deadline = time.monotonic() + 30
    while is_there(warehouse, backend_pid):
        assert time.monotonic() < deadline, "the session does not end"
        time.sleep(0.01)


def test_a_kept_session_is_used_again_and_another_one_ends(loaded: Warehouse) -> None:
    kept = Sessions(loaded.reader_url, is_kept=True)
    first = pid(kept)
    assert pid(kept) == first
    assert is_there(loaded, first)
    wait_until_gone(loaded, pid(Sessions(loaded.reader_url)))


def test_nothing_that_a_reader_set_is_left_to_the_next(loaded: Warehouse) -> None:
    kept = Sessions(loaded.reader_url, is_kept=True)
    with kept.first() as (session, _):
        session.execute("SET search_path = public")
        session.execute("SET enable_hashjoin = off")
        before = session.info.backend_pid
    with kept.first() as (session, _):
        assert session.info.backend_pid == before
        assert session.execute("SELECT current_schema(), current_setting('enable_hashjoin')").fetchone() == ("bi", "on")


def test_a_session_that_the_server_ended_or_that_failed_is_not_used_again(loaded: Warehouse) -> None:
    kept = Sessions(loaded.reader_url, is_kept=True)
    first = pid(kept)
    with psycopg.connect(loaded.superuser_url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (first,))
    second = pid(kept)
    assert second != first
    with pytest.raises(psycopg.errors.DivisionByZero), kept._lent() as session:
        session.execute("SELECT 1 / 0")
    wait_until_gone(loaded, second)
    assert pid(kept) != second


def test_a_session_that_nobody_uses_or_that_is_old_is_closed(loaded: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "IDLE_SECONDS", 0.2)
    wait_until_gone(loaded, pid(Sessions(loaded.reader_url, is_kept=True)))
    monkeypatch.setattr(sessions, "IDLE_SECONDS", 60)
    monkeypatch.setattr(sessions, "LIFETIME_SECONDS", 0)
    wait_until_gone(loaded, pid(Sessions(loaded.reader_url, is_kept=True)))


def test_a_part_of_a_page_is_of_the_snapshot_that_the_page_shows(loaded: Warehouse) -> None:
    snapshots = Snapshots(Reader(loaded.reader_url))
    shown = snapshots.get(EVERYTHING)
    assert snapshots.get(EVERYTHING) is shown
    assert snapshots.charts(shown) is snapshots.charts(shown)
    assert snapshots.get(EVERYTHING, "another version") is shown


def test_what_a_choice_does_not_change_is_the_same_as_if_it_were_read_again(loaded: Warehouse) -> None:
    snapshots = Snapshots(Reader(loaded.reader_url))
    everything = snapshots.get(EVERYTHING)
    project = next(one.project_id for one in everything.costs if one.grain == "project" and one.project_id)
    for filters in (
        replace(EVERYTHING, projects=(project,)),
        replace(EVERYTHING, organizations=("labs",)),
        replace(EVERYTHING, first=date(2026, 11, 14)),
        replace(EVERYTHING, first=date(2026, 10, 1), last=date(2026, 10, 31)),
        replace(EVERYTHING, compare="week", by="model"),
    ):
        known, alone = snapshots.get(filters), Reader(loaded.reader_url).snapshot(filters)
        assert known.answers == alone.answers
        assert (known.choices, known.drivers, known.costs) == (alone.choices, alone.drivers, alone.costs)
        assert (known.team_months, known.months) == (alone.team_months, alone.months)


def test_the_browser_knows_the_days_of_every_button() -> None:
    today = date(2026, 3, 31)
    assert spans(today) == {name: [str(day) for day in preset(name, today)] for name in PRESETS}
    assert spans(today)["last-month"] == ["2026-02-01", "2026-02-28"]
