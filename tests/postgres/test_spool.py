"""Rows on their way into the warehouse: all of them arrive, few or many, and a full disk is reported in one line."""

from __future__ import annotations

import os
import resource
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from meterhouse.errors import TryAgainLater
from meterhouse.load.spool import Spool
from meterhouse.warehouse.database import Connection

TYPES = ("timestamptz", "smallint", "bigint", "numeric", "text", "jsonb")
INTO = SQL("COPY kept FROM STDIN (FORMAT BINARY)")
BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
# With these a row has some 2,000 bytes.
LONG = "x" * 1900


@pytest.fixture
def connection(warehouse_url: str) -> Iterator[Connection]:
    with psycopg.connect(warehouse_url, autocommit=True) as opened:
        opened.execute(
            "CREATE TEMPORARY TABLE kept (at timestamptz, width smallint, number bigint, amount numeric, name text, extra jsonb)"
        )
        yield opened


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def rows(first: int, end: int, name: str = "a") -> list[tuple[Any, ...]]:
    return [
        (BEGIN + timedelta(days=number), 1440, number, Decimal(number).scaleb(-20) if number % 3 else None, name, Jsonb({"n": number}))
        for number in range(first, end)
    ]


def stored(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT at, width, number, amount, name, extra FROM kept ORDER BY number").fetchall()


def plainly(expected: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(*row[:-1], row[-1].obj) for row in expected]


def files_of(folder: Path) -> list[int]:
    """The files of the folder that this process has open, those without a name too."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [int(link.name) for link in links if str(link.readlink()).startswith(str(folder))]


@pytest.mark.parametrize("counts", [(), (0,), (1,), (3, 0, 2)])
def test_few_rows_arrive_as_they_are_and_touch_no_disk(connection: Connection, folder: Path, counts: tuple[int, ...]) -> None:
    expected: list[tuple[Any, ...]] = []
    spool = Spool(connection, TYPES)
    for count in counts:
        more = rows(len(expected), len(expected) + count)
        spool.add(iter(more))
        expected += more
    assert files_of(folder) == []
    assert spool.send(connection, INTO) == len(expected)
    spool.close()
    assert stored(connection) == plainly(expected)


@pytest.mark.parametrize(("number", "files"), [(1_000, 0), (1_150, 1), (12_000, 1)])
def test_many_rows_arrive_all_the_same_from_a_file_that_goes_when_it_is_done_with(
    connection: Connection, folder: Path, number: int, files: int
) -> None:
    expected = rows(0, number, LONG)
    spool = Spool(connection, TYPES)
    for first in range(0, number, 500):
        spool.add(expected[first : first + 500])
    assert len(files_of(folder)) == files
    assert spool.send(connection, INTO) == number
    spool.close()
    assert files_of(folder) == []
    assert stored(connection) == plainly(expected)


def test_a_file_is_sent_in_blocks(connection: Connection, folder: Path) -> None:
    spool = Spool(connection, TYPES)
    for first in range(0, 10_000, 500):
        spool.add(rows(first, first + 500, LONG))
    tracemalloc.start()
    spool.send(connection, INTO)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    spool.close()
    # Of 20 megabytes.
    assert most_bytes < 2 << 20


def test_what_the_database_refuses_is_its_own_error(connection: Connection) -> None:
    connection.execute("ALTER TABLE kept ADD CHECK (number < 2)")
    spool = Spool(connection, TYPES)
    spool.add(rows(0, 3))
    with pytest.raises(psycopg.errors.CheckViolation):
        spool.send(connection, INTO)
    spool.close()
    assert stored(connection) == []


def filled(connection: Connection) -> Spool:
    """Rows of some six megabytes."""
    spool = Spool(connection, TYPES)
    spool.add(rows(0, 3000, LONG))
    return spool


@pytest.fixture
def full_disk(folder: Path) -> Iterator[None]:
    """No file may grow beyond a megabyte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


WORDS = r"rows cannot be kept in the folder for temporary files \({}\): make room, or set TMPDIR"


def test_a_full_disk_is_reported_in_one_line_with_what_to_do(connection: Connection, full_disk: None) -> None:
    with pytest.raises(TryAgainLater, match=f"^{WORDS.format('File too large')}$"):
        filled(connection)


def test_a_folder_that_is_missing_is_reported_in_one_line_too(connection: Connection, folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(TryAgainLater, match=f"^{WORDS.format('No such file or directory')}$"):
        filled(connection)


def test_a_file_that_cannot_be_read_again_is_reported_in_one_line_too(connection: Connection, folder: Path) -> None:
    spool = filled(connection)
    (file,) = files_of(folder)
    # In the place of the file there is a folder now.
    other = os.open(folder, os.O_RDONLY)
    os.dup2(other, file)
    os.close(other)
    with pytest.raises(TryAgainLater, match=f"^{WORDS.format('.*')}$"):
        spool.send(connection, INTO)
    with suppress(OSError):
        spool.close()
    assert stored(connection) == []
