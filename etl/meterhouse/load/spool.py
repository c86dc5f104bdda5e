"""Spool: the rows of one window as binary COPY data, in memory while they are few and in a temporary file when they are many.

Until an answer is whole it must not touch the warehouse; kept in the server's own format, it is sent in one piece, straight into place
if that is empty.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.copy import FileWriter
from psycopg.sql import Composed

from meterhouse.errors import TryAgainLater
from meterhouse.warehouse.database import Connection

_IN_MEMORY_BYTES = 2 << 20
_BLOCK_BYTES = 1 << 18


class Spool:
    """Takes rows whose columns have `types` (names of PostgreSQL's), and gives them to one COPY. Close it when it is done with."""

    def __init__(self, connection: Connection, types: Sequence[str]) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115  # closed by `close`
        # The cursor says how values are written; nothing is sent.
        self._copy = psycopg.Copy(connection.cursor(), binary=True, writer=FileWriter(self._file))
        self._copy.set_types(types)

    def close(self) -> None:
        """Give the memory or the file back."""
        self._file.close()

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Keep some rows."""
        write = self._copy.write_row
        with _on_disk():
            for row in rows:
                write(row)

    def send(self, connection: Connection, statement: Composed) -> int:
        """Run a COPY … FROM STDIN (FORMAT BINARY) with all rows, after which none can be added; return how many it took."""
        with _on_disk():
            self._copy.finish(None)
            self._file.seek(0)
        with connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                while block := self._read():
                    copy.write(block)
            return cursor.rowcount

    def _read(self) -> bytes:
        with _on_disk():
            return self._file.read(_BLOCK_BYTES)


@contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TryAgainLater(f"rows cannot be kept in the folder for temporary files ({error.strerror}): make room, or set TMPDIR") from None
