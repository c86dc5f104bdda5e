"""The one door to the vendor: the pages of one window, and the entries of one directory list.

Every page has a total deadline and a byte cap; redirects are refused; nothing is taken from the environment; a chain of pages is
complete or it raises. The admin key is given only to the HTTP library's authentication hook and appears in no error or log line.
"""

from __future__ import annotations

import io
import logging
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests

from meterhouse.catalogue.endpoints import ERROR_CODE_BEFORE_HISTORY, BucketWidth, Dimension, Endpoint
from meterhouse.counts import counted
from meterhouse.errors import BeforeHistory, FixConfiguration, RejectedAnswer, TryAgainLater, Unsupported
from meterhouse.settings import Organization, Settings
from meterhouse.vendors.openai.foreign_text import cleaner
from meterhouse.vendors.openai.refusals import Refusal
from meterhouse.vendors.page_text import ENVELOPE, FetchedPage
from meterhouse.vendors.patience import said_while_waiting
from meterhouse.vendors.retries import LONGEST_RETRY_AFTER_SECONDS, Backoff, RetryBudget, retry_after_seconds
from meterhouse.vendors.transport import open_session
from meterhouse.windows import Window, from_epoch, to_epoch

log = logging.getLogger(__name__)

Parameters = list[tuple[str, str]]
_CONNECT_SECONDS = 10.0
# Tests put another one here: none of them waits.
pause = time.sleep
_CHUNK_BYTES = 1 << 16
_RETRIED_STATUSES = {408, 409, 429}
_PERMANENT_429_CODES = {"insufficient_quota", "billing_hard_limit_reached"}
_EMPTY_PAGES_AT_MOST = 10
_DIRECTORY_PAGE = 100
_EPOCH_IN_TEXT = re.compile(r"\b(1\d{9}|2\d{9})\b")


class PageTooLarge(RejectedAnswer):
    """A page passed the byte cap; ask for fewer buckets at a time."""


class ChainBroken(TryAgainLater):
    """A chain of pages cannot be followed further; ask for the window again from its first page."""


@dataclass(frozen=True)
class Request:
    """What one chain of pages asks for. `end` is fixed before the first page, as the page token is bound to the exact query."""

    endpoint: Endpoint
    window: Window
    width: BucketWidth
    dimensions: tuple[Dimension, ...]
    page_buckets: int

    def parameters(self) -> Parameters:
        """Return the query; arrays are repeated bare keys, as the vendor documents them."""
        return [
            ("start_time", str(to_epoch(self.window.start))),
            ("end_time", str(to_epoch(self.window.end))),
            ("bucket_width", self.width.name),
            ("limit", str(self.page_buckets)),
            *(("group_by", dimension.name) for dimension in self.dimensions),
        ]


class _ListEnvelope(msgspec.Struct):
    data: list[dict[str, Any]]
    has_more: bool = False
    last_id: str | None = None


_LIST_ENVELOPE = msgspec.json.Decoder(_ListEnvelope)
_Decoded = TypeVar("_Decoded")


@dataclass(frozen=True)
class _Failure:
    """One failed attempt that may be tried again."""

    reason: str
    retry_after_seconds: float | None = None


class Client:
    """Asks one organization's admin API. Use as a context manager; a further thread takes a client of its own from `beside`."""

    def __init__(
        self,
        organization: Organization,
        settings: Settings,
        *,
        sleep: Callable[[float], None] | None = None,
        jitter: Callable[[], float] = random.random,
        backoff: Backoff | None = None,
    ) -> None:
        self._base_url = organization.base_url
        self._host = urlsplit(organization.base_url).netloc
        self._settings = settings
        self._organization = organization
        self._sleep = pause if sleep is None else sleep
        self._jitter = jitter
        self._backoff = backoff or Backoff()
        self._budget = RetryBudget()
        self.seconds_waited = 0.0
        self.was_answered = False
        # The vendor's own clock, in whole seconds, as the newest answer told it; None before one did.
        self.answered_at: datetime | None = None
        self._session = open_session(organization.admin_key, settings)
        self._fit_to_keep = cleaner(organization.admin_key.reveal())

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def beside(self, sleep: Callable[[float], None] | None = None) -> Client:
        """Return a client of the same organization for another thread, to be used while this one is open.

        Retries come out of the same budget, and requests go over the same connections, which stay open from one window to the next.
        """
        other = copy(self)
        other._sleep = sleep or self._sleep
        other.seconds_waited, other.was_answered, other.answered_at = 0.0, False, None
        return other

    def pages(self, request: Request) -> Iterator[FetchedPage]:
        """Yield all pages of `request`, in order.

        Raises `RejectedAnswer` for a repeated token or more pages than the window can have, and `ChainBroken` when the vendor refuses its
        own token or gives none: whoever counts the buckets knows whether the answer was whole all the same.
        """
        endpoint = request.endpoint
        seen: set[str] = set()
        empty = 0
        # The vendor may serve fewer buckets than asked for, so the bound is one page for each bucket.
        at_most = -(-(to_epoch(request.window.end) - to_epoch(request.window.start)) // request.width.seconds) + _EMPTY_PAGES_AT_MOST
        query = request.parameters()
        token: list[tuple[str, str]] = []
        while True:
            body, envelope = self._get(endpoint.path, [*query, *token], ENVELOPE, endpoint, in_chain=bool(seen))
            if envelope.object != "page" or envelope.has_more is None:
                raise RejectedAnswer(f"{endpoint.path}: the answer is not a page of buckets that says whether there is more")
            yield FetchedPage.of(body, envelope)
            empty = 0 if envelope.data else empty + 1
            if not envelope.has_more:
                return
            if envelope.next_page is None:
                raise ChainBroken(f"{endpoint.path}: the last page says that there is more, but not where")
            if envelope.next_page in seen:
                raise RejectedAnswer(f"{endpoint.path}: the page token {envelope.next_page!r} came twice, so the chain has no end")
            if empty >= _EMPTY_PAGES_AT_MOST or len(seen) >= at_most:
                raise RejectedAnswer(
                    f"{endpoint.path}: the chain goes on after {counted(len(seen) + 1, 'page')}, more than the window can have"
                )
            seen.add(envelope.next_page)
            token = [("page", envelope.next_page)]

    def entries(self, path: str, **parameters: str) -> Iterator[dict[str, Any]]:
        """Yield every entry of a directory list (`after` paging). Raises `Unsupported` when the list is refused with 400 or 404."""
        query = [("limit", str(_DIRECTORY_PAGE)), *parameters.items()]
        after: list[tuple[str, str]] = []
        seen: set[str] = set()
        while True:
            _, page = self._get(path, [*query, *after], _LIST_ENVELOPE)
            yield from page.data
            if not page.has_more:
                return
            last = page.last_id or (page.data[-1].get("id") if page.data else None)
            if not last or last in seen:
                raise RejectedAnswer(f"{path}: the list says there is more, but not where it goes on")
            seen.add(last)
            after = [("after", last)]

    def _get(
        self,
        path: str,
        query: Parameters,
        decoder: msgspec.json.Decoder[_Decoded],
        endpoint: Endpoint | None = None,
        *,
        in_chain: bool = False,
    ) -> tuple[bytes, _Decoded]:
        """Return one answer's body and its envelope; a body that is no such JSON is asked for again, as it may have been cut off."""
        attempt = 0
        while True:
            attempt += 1
            self._budget.requests += 1
            started = time.monotonic()
            try:
                with said_while_waiting(f"{self._host} for {path}", self._settings.http_timeout_seconds):
                    result = self._attempt(path, query, endpoint, in_chain)
            finally:
                self.seconds_waited += time.monotonic() - started
            if isinstance(result, bytes):
                try:
                    return result, decoder.decode(result)
                except (msgspec.MsgspecError, ValueError, RecursionError):
                    result = _Failure("the answer is not the JSON that the vendor documents, or was cut off")
            self._wait(path, attempt, result)

    def _wait(self, path: str, attempt: int, failure: _Failure) -> None:
        """Sleep before the next attempt, or raise `TryAgainLater` when there is to be none."""
        wait = self._backoff.wait_seconds(attempt, self._jitter, failure.retry_after_seconds)
        where = f"{self._host}{path}: {failure.reason}"
        if attempt > self._settings.retries:
            raise TryAgainLater(
                f"{where}; gave up after {counted(attempt, 'attempt')}; nothing of this window was written, run again later"
            )
        if wait > LONGEST_RETRY_AFTER_SECONDS:
            raise TryAgainLater(f"{where}; the vendor asks to wait {wait:.0f} s, so run again later")
        if not self._budget.spend():
            raise TryAgainLater(f"{where}; too many requests of this run failed, so run again later")
        log.warning("%s: %s; attempt %d of %d in %.1f s", path, failure.reason, attempt + 1, self._settings.retries + 1, wait)
        self._sleep(wait)
        self.seconds_waited += wait

    def _attempt(self, path: str, query: Parameters, endpoint: Endpoint | None, in_chain: bool) -> bytes | _Failure:
        deadline = time.monotonic() + self._settings.http_timeout_seconds
        try:
            with self._session.get(
                self._base_url + path,
                params=query,
                stream=True,
                allow_redirects=False,
                timeout=(min(_CONNECT_SECONDS, self._settings.http_timeout_seconds), self._settings.http_timeout_seconds),
            ) as response:
                self.was_answered = True
                status, headers = response.status_code, response.headers
                self.answered_at = _instant(headers.get("Date")) or self.answered_at
                body = b"" if 300 <= status < 400 else self._fit_to_keep(self._read(response, deadline, path))
        except requests.exceptions.SSLError as error:
            if _is_broken_off(error):
                return _Failure("the connection broke while it was being secured")
            raise FixConfiguration(
                f"{self._host}: its certificate is not trusted; check OPENAI_BASE_URL, or name the authority's file in METERHOUSE_CA_BUNDLE"
            ) from None
        except requests.exceptions.InvalidHeader:
            raise FixConfiguration("the admin key cannot be sent as a header; copy it again, without line breaks") from None
        except TimeoutError:
            return _Failure(f"no whole answer within {self._settings.http_timeout_seconds} s")
        except (requests.exceptions.RequestException, OSError) as error:
            if time.monotonic() > deadline:
                return _Failure(f"no whole answer within {self._settings.http_timeout_seconds} s")
            return _Failure(_transport_reason(error))
        if status == requests.codes.ok:
            return body
        return self._refused(path, status, headers.get("Retry-After"), Refusal.read(body), endpoint, in_chain)

    def _read(self, response: requests.Response, deadline: float, path: str) -> bytes:
        cap_bytes = self._settings.page_max_megabytes << 20
        # It hands over what it holds without another copy.
        body = io.BytesIO()
        for chunk in response.iter_content(_CHUNK_BYTES):
            if body.tell() + len(chunk) > cap_bytes:
                raise PageTooLarge(f"{path}: a page is larger than METERHOUSE_PAGE_MAX_MEGABYTES ({self._settings.page_max_megabytes})")
            if time.monotonic() > deadline:
                raise TimeoutError
            body.write(chunk)
        return body.getvalue()

    def _refused(
        self, path: str, status: int, retry_after: str | None, refusal: Refusal, endpoint: Endpoint | None, in_chain: bool
    ) -> _Failure:
        """Return a failure that may be tried again, or raise what the caller should do instead."""
        said = f"HTTP {status}" + (f", {refusal.message}" if refusal.message else "")
        scope = "api.usage.read" if endpoint else "api.management.read"
        if status in {401, 403}:
            raise FixConfiguration(
                f"{self._host} refuses the admin key ({said}); use an organization admin key (sk-admin-…) with the scope {scope}"
            )
        if status == requests.codes.too_many and refusal.code in _PERMANENT_429_CODES:
            raise FixConfiguration(f"{self._host}{path}: {said}; settle the account's quota, then run again")
        # Costs once answered 404 for an hour and a half during an outage, so there it is a fault to wait out.
        costs_away = status == requests.codes.not_found and endpoint is not None and endpoint.is_costs
        if status in _RETRIED_STATUSES or status >= 500 or costs_away:
            return _Failure(said, retry_after_seconds(retry_after, datetime.now(UTC)))
        if 300 <= status < 400:
            raise FixConfiguration(f"{self._host} redirects to another address, and redirects are never followed: check OPENAI_BASE_URL")
        if refusal.code == ERROR_CODE_BEFORE_HISTORY:
            named = _EPOCH_IN_TEXT.search(refusal.message)
            raise BeforeHistory(refusal.message, from_epoch(int(named[1])) if named else None)
        if in_chain:
            raise ChainBroken(f"{path}: the vendor refused its own page token ({said})")
        if status == requests.codes.not_found:
            if not refusal.message:
                return _Failure("HTTP 404, and not in the vendor's words (a proxy's page, or a wrong OPENAI_BASE_URL?)")
            raise Unsupported("endpoint", refusal.message)
        if status == requests.codes.bad_request:
            raise Unsupported(refusal.param or "request", refusal.message or said)
        raise RejectedAnswer(f"{self._host}{path}: {said}")


def _instant(text: str | None) -> datetime | None:
    """The instant that a Date header names, None when it names none."""
    try:
        instant = parsedate_to_datetime(text or "")
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _is_broken_off(error: BaseException) -> bool:
    """Whether the other side hung up in the middle of a TLS handshake: a fault of the moment, unlike a certificate."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _transport_reason(error: Exception) -> str:
    """A reason in words that never quotes the exception: it may hold the request with its headers."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "the answer was cut off or damaged on the way"
    if isinstance(error, requests.exceptions.ConnectionError | OSError):
        return "cannot be reached, or the connection broke"
    return "the request failed"
