"""The plan of a backfill: how a range is cut into tasks, what each of them requests, and what the vendor no longer reports. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from meterhouse.catalogue.endpoints import ENDPOINTS, BucketWidth, Endpoint
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.load.stream import window_cuts
from meterhouse.windows import Window, chunks, floor_to_day

# What the vendor reports when it has not said so itself.
REACH = timedelta(days=365)
# So that a task is minutes, and a clear of one repeats little: a year of days is one task an endpoint, of hours four.
_MONTHS_PER_PIECE = {"1h": 3, "1m": 1}
_FLOOR = re.compile(r"begins (\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True)
class Piece:
    """What one task of a backfill loads: whole days of one endpoint, as a half-open window."""

    endpoint: str
    window: Window

    @property
    def name(self) -> str:
        """The endpoint and the months, such as `completions 2026-03`."""
        first, last = (f"{day:%Y-%m}" for day in (self.window.start, self.window.end - timedelta(days=1)))
        return f"{self.endpoint} {first}" if first == last else f"{self.endpoint} {first} to {last}"


def chosen(names: Iterable[str], width: BucketWidth) -> list[Endpoint]:
    """Return the named endpoints that have buckets of `width`; raises `FixConfiguration` when none has, or a name is unknown."""
    wanted = list(names)
    if unknown := [name for name in wanted if name not in ENDPOINTS]:
        raise FixConfiguration(f"unknown endpoint {unknown[0]!r}: choose from {', '.join(ENDPOINTS)}")
    found = [endpoint for name, endpoint in ENDPOINTS.items() if name in wanted and endpoint.width(width.name)]
    if not found:
        raise FixConfiguration(f"none of {', '.join(wanted) or 'no endpoints'} has buckets of width {width.name}: choose 1d")
    return found


def pieces(window: Window, endpoints: Iterable[Endpoint], width: BucketWidth) -> list[Piece]:
    """Cut a window of whole days into the pieces that one task each loads, endpoint by endpoint, oldest first."""
    months = _MONTHS_PER_PIECE.get(width.name)
    cuts = [] if months is None else list(_month_starts(window, months))
    edges = [window.start, *cuts, window.end]
    return [Piece(endpoint.name, Window(start, end)) for endpoint in endpoints for start, end in pairwise(edges) if start < end]


def _month_starts(window: Window, months: int) -> Iterable[datetime]:
    """Yield the starts of calendar periods of `months` within a window."""
    year, month = window.start.year, 1
    while (start := window.start.replace(year=year, month=month, day=1)) < window.end:
        if start > window.start:
            yield start
        year, month = (year, month + months) if month + months <= 12 else (year + 1, month + months - 12)


def calls(piece: Piece, width: BucketWidth) -> int:
    """Return how many windows the piece has for one organization; each is one call, or more when the vendor splits its page."""
    return len(chunks(piece.window, width, cuts=window_cuts(ENDPOINTS[piece.endpoint])))


def reach(remembered: str | None, now: datetime) -> datetime:
    """Return the first day that the vendor reports: what it said when it was last asked, else a year ago."""
    said = _FLOOR.match(remembered or "")
    return datetime.strptime(said[1], "%Y-%m-%d").replace(tzinfo=now.tzinfo) if said else floor_to_day(now) - REACH


def in_words(
    planned: Sequence[Piece],
    width: BucketWidth,
    now: datetime,
    remembered: Mapping[tuple[str, str], str | None],
    held: Mapping[tuple[str, str], Mapping[str, int]],
) -> list[str]:
    """Return the plan line by line.

    `remembered` holds what the vendor said of its history, `held` the buckets of the whole range by status; both by organization and
    endpoint.
    """
    lines = []
    for piece in planned:
        window = piece.window
        lines.append(
            f"{piece.name}: {window.start:%Y-%m-%d} to {window.end - timedelta(days=1):%Y-%m-%d} in {width.name} buckets,"
            f" at least {counted(calls(piece, width), 'call')} per organization"
        )
    for (organization, endpoint), counts in held.items():
        spans = [piece.window for piece in planned if piece.endpoint == endpoint]
        floor = reach(remembered.get((organization, endpoint)), now)
        known = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        lines.append(f"{organization}/{endpoint}/{width.name}: buckets in the warehouse: {known}")
        if spans and spans[0].start < floor:
            lines.append(
                f"{organization}/{endpoint}: the days {spans[0].start:%Y-%m-%d} to {min(floor, spans[-1].end) - timedelta(days=1):%Y-%m-%d}"
                " are further back than the vendor reports; what the warehouse has for them stays as it is"
            )
    total = sum(calls(piece, width) for piece in planned)
    lines.append(f"in all: {counted(len(planned), 'task')}, at least {counted(total, 'call')} per organization")
    return lines
