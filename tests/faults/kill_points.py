"""Points inside a load at which a test does something: kill the process, cut the connection, or hold the run up."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn
from unittest.mock import patch

import psycopg
import requests

from meterhouse.load.staging import Stage
from meterhouse.warehouse.watched_connection import WatchedConnection


class Moment(StrEnum):
    """Where in a load; all but those between BEGIN and COMMIT hold no lock."""

    BEFORE_REQUEST = "before a request"
    BETWEEN_PAGES = "between pages"
    AFTER_COLLECTING = "after a page was collected"
    BEFORE_BEGIN = "before BEGIN"
    INSIDE = "between two statements of the transaction"
    BEFORE_COMMIT = "before COMMIT"
    AFTER_COMMIT = "after COMMIT, before anybody hears of it"


WITHOUT_LOCK = (Moment.BEFORE_REQUEST, Moment.BETWEEN_PAGES, Moment.AFTER_COLLECTING, Moment.BEFORE_BEGIN)


class Crash(BaseException):
    """Stands for the end of the process: nobody catches it, and the connections of the run are gone."""


@dataclass
class Plan:
    """Do `do` when this thread, or one that it started, comes to `moment` for the `nth` time."""

    moment: Moment
    nth: int
    do: Callable[[], None]
    came: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def was_reached(self) -> bool:
        """Whether the run came so far."""
        return self.came >= self.nth

    def come(self, moment: Moment) -> None:
        """Count a passage."""
        if moment is self.moment:
            with self.turn:
                self.came += 1
                is_it = self.came == self.nth
            if is_it:
                self.do()


_here = threading.local()


def _come(moment: Moment) -> None:
    plan: Plan | None = getattr(_here, "plan", None)
    if plan is not None:
        plan.come(moment)


@contextmanager
def planned(moment: Moment, nth: int, do: Callable[[], None]) -> Iterator[Plan]:
    """Have `do` done by what this thread runs in the context; `installed` has to be around it."""
    _here.plan, _here.connections = Plan(moment, nth, do), []
    try:
        yield _here.plan
    finally:
        _here.plan = None


def kill() -> NoReturn:
    """End this process as SIGKILL does."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def crash() -> NoReturn:
    """Cut what this thread's run has open, and end the run."""
    for connection in _here.connections:
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.pgconn.socket)) as ours:
            ours.shutdown(socket.SHUT_RDWR)
    raise Crash


@contextmanager
def installed() -> Iterator[None]:
    """Watch for the moments; a thread without its own plan notices nothing."""
    send, copy, execute = requests.Session.send, Stage.collect, psycopg.Connection.execute
    connect = WatchedConnection.connect
    enter, leave = psycopg.Transaction.__enter__, psycopg.Transaction.__exit__
    start = threading.Thread.start

    def started(self: threading.Thread) -> None:
        if getattr(_here, "plan", None) is not None:
            plan, connections, run = _here.plan, _here.connections, self.run

            def run_with_plan() -> None:
                _here.plan, _here.connections = plan, connections
                run()

            self.run = run_with_plan  # type: ignore[method-assign]  # the thread that starts another runs on in it
        start(self)

    def sent(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        _come(Moment.BETWEEN_PAGES if "page=" in str(request.url) else Moment.BEFORE_REQUEST)
        return send(self, request, **options)

    def copied(self: Stage, buckets: Any) -> None:
        copy(self, buckets)
        _come(Moment.AFTER_COLLECTING)

    def executed(self: Any, *arguments: Any, **options: Any) -> Any:
        found = execute(self, *arguments, **options)
        if self.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS:
            _come(Moment.INSIDE)
        return found

    def connected(*arguments: Any, **options: Any) -> Any:
        opened = connect(*arguments, **options)
        if getattr(_here, "plan", None) is not None:
            _here.connections.append(opened)
        return opened

    def entered(self: psycopg.Transaction) -> Any:
        _come(Moment.BEFORE_BEGIN)
        return enter(self)

    def left(self: psycopg.Transaction, kind: Any, error: Any, trace: Any) -> Any:
        if error is None:
            _come(Moment.BEFORE_COMMIT)
        done = leave(self, kind, error, trace)
        if error is None:
            _come(Moment.AFTER_COMMIT)
        return done

    with ExitStack() as patches:
        for owner, name, replacement in (
            (threading.Thread, "start", started),
            (requests.Session, "send", sent),
            (Stage, "collect", copied),
            (psycopg.Connection, "execute", executed),
            (WatchedConnection, "connect", connected),
            (psycopg.Transaction, "__enter__", entered),
            (psycopg.Transaction, "__exit__", left),
        ):
            patches.enter_context(patch.object(owner, name, replacement))
        yield
