"""Side by side: the endpoints of one organization, loaded by several lanes: threads that each have a session of the warehouse.

Data flow: the first endpoint on its own until the run's entry is open, which shows that the key is right -> every lane takes the next
endpoint that nobody has taken -> summaries and errors in the order of the endpoints. While one lane waits for the vendor or the server,
another decodes. A wrong key or setting, or an API that nobody reaches, lets no lane take another endpoint.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from meterhouse.catalogue.endpoints import Endpoint
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.load.outcome import Summary

log = logging.getLogger(__name__)

# How long a lane has to notice that its session has ended. One that waits for the vendor needs not: it can write nothing any more.
_PARTING_SECONDS = 2.0


class Lane(Protocol):
    """What loads one endpoint after another."""

    @property
    def is_out_of_reach(self) -> bool:
        """Whether nobody has answered yet."""

    @property
    def has_session(self) -> bool:
        """Whether the warehouse still answers it."""

    def load(self, endpoint: Endpoint) -> Iterator[Summary]:
        """Yield a summary per stream of the endpoint; raises `MeterhouseError` for one that cannot be loaded."""

    def end(self) -> None:
        """End the session from another thread, in the middle of whatever it does, so that nothing more is written."""


class SideBySide:
    """Loads `endpoints` in `count` lanes at most; `open_lane` opens a further one, in the thread that uses it."""

    def __init__(self, endpoints: Sequence[Endpoint], count: int, open_lane: Callable[[], AbstractContextManager[Lane]]) -> None:
        self._endpoints = endpoints
        # Costs have the most rows per window and the catalogue names them last, where nothing else would be loaded at the same time.
        self._waiting = sorted(range(1, len(endpoints)), key=lambda position: (not endpoints[position].is_costs, position))
        if endpoints:
            self._waiting.insert(0, 0)
        self._further = min(count, len(endpoints)) - 1
        self._open_lane = open_lane
        self._turn = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._lanes: list[Lane] = []
        self._is_halted = False
        self._broken: list[BaseException] = []
        self._summaries: dict[int, list[Summary]] = {}
        self._errors: dict[int, MeterhouseError] = {}

    def begin(self) -> None:
        """Open the further lanes, unless they are."""
        with self._turn:
            while self._waiting and not self._is_halted and len(self._threads) < self._further:
                self._threads.append(threading.Thread(target=self._beside, name=f"lane {len(self._threads) + 2}", daemon=True))
                self._threads[-1].start()

    def run(self, first: Lane) -> tuple[list[Summary], list[MeterhouseError]]:
        """Load everything, `first` in this thread; return the summaries, and one error per endpoint that could not be loaded.

        When it is stopped, or breaks, the other lanes are ended before the error is raised.
        """
        try:
            self._work(first)
            for thread in self._threads:
                thread.join()
            # Whatever lanes that lost their sessions have left.
            self._work(first, is_last=True)
        except BaseException:
            self._end()
            raise
        if self._broken:
            raise self._broken[0]
        summaries = [one for _, found in sorted(self._summaries.items()) for one in found]
        return summaries, [error for _, error in sorted(self._errors.items())]

    def _work(self, lane: Lane, *, is_last: bool = False) -> None:
        while (lane.has_session or is_last) and (position := self._next()) is not None:
            endpoint = self._endpoints[position]
            try:
                for summary in lane.load(endpoint):
                    self._summaries.setdefault(position, []).append(summary)
            except MeterhouseError as error:
                log.info("%s: %s", endpoint.name, error)
                self._errors[position] = error
                # The key or the address is that of all.
                if isinstance(error, FixConfiguration) or lane.is_out_of_reach:
                    self._is_halted = True

    def _next(self) -> int | None:
        with self._turn:
            return None if self._is_halted or not self._waiting else self._waiting.pop(0)

    def _beside(self) -> None:
        try:
            with self._open_lane() as lane:
                with self._turn:
                    if self._is_halted:
                        return
                    self._lanes.append(lane)
                self._work(lane)
        except MeterhouseError as error:
            # The lane is not needed: the others load what it would have.
            log.info("no further session: %s", error)
        except BaseException as error:  # raised again by `run`
            self._broken.append(error)
            self._is_halted = True

    def _end(self) -> None:
        with self._turn:
            self._is_halted = True
            lanes = list(self._lanes)
        for lane in lanes:
            lane.end()
        for thread in self._threads:
            thread.join(_PARTING_SECONDS)
