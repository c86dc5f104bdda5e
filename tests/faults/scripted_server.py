"""A server on 127.0.0.1 that answers byte for byte as scripted: for what a well-behaved HTTP server cannot be made to do."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Self

Step = Callable[["ScriptedServer", socket.socket], None]


def answer(body: bytes = b"", *, status: int = 200, headers: Iterable[str] = (), length: int | None = None) -> bytes:
    """Return a whole answer; `length` is what Content-Length claims (default: the truth)."""
    claimed = f"Content-Length: {len(body) if length is None else length}"
    lines = [f"HTTP/1.1 {status} Scripted", "Content-Type: application/json", "Connection: close", claimed, *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def unframed(body: bytes, *headers: str) -> bytes:
    """Return an answer whose body ends when the connection does, or as `headers` say."""
    return "\r\n".join(["HTTP/1.1 200 Scripted", "Connection: close", *headers]).encode() + b"\r\n\r\n" + body


def send(data: bytes) -> Step:
    """Send `data` and close."""
    return lambda _, connection: connection.sendall(data)


def close_at_once(_: ScriptedServer, connection: socket.socket) -> None:
    """Close without a byte."""


def say_nothing(_: ScriptedServer, connection: socket.socket) -> None:
    """Hold the connection open until the client goes away."""
    while connection.recv(1024):
        continue


def drip(first: bytes, drop: bytes, seconds_between: float) -> Step:
    """Send `first`, then `drop` again and again until the client or the test has had enough."""

    def step(server: ScriptedServer, connection: socket.socket) -> None:
        connection.sendall(first)
        while not server.stopping.wait(seconds_between):
            connection.sendall(drop)

    return step


def tunnel(port: int) -> Step:
    """Answer a CONNECT and pass every byte on to a server on this machine, and back."""

    def step(_: ScriptedServer, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as target:
            connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_pass_on, args=(target, connection), daemon=True)
            back.start()
            _pass_on(connection, target)
            back.join(timeout=5)

    return step


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def bomb(megabytes: int) -> bytes:
    """Return gzip bytes that unpack to `megabytes` megabytes of spaces inside a JSON object."""
    return gzip.compress(b"{" + b" " * (megabytes << 20) + b"}", compresslevel=6)


class ScriptedServer:
    """Plays one step for each connection, the last one forever: `with ScriptedServer(send(answer(b"{}"))) as server: server.url`.

    `heads` are the raw requests that came in; `connections` counts the connections that were opened.
    """

    def __init__(self, *script: Step, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self.heads: list[bytes] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def targets(self) -> list[str]:
        """The request targets that came in, such as /v1/organization/costs?limit=1."""
        return [head.split(b" ", 2)[1].decode() for head in self.heads]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            step = self._script[min(self.connections, len(self._script) - 1)]
            self.connections += 1
            connection.settimeout(5)
            # A client that went away is what many tests are about.
            with contextlib.suppress(OSError), contextlib.closing(connection):
                self._play(step, connection)

    def _play(self, step: Step, connection: socket.socket) -> None:
        if self._tls is None:
            self._converse(step, connection)
            return
        with self._tls.wrap_socket(connection, server_side=True) as wrapped:
            self._converse(step, wrapped)

    def _converse(self, step: Step, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(65536)
            if not received:
                return
            head += received
        self.heads.append(head)
        step(self, connection)
