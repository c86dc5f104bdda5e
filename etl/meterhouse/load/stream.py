"""A stream, how an answer for it was fetched, and what replacing one of its windows did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from meterhouse.catalogue.endpoints import BucketWidth, Dimension, Endpoint
from meterhouse.windows import from_epoch

API = "api"


@dataclass(frozen=True)
class Stream:
    """What is loaded and fenced on its own: one endpoint of one organization at one bucket width."""

    organization: str
    endpoint: Endpoint
    width: BucketWidth

    def __str__(self) -> str:
        return f"{self.organization}/{self.endpoint.name}/{self.width.name}"


@dataclass(frozen=True)
class Fetch:
    """How an answer was got: its place in the order of fetches, what was asked for, and what was odd."""

    number: int
    dimensions: tuple[Dimension, ...]
    pages: int
    seconds: float
    unknown_fields: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    # Where the figures come from, as coverage records it.
    origin: str = API

    @property
    def grouping(self) -> str:
        """The dimensions asked for, as the warehouse records them."""
        return ",".join(dimension.name for dimension in self.dimensions)


@dataclass(frozen=True)
class Replaced:
    """What replacing a window did, in rows and buckets."""

    inserted: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
    buckets: int = 0
    superseded_buckets: int = 0
    restated_buckets: int = 0
    load_seconds: float = 0.0


def history_cuts(endpoint: Endpoint) -> dict[Dimension, datetime]:
    """Return the dimensions that a window can be grouped by only from some instant on, with that instant."""
    return {dimension: from_epoch(since) for dimension, since in endpoint.dimension_history}


def window_cuts(endpoint: Endpoint) -> tuple[datetime, ...]:
    """Return the instants that no window of an endpoint may lie across, because it can be grouped by more from there on."""
    return tuple(sorted(set(history_cuts(endpoint).values())))
