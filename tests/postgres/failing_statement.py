"""A proxy in front of a real server that answers one statement itself, with an error of any SQLSTATE; the server answers all others."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

from tests.faults.tcp_proxy import Proxy

# After these the server closes the connection.
_FATAL = ("57P01", "57P02", "57P04", "57P05")
# A statement ends with the last of these; what COPY sends is not a separate statement.
_STATEMENT = b"QPBDECSF"
_ENDS = b"QS"
# Of a session: what the server is, settings, what they are then, and the version of the tables or the moment that is read.
_OPENING_STATEMENTS = 8


class FailingStatement(Proxy):
    """Counts the statements of all connections, and answers number `at` (from 1) with `sqlstate`; counts only where `at` is 0."""

    def __init__(self, url: str, at: int = 0, sqlstate: str = "") -> None:
        super().__init__(url)
        self._at = at
        self._sqlstate = sqlstate
        self._lock = threading.Lock()
        self.statements = 0
        self.was_hit = False
        self.was_while_opening_another = False
        self._sessions = 0

    def serve(self, client: socket.socket, server: socket.socket) -> None:
        session = _Session(self, client, server, is_first=not self._sessions)
        self._sessions += 1
        for work in (session.listen_to_client, session.listen_to_server):
            threading.Thread(target=work, daemon=True).start()

    def is_the_one(self, *, opens_another: bool) -> bool:
        """Count one more statement, and say whether it is the one to fail."""
        with self._lock:
            self.statements += 1
            is_it = self.statements == self._at
            self.was_hit = self.was_hit or is_it
            self.was_while_opening_another = self.was_while_opening_another or (is_it and opens_another)
            return is_it

    def error(self) -> tuple[bytes, bool]:
        """The server's message for the error, and whether the connection ends with it."""
        is_fatal = self._sqlstate in _FATAL or self._sqlstate.startswith("08")
        severity = b"FATAL" if is_fatal else b"ERROR"
        fields = b"".join(
            kind + text + b"\0"
            for kind, text in ((b"S", severity), (b"V", severity), (b"C", self._sqlstate.encode()), (b"M", b"as the test has it"))
        )
        return _message(b"E", fields + b"\0"), is_fatal


class _Session:
    """One connection: both directions, cut into messages."""

    def __init__(self, owner: FailingStatement, client: socket.socket, server: socket.socket, *, is_first: bool) -> None:
        self._owner = owner
        self._is_first = is_first
        self._count = 0
        self._client = client
        self._server = server
        self._in_transaction = False

    def listen_to_client(self) -> None:
        """Pass on what the client says, statement by statement."""
        with suppress(OSError, EOFError):
            (length,) = struct.unpack("!I", first := _read(self._client, 4))
            self._server.sendall(first + _read(self._client, length - 4))
            held = b""
            while True:
                kind, message = _read_message(self._client)
                if kind not in _STATEMENT:
                    self._server.sendall(held + message)
                    held = b""
                    continue
                held += message
                if kind not in _ENDS:
                    continue
                # A separate Sync ends a COPY.
                self._count += 1
                is_opening = self._count <= _OPENING_STATEMENTS and not self._is_first
                if len(held) > 5 and self._owner.is_the_one(opens_another=is_opening):
                    error, is_fatal = self._owner.error()
                    self._client.sendall(error if is_fatal else error + _message(b"Z", b"E" if self._in_transaction else b"I"))
                    if is_fatal:
                        break
                else:
                    self._server.sendall(held)
                held = b""
        self._close()

    def listen_to_server(self) -> None:
        """Pass on what the server says, and keep in mind whether a transaction is open."""
        with suppress(OSError, EOFError):
            while True:
                kind, message = _read_message(self._server)
                if kind == b"Z":
                    self._in_transaction = message[5:] != b"I"
                self._client.sendall(message)
        self._close()

    def _close(self) -> None:
        for one in (self._client, self._server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _read_message(source: socket.socket) -> tuple[bytes, bytes]:
    head = _read(source, 5)
    return head[:1], head + _read(source, struct.unpack("!I", head[1:])[0] - 4)


def _read(source: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        data = source.recv(size - len(found))
        if not data:
            raise EOFError
        found += data
    return bytes(found)
