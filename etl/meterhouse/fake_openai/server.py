"""HTTP on this machine's loopback: authentication, keep-alive, recorded requests, faults, and control for other processes."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from meterhouse.fake_openai.answers import Answer, Application, Request
from meterhouse.fake_openai.clock import Clock
from meterhouse.fake_openai.control import control_answer
from meterhouse.fake_openai.errors import Refusal, not_found
from meterhouse.fake_openai.faults import Fault, FaultKind, FaultQueue

DEFAULT_ADMIN_KEY = "sk-admin-stand-in-not-a-secret"
LOOPBACK = "127.0.0.1"
_PREFIX = "/v1"
_CONTROL_PREFIX = "/_control/"
_MOST_BODY_BYTES = 1_000_000
_MOST_RECORDED = 100_000


@dataclass(frozen=True)
class RecordedRequest:
    """A request as it arrived; `headers` are without the key, `path` without the query, names of headers in lower case."""

    method: str
    path: str
    pairs: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]

    def values(self, name: str) -> list[str]:
        """Return every value of one query parameter, in order."""
        return [text for key, text in self.pairs if key == name]


class FakeServer:
    """Serves an application as a context manager: `with FakeServer(organization) as server: server.base_url`.

    `port` 0 takes a free one. `latency_seconds` is waited before every answer. `requests` records what came in.
    """

    def __init__(
        self, application: Application, *, port: int = 0, admin_key: str = DEFAULT_ADMIN_KEY, control: bool = False,
        latency_seconds: float = 0.0,
    ) -> None:  # fmt: skip
        self.application = application
        self.admin_key = admin_key
        self.control = control
        self.latency_seconds = latency_seconds
        self.requests: list[RecordedRequest] = []
        self.faults = FaultQueue()
        self._http = _HttpServer((LOOPBACK, port), _handler_of(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._http.server_address[1])

    @property
    def base_url(self) -> str:
        """The address that takes the place of the vendor's, with the version."""
        return f"http://{LOOPBACK}:{self.port}{_PREFIX}"

    def fail_next(
        self, n: int = 1, *, kind: FaultKind | None = None, status: int | None = None, headers: Mapping[str, str] | None = None,
        body: bytes | str | dict[str, Any] | None = None, path_contains: str = "", seconds: float = 0.0,
    ) -> None:  # fmt: skip
        """Let the next `n` requests whose path contains `path_contains` fail, as `Fault` says."""
        self.faults.add(n, kind=kind, status=status, headers=headers, body=body, path_contains=path_contains, seconds=seconds)

    def record(self, request: RecordedRequest) -> None:
        """Remember a request; a server that runs for weeks forgets its oldest ones."""
        self.requests.append(request)
        if len(self.requests) > _MOST_RECORDED:
            del self.requests[: _MOST_RECORDED // 2]

    def start(self) -> None:
        """Serve in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close every connection."""
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def authorized(self, path: str, header: str | None) -> Answer | None:
        """Return the refusal of a key, or None when it is the right one."""
        key = (header or "").removeprefix("Bearer ")
        if key == self.admin_key and header != key:
            return None
        scope = "api.usage.read" if "/usage/" in path or path.endswith("/costs") else "api.management.read"
        if key.startswith(("sk-proj-", "sk-svcacct-")):
            message = f"You have insufficient permissions for this operation. Missing scopes: {scope}."
            refusal = Refusal(403, message, code="insufficient_permissions")
        elif not key:
            message = "You didn't provide an API key. Send it as: Authorization: Bearer YOUR_KEY."
            refusal = Refusal(401, message, code="invalid_api_key")
        else:
            refusal = Refusal(401, "Incorrect API key provided.", code="invalid_api_key")
        return Answer(refusal.status, refusal.body())

    def answered(self, request: Request, authorization: str | None) -> Answer:
        """Return the answer without faults."""
        if (refused := self.authorized(request.path, authorization)) is not None:
            return refused
        return self.application.answer(request)


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without asking any name server who this machine is, as the base class would."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""

    def close_connections(self) -> None:
        """End connections that clients keep open, so that their threads end."""
        with self._guard:
            open_now = list(self._connections)
        for connection in open_now:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


def _handler_of(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        fake = server

    return Handler


class _Handler(BaseHTTPRequestHandler):
    fake: FakeServer
    protocol_version = "HTTP/1.1"
    server_version = "meterhouse-stand-in"
    sys_version = ""
    # Headers and body leave in one packet, and at once.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Tell the organization's own time in the Date header, where it has one."""
        clock = getattr(self.fake.application, "clock", None)
        return super().date_time_string(clock.epoch() if timestamp is None and isinstance(clock, Clock) else timestamp)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Stay quiet."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        sent = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MOST_BODY_BYTES))
        if parts.path.startswith(_CONTROL_PREFIX):
            self._send(self._controlled(parts.path.removeprefix(_CONTROL_PREFIX), sent))
            return
        headers = {name.lower(): text for name, text in self.headers.items() if name.lower() != "authorization"}
        pairs = tuple(parse_qsl(parts.query, keep_blank_values=True))
        self.fake.record(RecordedRequest(self.command, parts.path, pairs, headers))
        if self.fake.latency_seconds:
            time.sleep(self.fake.latency_seconds)
        if not parts.path.startswith(f"{_PREFIX}/"):
            refusal = not_found(self.command, parts.path)
            self._send(Answer(refusal.status, refusal.body()))
            return
        authorization = self.headers.get("Authorization")

        def answer(request: Request) -> Answer:
            return self.fake.answered(request, authorization)

        request = Request(self.command, parts.path.removeprefix(_PREFIX), parts.query)
        fault = self.fake.faults.take(parts.path)
        if fault is None:
            self._send(answer(request))
        else:
            self._send_faulty(fault, request, answer)

    def _controlled(self, name: str, sent: bytes) -> Answer:
        # The health check changes nothing, so everybody may read it.
        if not self.fake.control and name != "health":
            refusal = not_found(self.command, self.path)
            return Answer(refusal.status, refusal.body())
        return control_answer(self.fake.application, self.fake.faults, self.command, name, sent)

    def _send_faulty(self, fault: Fault, request: Request, answer: Callable[[Request], Answer]) -> None:
        if fault.kind == "reset":
            # Closing with nothing to linger for makes the kernel send a reset instead of an end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        if fault.kind == "slow":
            time.sleep(fault.seconds)
        self._send(fault.apply(request, answer), cut=fault.kind == "truncated")

    def _send(self, answer: Answer, cut: bool = False) -> None:
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json", **answer.headers, "Content-Length": str(len(answer.body))}
        for name, text in headers.items():
            self.send_header(name, text)
        if cut:
            self.close_connection = True
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        self.wfile.flush()
