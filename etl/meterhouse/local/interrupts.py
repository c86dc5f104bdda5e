"""Ctrl-C and SIGTERM as one exception in the main thread, held back where a half-done step would leave something behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody asked this process to stop; not an `Exception`, so that no retry swallows it."""


class _State:
    depth = 0
    pending = False
    stopping = False


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    if _State.stopping:
        # Stopping is under way; a second Ctrl-C must not cut it short and leave processes behind.
        return
    if _State.depth:
        _State.pending = True
        return
    _State.stopping = True
    raise Interrupted


@contextmanager
def held() -> Iterator[None]:
    """Hold a signal back until the block is done."""
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1
        if _State.pending and not _State.depth and not _State.stopping:
            _State.pending, _State.stopping = False, True
            raise Interrupted


@contextmanager
def as_exception() -> Iterator[None]:
    """Raise `Interrupted` on the first signal inside the block; the previous handlers come back after it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _State.depth, _State.pending, _State.stopping = 0, False, False
    # Under nohup a closed terminal is ignored, and stays so.
    numbers = [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, _on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def stopping() -> None:
    """From here on signals change nothing: everything is being stopped."""
    _State.stopping = True
