"""The clock: whoever asks for the time is given one, so that a test can give another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current UTC instant."""
    return datetime.now(UTC)
