"""Text formats: CSV as the server words it, and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from psycopg.sql import SQL

from meterhouse.export.focus_names import FOCUS_INSTANTS
from meterhouse.export.formulas import AS_TEXT_SQL
from meterhouse.export.source import ROWS_AT_A_TIME, Source, Written


def csv(source: Source, path: Path) -> Written:
    """Write CSV: decimals as they are, flags as true and false; text that a spreadsheet would run as a formula stays text."""
    return _csv(source, path, {"text": AS_TEXT_SQL, "character varying": AS_TEXT_SQL})


def raw_csv(source: Source, path: Path) -> Written:
    """Write CSV with all text as it is."""
    return _csv(source, path, {})


def _csv(source: Source, path: Path, shapes: Mapping[str, str]) -> Written:
    query = source.query({"boolean": "{}::text", **_instants(source), **shapes})
    with path.open("wb") as out, source.connection.cursor() as cursor:
        with cursor.copy(SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(query)) as copy:
            for number, line in enumerate(copy):
                out.write(line)
                if number % ROWS_AT_A_TIME == 0:
                    source.tell(number)
        return Written(cursor.rowcount)


def _instants(source: Source) -> Mapping[str, str]:
    return FOCUS_INSTANTS if source.is_focus else {}


def json(source: Source, path: Path) -> Written:
    """Write JSON: one list of objects, a line each, with decimals as strings."""
    done = 0
    encode = msgspec.json.Encoder().encode
    names = [column.heading for column in source.columns]
    with path.open("wb") as out:
        out.write(b"[")
        # As text, or a small one would be written with an exponent.
        for rows in source.batches({"numeric": "{}::text", **_instants(source)}):
            for row in rows:
                out.write((b",\n" if done else b"\n") + encode(dict(zip(names, row, strict=True))))
                done += 1
        out.write(b"\n]\n")
    return Written(done)
