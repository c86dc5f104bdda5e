"""A connection that does not wait forever for a statement: if one takes long, the server is asked whether it is still working on it.

A network may lose an answer, even that of a COMMIT, while both ends look alive; no server timeout ends that wait.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakSet

import psycopg
from psycopg.abc import PQGen

Connection = psycopg.Connection[tuple[Any, ...]]
Result = TypeVar("Result")

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 5.0
LOOK_SECONDS = 15.0
_LOOKS_DONE = 2
_LOOKS_UNREACHABLE = 3
_WAIT_SECONDS = 0.1

# A backend that waits for its client has answered, or waits for data that we believe sent.
_WORKING = """
SELECT a.state NOT IN ('idle', 'idle in transaction', 'idle in transaction (aborted)') AND a.wait_event IS DISTINCT FROM 'ClientRead'
FROM pg_catalog.pg_stat_activity a WHERE a.pid = %s
"""


class WatchedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A psycopg connection; `opener` opens a second one to the same place, to ask about this one."""

    opener: Callable[[], Connection] | None = None
    backend_pid = 0
    waiting_since: float | None = None
    was_given_up = False

    def wait(self, gen: PQGen[Result], interval: float = _WAIT_SECONDS, timeout: float | None = None) -> Result:
        """Wait for the server as psycopg does, under watch."""
        self.waiting_since = time.monotonic()
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.OperationalError:
            if self.was_given_up:
                raise psycopg.errors.TransactionResolutionUnknown("the server did not answer") from None
            raise
        finally:
            self.waiting_since = None

    def give_up(self) -> None:
        """End the wait of another thread: whatever may still come is not waited for."""
        self.was_given_up = True
        # Its user may close it, or the server may have, at this very moment.
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.pgconn.socket)) as ours:
            ours.shutdown(socket.SHUT_RDWR)


class _Watch:
    """One thread that looks at all watched connections."""

    def __init__(self) -> None:
        self._connections: WeakSet[WatchedConnection] = WeakSet()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def add(self, connection: WatchedConnection) -> None:
        with self._lock:
            self._connections.add(connection)
            # A forked process has the object and not the thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="meterhouse-watch", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        attended: dict[int, float] = {}
        while True:
            time.sleep(min(1.0, PATIENCE_SECONDS / 4))
            with self._lock:
                connections = list(self._connections)
            for connection in connections:
                since = connection.waiting_since
                if since is None or time.monotonic() - since < PATIENCE_SECONDS or attended.get(id(connection)) == since:
                    continue
                attended[id(connection)] = since
                threading.Thread(target=_attend, args=(connection, since), name="meterhouse-attend", daemon=True).start()
            del connections


_watch = _Watch()
watch = _watch.add


def _attend(connection: WatchedConnection, since: float) -> None:
    """Ask about a statement that takes long, until it is answered or there is nothing to wait for any more."""
    done = unreachable = 0
    while connection.waiting_since == since:
        works = _is_working(connection)
        done = done + 1 if works is False else 0
        unreachable = unreachable + 1 if works is None else 0
        if connection.waiting_since == since and (done == _LOOKS_DONE or unreachable == _LOOKS_UNREACHABLE):
            connection.give_up()
            return
        time.sleep(PAUSE_SECONDS)


def _is_working(connection: WatchedConnection) -> bool | None:
    """Whether the server works at the connection's statement; None when nobody answers."""
    found: list[bool] = []
    look = threading.Thread(target=_look, args=(connection, found), name="meterhouse-look", daemon=True)
    look.start()
    look.join(LOOK_SECONDS)
    return found[0] if found else None


def _look(connection: WatchedConnection, found: list[bool]) -> None:
    if connection.opener is None:
        return
    try:
        with connection.opener() as second:
            row = second.execute(_WORKING, (connection.backend_pid,)).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        found.append(True)
    except psycopg.Error:
        return
    else:
        # A server that does not keep book of what its sessions do shows no state.
        found.append(row is not None and row[0] is not False)
