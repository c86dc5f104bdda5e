"""Pooler: proof that a session behind one keeps its server's backend, as the loader's temporary tables and settings need."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier

from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.warehouse.database_errors import POOLER_REMEDY

Connection = psycopg.Connection[tuple[Any, ...]]

PATIENCE_SECONDS = 5.0
_GRACE_SECONDS = 2.0
_MARKER = "SELECT current_setting('meterhouse.warehouse.session', true)"


def require_own_backend(session: Connection, open_second: Callable[[], Connection], *, can_listen: bool) -> None:
    """Raise `FixConfiguration` unless an idle `session` keeps its backend: in transaction or statement mode a pooler lends it to others.

    A second session sends the first one a notification, which reaches it only if it has its own backend. A standby sends none; there only
    the marker tells, which the second session sees if it was lent the same backend.
    """
    marker = f"meterhouse_{uuid4().hex}"
    session.execute("SELECT set_config('meterhouse.warehouse.session', %s, false)", (marker,))
    if can_listen:
        session.execute(SQL("LISTEN {}").format(Identifier(marker)))
    second = _Second(open_second, marker, notifies=can_listen)
    second.start()
    if can_listen and _was_notified(session, second):
        return
    second.join(0 if can_listen else PATIENCE_SECONDS)
    if second.failed:
        raise TryAgainLater("the pooler before the warehouse has no connection for a second session: raise its limits, or run again")
    # A session still waiting for a backend while this one is answered shows that this one has its own.
    if not second.saw_marker and (second.is_alive() or not can_listen) and all(_has(session, marker) for _ in range(3)):
        return
    raise FixConfiguration(
        f"a pooler before the warehouse lends one session's backend to others (transaction or statement mode): {POOLER_REMEDY}"
    )


def _was_notified(session: Connection, second: _Second) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and not second.saw_marker and not second.failed:
        if any(True for _ in session.notifies(timeout=0.1, stop_after=1)):
            return True
        if second.ended_at is not None and time.monotonic() > second.ended_at + _GRACE_SECONDS:
            return False
    return False


def _has(session: Connection, marker: str) -> bool:
    return session.execute(_MARKER).fetchone() == (marker,)


class _Second(threading.Thread):
    """A second session that looks for the first one's marker, then notifies it."""

    def __init__(self, opener: Callable[[], Connection], marker: str, *, notifies: bool) -> None:
        super().__init__(name="meterhouse-pooler", daemon=True)
        self._opener = opener
        self._marker = marker
        self._notifies = notifies
        self.saw_marker = False
        self.failed = False
        self.ended_at: float | None = None

    def run(self) -> None:
        try:
            with self._opener() as second:
                self.saw_marker = _has(second, self._marker)
                if self._notifies and not self.saw_marker:
                    second.execute(SQL("NOTIFY {}").format(Identifier(self._marker)))
        except psycopg.Error:
            self.failed = True
        self.ended_at = time.monotonic()
