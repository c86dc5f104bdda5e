"""Saved texts: files of a vendor's exports and answers as rows of text, with their digest and when they were saved."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration
from meterhouse.imports.records import Record, by_lower_name, decoded, parsed, read_bytes, read_records, texts
from meterhouse.load.saved_days import Source
from meterhouse.vendors.saved_file import SavedText

_DIGITS_SHOWN = 12


@dataclass(frozen=True)
class SavedFile:
    """A file as text, the digest of its bytes, and what it is as a source of days."""

    text: SavedText
    sha256: str
    source: Source


def read_saved_file(path: Path, now: datetime, saved_at: datetime | None = None) -> SavedFile:
    """Return a file; without `saved_at` it was saved when it was last modified, and never later than now."""
    content = read_bytes(path)
    sha256 = hashlib.sha256(content).hexdigest()
    modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    source = Source(f"file:{sha256[:_DIGITS_SHOWN]}", min(saved_at or modified_at, now), is_dated=saved_at is not None)
    return SavedFile(saved_text(content, path), sha256, source)


def saved_text(content: bytes, path: Path) -> SavedText:
    """Return the rows of CSV, or the lists of rows of a JSON object. Raises `FixConfiguration` for what is neither."""
    name = visible(path.name)
    text = decoded(content, name)
    if text.lstrip()[:1] not in {"[", "{"}:
        file = read_records(path, is_export=True)
        return SavedText(path.name, {"": file.columns}, {"": file.records}, {})
    found = parsed(text, name)
    fields = {"": found} if isinstance(found, list) else by_lower_name(found, name)
    lists = {key: value for key, value in fields.items() if isinstance(value, list)}
    tables = {table: tuple(_records(rows, f"{name}, {table or 'entry'}".rstrip())) for table, rows in lists.items()}
    words = texts({key: value for key, value in fields.items() if not isinstance(value, list | dict)}, name)
    columns = {table: tuple(dict.fromkeys(str(key).lower() for row in rows for key in row)) for table, rows in lists.items()}
    return SavedText(path.name, columns, tables, words)


def _records(rows: list[Any], place: str) -> list[Record]:
    if not all(isinstance(row, Mapping) for row in rows):
        raise FixConfiguration(f"{place}: give a JSON list of objects")
    return [Record(numbered := f"{place} {position}", texts(row, numbered)) for position, row in enumerate(rows, 1)]
