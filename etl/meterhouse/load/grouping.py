"""Grouping: whether an answer ignored the dimensions that the request grouped by. Pure.

A dimension may be null in some rows, in all rows of a quiet day, or in a stream that never had it. What is stored tells such an answer from
one that ignored the request:

- Where the answered buckets hold rows already, an answer without any value of any dimension ignored the request when one of those rows has
  a value. A single dimension was ignored when no row of the answer has it, every stored row does, and there is more than one of both.
- Where they hold none, only an answer without any value at all is judged, and only when more than one dimension was asked for: it ignored
  the request when the stream has rows on days around, all of them with a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from meterhouse.catalogue.endpoints import Dimension, Key, Values


@dataclass(frozen=True)
class Named:
    """How many rows there are, how many of them have a value of each dimension, and how many have none of any."""

    rows: int
    by_dimension: tuple[int, ...]
    unnamed: int


class Answered:
    """Looks at the rows of an answer, page by page, for dimensions without a value."""

    def __init__(self, dimensions: tuple[Dimension, ...]) -> None:
        self.dimensions = dimensions
        self._unseen = list(range(len(dimensions)))
        self._rows = 0
        self.bucket_starts: list[datetime] = []
        # Of them, those whose rows were not decoded, because they are stored unchanged.
        self.stored_starts: list[datetime] = []

    def add(self, buckets: Iterable[tuple[datetime, Mapping[Key, Values]]]) -> None:
        """Look at the rows of one page."""
        for start, rows in buckets:
            if rows:
                self.bucket_starts.append(start)
            self._rows += len(rows)
            for key in rows if self._unseen else ():
                self._unseen = [position for position in self._unseen if key[position] is None]

    def add_stored(self, start: datetime) -> None:
        """Record a bucket with rows that is stored unchanged."""
        self.bucket_starts.append(start)
        self.stored_starts.append(start)

    def look_at_stored(self, named: Named) -> None:
        """Count the rows of those buckets too; `named` is what they hold."""
        self._rows += named.rows
        self._unseen = [position for position in self._unseen if not named.by_dimension[position]]

    @property
    def is_suspect(self) -> bool:
        """Whether there are rows, and a dimension that none of them has."""
        return bool(self._rows and self._unseen)

    def ignored(self, stored: Named, known: Named) -> tuple[Dimension, ...]:
        """Return the dimensions that the answer ignored; `stored` are the rows of its buckets, `known` those of days around."""
        is_unnamed = len(self._unseen) == len(self.dimensions)
        if not self.is_suspect:
            return ()
        if stored.rows and is_unnamed:
            return tuple(self.dimensions[position] for position in self._unseen if stored.by_dimension[position])
        if stored.rows > 1 and self._rows > 1:
            return tuple(self.dimensions[position] for position in self._unseen if stored.by_dimension[position] == stored.rows)
        if not stored.rows and is_unnamed and len(self.dimensions) > 1 and not known.unnamed:
            return tuple(self.dimensions[position] for position in self._unseen if known.by_dimension[position])
        return ()
