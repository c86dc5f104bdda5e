"""Retries: how often and how long the client waits before it asks again. Pure but for the random number that is passed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER_SECONDS = 120.0
_JITTER = 0.5


@dataclass(frozen=True)
class Backoff:
    """Pauses that double with every attempt up to a ceiling, 1, 2, 4, 8 seconds and so on, each longer by up to a half at random."""

    base_seconds: float = 1.0
    ceiling_seconds: float = 30.0

    def wait_seconds(self, attempt: int, random: Callable[[], float], retry_after_seconds: float | None = None) -> float:
        """Return the wait after failed attempt number `attempt` (from 1), never shorter than the vendor asked for."""
        own = min(self.ceiling_seconds, self.base_seconds * 2.0 ** (attempt - 1)) * (1 + _JITTER * random())
        return max(own, retry_after_seconds or 0.0)


@dataclass
class RetryBudget:
    """Bounds the extra load of a whole run: retries may be one in five of its requests, and ten in any case."""

    share: float = 0.2
    minimum: int = 10
    requests: int = 0
    retries: int = 0

    def spend(self) -> bool:
        """Take one retry out of the budget; False when it is used up."""
        if self.retries >= max(self.minimum, self.share * self.requests):
            return False
        self.retries += 1
        return True


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Return what a Retry-After header asks for, in seconds; None when it is missing, malformed or in the past."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - now).total_seconds()
    return seconds if seconds > 0 else None
