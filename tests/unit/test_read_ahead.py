"""What is noted about an answer while it is taken."""

from __future__ import annotations

import time
from collections.abc import Iterator

from meterhouse.page_text import FetchedPage
from meterhouse.read_ahead import Taken

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
