"""Serves generated pages from a separate process, and remembers when the first request came in."""

from __future__ import annotations

import gzip
import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path

from tests.faults.small_pages import SmallPages

from meterhouse.catalogue.endpoints import COSTS
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.fake_openai.replay import Recording
from meterhouse.fake_openai.server import DEFAULT_ADMIN_KEY, FakeServer
from meterhouse.vendors.openai.wire import path_of

NO_COSTS = b'{"object":"page","data":[],"has_more":false,"next_page":null}'
KEY = DEFAULT_ADMIN_KEY


@dataclass(frozen=True)
class Serving:
    """What is served from now on, and how: `page_buckets` is the most that the server puts on a page, whatever limit is requested."""

    folder: Path
    latency_seconds: float = 0.0
    page_buckets: int = 168
    compressed: bool = False


@lru_cache(maxsize=8)
def _recording(folder: Path) -> Recording:
    return Recording(folder)


@lru_cache(maxsize=64)
def _compressed(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=6)


class TimedPages:
    """An application that answers from a recording, knows of no costs, and notes when it was first asked."""

    def __init__(self, serving: Serving) -> None:
        self._pages = SmallPages(_recording(serving.folder), serving.page_buckets)
        self._is_compressed = serving.compressed
        self.first_asked: float | None = None

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        if self.first_asked is None:
            self.first_asked = time.monotonic()
        if request.path == path_of(COSTS):
            return Answer(200, NO_COSTS)
        answer = self._pages.answer(request)
        if not self._is_compressed:
            return answer
        # The token differs from chain to chain, the buckets before it do not: they are compressed once.
        cut = answer.body.rindex(b',"has_more"')
        body = _compressed(answer.body[:cut]) + gzip.compress(answer.body[cut:])
        return Answer(answer.status, body, {"Content-Encoding": "gzip"})


def _serve(pipe: Connection, first: Serving) -> None:
    # Ctrl-C reaches the whole group; this process ends when the benchmark says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    application = TimedPages(first)
    with FakeServer(application) as server:
        pipe.send(server.base_url)
        while (order := pipe.recv()) is not None:
            if isinstance(order, Serving):
                server.application = application = TimedPages(order)
                server.latency_seconds = order.latency_seconds
            pipe.send(application.first_asked)


class PageServer:
    """The process, seen from the benchmark."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.base_url = str(pipe.recv())

    def serve(self, serving: Serving) -> None:
        """Serve this from now on; nobody has asked for it yet."""
        self._pipe.send(serving)
        self._pipe.recv()

    def first_asked(self) -> float | None:
        """Return when the first request came in, on the clock that all processes of this machine share; None before it did."""
        self._pipe.send("first asked")
        found: float | None = self._pipe.recv()
        return found


@contextmanager
def page_server(first: Serving) -> Iterator[PageServer]:
    """Run a page server for as long as the context lasts."""
    processes = multiprocessing.get_context("spawn")
    here, there = processes.Pipe()
    process = processes.Process(target=_serve, args=(there, first), daemon=True)
    process.start()
    try:
        yield PageServer(here)
    finally:
        here.send(None)
        process.join(timeout=10)
        if process.is_alive():
            process.terminate()
