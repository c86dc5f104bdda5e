"""Saved file: what somebody kept of a vendor's answers and exports, as text, and the figures that it turns out to hold. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from meterhouse.catalogue.endpoints import Dimension, Endpoint
from meterhouse.vendors.answer import Page


class Row(Protocol):
    """One row: its cells that say something, as text by column, and its place in the file, for messages."""

    @property
    def place(self) -> str:
        """File and line."""

    @property
    def values(self) -> Mapping[str, str]:
        """Text by column."""


@dataclass(frozen=True)
class SavedText:
    """A file as text. `tables` are its lists of rows by name, one without a name in CSV; `words` are the texts beside them in JSON.

    `columns_of` has the columns of each table, also those that say nothing in any row.
    """

    name: str
    columns_of: Mapping[str, Sequence[str]]
    tables: Mapping[str, Sequence[Row]]
    words: Mapping[str, str]

    @property
    def columns(self) -> Sequence[str]:
        """The columns of CSV, or of a JSON list."""
        return self.columns_of.get("", ())

    @property
    def rows(self) -> Sequence[Row]:
        """The rows of CSV, or of a JSON list."""
        return self.tables.get("", ())


@dataclass(frozen=True)
class SavedStream:
    """Days of one endpoint, grouped by `dimensions`; each bucket of the page is one UTC day, or as much of it as the file speaks of."""

    endpoint: Endpoint
    dimensions: tuple[Dimension, ...]
    page: Page


@dataclass(frozen=True)
class SavedFigures:
    """What a file holds: its kind in words, streams, the vendor's identifiers of the organizations it names, and what was left out."""

    kind: str
    is_costs: bool
    streams: tuple[SavedStream, ...]
    organizations: frozenset[str]
    remarks: tuple[str, ...] = ()


class ReadSaved(Protocol):
    """Makes figures of a saved file; raises `FixConfiguration` with the place of the first cell that cannot be read."""

    def __call__(self, text: SavedText, excluded: Collection[str]) -> SavedFigures:
        """Read `text` without the `excluded` dimensions."""
