"""A bounded question: the answer to one statement as JSON, refused if it takes too long or is too large."""

from __future__ import annotations

import time
from dataclasses import dataclass

import msgspec
from psycopg.sql import SQL, Literal

from meterhouse.errors import FixConfiguration
from meterhouse.export.answer import Answer, Row
from meterhouse.export.answer_formats import value_of
from meterhouse.export.question import answer_of, read_only
from meterhouse.warehouse.session import ASSISTANT

_ROWS_AT_A_TIME = 100


@dataclass(frozen=True)
class Limits:
    """How many rows, characters and seconds an answer may have."""

    rows: int = 1_000
    characters: int = 1_000_000
    seconds: int = 30


def answer_within(url: str, statement: str, limits: Limits) -> str:
    """Return the answer to `statement` as JSON: its columns' names, and its rows as lists in the same order.

    Whole numbers and flags are such, everything else is text in the server's words. Raises as `question.ask`, and `FixConfiguration` for an
    answer with more rows or characters than allowed: a part of it would be taken for the whole.
    """
    deadline = time.monotonic() + limits.seconds
    with read_only(url, statement, ASSISTANT) as connection:

        def allow_the_rest() -> None:
            # Set before each piece, as a question may have set it otherwise.
            left = max(1, round((deadline - time.monotonic()) * 1000))
            connection.execute(SQL("SET LOCAL statement_timeout = {}").format(Literal(left)))

        answer = answer_of(connection, statement, _ROWS_AT_A_TIME, allow_the_rest)
        rows: list[Row] = []
        characters = 0
        for batch in answer.batches:
            rows += batch
            characters += sum(len(value) for row in batch for value in row if value is not None)
            if len(rows) > limits.rows:
                raise FixConfiguration(
                    f"the answer has more than {limits.rows:,} rows: add them up in SQL, or choose fewer with WHERE or LIMIT"
                )
            if characters > limits.characters:
                raise FixConfiguration(f"the answer has more than {limits.characters:,} characters: choose fewer columns or rows")
    return _as_json(answer, rows)


def _as_json(answer: Answer, rows: list[Row]) -> str:
    columns = answer.columns
    shown = [[value_of(value, column) for value, column in zip(row, columns, strict=True)] for row in rows]
    return msgspec.json.encode({"columns": [column.name for column in columns], "rows": shown}).decode()
