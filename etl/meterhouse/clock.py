"""The clock: code that needs the time takes a clock as a parameter, so that a test can pass another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current UTC instant."""
    return datetime.now(UTC)
