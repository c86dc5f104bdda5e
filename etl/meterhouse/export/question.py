"""A question: one statement that somebody wrote, asked by a cursor in a read-only transaction, its answer whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from meterhouse.errors import FixConfiguration, MeterhouseError, TryAgainLater
from meterhouse.export.answer import Answer, AnswerColumn, Row
from meterhouse.export.answer_formats import csv, json, raw_csv, table
from meterhouse.export.output import PRIVATE, STANDARD_OUTPUT, draft_of
from meterhouse.export.view_meant import views_meant
from meterhouse.warehouse.database import Connection, connect
from meterhouse.warehouse.database_errors import failed_statement, reason
from meterhouse.warehouse.session import QUESTION, Purpose

ROWS_AT_A_TIME = 1_000
# A cursor takes one query and nothing else, and the server reads it as one statement: there is nothing that could end the transaction.
_DECLARE = "DECLARE answer NO SCROLL CURSOR FOR\n"
_WRITERS: dict[str, Callable[[Answer, Path], int]] = {"table": table, "csv": csv, "json": json}
FORMATS = tuple(_WRITERS)

_WHAT_IS_TAKEN = "write one SELECT, WITH or VALUES; nothing else is run, and nothing is written"
_NO_SUCH_VIEW = "42P01"
_REMEDIES = {
    "0A": _WHAT_IS_TAKEN,
    "25": _WHAT_IS_TAKEN,
    "42601": _WHAT_IS_TAKEN,
    "42501": "ask the views of the schema bi, or use a role that may read this",
    _NO_SUCH_VIEW: "views are named with their schema, as in bi.costs_daily; docs/views.md lists them",
    "42703": "bi.data_dictionary lists the columns of every view",
}
# What the text of a statement may be to blame for, by the class of its SQLSTATE.
_OF_THE_STATEMENT = {"0A", "21", "22", "25", "2F", "42", "54"}


def ask(url: str, statement: str, file_format: str, *, raw: bool = False) -> int:
    """Write the answer to `statement` to standard output as a table, CSV or JSON, and return the number of its rows.

    CSV and JSON are as those of an export; `raw` leaves text in CSV as it is. The answer is fetched in pieces. Raises `FixConfiguration`
    for a statement that the server refuses, that would write or that is not one query, and `TryAgainLater` when it is ended from outside.
    """
    write = raw_csv if raw and file_format == "csv" else _WRITERS[file_format]
    with draft_of(STANDARD_OUTPUT, PRIVATE) as draft, read_only(url, statement, QUESTION) as connection:
        return write(answer_of(connection, statement), draft)


@contextmanager
def read_only(url: str, statement: str, purpose: Purpose) -> Iterator[Connection]:
    """Open a session with a read-only transaction for one statement, which ends with it; errors are raised as `ask` says."""
    if not statement.strip():
        raise FixConfiguration(f"there is no question: {_WHAT_IS_TAKEN}")
    if "\0" in statement:
        raise FixConfiguration("the question holds a zero byte: take it out")
    with connect(url, purpose) as connection, _translated(statement):
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield connection
        # What a question sets for its session, or sends to others, ends with it too.
        connection.execute("ROLLBACK")


def answer_of(connection: Connection, statement: str, rows_at_a_time: int = ROWS_AT_A_TIME, before: Callable[[], object] = int) -> Answer:
    """Return the answer to a statement in a transaction of `read_only`, fetched in pieces; `before` is called before each of them."""
    before()
    # Asked for as binary, it goes by the protocol that takes no more than one statement; the cursor itself is of text.
    connection.execute((_DECLARE + statement).encode(), binary=True)
    fetch = f"FETCH FORWARD {rows_at_a_time} FROM answer".encode()
    first = connection.execute(fetch)
    result = first.pgresult
    columns = [AnswerColumn(one.name, one.type_code) for one in first.description or ()]

    def batches() -> Iterator[list[Row]]:
        rows = _texts(result)
        while rows:
            yield rows
            if len(rows) < rows_at_a_time:
                return
            before()
            rows = _texts(connection.execute(fetch).pgresult)

    return Answer(columns, batches())


def _texts(result: psycopg.pq.abc.PGresult | None) -> list[Row]:
    """The values as the server words them, which keeps every digit of a decimal."""
    if result is None:
        return []
    columns = range(result.nfields)
    return [
        tuple(None if (value := result.get_value(row, column)) is None else value.decode() for column in columns)
        for row in range(result.ntuples)
    ]


@contextmanager
def _translated(statement: str) -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError:
        raise FixConfiguration("the question holds bytes that are not UTF-8: write it as UTF-8") from None
    except psycopg.Error as error:
        raise _refused(statement, error) from None


def _refused(statement: str, error: psycopg.Error) -> MeterhouseError:
    """Return what to raise: what the server says of the statement with the place in it, and what to do."""
    state = error.sqlstate or ""
    if state == "57014":
        return TryAgainLater(f"the question was ended ({reason(error)}): ask for fewer days, or one of the views that are added up")
    if state[:2] not in _OF_THE_STATEMENT:
        return failed_statement("the question", error)
    place = _place(statement, error.diag.statement_position)
    meant = views_meant(statement, place) if state == _NO_SUCH_VIEW and place is not None else ()
    remedy = f"did you mean {' or '.join(meant)}?" if meant else _remedy(state, error)
    return FixConfiguration(f"{reason(error)}{_place_in_words(statement, place)}{f': {remedy}' if remedy else ''}")


def _remedy(state: str, error: psycopg.Error) -> str | None:
    return _REMEDIES.get(state) or _REMEDIES.get(state[:2]) or error.diag.message_hint


def _place(statement: str, position: str | None) -> int | None:
    """Where the server points to, as an index into the statement as it was written; None where it does not say."""
    place = int(position) - 1 - len(_DECLARE) if position else -1
    return place if 0 <= place <= len(statement) else None


def _place_in_words(statement: str, place: int | None) -> str:
    if place is None:
        return ""
    lines = statement[:place].split("\n")
    return f" at line {len(lines)}, column {len(lines[-1]) + 1}"
