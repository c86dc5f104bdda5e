"""Chain: what the pages of one window add up to. Pure: which buckets came, whether they are whole, and which are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meterhouse.accounting.finality import Finality, finality
from meterhouse.catalogue.endpoints import BucketWidth, Key, Values
from meterhouse.counts import counted
from meterhouse.errors import RejectedAnswer
from meterhouse.vendors.answer import Bucket, Page, SetAside
from meterhouse.windows import Window, buckets, floor_to, from_epoch


@dataclass(frozen=True)
class CoveredBucket:
    """One bucket of an answer under its aligned start, with the bounds that the vendor gave it; `row_count` rows of it could be typed.

    `digest` is that of its text, if the text determines its rows. One that `is_stored` is already in the warehouse unchanged,
    and its rows were not decoded.
    """

    start: datetime
    reported_start: datetime
    reported_end: datetime
    finality: Finality
    row_count: int
    set_aside: tuple[SetAside, ...] = ()
    digest: bytes | None = None
    is_stored: bool = False


@dataclass(frozen=True)
class StoredBucket:
    """A bucket as the warehouse holds it: its aligned start, the bounds that the vendor gave it, its rows, the digest of its text."""

    start: datetime
    reported_start: datetime
    reported_end: datetime
    row_count: int
    digest: bytes


class CompareRows(Exception):
    """A bucket came twice with different texts: whether its rows are equal shows only when both are decoded."""


class Chain:
    """Collects the buckets of one answer. A bucket stands under its aligned start, even when the vendor clipped it.

    One that comes twice is compared by digest where there is one, unless the chain `compares_rows`.
    """

    def __init__(self, window: Window, width: BucketWidth, now: datetime, settling_time: timedelta, *, compares_rows: bool = False) -> None:
        self._window = window
        self._width = width
        self._now = now
        self._settling_time = settling_time
        self._covered: dict[datetime, CoveredBucket] = {}
        self._compares_rows = compares_rows
        # Digest of the text, or hash of the rows.
        self._contents: dict[datetime, bytes | int] = {}
        self.unknown_fields: set[str] = set()
        self.warnings: set[str] = set()

    def accept(self, page: Page, digests: Sequence[bytes] = ()) -> list[tuple[datetime, Mapping[Key, Values]]]:
        """Return the rows of the page's buckets under their aligned starts; `digests` are those of its buckets, where they are known.

        A bucket outside the window is left out; one that came before must be equal. Raises `RejectedAnswer` for a bucket that is not
        within one aligned bucket, or that came twice with different rows, and `CompareRows` when digests cannot tell.
        """
        self.unknown_fields.update(page.unknown_fields)
        self.warnings.update(page.warnings)
        is_odd = bool(page.unknown_fields or page.warnings)
        accepted = []
        for position, bucket in enumerate(page.buckets):
            covered = self._place(bucket)
            digest = digests[position] if digests and not is_odd and not bucket.set_aside else None
            contents = hash(frozenset(bucket.rows.items())) if digest is None or self._compares_rows else digest
            if self._is_new(covered, contents):
                self._covered[covered.start] = replace(covered, digest=digest)
                accepted.append((covered.start, bucket.rows))
        return accepted

    def accept_stored(self, bucket: StoredBucket) -> None:
        """Take a bucket that came with the digest that is stored with it."""
        covered = replace(self._cover(bucket.start, bucket.reported_start, bucket.reported_end, bucket.row_count), is_stored=True)
        if self._is_new(covered, bucket.digest):
            self._covered[covered.start] = replace(covered, digest=bucket.digest)

    def _is_new(self, covered: CoveredBucket, contents: bytes | int) -> bool:
        """Whether a bucket of the window came for the first time; what it then holds is remembered."""
        start = covered.start
        if not self._window.start <= start < self._window.end:
            self.warnings.add(f"a bucket outside of the window came and was left out: {start:%Y-%m-%dT%H:%MZ}")
            return False
        if start not in self._covered:
            self._contents[start] = contents
            return True
        before = self._contents[start]
        if before != contents and (isinstance(before, bytes) or isinstance(contents, bytes)):
            raise CompareRows
        if before != contents or replace(self._covered[start], digest=None, is_stored=covered.is_stored) != covered:
            raise RejectedAnswer(f"the bucket of {start:%Y-%m-%dT%H:%MZ} came twice with different rows")
        self.warnings.add("a bucket came twice, with equal rows")
        return False

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
            found.add(
                f"set aside {counted(len(left_out), 'row')} with values of an unexpected type, the first because {left_out[0].reason}"
            )
        gaps = self.missing()
        if not gaps:
            return found
        return found | {
            f"the answer lacked {counted(len(gaps), 'bucket')} that the warehouse keeps as before, the first of {gaps[0]:%Y-%m-%dT%H:%MZ}"
        }

    def _place(self, bucket: Bucket) -> CoveredBucket:
        try:
            start, end = from_epoch(bucket.start), from_epoch(bucket.end)
        except (OverflowError, ValueError):
            raise RejectedAnswer(f"a bucket's bounds are not Unix seconds: {bucket.start} to {bucket.end}") from None
        aligned = floor_to(start, self._width)
        whole = aligned + timedelta(seconds=self._width.seconds)
        if not start < end <= whole:
            raise RejectedAnswer(f"a bucket from {start:%Y-%m-%dT%H:%M:%SZ} to {end:%Y-%m-%dT%H:%M:%SZ} is not one of {self._width.name}")
        covered = self._cover(aligned, start, end, len(bucket.rows))
        if not bucket.set_aside:
            return covered
        # A part of it is in no figure, so it is never settled.
        state = Finality.SETTLING if covered.finality.is_over else covered.finality
        return replace(covered, finality=state, set_aside=bucket.set_aside)

    def _cover(self, aligned: datetime, start: datetime, end: datetime, row_count: int) -> CoveredBucket:
        whole = aligned + timedelta(seconds=self._width.seconds)
        is_whole = start == aligned and end == whole
        state = finality(whole, is_whole=is_whole, read_at=self._now, settling_time=self._settling_time)
        return CoveredBucket(aligned, start, end, state, row_count)
