"""Chain: what the pages of one window add up to. Pure: which buckets came, whether they are whole, and which are missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from meterhouse.accounting.finality import Finality, finality
from meterhouse.endpoints import BucketWidth
from meterhouse.errors import RejectedAnswer
from meterhouse.odd_rows import SetAside
from meterhouse.rows import Bucket, Key, Page, Values
from meterhouse.windows import Window, buckets, floor_to, from_epoch


@dataclass(frozen=True)
class CoveredBucket:
    """One bucket of an answer under its aligned start, with the bounds that the vendor gave it; `row_count` rows of it could be typed."""

    start: datetime
    reported_start: datetime
    reported_end: datetime
    finality: Finality
    row_count: int
    set_aside: tuple[SetAside, ...] = ()


class Chain:
    """Collects the buckets of one answer. A bucket stands under its aligned start, even when the vendor clipped it."""

    def __init__(self, window: Window, width: BucketWidth, now: datetime, settling_time: timedelta) -> None:
        self._window = window
        self._width = width
        self._now = now
        self._settling_time = settling_time
        self._covered: dict[datetime, CoveredBucket] = {}
        self._contents: dict[datetime, int] = {}
        self.pages = 0
        self.unknown_fields: set[str] = set()
        self.warnings: set[str] = set()

    def accept(self, page: Page) -> list[tuple[datetime, Mapping[Key, Values]]]:
        """Return the rows of the page's buckets under their aligned starts.

        A bucket outside the window is left out; one that came before must be equal. Raises `RejectedAnswer` for a bucket that is not
        within one aligned bucket, or that came twice with different rows.
        """
        self.pages += 1
        self.unknown_fields.update(page.unknown_fields)
        self.warnings.update(page.warnings)
        accepted = []
        for bucket in page.buckets:
            covered = self._place(bucket)
            if not self._window.start <= covered.start < self._window.end:
                self.warnings.add(f"a bucket outside of the window came and was left out: {covered.start:%Y-%m-%dT%H:%MZ}")
                continue
            contents = hash(frozenset(bucket.rows.items()))
            if covered.start in self._covered:
                if self._contents[covered.start] != contents or self._covered[covered.start] != covered:
                    raise RejectedAnswer(f"the bucket of {covered.start:%Y-%m-%dT%H:%MZ} came twice with different rows")
                self.warnings.add("a bucket came twice, with equal rows")
                continue
            self._covered[covered.start] = covered
            self._contents[covered.start] = contents
            accepted.append((covered.start, bucket.rows))
        return accepted

    def covered(self) -> list[CoveredBucket]:
        """Return the buckets that came, oldest first."""
        return [self._covered[start] for start in sorted(self._covered)]

    def missing(self) -> list[datetime]:
        """Return the starts of the window's buckets that did not come."""
        return [start for start in buckets(self._window, self._width) if start not in self._covered]

    def all_warnings(self) -> set[str]:
        """Return what was odd, missing buckets among it."""
        found = set(self.warnings)
        left_out = [row for start in sorted(self._covered) for row in self._covered[start].set_aside]
        if left_out:
            found.add(f"{len(left_out)} rows could not be typed and were set aside, the first as {left_out[0].reason}")
        gaps = self.missing()
        if not gaps:
            return found
        return found | {f"{len(gaps)} buckets did not come and were left alone, the first of {gaps[0]:%Y-%m-%dT%H:%MZ}"}

    def _place(self, bucket: Bucket) -> CoveredBucket:
        try:
            start, end = from_epoch(bucket.start), from_epoch(bucket.end)
        except (OverflowError, ValueError):
            raise RejectedAnswer(f"a bucket's bounds are not Unix seconds: {bucket.start} to {bucket.end}") from None
        aligned = floor_to(start, self._width)
        whole = aligned + timedelta(seconds=self._width.seconds)
        if not start < end <= whole:
            raise RejectedAnswer(f"a bucket from {start:%Y-%m-%dT%H:%M:%SZ} to {end:%Y-%m-%dT%H:%M:%SZ} is not one of {self._width.name}")
        is_whole = start == aligned and end == whole
        state = finality(whole, is_whole=is_whole, read_at=self._now, settling_time=self._settling_time)
        if bucket.set_aside:
            # A part of it is in no figure, so it is never settled.
            state = Finality.SETTLING if state.is_over else state
        return CoveredBucket(aligned, start, end, state, len(bucket.rows), bucket.set_aside)
