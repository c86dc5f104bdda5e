"""Overlap: the whole load and only fetching, with and without waiting for every page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .contenders import backfill, fetching
from .figures import FIRST, Wait
from .page_server import Serving
from .pages import Shape
from .rounds import Bench, say, served

LOADER, FETCHER = "meterhouse", "fetching alone"
LATENCIES_MILLISECONDS = (0, 100)
# Smaller pages than the vendor's largest, so that there is something to wait for.
PAGE_BUCKETS = 24


def overlap(bench: Bench, shape: Shape, count: int) -> Iterator[Wait]:
    """Yield `count` rounds: our loader and a client that only fetches, at each latency, and our loader with compressed pages."""
    pages = served(bench, shape)[FIRST]
    plain = Serving(pages.folder, page_buckets=PAGE_BUCKETS)
    for _ in range(count):
        for milliseconds in LATENCIES_MILLISECONDS:
            slow = replace(plain, latency_seconds=milliseconds / 1000)
            for who in (LOADER, FETCHER):
                yield _one(bench, shape, who, slow)
        yield _one(bench, shape, LOADER, replace(plain, compressed=True))


def _one(bench: Bench, shape: Shape, who: str, serving: Serving) -> Wait:
    if who == LOADER:
        load = backfill(bench.home, bench.pages.base_url, bench.grounds.fresh("overlap"), shape)
    else:
        load = fetching(bench.pages.base_url, shape)
    found = Wait(who, round(serving.latency_seconds * 1000), round(bench.timed(load, serving).work_seconds, 3), serving.compressed)
    say(f"  {who:16} {found.milliseconds_per_page:4} ms a page{', compressed' if found.compressed else '':12} {found.seconds:7.2f} s")
    return found
