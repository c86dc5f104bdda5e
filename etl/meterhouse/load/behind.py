"""Behind: one window is put in its place in a thread and a session of its own, while the loader takes in the next one.

The windows of a stream stay in order: the next is put in place when the one before it is. A load that is stopped ends the session in the
middle of its transaction, so that nothing more is written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from meterhouse.errors import MeterhouseError
from meterhouse.load.store import Store
from meterhouse.load.stream import Replaced

log = logging.getLogger(__name__)

Write = Callable[[Store], Replaced]


class Behind:
    """Runs one write at a time; `open_store` opens its session. Without one, or if none can be had, writes run at once in `store`.

    Use as a context manager.
    """

    def __init__(self, store: Store, open_store: Callable[[], Store] | None) -> None:
        self._store = store
        self._open_store = open_store
        self._own: Store | None = None
        self._thread: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._own is not None and error is not None:
            self._own.give_up()
        if self._thread is not None:
            self._thread.shutdown()
        if self._own is not None:
            self._own.connection.close()

    def begin(self, write: Write, *, goes_on: bool) -> Future[Replaced]:
        """Begin a write, which is done at once unless the load `goes_on` meanwhile; the one before it must be over."""
        own = self._session() if goes_on else None
        if own is None:
            return _done(write, self._store)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "behind")
        return self._thread.submit(write, own)

    def _session(self) -> Store | None:
        if self._own is None and self._open_store is not None:
            try:
                self._own = self._open_store()
            except MeterhouseError as error:
                # No more sessions than are there: the load goes on without it, and waits for each write.
                log.info("no further session: %s", error)
                self._open_store = None
        return self._own


def _done(write: Write, store: Store) -> Future[Replaced]:
    done = Future[Replaced]()
    try:
        done.set_result(write(store))
    except Exception as error:
        done.set_exception(error)
    return done
