"""The one door to OpenAI: the pages of one window, and the entries of one directory list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from meterhouse.catalogue.endpoints import Endpoint
from meterhouse.counts import counted
from meterhouse.errors import RejectedAnswer
from meterhouse.vendors.http_client import HttpClient, Parameters
from meterhouse.vendors.openai.refusals import Place
from meterhouse.vendors.openai.wire import path_of
from meterhouse.vendors.page_text import ENVELOPE, FetchedPage
from meterhouse.vendors.request import ChainBroken, Request
from meterhouse.windows import to_epoch

_EMPTY_PAGES_AT_MOST = 10
_DIRECTORY_PAGE = 100


class _ListEnvelope(msgspec.Struct):
    data: list[dict[str, Any]]
    has_more: bool = False
    last_id: str | None = None


_LIST_ENVELOPE = msgspec.json.Decoder(_ListEnvelope)
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_Decoded = TypeVar("_Decoded")


def parameters(request: Request) -> Parameters:
    """Return the query of a request; arrays are repeated bare keys, as the vendor documents them."""
    return [
        ("start_time", str(to_epoch(request.window.start))),
        ("end_time", str(to_epoch(request.window.end))),
        ("bucket_width", request.width.name),
        ("limit", str(request.page_buckets)),
        *(("group_by", dimension.name) for dimension in request.dimensions),
    ]


class Client(HttpClient):
    """Asks one organization's admin API."""

    def pages(self, request: Request) -> Iterator[FetchedPage]:
        """Yield all pages of `request`, in order.

        Raises `RejectedAnswer` for a repeated token or more pages than the window can have, and `ChainBroken` when the vendor refuses its
        own token or gives none: the caller, who counts the buckets, knows whether the answer was complete anyway.
        """
        path = path_of(request.endpoint)
        seen: set[str] = set()
        empty = 0
        # The vendor may serve fewer buckets than asked for, so the bound is one page for each bucket.
        at_most = -(-(to_epoch(request.window.end) - to_epoch(request.window.start)) // request.width.seconds) + _EMPTY_PAGES_AT_MOST
        query = parameters(request)
        token: Parameters = []
        while True:
            body, envelope = self._asked(path, [*query, *token], ENVELOPE, request.endpoint, in_chain=bool(seen))
            if envelope.object != "page" or envelope.has_more is None:
                raise RejectedAnswer(f"{path}: the answer is not a page of buckets that says whether there is more")
            yield FetchedPage.of(body, envelope)
            empty = 0 if envelope.data else empty + 1
            if not envelope.has_more:
                return
            if envelope.next_page is None:
                raise ChainBroken(f"{path}: the last page says that there is more, but not where")
            if envelope.next_page in seen:
                raise RejectedAnswer(f"{path}: the page token {envelope.next_page!r} came twice, so the chain has no end")
            if empty >= _EMPTY_PAGES_AT_MOST or len(seen) >= at_most:
                raise RejectedAnswer(f"{path}: the chain goes on after {counted(len(seen) + 1, 'page')}, more than the window can have")
            seen.add(envelope.next_page)
            token = [("page", envelope.next_page)]

    def single(self, path: str) -> dict[str, Any]:
        """Return an object that an organization need not have. Raises `Unsupported` when the vendor refuses it, for whatever reason."""
        return self._asked(path, [], _OBJECT, is_optional=True)[1]

    def entries(self, path: str, **parameters: str) -> Iterator[dict[str, Any]]:
        """Yield every entry of a directory list (`after` paging). Raises `Unsupported` when the list is refused with 400 or 404."""
        return self._entries(path, parameters, is_optional=False)

    def optional_entries(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield every entry of a list that the key need not be allowed to read. Raises `Unsupported` for any refusal."""
        return self._entries(path, {}, is_optional=True)

    def _entries(self, path: str, parameters: Mapping[str, str], *, is_optional: bool) -> Iterator[dict[str, Any]]:
        query = [("limit", str(_DIRECTORY_PAGE)), *parameters.items()]
        after: Parameters = []
        seen: set[str] = set()
        while True:
            _, page = self._asked(path, [*query, *after], _LIST_ENVELOPE, is_optional=is_optional)
            yield from page.data
            if not page.has_more:
                return
            last = page.last_id or (page.data[-1].get("id") if page.data else None)
            if not last or last in seen:
                raise RejectedAnswer(f"{path}: the list says there is more, but not where it goes on")
            seen.add(last)
            after = [("after", last)]

    def _asked(
        self,
        path: str,
        query: Parameters,
        decoder: msgspec.json.Decoder[_Decoded],
        endpoint: Endpoint | None = None,
        *,
        in_chain: bool = False,
        is_optional: bool = False,
    ) -> tuple[bytes, _Decoded]:
        return self._get(path, query, decoder.decode, Place(self._host, endpoint, in_chain, is_optional).refused)
