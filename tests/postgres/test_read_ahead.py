"""Reading ahead: the next windows are asked for while one is loaded; what comes in is the same, in the same order, and nothing runs on."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

import pytest

from meterhouse.catalogue.endpoints import DAY
from meterhouse.errors import MeterhouseError, TryAgainLater
from meterhouse.fake_openai.answers import Answer, Request

from .comparison import assert_equals_source
from .loaded_organization import LoadedOrganization, midnight
from .slow_vendor import Slow

ONLY = ["web_search_calls"]
DAYS = 300


def load(acme: LoadedOrganization, connections: int) -> None:
    acme.backfill(acme.today - timedelta(days=DAYS), acme.today, ONLY, connections=connections).raise_first()


@pytest.mark.parametrize("connections", [1, 2, 4])
def test_several_requests_are_under_way_and_windows_are_loaded_in_order(acme: LoadedOrganization, connections: int) -> None:
    slow = acme.server.application = Slow(acme)
    load(acme, connections)
    assert slow.most == connections
    assert slow.asked == -(-DAYS // 31)
    assert_equals_source(acme, acme.today - timedelta(days=DAYS), acme.today, ONLY)
    loaded = acme.query("SELECT window_start, fetch_number FROM ops.load_log ORDER BY load_id")
    assert loaded == sorted(loaded)
    assert [number for _, number in loaded] == sorted(number for _, number in loaded)


def fourth_window(acme: LoadedOrganization) -> datetime:
    return midnight(acme.today - timedelta(days=DAYS)) + 3 * timedelta(days=DAY.max_buckets)


def threads() -> int:
    return sum(thread.name.startswith("read ahead") for thread in threading.enumerate())


def test_a_fault_in_the_middle_keeps_what_was_loaded_and_ends_the_asking(acme: LoadedOrganization) -> None:
    slow = acme.server.application = Slow(acme, fails_from=fourth_window(acme))
    with pytest.raises(TryAgainLater, match="HTTP 503"):
        load(acme, 4)
    assert acme.query("SELECT count(*) FROM ops.load_log") == [(3,)]
    # Of windows that were not loaded at most as many were asked for as may be under way.
    assert slow.asked <= 3 + 4
    deadline = time.monotonic() + 5
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() == 0
    asked = slow.asked
    acme.server.application = Slow(acme, seconds=0)
    load(acme, 4)
    assert slow.asked == asked
    assert_equals_source(acme, acme.today - timedelta(days=DAYS), acme.today, ONLY)


def test_an_answer_that_is_refused_ends_the_asking_too(acme: LoadedOrganization) -> None:
    real = Slow(acme)

    class Odd(Slow):
        """From the third window on its pages are none, and there are more of them than anybody waits for."""

        def answer(self, request: Request) -> Answer:
            if not request.values("page") and real.asked < 2:
                return real.answer(request)
            self.asked += 1
            return Answer(200, b'{"object":"page","data":[{"start_time":1}],"has_more":true,"next_page":"%d"}' % self.asked)

    odd = acme.server.application = Odd(acme)
    with pytest.raises(MeterhouseError) as refused:
        load(acme, 4)
    # While the error, and with it the frame that took the answer, is still referenced.
    time.sleep(0.3)
    asked = odd.asked
    time.sleep(0.3)
    assert (threads(), odd.asked) == (0, asked), refused


def test_retries_of_all_requests_come_out_of_one_budget(acme: LoadedOrganization, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterhouse.vendors.read_ahead.pause", lambda *_: None)
    monkeypatch.setattr("meterhouse.vendors.http_client.pause", lambda _: None)
    slow = acme.server.application = Slow(acme, seconds=0, fails_from=fourth_window(acme))
    with pytest.raises(MeterhouseError):
        acme.backfill(acme.today - timedelta(days=DAYS), acme.today, ONLY, connections=4, retries=20).raise_first()
    # Ten retries, and the first attempts of what is under way.
    assert slow.asked <= 3 + 4 + 10


def test_a_stop_ends_the_asking(acme: LoadedOrganization) -> None:
    slow = acme.server.application = Slow(acme)

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        acme.backfill(acme.today - timedelta(days=DAYS), acme.today, ONLY, connections=4, report=stop)
    time.sleep(0.3)
    assert slow.asked <= 1 + 4
    assert threads() == 0
