"""Export: one public view as a file, streamed, with exact decimals; the file appears whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from psycopg.sql import SQL, Identifier

from meterhouse.database import Connection, connect, translated
from meterhouse.errors import FixConfiguration
from meterhouse.views import VIEW_NAMES

FORMATS = ("csv", "json", "parquet")
_ROWS_AT_A_TIME = 20_000


def export_view(url: str, view: str, file_format: str, out: Path) -> int:
    """Write every row of `bi.<view>` to `out` and return their number.

    CSV holds decimals as they are, JSON as strings, Parquet as decimal columns. Raises
    `FixConfiguration` for an unknown view or format, or a folder that cannot be written to.
    """
    name = view.removeprefix("bi.")
    if name not in VIEW_NAMES:
        raise FixConfiguration(f"there is no view bi.{name}: choose from {', '.join(VIEW_NAMES)}")
    if not out.parent.is_dir():
        raise FixConfiguration(f"the folder {out.parent} does not exist: make it, or choose another --out")
    connection = connect(url)
    try:
        draft = Path(tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")[1])
    except OSError as error:
        connection.close()
        raise FixConfiguration(f"the folder {out.parent} cannot be written to ({error.strerror}): choose another --out") from None
    try:
        with connection, translated(f"bi.{name}"):
            rows = _Writer(connection, name).write(file_format, draft)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    return rows


class _Writer:
    """Reads a view with a server-side cursor and writes it in pieces."""

    def __init__(self, connection: Connection, view: str) -> None:
        self._connection = connection
        self._view = view

    def write(self, file_format: str, path: Path) -> int:
        return {"csv": self._csv, "json": self._json, "parquet": self._parquet}[file_format](path)

    def _frames(self) -> Iterator[Any]:
        import pandas as pd  # noqa: PLC0415  # half a second that no other command needs

        with self._connection.transaction(), self._connection.cursor(name="export") as cursor:
            cursor.itersize = _ROWS_AT_A_TIME
            cursor.execute(SQL("SELECT * FROM bi.{}").format(Identifier(self._view)))
            names = [column.name for column in cursor.description or ()]
            yield pd.DataFrame([], columns=names, dtype=object)
            while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
                yield pd.DataFrame(rows, columns=names, dtype=object)

    def _csv(self, path: Path) -> int:
        count = 0
        with path.open("w", newline="", encoding="utf-8") as out:
            for frame in self._frames():
                frame.to_csv(out, index=False, header=frame.empty)
                count += len(frame)
        return count

    def _json(self, path: Path) -> int:
        count = 0
        encode = msgspec.json.Encoder().encode
        with path.open("wb") as out:
            out.write(b"[")
            for frame in self._frames():
                for record in frame.to_dict("records"):
                    out.write((b",\n" if count else b"\n") + encode(record))
                    count += 1
            out.write(b"\n]\n")
        return count

    def _parquet(self, path: Path) -> int:
        import pyarrow as pa  # noqa: PLC0415  # as above
        import pyarrow.parquet as pq  # noqa: PLC0415

        schema = pa.schema([pa.field(name, _arrow_type(pa, oid, modifier)) for name, oid, modifier in self._columns()])
        count = 0
        with pq.ParquetWriter(path, schema) as writer:
            for frame in self._frames():
                if not frame.empty:
                    writer.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))
                count += len(frame)
        return count

    def _columns(self) -> list[tuple[str, str, int]]:
        rows = self._connection.execute(
            "SELECT attname, format_type(atttypid, NULL), atttypmod FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0"
            " AND NOT attisdropped ORDER BY attnum",
            (f"bi.{self._view}",),
        ).fetchall()
        return [(str(name), str(type_), int(modifier)) for name, type_, modifier in rows]


def _arrow_type(pa: Any, type_: str, modifier: int) -> Any:
    """The Arrow type of a column; a numeric's modifier holds its precision and scale."""
    if type_ == "numeric":
        return pa.decimal128((modifier - 4) >> 16, (modifier - 4) & 0xFFFF)
    return {
        "bigint": pa.int64(),
        "integer": pa.int32(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp without time zone": pa.timestamp("us"),
        "timestamp with time zone": pa.timestamp("us", tz="UTC"),
        "double precision": pa.float64(),
    }.get(type_, pa.string())
