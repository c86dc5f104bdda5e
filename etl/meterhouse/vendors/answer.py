"""Answer: what every vendor's page is decoded to: buckets with typed rows, and what was odd about them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meterhouse.catalogue.endpoints import Key, Values


@dataclass(frozen=True)
class SetAside:
    """A row that was not loaded: why, and its JSON text, which is cut off when it is long; a key in either is masked."""

    reason: str
    row: str


@dataclass(frozen=True)
class Bucket:
    """One bucket of an answer: its bounds in Unix seconds as the vendor gave them, its rows, and those that could not be typed."""

    start: int
    end: int
    rows: Mapping[Key, Values]
    set_aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True)
class Page:
    """The buckets of one page, what was odd about it, and the organizations that its rows say they are of; none when they do not say."""

    buckets: tuple[Bucket, ...]
    unknown_fields: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    organizations: frozenset[str] = frozenset()
