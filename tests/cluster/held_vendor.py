"""The invented organization, which keeps chosen answers back until the test lets them go: a load is then surely in its middle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.vendors.openai.wire import path_of

LONGEST_SECONDS = 240


@dataclass(eq=False)
class Gate:
    """Keeps back the answers about one window of one endpoint."""

    endpoint: str
    window_start: datetime
    asked: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def concerns(self, request: Request) -> bool:
        """Tell whether a request of a load asks for this window."""
        asked = parse_qs(request.query)
        start = str(int(self.window_start.timestamp()))
        # The loads ask grouped figures, a check asks the total.
        return request.path == path_of(ENDPOINTS[self.endpoint]) and asked.get("start_time") == [start] and "group_by" in request.query


class HeldVendor:
    """An application for `FakeServer`: the organization behind gates."""

    def __init__(self, organization: FakeOrganization) -> None:
        self._organization = organization
        self._gates: list[Gate] = []

    def answer(self, request: Request) -> Answer:
        """Answer as the organization does, later where a gate is closed."""
        for gate in list(self._gates):
            if gate.concerns(request):
                gate.asked.set()
                gate.opened.wait(LONGEST_SECONDS)
        return self._organization.answer(request)

    @contextmanager
    def gate(self, endpoint: str, window_start: datetime) -> Iterator[Gate]:
        """Keep the window's answers back until the gate is opened, at the latest when the block ends."""
        gate = Gate(endpoint, window_start)
        self._gates.append(gate)
        try:
            yield gate
        finally:
            gate.opened.set()
            self._gates.remove(gate)
