"""What the caller should do about an error of the database: one sentence for every SQLSTATE, and one for every refused connection.

The driver's text may contain parts of a URL, so nothing of it is repeated when a connection fails.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from meterhouse.errors import FixConfiguration, MeterhouseError, RejectedAnswer, TryAgainLater

MIGRATE_REMEDY = "run meterhouse migrate"
LOADER_REMEDY = "grant it meterhouse_loader, or use a member of it"
PRIMARY_REMEDY = "the server is a standby or read-only, and nothing was written: point WAREHOUSE_URL at the primary"
POOLER_REMEDY = "use the pooler in session mode (pool_mode = session), or the server's own address"
NO_CONNECT = "the role of WAREHOUSE_URL may not connect to this database"
_LACKING = "the warehouse lacks something this version needs ({reason}): " + MIGRATE_REMEDY
_REASON_LENGTH = 300


@dataclass(frozen=True)
class _Answer:
    """The error to raise and its words, in which {what} and {reason} are what was done and what the server says."""

    kind: type[MeterhouseError]
    words: str


def _later(words: str) -> _Answer:
    return _Answer(TryAgainLater, "{what}: " + words)


def _fix(words: str) -> _Answer:
    return _Answer(FixConfiguration, "{what}: " + words)


def _rejected(words: str) -> _Answer:
    return _Answer(RejectedAnswer, "{what}: " + words)


_UNSTORABLE = _rejected("a value cannot be stored ({reason})")
_GONE = _later("the warehouse went away; run again, nothing is half-written")
_REFUSED = _fix("the server refuses the role of WAREHOUSE_URL: check its user and password")
_STOPPING = _later("the server stopped or is starting; run again, nothing is half-written")
_DAMAGED = _fix("the server reports damaged data ({reason}): look at its log, and restore a backup")
_POOLED = _fix(f"the server forgot what this session had prepared ({{reason}}), as it does behind a pooler: {POOLER_REMEDY}")
_COLLIDED = _later("it collided with something else that was running ({reason}); run again, nothing is half-written")
_DEFAULT = _later("the server reports {reason} (SQLSTATE {state}): look at its log, then run again; nothing is half-written")

# By SQLSTATE, the whole code before its class of two characters.
_ANSWERS = {
    "08": _GONE,
    "08007": _later(
        "the server did not answer, so whether the last step was kept is not known; run again, what was kept is not loaded twice"
    ),
    "08P01": _later("the server or a pooler before it ended the session ({reason}); run again, nothing is half-written"),
    "0A": _later("the server cannot do this ({reason}): run again; if it stays so, use PostgreSQL 15 to 18"),
    "21": _UNSTORABLE,
    "22": _UNSTORABLE,
    "23": _UNSTORABLE,
    "23502": _fix("the warehouse was migrated meanwhile, to a newer version ({reason}): start that one; nothing was written"),
    "23503": _later("the organization was purged meanwhile ({reason}); run again"),
    "23505": _later("another run wrote the same meanwhile ({reason}); run again, nothing is half-written"),
    "25006": _Answer(TryAgainLater, PRIMARY_REMEDY),
    "26": _POOLED,
    "28": _REFUSED,
    "3D": _fix("the database of WAREHOUSE_URL is not there: create it, or name another"),
    "3F": _Answer(FixConfiguration, _LACKING),
    "40": _COLLIDED,
    "42": _fix("the server does not take a statement of this version ({reason}): " + MIGRATE_REMEDY),
    "42501": _Answer(FixConfiguration, "the role of WAREHOUSE_URL may not do this ({reason}): " + LOADER_REMEDY),
    "42703": _Answer(FixConfiguration, _LACKING),
    "42704": _Answer(FixConfiguration, _LACKING),
    "42883": _Answer(FixConfiguration, _LACKING),
    "42P01": _Answer(FixConfiguration, _LACKING),
    "42P05": _POOLED,
    "44": _UNSTORABLE,
    "53": _later("the server lacks resources ({reason}): give it more, then run again; nothing is half-written"),
    "53100": _later("the server's disk is full ({reason}): make room there, then run again; nothing is half-written"),
    "53200": _later("the server is out of memory ({reason}): give it more, then run again; nothing is half-written"),
    "53300": _later("the server has no free connection: close some, or raise its limit, then run again"),
    "54": _UNSTORABLE,
    "55": _later("the warehouse is not ready for this ({reason}); run again, nothing is half-written"),
    "55P03": _later("the warehouse is busy, somebody's open transaction holds it ({reason}); run again, nothing is half-written"),
    "57": _later("the server stopped the work ({reason}); run again, nothing is half-written"),
    "57014": _later("it was cancelled, or took longer than it may ({reason}); run again, nothing is half-written"),
    "57P01": _STOPPING,
    "57P02": _STOPPING,
    "57P03": _STOPPING,
    "57P04": _fix("the database was dropped: restore it, or name another in WAREHOUSE_URL"),
    "58": _later("the server's disk or files fail ({reason}): look at its log, then run again; nothing is half-written"),
    "F0": _fix("the server's configuration file is wrong ({reason}): mend it"),
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}

# What the server or libpq says of a connection that failed, in the order in which it is looked for.
_REFUSALS = {
    ("authentication failed", "no password supplied", "SASL"): "it does not take the user or the password",
    ("pg_hba.conf",): "its pg_hba.conf lets this user not in from here: have it allow that, or try sslmode=require",
    ("not permitted to log in",): "the role may not log in: ALTER ROLE ... LOGIN, or name another role",
    ("permission denied for database",): f"{NO_CONNECT}: grant it CONNECT",
    ("not currently accepting connections",): "the database is closed: ALTER DATABASE ... ALLOW_CONNECTIONS true",
    ("no such user",): "the user is not known there: create the role, or name another",
    ("no such database",): "the database is not there: create it, or name another",
    ("unsupported startup parameter",): "the pooler takes no options: leave them out of the URL and unset PGOPTIONS",
    ("invalid value for parameter", "unrecognized configuration parameter"): "it does not know an option of the URL or of PGOPTIONS",
    ("certificate", "does not support SSL", "SSL error"): "TLS cannot be agreed on: look at sslmode and sslrootcert of the URL",
    ("does not exist",): "the user or the database is not there: create it, or name another",
}
_ABSENCES = {
    (
        "too many connections", "too many clients", "connection slots", "no more connections",
    ): "it has no free connection: close some, or raise its limit",
    ("starting up", "shutting down", "not yet accepting", "recovery"): "it is starting or stopping: wait a moment",
    (
        "translate host name", "Name or service not known", "name resolution",
    ): "the name of its host is not known here: check WAREHOUSE_URL and the name service",
    ("timeout expired", "timed out"): "it does not answer in time: check WAREHOUSE_URL, the network and the firewall",
    ("FATAL", "ERROR"): "it does not answer as a server that takes sessions: look at its log",
}  # fmt: skip
_AWAY = "it does not answer: start it (the embedded one: make up), or check WAREHOUSE_URL"


def failed_statement(what: str, error: Exception) -> MeterhouseError:
    """Return the error to raise for one of a statement; `what` says what was being done. Every SQLSTATE has a sentence."""
    state = getattr(error, "sqlstate", None)
    answer = _answer(state, error)
    return answer.kind(answer.words.format(what=what, reason=reason(error), state=state or "none"))


def failed_connection(error: Exception) -> MeterhouseError:
    """Return the error to raise for a connection that could not be opened; a refused one has no SQLSTATE, only words."""
    text = str(error)
    for needles, words in _REFUSALS.items():
        if any(needle in text for needle in needles):
            return FixConfiguration(f"the warehouse refuses the connection, {words}; check WAREHOUSE_URL")
    words = next((words for needles, words in _ABSENCES.items() if any(needle in text for needle in needles)), _AWAY)
    return TryAgainLater(f"the warehouse cannot be reached, {words}")


def may_not_connect(error: MeterhouseError) -> bool:
    """Whether the error says that the role lacks the right to connect to the database."""
    return NO_CONNECT in str(error)


def reason(error: Exception) -> str:
    """Return the first line of what the server says of a statement."""
    diagnosis = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    lines = (diagnosis or str(error)).strip().splitlines() or [type(error).__name__]
    return lines[0][:_REASON_LENGTH]


def _answer(state: str | None, error: Exception) -> _Answer:
    if state is not None:
        return _ANSWERS.get(state) or _ANSWERS.get(state[:2]) or _DEFAULT
    if isinstance(error, psycopg.DataError | UnicodeEncodeError):
        return _UNSTORABLE
    return _GONE if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) else _DEFAULT
