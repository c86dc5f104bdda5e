"""Pages of saved files: their rows as the API would answer them, so that both are decoded and added up by the same rules. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from meterhouse.catalogue.endpoints import DAY, Dimension, Endpoint
from meterhouse.errors import FixConfiguration
from meterhouse.vendors.openai.rows import decode_page
from meterhouse.vendors.openai.saved.cells import day_of
from meterhouse.vendors.saved_file import SavedStream

Fields = dict[str, Any]


@dataclass(frozen=True)
class Piece:
    """A span of one UTC day, in Unix seconds, for which a file has figures of one endpoint: a row as the API gives it, or none (None)."""

    endpoint: Endpoint
    start: int
    end: int
    row: Fields | None = None


def whole_day(endpoint: Endpoint, instant: int, row: Fields | None = None) -> Piece:
    """Return the piece of a file that has figures by day and says only one instant of each."""
    start = day_of(instant)
    return Piece(endpoint, start, start + DAY.seconds, row)


def days_between(pieces: Collection[Piece]) -> Iterator[Piece]:
    """Yield an empty piece for each day between the first and the last: a file that lists only what there was covers the others too."""
    starts = [piece.start for piece in pieces]
    for endpoint in {piece.endpoint.name: piece.endpoint for piece in pieces}.values():
        for start in range(min(starts), max(starts), DAY.seconds):
            yield whole_day(endpoint, start)


def streams_of(name: str, pieces: Iterable[Piece], excluded: Collection[str]) -> tuple[SavedStream, ...]:
    """Return the pieces as pages, one for each endpoint; the dimensions are those that any row says something of."""
    by_endpoint: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces:
        by_endpoint[piece.endpoint.name].append(piece)
    return tuple(_stream(name, found[0].endpoint, found, excluded) for found in by_endpoint.values())


def _stream(name: str, endpoint: Endpoint, pieces: list[Piece], excluded: Collection[str]) -> SavedStream:
    rows: dict[int, list[Fields]] = defaultdict(list)
    spans: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for piece in pieces:
        day = day_of(piece.start)
        spans[day].add((piece.start, piece.end))
        if piece.row is not None:
            rows[day].append(piece.row)
    dimensions = _dimensions(endpoint, rows.values(), excluded)
    buckets = [
        {"object": "bucket", "start_time": start, "end_time": end, "results": rows[day]}
        for day, (start, end) in ((day, _first_run(spans[day])) for day in sorted(spans))
    ]
    # With escapes, as halves of a character cannot be encoded; the decoder of pages replaces them.
    body = json.dumps({"object": "page", "data": buckets, "has_more": False, "next_page": None}, separators=(",", ":"))
    page = decode_page(endpoint, body.encode(), dimensions)
    for bucket in page.buckets:
        for left_out in bucket.set_aside:
            raise FixConfiguration(f"{name}: a row cannot be stored, because {left_out.reason}: give the file as it was saved")
    return SavedStream(endpoint, dimensions, page)


def _dimensions(endpoint: Endpoint, rows: Iterable[list[Fields]], excluded: Collection[str]) -> tuple[Dimension, ...]:
    said = {name for day in rows for row in day for name, value in row.items() if value is not None}
    return tuple(one for one in endpoint.dimensions if one.name in said and one.name not in excluded)


def _first_run(spans: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return the first stretch without a gap: all of the day, if the file has all of it."""
    (start, reach), *rest = sorted(spans)
    for next_start, next_end in rest:
        if next_start > reach:
            break
        reach = max(reach, next_end)
    return start, reach
