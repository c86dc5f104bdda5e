"""Endpoints side by side: the same rows come in, in whatever order; one fault ends what it should and nothing else; a stop is a stop."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from meterhouse.catalogue.endpoints import Endpoint
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.load.loader import Loader
from meterhouse.load.outcome import Outcome
from meterhouse.load.run import Progress, Report, silent
from meterhouse.load.store import Store

from .comparison import assert_equals_source
from .loaded_organization import LoadedOrganization
from .one_session import one_session_at_a_time
from .slow_vendor import Slow

ENDPOINTS = ("completions", "embeddings", "images", "vector_stores", "web_search_calls", "costs")
DAYS = 70


def load(acme: LoadedOrganization, connections: int, report: Report = silent) -> Outcome:
    first = acme.today - timedelta(days=DAYS)
    return acme.backfill(first, acme.today, ENDPOINTS, report=report, connections=connections)


def lanes() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("lane ")]


@pytest.mark.parametrize("connections", [1, 3, 4])
def test_no_more_requests_are_under_way_than_the_setting_says(acme: LoadedOrganization, connections: int) -> None:
    # Long enough for every lane to come that far, on a busy machine too.
    slow = acme.server.application = Slow(acme, seconds=0.3)
    outcome = load(acme, connections)
    outcome.raise_first()
    assert slow.most == connections
    assert [summary.endpoint for summary in outcome.summaries] == list(ENDPOINTS)
    assert_equals_source(acme, acme.today - timedelta(days=DAYS), acme.today, ENDPOINTS)
    assert acme.query("SELECT count(*), min(status) FROM ops.run_log") == [(1, "done")]
    # Each stream's own windows are loaded in order.
    loaded = acme.query("SELECT endpoint, window_start FROM ops.load_log ORDER BY load_id")
    for endpoint in ENDPOINTS:
        starts = [start for name, start in loaded if name == endpoint]
        assert starts == sorted(starts)
        assert len(starts) == 3
    assert not lanes()


def test_a_wrong_key_is_shown_once(acme: LoadedOrganization) -> None:
    class Refusing(Slow):
        def answer(self, _: Request) -> Answer:
            self.asked += 1
            return Answer(401, b'{"error": {"message": "Incorrect API key provided"}}')

    refusing = acme.server.application = Refusing(acme)
    with pytest.raises(FixConfiguration, match="refuses the admin key"):
        load(acme, 4)
    assert refusing.asked == 1


def test_the_fault_of_one_endpoint_leaves_the_others_alone(acme: LoadedOrganization) -> None:
    class WithoutImages(Slow):
        def answer(self, request: Request) -> Answer:
            if "images" in request.path:
                return Answer(500, b"{}")
            return super().answer(request)

    acme.server.application = WithoutImages(acme, seconds=0)
    outcome = load(acme, 4)
    with pytest.raises(TryAgainLater, match="images"):
        outcome.raise_first()
    assert [summary.endpoint for summary in outcome.summaries] == [name for name in ENDPOINTS if name != "images"]
    assert acme.query("SELECT status FROM ops.run_log") == [("failed",)]


def test_after_a_stop_nothing_is_written_any_more_and_the_run_can_be_resumed(acme: LoadedOrganization) -> None:
    acme.server.application = Slow(acme, seconds=0.2)
    main = threading.current_thread()

    def stop(step: Progress) -> None:
        # The first stream is done, so the others are in the middle of theirs.
        if threading.current_thread() is main and step.done == step.total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(acme, 4, report=stop)
    loaded = acme.query("SELECT count(*) FROM ops.load_log")
    assert acme.query("SELECT status FROM ops.run_log") == [("stopped",)]
    time.sleep(1)
    assert acme.query("SELECT count(*) FROM ops.load_log") == loaded
    assert not lanes()
    acme.server.application = acme.fake
    load(acme, 4).raise_first()
    assert acme.query("SELECT count(*), min(status) FROM ops.run_log") == [(1, "done")]
    assert_equals_source(acme, acme.today - timedelta(days=DAYS), acme.today, ENDPOINTS)


def test_a_server_that_has_no_session_left_is_loaded_over_one(acme: LoadedOrganization) -> None:
    with one_session_at_a_time(acme):
        load(acme, 4).raise_first()
    assert_equals_source(acme, acme.today - timedelta(days=DAYS), acme.today, ENDPOINTS)


def test_a_mistake_in_a_lane_is_raised_and_ends_the_run(acme: LoadedOrganization, monkeypatch: pytest.MonkeyPatch) -> None:
    main, real = threading.current_thread(), Loader.backfill

    def broken(self: Loader, *arguments: Any, **options: Any) -> Any:
        if threading.current_thread() is not main:
            raise ZeroDivisionError
        return real(self, *arguments, **options)

    monkeypatch.setattr(Loader, "backfill", broken)
    with pytest.raises(ZeroDivisionError):
        load(acme, 4)
    assert acme.query("SELECT status FROM ops.run_log") == [("failed",)]


def test_a_lane_is_given_up_in_the_middle_of_a_statement(acme: LoadedOrganization) -> None:
    with Store(acme.warehouse.loader_url) as store:
        threading.Timer(0.3, store.give_up).start()
        began = time.monotonic()
        with pytest.raises(psycopg.Error):
            store.connection.execute("SELECT pg_sleep(30)")
        assert time.monotonic() - began < 10
    store.give_up()


@pytest.mark.parametrize("whose", ["another lane's", "the first lane's"])
def test_a_session_that_ends_takes_no_more_endpoints_with_it_than_its_own(
    acme: LoadedOrganization, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    acme.server.application = Slow(acme, seconds=0.1)
    main, real = threading.current_thread(), Loader.backfill
    ended: list[str] = []

    def ending(self: Loader, endpoint: Endpoint, *arguments: Any, **options: Any) -> Any:
        is_main = threading.current_thread() is main
        # The first endpoint opens the run; what comes after it is to lose its session.
        if not ended and endpoint.name != ENDPOINTS[0] and is_main == (whose == "the first lane's"):
            ended.append(endpoint.name)
            self._means.store.give_up()
        return real(self, endpoint, *arguments, **options)

    monkeypatch.setattr(Loader, "backfill", ending)
    outcome = load(acme, 4)
    assert len(ended) == 1
    assert [summary.endpoint for summary in outcome.summaries] == [name for name in ENDPOINTS if name not in ended]
    assert outcome.errors
