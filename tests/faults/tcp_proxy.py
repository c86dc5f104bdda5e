"""TCP proxies before a real server: what every one does, and one that can stop passing on while every connection stays open."""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Proxy(ABC):
    """Listens before the server of a database address; `url` is the same address through it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        login = parts.netloc.rpartition("@")[0]
        self.url = f"postgresql://{login}@127.0.0.1:{self._listener.getsockname()[1]}{parts.path}?sslmode=disable&gssencmode=disable"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Only now does the server hear that its clients are gone.
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
            except OSError:
                return
            self._open += [client, server]
            for one in (client, server):
                # Small messages are not to wait for each other.
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.serve(client, server)

    @abstractmethod
    def serve(self, client: socket.socket, server: socket.socket) -> None:
        """Start the threads that pass on what the two sides of a new connection say."""


class TcpProxy(Proxy):
    """Passes bytes on until the client says `word` for the `at`-th time. From then on that connection hangs, or with `all_hang` every one.

    `reaches_server`: whether the server still hears the word, and only its answer is lost.
    """

    def __init__(self, url: str, word: bytes, at: int = 1, *, reaches_server: bool = True, all_hang: bool = False) -> None:
        super().__init__(url)
        self._word = word
        self._left = at
        self._reaches_server = reaches_server
        self._all_hang = all_hang
        self.hangs = threading.Event()

    def serve(self, client: socket.socket, server: socket.socket) -> None:
        is_mute = threading.Event()
        threading.Thread(target=self._pass, args=(client, server, is_mute), kwargs={"listens": True}, daemon=True).start()
        threading.Thread(target=self._pass, args=(server, client, is_mute), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, is_mute: threading.Event, *, listens: bool = False) -> None:
        try:
            while data := source.recv(65536):
                passes_on = not self._is_lost(is_mute)
                if listens and self._word in data and not self.hangs.is_set():
                    self._left -= 1
                    if self._left == 0:
                        is_mute.set()
                        self.hangs.set()
                        passes_on = self._reaches_server
                if passes_on:
                    target.sendall(data)
            if not self._is_lost(is_mute):
                target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def _is_lost(self, is_mute: threading.Event) -> bool:
        return is_mute.is_set() or (self._all_hang and self.hangs.is_set())
