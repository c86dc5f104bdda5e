"""History floor: the first bucket that the vendor still reports, found by asking when it refuses an old start without naming one.

Pure: steps that double until a start is accepted, then halves between the last refused and the first accepted one. For n buckets that
is at most 2 log2 n + 2 questions, and no bucket that the vendor still has is passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from meterhouse.catalogue.endpoints import BucketWidth
from meterhouse.windows import Window


def first_accepted(window: Window, width: BucketWidth, is_accepted: Callable[[datetime], bool]) -> datetime | None:
    """Return the first bucket start of an aligned `window` that is accepted; its own start was refused. None when all are refused.

    `is_accepted` is asked about bucket starts within the window; whatever follows an accepted one counts as accepted.
    """
    bucket = timedelta(seconds=width.seconds)
    refused, step = window.start, bucket
    accepted = refused + step
    while accepted < window.end and not is_accepted(accepted):
        refused, step = accepted, step * 2
        accepted = refused + step
    # Nobody was asked about the end: it only closes the span that is halved.
    accepted = min(accepted, window.end)
    while accepted - refused > bucket:
        middle = refused + (accepted - refused) // bucket // 2 * bucket
        if is_accepted(middle):
            accepted = middle
        else:
            refused = middle
    return None if accepted == window.end else accepted
