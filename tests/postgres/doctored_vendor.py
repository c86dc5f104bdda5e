"""A vendor whose answers are changed on their way out, and what the control totals say to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.checks.warehouse_checks import CheckResult, ask_vendor
from meterhouse.clock import Clock as OurClock
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.fake_openai.clock import Clock
from meterhouse.settings import Settings
from meterhouse.vendors.openai.wire import path_of

from .loaded_organization import NOW, LoadedOrganization, midnight

TODAY = NOW.date()
YESTERDAY = TODAY - timedelta(days=1)
# The endpoints of the fixture `small`.
THREE = ("completions", "images", "costs")
Change = Callable[[str, list[str], list[dict[str, Any]]], None]


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


class Doctored:
    """The organization, with pages changed on their way out: `change(endpoint's path, dimensions asked for, buckets)`."""

    def __init__(self, fake: FakeOrganization, change: Change) -> None:
        self.clock: Clock = fake.clock
        self._fake = fake
        self._change = change

    def answer(self, request: Request) -> Answer:
        answer = self._fake.answer(request)
        if answer.status != 200 or not request.path.startswith(("/organization/usage/", "/organization/costs")):
            return answer
        page = json.loads(answer.body, parse_float=Decimal)
        self._change(request.path, parse_qs(request.query).get("group_by", []), page["data"])
        return replace(answer, body=json.dumps(page, default=str).encode())


def doctor(loaded: LoadedOrganization, change: Change) -> None:
    loaded.server.application = Doctored(loaded.fake, change)


def ungrouped(path: str, day: date, change: Callable[[dict[str, Any]], None]) -> Change:
    """Change the one row of a day when nothing is grouped."""

    def doctored(asked: str, dimensions: list[str], buckets: list[dict[str, Any]]) -> None:
        for bucket in buckets:
            if asked.endswith(path) and not dimensions and bucket["start_time"] == int(midnight(day).timestamp()):
                (row,) = bucket["results"]
                change(row)

    return doctored


def asked_vendor(settings: Settings, *, clock: OurClock) -> list[CheckResult]:
    """Ask as the commands do: the results, or the first error once they are kept."""
    results, asked = ask_vendor(settings, clock=clock)
    asked.raise_first()
    return results


def ask(loaded: LoadedOrganization, **changes: Any) -> CheckResult:
    """Run the vendor's checks and return what the control totals found; its clock is right."""
    results = {result.check.name: result for result in asked_vendor(loaded.settings(**changes), clock=loaded.fake.clock.now)}
    assert results["clock_skew_vendor"].is_ok
    return results["control_totals"]


def groupings_asked(loaded: LoadedOrganization, endpoint: str) -> list[tuple[date, date, bool]]:
    """(first day, day after the last, whether grouped) of every request for day buckets of an endpoint."""
    found = []
    for request in loaded.server.requests:
        if request.path == f"/v1{path_of(ENDPOINTS[endpoint])}" and request.values("bucket_width") == ["1d"]:
            first, end = (datetime.fromtimestamp(int(request.values(name)[0]), NOW.tzinfo).date() for name in ("start_time", "end_time"))
            found.append((first, end, bool(request.values("group_by"))))
    return found


def figures(loaded: LoadedOrganization, table: str = "usage_completions") -> list[tuple[Any, ...]]:
    return loaded.query(f"SELECT t::text FROM warehouse.{table} t ORDER BY 1")
