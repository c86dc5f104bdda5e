"""Stopping: long work ends at SIGTERM as it does at Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

STOPPED_STATUS = 130


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends long work as Ctrl-C does: between two commits, with a closed run log."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
