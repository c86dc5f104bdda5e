"""The door to OpenAI's retired endpoints: one UTC day of usage or some days of costs at a time, five calls a minute.

They answer API keys no longer: every such refusal is one line that names what to do instead, and is never tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import msgspec

from meterhouse.admin_keys import Organization
from meterhouse.errors import FixConfiguration, RejectedAnswer
from meterhouse.settings import Settings
from meterhouse.vendors.http_client import Failure, HttpClient, Refused
from meterhouse.vendors.openai.refusals import Refusal
from meterhouse.vendors.page_text import FetchedPage
from meterhouse.vendors.request import Request

SECONDS_BETWEEN_CALLS = 12.0
USAGE_PATH = "/usage"
BILLING_PATH = "/dashboard/billing/usage"
_NO_LONGER = {401, 403, 404, 410}
_SESSION_KEY = "session key"


class Pace:
    """Lets one call begin every so many seconds. `now` is a clock in seconds, `sleep` waits; tests put others there."""

    def __init__(
        self, seconds: float = SECONDS_BETWEEN_CALLS, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._seconds = seconds
        self._now = now
        self._sleep = sleep
        self._next: float | None = None

    def wait(self) -> None:
        """Wait until the next call may begin."""
        now = self._now()
        if self._next is not None and now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next or now) + self._seconds


class LegacyClient(HttpClient):
    """Asks one organization's retired endpoints. Each answer is the text that somebody might have saved."""

    def __init__(self, organization: Organization, settings: Settings, pace: Pace, **options: Any) -> None:
        super().__init__(organization, settings, **options)
        self._pace = pace

    def usage(self, day: date) -> bytes:
        """Return the answer for one UTC day; raises `FixConfiguration` when it is refused."""
        return self._asked(USAGE_PATH, [("date", f"{day:%Y-%m-%d}")])

    def costs(self, first: date, end: date) -> bytes:
        """Return the answer for the days from `first` to before `end`; raises `FixConfiguration` when it is refused."""
        return self._asked(BILLING_PATH, [("start_date", f"{first:%Y-%m-%d}"), ("end_date", f"{end:%Y-%m-%d}")])

    def pages(self, request: Request) -> Iterator[FetchedPage]:
        """Raise `RejectedAnswer`: these endpoints answer whole days, and nothing that could be asked for by pages."""
        raise RejectedAnswer(f"{request.endpoint.name} has no pages at the retired endpoints")

    def _asked(self, path: str, query: list[tuple[str, str]]) -> bytes:
        body, _ = self._get(path, query, msgspec.json.decode, self._refused)
        return body

    def _attempt(self, path: str, query: list[tuple[str, str]], refused: Callable[[Refused], Failure]) -> bytes | Failure:
        self._pace.wait()
        return super()._attempt(path, query, refused)

    def _refused(self, answer: Refused) -> Failure:
        said = Refusal.read(answer.body).message
        reason = f"HTTP {answer.status}" + (f", {said}" if said else "")
        if answer.status in _NO_LONGER or _SESSION_KEY in said.lower():
            raise FixConfiguration(
                f"{self._host} no longer answers {answer.path} for API keys ({reason}): give saved files instead (meterhouse import"
                " usage FILE, meterhouse import costs FILE; docs/import.md), or load what the API still reports (meterhouse backfill)"
            )
        if answer.is_of_the_moment:
            return Failure(reason, answer.retry_after_seconds)
        raise RejectedAnswer(f"{self._host}{answer.path}: {reason}")
