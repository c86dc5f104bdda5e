"""What time it is for the stand-in: the real time, a fixed instant or a caller's function, movable while it runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

DAY_SECONDS = 86400


def _real_time() -> datetime:
    return datetime.now(UTC)


class Clock:
    """A clock that can be set and advanced; all instants are aware UTC datetimes."""

    def __init__(self, source: Callable[[], datetime] | datetime | None = None) -> None:
        self._offset = timedelta()
        self._source: Callable[[], datetime] = _real_time
        if callable(source):
            self._source = source
        elif source is not None:
            self.set(source)

    def now(self) -> datetime:
        """Return the current instant."""
        return self._source().astimezone(UTC) + self._offset

    def epoch(self) -> int:
        """Return the current instant in whole Unix seconds."""
        return int(self.now().timestamp())

    def set(self, instant: datetime) -> None:
        """Stand still at `instant` until moved again."""
        if instant.tzinfo is None:
            raise ValueError("the clock needs an instant with a time zone")
        self._source = lambda: instant
        self._offset = timedelta()

    def advance(self, seconds: float) -> None:
        """Move by `seconds`; a running clock keeps running."""
        self._offset += timedelta(seconds=seconds)
