"""A vendor that takes its time, so that requests which are under way at the same moment can be counted."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from urllib.parse import parse_qs

from meterhouse.fake_openai.answers import Answer, Request

from .loaded_organization import LoadedOrganization


class Slow:
    """Takes its time for every page, and counts how many are under way at once; windows from `fails_from` on are refused."""

    def __init__(self, acme: LoadedOrganization, seconds: float = 0.05, fails_from: datetime | None = None) -> None:
        self.clock = acme.fake.clock
        self._answer = acme.fake.answer
        self._seconds = seconds
        self._fails_from = fails_from
        self._lock = threading.Lock()
        self._under_way = 0
        self.most = 0
        self.asked = 0

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self._under_way += 1
            self.asked += 1
            self.most = max(self.most, self._under_way)
        time.sleep(self._seconds)
        with self._lock:
            self._under_way -= 1
        if self._fails_from is not None and int(parse_qs(request.query)["start_time"][0]) >= self._fails_from.timestamp():
            return Answer(503, b"{}")
        return self._answer(request)
