"""HTTP client: how requests are sent to any vendor. Each vendor's client adds its queries, its pages and what its refusals mean.

Every answer has a total deadline and a byte cap; redirects are refused; nothing is taken from the environment. The admin key is given
only to the HTTP library's authentication hook and appears in no error or log line.
"""

from __future__ import annotations

import io
import logging
import random
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests

from meterhouse.admin_keys import Organization
from meterhouse.catalogue.vendors import Vendor
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.settings import Settings
from meterhouse.vendors.foreign_text import cleaner
from meterhouse.vendors.page_text import FetchedPage
from meterhouse.vendors.patience import said_while_waiting
from meterhouse.vendors.request import PageTooLarge, Request
from meterhouse.vendors.retries import LONGEST_RETRY_AFTER_SECONDS, Backoff, RetryBudget, retry_after_seconds
from meterhouse.vendors.transport import open_session

log = logging.getLogger(__name__)

Parameters = list[tuple[str, str]]
_CONNECT_SECONDS = 10.0
# Tests put another one here: none of them waits.
pause = time.sleep
_CHUNK_BYTES = 1 << 16
_RETRIED_STATUSES = {408, 409, 429}
_Decoded = TypeVar("_Decoded")


@dataclass(frozen=True)
class Failure:
    """One failed attempt that may be tried again."""

    reason: str
    retry_after_seconds: float | None = None


@dataclass(frozen=True)
class Refused:
    """An answer that is neither 200 nor a redirect."""

    path: str
    status: int
    retry_after_seconds: float | None
    body: bytes

    @property
    def is_of_the_moment(self) -> bool:
        """Whether the status shows that the same request may succeed later."""
        return self.status in _RETRIED_STATUSES or self.status >= 500


class HttpClient(ABC):
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
        self._vendor: Vendor = organization.vendor
        self._settings = settings
        self._sleep = pause if sleep is None else sleep
        self._jitter = jitter
        self._backoff = backoff or Backoff()
        self._budget = RetryBudget()
        self.seconds_waited = 0.0
        self.was_answered = False
        # The vendor's own clock, in whole seconds, as the newest answer gave it; None before the first.
        self.answered_at: datetime | None = None
        self._session = open_session(self._key_headers(organization.admin_key.reveal()), settings)
        self._fit_to_keep = cleaner(organization.admin_key.reveal())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def beside(self, sleep: Callable[[float], None] | None = None) -> Self:
        """Return a client of the same organization for another thread, to be used while this one is open.

        Retries come out of the same budget, and requests go over the same connections, which stay open from one window to the next.
        """
        other = copy(self)
        other._sleep = sleep or self._sleep
        other.seconds_waited, other.was_answered, other.answered_at = 0.0, False, None
        return other

    @abstractmethod
    def pages(self, request: Request) -> Iterator[FetchedPage]:
        """Yield all pages of `request`, in order; a chain of pages is complete or raises.

        Raises `RejectedAnswer` for what is no page, `ChainBroken` when the chain cannot be followed although its pages were good,
        `BeforeHistory` and `Unsupported` for what the organization does not offer.
        """

    def _key_headers(self, key: str) -> Mapping[str, str]:
        """Return the headers that show the key."""
        return {"Authorization": f"Bearer {key}"}

    def _get(
        self, path: str, query: Parameters, decode: Callable[[bytes], _Decoded], refused: Callable[[Refused], Failure]
    ) -> tuple[bytes, _Decoded]:
        """Return one answer's body and what `decode` makes of it; one that is no such JSON may have been cut off, and is requested again.

        `refused` returns a failure that may be tried again, or raises what the caller should do instead.
        """
        attempt = 0
        while True:
            attempt += 1
            self._budget.requests += 1
            started = time.monotonic()
            try:
                with said_while_waiting(f"{self._host} for {path}", self._settings.http_timeout_seconds):
                    result = self._attempt(path, query, refused)
            finally:
                self.seconds_waited += time.monotonic() - started
            if isinstance(result, bytes):
                try:
                    return result, decode(result)
                except (msgspec.MsgspecError, ValueError, RecursionError):
                    result = Failure("the answer is not the JSON that the vendor documents, or was cut off")
            self._wait(path, attempt, result)

    def _wait(self, path: str, attempt: int, failure: Failure) -> None:
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

    def _attempt(self, path: str, query: Parameters, refused: Callable[[Refused], Failure]) -> bytes | Failure:
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
                return Failure("the connection broke while it was being secured")
            raise FixConfiguration(
                f"{self._host}: its certificate is not trusted; check {self._vendor.base_url_variable}, or name the authority's file in"
                " METERHOUSE_CA_BUNDLE"
            ) from None
        except requests.exceptions.InvalidHeader:
            raise FixConfiguration("the admin key cannot be sent as a header; copy it again, without line breaks") from None
        except TimeoutError:
            return Failure(f"no whole answer within {self._settings.http_timeout_seconds} s")
        except (requests.exceptions.RequestException, OSError) as error:
            if time.monotonic() > deadline:
                return Failure(f"no whole answer within {self._settings.http_timeout_seconds} s")
            return Failure(_transport_reason(error))
        if status == requests.codes.ok:
            return body
        if 300 <= status < 400:
            raise FixConfiguration(
                f"{self._host} redirects to another address, and redirects are never followed: check {self._vendor.base_url_variable}"
            )
        return refused(Refused(path, status, retry_after_seconds(headers.get("Retry-After"), datetime.now(UTC)), body))

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
