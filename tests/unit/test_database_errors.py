"""Errors of the database: every SQLSTATE and every way not to be let in is one sentence, and what to do about it is the right kind."""

from __future__ import annotations

import psycopg
import pytest

from meterhouse.errors import FixConfiguration, MeterhouseError, RejectedAnswer, TryAgainLater
from meterhouse.warehouse.database_errors import failed_connection, failed_statement, may_not_connect

CODES = sorted(
    {
        kind.sqlstate
        for kind in vars(psycopg.errors).values()
        if isinstance(kind, type) and issubclass(kind, psycopg.Error) and kind.sqlstate
    }
)
KINDS = {
    "08006": TryAgainLater,
    "08007": TryAgainLater,
    "08P01": TryAgainLater,
    "22001": RejectedAnswer,
    "22P02": RejectedAnswer,
    "23502": FixConfiguration,
    "23503": TryAgainLater,
    "23505": TryAgainLater,
    "23514": RejectedAnswer,
    "25006": TryAgainLater,
    "25P03": TryAgainLater,
    "26000": FixConfiguration,
    "28000": FixConfiguration,
    "28P01": FixConfiguration,
    "3D000": FixConfiguration,
    "3F000": FixConfiguration,
    "40001": TryAgainLater,
    "40P01": TryAgainLater,
    "42501": FixConfiguration,
    "42P01": FixConfiguration,
    "53100": TryAgainLater,
    "53300": TryAgainLater,
    "54000": RejectedAnswer,
    "55P03": TryAgainLater,
    "57014": TryAgainLater,
    "57P01": TryAgainLater,
    "57P03": TryAgainLater,
    "57P04": FixConfiguration,
    "58030": TryAgainLater,
    "XX000": TryAgainLater,
    "XX001": FixConfiguration,
}


def test_the_walk_knows_every_class_of_errors() -> None:
    assert len(CODES) > 200
    assert {"08", "22", "23", "25", "28", "3D", "40", "42", "53", "54", "55", "57", "58", "F0", "HV", "P0", "XX"} <= {
        code[:2] for code in CODES
    }


@pytest.mark.parametrize("code", [*CODES, "ZZ999", "99000"])
def test_every_code_is_one_sentence_with_something_to_do(code: str) -> None:
    kind = psycopg.errors.lookup(code) if code in CODES else type("Unknown", (psycopg.DatabaseError,), {"sqlstate": code})
    error = failed_statement("acme/costs/1d", kind("what the server says\nLINE 1: SELECT\n"))
    assert type(error) in {TryAgainLater, FixConfiguration, RejectedAnswer}
    assert "\n" not in str(error)
    assert "{" not in str(error)
    assert len(str(error)) > 30


@pytest.mark.parametrize(("code", "kind"), KINDS.items())
def test_what_time_cures_is_tried_again_and_what_it_does_not_is_not(code: str, kind: type[MeterhouseError]) -> None:
    assert type(failed_statement("acme", psycopg.errors.lookup(code)("x"))) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.OperationalError("the connection is lost"), TryAgainLater),
        (psycopg.InterfaceError("cursor is closed"), TryAgainLater),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), RejectedAnswer),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), RejectedAnswer),
        (psycopg.ProgrammingError("the query has 1 placeholder"), TryAgainLater),
    ],
    ids=repr,
)
def test_the_drivers_own_errors_are_translated_too(error: Exception, kind: type[MeterhouseError]) -> None:
    assert type(failed_statement("acme", error)) is kind


PERMANENT = {
    'FATAL:  password authentication failed for user "x-secret"': "does not take the user or the password",
    "fe_sendauth: no password supplied": "does not take the user or the password",
    'FATAL:  pg_hba.conf rejects connection for host "127.0.0.1", user "x-secret", database "x-secret", no encryption': "pg_hba.conf",
    'FATAL:  no pg_hba.conf entry for host "x-secret"': "pg_hba.conf",
    'FATAL:  role "x-secret" is not permitted to log in': "may not log in",
    'FATAL:  role "x-secret" does not exist': "not there",
    'FATAL:  database "x-secret" does not exist': "not there",
    "FATAL:  no such database: x-secret": "not there",
    'FATAL:  database "x-secret" is not currently accepting connections': "ALLOW_CONNECTIONS",
    'FATAL:  permission denied for database "x-secret"\nDETAIL:  User does not have CONNECT privilege.': "may not connect",
    "FATAL:  unsupported startup parameter: options": "takes no options",
    "server does not support SSL, but SSL was required": "TLS",
}
PASSING = {
    "connection refused\n\tIs the server running on that host and accepting TCP/IP connections?": "start it",
    "FATAL:  sorry, too many clients already": "no free connection",
    'FATAL:  too many connections for role "x-secret"': "no free connection",
    "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute": "no free connection",
    "FATAL:  the database system is starting up": "wait a moment",
    "FATAL:  the database system is not yet accepting connections": "wait a moment",
    'could not translate host name "x-secret" to address: Name or service not known': "name of its host",
    "connection timeout expired": "in time",
    "FATAL:  x-secret and something that nobody has heard of": "look at its log",
}


@pytest.mark.parametrize(("said", "words"), PERMANENT.items())
def test_a_connection_that_is_refused_for_good_is_a_wrong_configuration(said: str, words: str) -> None:
    error = failed_connection(psycopg.OperationalError(f'connection failed: connection to server at "h", port 1 failed: {said}'))
    assert type(error) is FixConfiguration
    assert words in str(error)
    assert "start it" not in str(error)
    assert "secret" not in str(error)
    assert may_not_connect(error) == ("CONNECT" in said)


@pytest.mark.parametrize(("said", "words"), PASSING.items())
def test_a_connection_that_fails_for_now_is_tried_again(said: str, words: str) -> None:
    error = failed_connection(psycopg.OperationalError(f'connection failed: connection to server at "h", port 1 failed: {said}'))
    assert type(error) is TryAgainLater
    assert words in str(error)
    assert "secret" not in str(error)
    assert "\n" not in str(error)
