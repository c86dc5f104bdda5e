"""Patience: nobody should look at a silent terminal or log for minutes; a wait that has become long says what it is waiting for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

LONG_SECONDS = 5.0


@contextmanager
def said_while_waiting(whom: str, at_most_seconds: float) -> Iterator[None]:
    """Log whom is asked for what if the block takes long; `at_most_seconds` is when the wait ends in any case."""
    text = "asking %s: no whole answer for %g s, waiting for up to %g s"
    timer = threading.Timer(LONG_SECONDS, log.warning, (text, whom, LONG_SECONDS, at_most_seconds))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
