"""Records: the rows of a file that somebody brings, as text by column name, with the line of each for messages.

A file is CSV (commas, semicolons or tabs) or JSON: a list of objects, or an object with one list of them. Numbers stay the text that
the file has, so that no digit is lost.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration

LARGEST_FILE_BYTES = 512 * 2**20
_DELIMITERS = (",", ";", "\t")
# What people have at hand besides text, by its first bytes, and what to do with it.
_NOT_TEXT = {
    b"%PDF": "a PDF: write what it says into a CSV file",
    b"PK\x03\x04": "a workbook of Excel or a ZIP archive: save its sheet as CSV (UTF-8), or unpack it",
    b"\xd0\xcf\x11\xe0": "an old workbook of Excel: save its sheet as CSV (UTF-8)",
    b"\x1f\x8b": "compressed by gzip: unpack it",
}


@dataclass(frozen=True)
class Record:
    """One row of a file. `values` has only cells that say something; `place` names file and line for messages."""

    place: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class RecordFile:
    """A file that was read whole: its name, the digest of its bytes, its columns in order, and its records."""

    name: str
    sha256: str
    columns: tuple[str, ...]
    records: tuple[Record, ...]


def read_records(path: Path, *, is_export: bool = False) -> RecordFile:
    """Return what a CSV or JSON file holds. Raises `FixConfiguration` with file and line for what is no such file.

    People leave out empty cells at the end of a line; an export never does, so that a shorter line shows that it was cut off.
    """
    content = read_bytes(path)
    name, sha256 = visible(path.name), hashlib.sha256(content).hexdigest()
    text = decoded(content, name)
    if not text.strip():
        raise FixConfiguration(f"{name} is empty: give a file with a row of column names, or a JSON list of objects")
    columns, records = _json(text, name) if text.lstrip()[:1] in "[{" else _csv(text, name, is_export)
    return RecordFile(name, sha256, columns, records)


def read_bytes(path: Path) -> bytes:
    """Return the content of a file. Raises `FixConfiguration` when it cannot be read or is too large to be such a file."""
    try:
        if not path.is_file():
            raise FixConfiguration(f"{visible(str(path))} is not a file: give the path of one")
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise FixConfiguration(f"{visible(str(path))} is larger than {LARGEST_FILE_BYTES // 2**20} MiB: split it by days")
        return path.read_bytes()
    except OSError as error:
        raise FixConfiguration(f"{visible(str(path))} cannot be read ({error.strerror}): give a file that can be") from None


def decoded(content: bytes, name: str) -> str:
    """Return UTF-8 text, with or without a byte order mark."""
    for beginning, what in _NOT_TEXT.items():
        if content.startswith(beginning):
            raise FixConfiguration(f"{name} is {what}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FixConfiguration(f"{name}, line {line}: this is not UTF-8 text: save the file as UTF-8") from None


def _csv(text: str, name: str, is_export: bool) -> tuple[tuple[str, ...], tuple[Record, ...]]:
    first_line = text.lstrip().split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first_line.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: tuple[str, ...] = ()
    records = []
    try:
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            place = f"{name}, line {lines.line_num}"
            if not columns:
                columns = _heading(cells, place)
                continue
            if len(cells) > len(columns):
                raise FixConfiguration(
                    f"{place}: it has {len(cells)} cells and the heading {len(columns)}: quote cells that hold a {delimiter!r}"
                )
            if is_export and len(cells) < len(columns):
                raise FixConfiguration(
                    f"{place}: it has {len(cells)} cells and the heading {len(columns)}: the file is cut off, save it again"
                )
            values = {column: cell.strip() for column, cell in zip(columns, cells, strict=False) if cell.strip()}
            records.append(Record(place, values))
    except csv.Error as error:
        raise FixConfiguration(f"{name}, line {lines.line_num}: this is not CSV ({error}): save the file as CSV again") from None
    return columns, tuple(records)


def _heading(cells: list[str], place: str) -> tuple[str, ...]:
    columns = tuple(cell.strip().lower() for cell in cells)
    if twice := {column for column in columns if columns.count(column) > 1}:
        raise FixConfiguration(f"{place}: the column {visible(min(twice))!r} comes twice: remove or rename one")
    return columns


def _json(text: str, name: str) -> tuple[tuple[str, ...], tuple[Record, ...]]:
    rows = _only_list(parsed(text, name))
    if rows is None or not all(isinstance(row, dict) for row in rows):
        raise FixConfiguration(f"{name}: give a JSON list of objects, or an object with one such list")
    records = [Record(place := f"{name}, entry {position}", texts(row, place)) for position, row in enumerate(rows, 1)]
    return tuple(dict.fromkeys(column for row in rows for column in map(str.lower, row))), tuple(records)


def parsed(text: str, name: str) -> Any:
    """Return what a JSON text says, its numbers as text. Raises `FixConfiguration` for an object that has a name twice."""

    def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
            raise FixConfiguration(f"{name}: an object has the name {visible(twice)!r} twice: remove or rename one")
        return found

    try:
        return json.loads(text, object_pairs_hook=fields, parse_float=str, parse_int=str, parse_constant=str)
    except (json.JSONDecodeError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise FixConfiguration(f"{name}{line}: this is not JSON: give a JSON list of objects, or CSV") from None


def _only_list(found: Any) -> list[Any] | None:
    lists = [found] if isinstance(found, list) else [value for value in found.values() if isinstance(value, list)]
    return lists[0] if len(lists) == 1 else None


def texts(row: Mapping[str, Any], place: str) -> dict[str, str]:
    """Return the values of a JSON object that say something, as text by name in lower case; a list or an object stays JSON."""
    return {key: text for key, value in by_lower_name(row, place).items() if (text := _text(value))}


def by_lower_name(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return a JSON object by its names in lower case. Raises `FixConfiguration` for names that differ only in case."""
    names: dict[str, str] = {}
    for name in row:
        if (other := names.setdefault(name.lower(), name)) != name:
            raise FixConfiguration(f"{place}: {visible(other)!r} and {visible(name)!r} are the same name: remove or rename one")
    return {name.lower(): value for name, value in row.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strip() if isinstance(value, str) else json.dumps(value)
