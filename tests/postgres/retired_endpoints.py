"""A stand-in of the vendor's retired endpoints: answers of earlier years, made of an invented organization's own figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import parse_qs

from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.vendors.openai.legacy_client import BILLING_PATH, USAGE_PATH

from .saved_exports import billing_usage, usage_dump


class RetiredEndpoints:
    """Answers /usage and /dashboard/billing/usage as they were; `before` is called with each request, and may answer it itself."""

    def __init__(self, fake: FakeOrganization, before: Callable[[Request], Answer | None] = lambda _: None) -> None:
        self.fake = fake
        self.before = before
        self.clock = fake.clock

    def answer(self, request: Request) -> Answer:
        said = {name: values[0] for name, values in parse_qs(request.query).items()}
        if (instead := self.before(request)) is not None:
            return instead
        if request.path == USAGE_PATH:
            if "date" not in said:
                return _json(400, {"error": {"message": "Missing query parameter 'date'", "type": "invalid_request_error"}})
            return _json(200, usage_dump(self.fake, date.fromisoformat(said["date"])))
        if request.path == BILLING_PATH:
            return _json(200, billing_usage(self.fake, *(date.fromisoformat(said[name]) for name in ("start_date", "end_date"))))
        return self.fake.answer(request)


def _json(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, json.dumps(body).encode())
