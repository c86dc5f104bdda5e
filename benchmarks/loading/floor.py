"""The floor: what the same rows cost at least on one core. Typed decoding of the pages, then binary COPY of ready bytes into a narrow,
durable, keyed table in the same server; a group's number stands for all of its dimensions, as in the warehouse."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.sql import SQL, Composed, Identifier

from meterhouse.catalogue.endpoints import COMPLETIONS, HOUR, Kind
from meterhouse.fake_openai.replay import Recording
from meterhouse.windows import from_epoch

from .figures import Floor
from .grounds import Grounds
from .pages import Pages

FIGURES = [metric.name for metric in COMPLETIONS.metrics]
COLUMNS = ["bucket_start", "bucket_width", "group_id", *FIGURES]
TYPES = ["timestamptz", "int2", "int4", *["int8"] * len(FIGURES)]
_Result = msgspec.defstruct(
    "_Result",
    [(name, int | None, None) for name in FIGURES]
    + [(one.name, (bool if one.kind is Kind.FLAG else str) | None, None) for one in COMPLETIONS.dimensions],
    gc=False,
)
_Bucket = msgspec.defstruct("_Bucket", [("start_time", int), ("results", list[_Result])], gc=False)  # type: ignore[valid-type]  # made above
_Page = msgspec.defstruct("_Page", [("data", list[_Bucket])])  # type: ignore[valid-type]  # made above


def bodies(pages: Pages) -> list[bytes]:
    """Return the pages as a client gets them that asks for as many buckets as are allowed."""
    raws = [one.json for one in Recording(pages.folder).buckets[COMPLETIONS.name]]
    parts = [raws[first : first + HOUR.max_buckets] for first in range(0, len(raws), HOUR.max_buckets)]
    return [msgspec.json.encode({"object": "page", "data": part, "has_more": False, "next_page": None}) for part in parts]


def rows(decoded: Iterable[Any]) -> Iterator[tuple[datetime | int | None, ...]]:
    """Yield the rows of the narrow table."""
    numbers: dict[tuple[Any, ...], int] = {}
    names = [one.name for one in COMPLETIONS.dimensions]
    for page in decoded:
        for bucket in page.data:
            start = from_epoch(bucket.start_time)
            for result in bucket.results:
                group = numbers.setdefault(tuple([getattr(result, name) for name in names]), len(numbers) + 1)
                yield (start, HOUR.minutes, group, *[getattr(result, name) for name in FIGURES])


def floor(grounds: Grounds, pages: Pages) -> Floor:
    """Measure both parts once."""
    decoder = msgspec.json.Decoder(_Page)
    given = bodies(pages)
    began = time.monotonic()
    for body in given:
        decoder.decode(body)
    decode_seconds = time.monotonic() - began
    with psycopg.connect(grounds.peers_url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS floor CASCADE")
        connection.execute("CREATE SCHEMA floor")
        for name, key in (("ready", ""), ("narrow", ", PRIMARY KEY (bucket_start, bucket_width, group_id)")):
            columns = ", ".join(f"{column} {kind}" for column, kind in zip(COLUMNS, TYPES, strict=True))
            connection.execute(f"CREATE TABLE floor.{name} ({columns}{key})".encode())
        with connection.cursor() as cursor, cursor.copy(_copy("ready", "FROM STDIN")) as copy:
            copy.set_types(TYPES)
            for row in rows(map(decoder.decode, given)):
                copy.write_row(row)
        with connection.cursor() as cursor, cursor.copy(_copy("ready", "TO STDOUT")) as out:
            ready = b"".join(out)
        connection.commit()
        grounds.checkpoint()
        began = time.monotonic()
        with connection.cursor() as cursor, cursor.copy(_copy("narrow", "FROM STDIN")) as copy:
            copy.write(ready)
        connection.commit()
        copy_seconds = time.monotonic() - began
        count = connection.execute("SELECT count(*) FROM floor.narrow").fetchone()
    return Floor(decode_seconds, copy_seconds, count[0] if count else 0)


def _copy(table: str, direction: str) -> Composed:
    form = {"FROM STDIN": SQL("COPY floor.{} FROM STDIN (FORMAT BINARY)"), "TO STDOUT": SQL("COPY floor.{} TO STDOUT (FORMAT BINARY)")}
    return form[direction].format(Identifier(table))
