"""Transport: an HTTP session that takes nothing from the environment, follows no redirect and keeps a deadline over a whole answer."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Mapping
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from meterhouse import __version__
from meterhouse.settings import Settings

# More requests than this are never under way at a time, and each keeps its connection.
MOST_CONNECTIONS = 16


def open_session(key_headers: Mapping[str, str], settings: Settings) -> requests.Session:
    """Return a session that sends the headers that show the key; netrc files and proxy variables of the machine do not reach it."""
    session = _Session()
    session.trust_env = False
    session.auth = _KeyAuth(key_headers)
    session.headers.update({"Accept": "application/json", "User-Agent": f"meterhouse/{__version__}"})
    session.verify = str(settings.ca_bundle) if settings.ca_bundle else True
    if settings.http_proxy:
        session.proxies = {"http": settings.http_proxy, "https": settings.http_proxy}
    return session


class _KeyAuth(AuthBase):
    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until a deadline for all reads together; an ordinary read timeout starts again with every byte."""

    def __init__(self, stream: io.RawIOBase, connection: socket.socket) -> None:
        self._stream = stream
        self._connection = connection
        self._seconds = connection.gettimeout()
        self._deadline = time.monotonic() + (self._seconds or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._seconds is None:
            return self._stream.readinto(buffer)
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        try:
            return self._stream.readinto(buffer)
        finally:
            self._connection.settimeout(self._seconds)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    """An answer whose head and body have to arrive within one read timeout, however slowly they drip."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock))


class _HttpConnection(urllib3.connection.HTTPConnection):
    response_class = _DeadlineResponse


class _HttpsConnection(urllib3.connection.HTTPSConnection):
    response_class = _DeadlineResponse


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _DeadlineAdapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        return manager


class _Session(requests.Session):
    def __init__(self) -> None:
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _DeadlineAdapter(pool_maxsize=MOST_CONNECTIONS))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no redirect: to follow one, the library would read the whole body first, without deadline or cap."""
