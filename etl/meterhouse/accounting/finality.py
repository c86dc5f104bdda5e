"""Finality: how far a bucket's figures can still move, judged by its age when it was last read. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum


class Finality(StrEnum):
    """The states of a bucket, each more final than the one before; the warehouse has them as an enumeration in the same order."""

    OPEN = "open"
    SETTLING = "settling"
    SETTLED = "settled"
    INVOICED = "invoiced"

    @property
    def is_over(self) -> bool:
        """Whether the bucket was over and read whole, settled or not."""
        return self is not Finality.OPEN


def finality(end: datetime, *, is_whole: bool, read_at: datetime, settling_time: timedelta) -> Finality:
    """Return the state of a bucket that ends at `end` and was read at `read_at`, both UTC instants.

    `is_whole` is false for a bucket that the vendor clipped. The vendor adds late usage and charges for hours after a bucket is over, so
    it counts as settled only once it was read `settling_time` after its end. A month's invoice is what makes it `invoiced`; not this rule.
    """
    if not is_whole or read_at < end:
        return Finality.OPEN
    return Finality.SETTLED if read_at >= end + settling_time else Finality.SETTLING
