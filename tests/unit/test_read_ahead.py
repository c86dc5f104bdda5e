"""What is noted about an answer while it is taken, pages of any size, and pauses that end with the wish for an answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from meterhouse.catalogue.endpoints import COMPLETIONS, DAY
from meterhouse.vendors.page_text import FetchedPage
from meterhouse.vendors.read_ahead import ReadAhead, Taken
from meterhouse.vendors.request import Request
from meterhouse.windows import Window

PAUSE_SECONDS = 0.03


def slow_pages() -> Iterator[FetchedPage]:
    for size in (3, 7, 5):
        time.sleep(PAUSE_SECONDS)
        yield FetchedPage(b"x" * size, ())


def test_the_seconds_of_all_pages_count_and_those_between_them_do_not() -> None:
    taken = Taken(4, slow_pages())
    began = time.monotonic()
    sizes = []
    for page in taken:
        sizes.append(len(page.text))
        time.sleep(PAUSE_SECONDS)
    assert sizes == [3, 7, 5]
    assert 3 * PAUSE_SECONDS <= taken.seconds <= time.monotonic() - began - 3 * PAUSE_SECONDS
    assert (taken.fetch_number, taken.largest_bytes) == (4, 7)


class Giving:
    """A client whose answer is what `pages` yields."""

    was_answered = True

    def __init__(self, pages: Callable[[Giving], Iterator[FetchedPage]]) -> None:
        self._pages = pages
        self.sleep: Callable[[float], None] = time.sleep

    def beside(self, sleep: Callable[[float], None]) -> Giving:
        other = Giving(self._pages)
        other.sleep = sleep
        return other

    def pages(self, _: Request) -> Iterator[FetchedPage]:
        return self._pages(self)


def asked() -> Request:
    return Request(COMPLETIONS, Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)), DAY, (), 31)


def ahead(pages: Callable[[Giving], Iterator[FetchedPage]]) -> ReadAhead:
    client: Any = Giving(pages)
    return ReadAhead(client, 4, reads_on=True)


@pytest.mark.timeout(20)
def test_pages_that_are_larger_than_what_may_wait_come_through_one_by_one() -> None:
    megabytes = [9, 1, 9, 9, 2, 2, 2]
    taken = ahead(lambda _: (FetchedPage(b"x" * (size << 20), ()) for size in megabytes)).take(asked(), lambda: 1)
    assert [len(page.text) >> 20 for page in taken] == megabytes


@pytest.mark.timeout(20)
def test_a_pause_is_as_long_as_it_was_asked_for_and_ends_when_nobody_waits_any_more() -> None:
    paused: list[float] = []
    ended = threading.Event()

    def pages(client: Giving) -> Iterator[FetchedPage]:
        began = time.monotonic()
        client.sleep(0.2)
        paused.append(time.monotonic() - began)
        yield FetchedPage(b"first", ())
        try:
            client.sleep(60)
        finally:
            ended.set()

    reading = ahead(pages)
    page = next(iter(reading.take(asked(), lambda: 1)))
    assert page.text == b"first"
    assert 0.2 <= paused[0] < 5
    reading.forget()
    assert ended.wait(10)
