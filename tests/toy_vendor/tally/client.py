"""The one door to Tally: pages of `items` that end where there is no `cursor`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from meterhouse.errors import FixConfiguration, RejectedAnswer, Unsupported
from meterhouse.vendors.http_client import Failure, HttpClient, Parameters, Refused
from meterhouse.vendors.page_text import FetchedPage
from meterhouse.vendors.request import Request

_COLUMNS = {"project_id": "workspace", "model": "model", "line_item": "entry"}


class _Envelope(msgspec.Struct):
    items: list[msgspec.Raw]
    cursor: str | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ANYTHING = msgspec.json.Decoder(dict[str, Any])


class Client(HttpClient):
    """Asks one organization's API."""

    def _key_headers(self, key: str) -> Mapping[str, str]:
        return {"X-Tally-Key": key}

    def pages(self, request: Request) -> Iterator[FetchedPage]:
        """Yield all pages of `request`."""
        path = "/bills" if request.endpoint.is_costs else f"/reports/{request.endpoint.name}"
        query = [
            ("from", f"{request.window.start:%Y-%m-%dT%H:%M:%SZ}"),
            ("to", f"{request.window.end:%Y-%m-%dT%H:%M:%SZ}"),
            ("days_per_page", str(request.page_buckets)),
            ("by", ",".join(_COLUMNS[dimension.name] for dimension in request.dimensions)),
        ]
        seen: set[str] = set()
        further: Parameters = []
        while True:
            body, envelope = self._get(path, [*query, *further], _ENVELOPE.decode, self._refused)
            yield FetchedPage(body, ())
            if envelope.cursor is None:
                return
            if envelope.cursor in seen:
                raise RejectedAnswer(f"{path}: the cursor came twice")
            seen.add(envelope.cursor)
            further = [("cursor", envelope.cursor)]

    def workspaces(self) -> list[dict[str, Any]]:
        """Return the list of workspaces."""
        _, page = self._get("/workspaces", [], _ANYTHING.decode, self._refused)
        return list(page["workspaces"])

    def _refused(self, answer: Refused) -> Failure:
        if answer.is_of_the_moment:
            return Failure(f"HTTP {answer.status}", answer.retry_after_seconds)
        if answer.status == 401:
            raise FixConfiguration(f"Tally refuses the key: set {self._vendor.key_variable} to one of the owner's keys")
        raise Unsupported("endpoint", f"HTTP {answer.status}")
