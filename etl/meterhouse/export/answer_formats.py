"""Formats of an answer: a table for people, drawn as psql draws it, and the CSV and JSON of an export. Each returns the number of rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.export.answer import Answer, AnswerColumn
from meterhouse.export.formulas import as_text

_FLAGS = {"t": "true", "f": "false"}
_QUOTED = frozenset(',"\r\n')


def table(answer: Answer, path: Path) -> int:
    """Write a table; columns are as wide as the rows read so far need, and control characters are spelled out."""
    names = [visible(column.name) for column in answer.columns]
    widths = [len(name) for name in names]
    done = 0
    with path.open("w", encoding="utf-8", newline="") as out:
        for batch in answer.batches:
            rows = [["" if value is None else visible(value) for value in row] for row in batch]
            widths = [max(width, *(len(row[index]) for row in rows)) for index, width in enumerate(widths)]
            if not done:
                out.write(_header(names, widths))
            for row in rows:
                cells = zip(row, widths, answer.columns, strict=True)
                out.write(_line([text.rjust(width) if column.is_number else text.ljust(width) for text, width, column in cells]))
            done += len(batch)
        if not done:
            out.write(_header(names, widths))
        out.write(f"({counted(done, 'row')})\n")
    return done


def _header(names: list[str], widths: list[int]) -> str:
    # The odd space goes behind the name, as in psql.
    centred = [
        " " * ((width - len(name)) // 2) + name + " " * ((width - len(name) + 1) // 2) for name, width in zip(names, widths, strict=True)
    ]
    return _line(centred) + "+".join("-" * (width + 2) for width in widths) + "\n"


def _line(cells: list[str]) -> str:
    return f" {' | '.join(cells)}".rstrip() + "\n"


def csv(answer: Answer, path: Path) -> int:
    """Write CSV: flags as true and false, NULL as nothing; text that a spreadsheet would run as a formula stays text."""
    return _csv(answer, path, as_text)


def raw_csv(answer: Answer, path: Path) -> int:
    """Write CSV with all text as it is."""
    return _csv(answer, path, str)


def _csv(answer: Answer, path: Path, worded: Callable[[str], str]) -> int:
    done = 0
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(",".join(_quoted(worded(column.name)) for column in answer.columns) + "\n")
        for batch in answer.batches:
            for row in batch:
                cells = zip(row, answer.columns, strict=True)
                out.write(",".join("" if value is None else _quoted(_cell(value, column, worded)) for value, column in cells) + "\n")
            done += len(batch)
    return done


def _cell(value: str, column: AnswerColumn, worded: Callable[[str], str]) -> str:
    if column.is_boolean:
        return _FLAGS[value]
    return worded(value) if column.is_text else value


def _quoted(cell: str) -> str:
    """A cell as the server's own CSV has it: an empty text is quoted, as NULL is nothing."""
    return '"' + cell.replace('"', '""') + '"' if cell == "" or _QUOTED & set(cell) or cell == "\\." else cell


def json(answer: Answer, path: Path) -> int:
    """Write JSON: one list of objects, a line each, with whole numbers and flags as such and everything else as text."""
    names = [column.name for column in answer.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FixConfiguration(f"two columns are called {twice[0]}: give each a name of its own with AS")
    encode = msgspec.json.Encoder().encode
    done = 0
    with path.open("wb") as out:
        out.write(b"[")
        for batch in answer.batches:
            for row in batch:
                cells = zip(row, answer.columns, strict=True)
                out.write((b",\n" if done else b"\n") + encode({column.name: value_of(value, column) for value, column in cells}))
                done += 1
        out.write(b"\n]\n")
    return done


def value_of(value: str | None, column: AnswerColumn) -> object:
    """Return a value as JSON has it: whole numbers and flags as such, everything else as text."""
    if value is None:
        return None
    if column.is_boolean:
        return value == "t"
    return int(value) if column.is_whole else value
