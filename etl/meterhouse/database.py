"""The connection to the warehouse, and its errors in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from meterhouse.errors import FixConfiguration, RejectedAnswer, TryAgainLater

Connection = psycopg.Connection[tuple[Any, ...]]

MIGRATE_REMEDY = "run meterhouse migrate"
_OLDEST_SERVER = 150000
_SESSION = "-c timezone=UTC -c lock_timeout=30s -c idle_in_transaction_session_timeout=60s"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn database errors into errors that say what to do; the text never holds the URL."""
    try:
        yield
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.UndefinedFunction,
        psycopg.errors.InvalidSchemaName,
    ) as error:
        raise FixConfiguration(f"the warehouse lacks something this version needs ({_first_line(error)}): {MIGRATE_REMEDY}") from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise FixConfiguration(
            f"the role of WAREHOUSE_URL may not do this ({_first_line(error)}): grant it meterhouse_loader, or use a member of it"
        ) from None
    except (psycopg.DataError, psycopg.errors.CheckViolation, psycopg.errors.ProgramLimitExceeded, UnicodeEncodeError) as error:
        raise RejectedAnswer(f"{what}: a value cannot be stored ({_first_line(error)})") from None
    except psycopg.errors.NotNullViolation as error:
        raise FixConfiguration(
            f"{what}: the warehouse was migrated meanwhile, to a newer version ({_first_line(error)}): start that one; nothing was written"
        ) from None
    except psycopg.errors.ForeignKeyViolation as error:
        raise TryAgainLater(f"{what}: the organization was purged meanwhile ({_first_line(error)}); run again") from None
    except psycopg.OperationalError as error:
        raise TryAgainLater(
            f"{what}: the warehouse went away or is busy ({_first_line(error)}); run again, nothing is half-written"
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def connect(url: str) -> Connection:
    """Open an autocommit connection. Raises `TryAgainLater` when the server is away, `FixConfiguration` when it refuses the role."""
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=10,
            application_name="meterhouse",
            options=_SESSION,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )
    except psycopg.OperationalError as error:
        text = str(error)
        if any(word in text for word in ("authentication failed", "does not exist", "no pg_hba.conf", "permission denied")):
            raise FixConfiguration(f"the warehouse refuses the connection ({_last_line(text)}): check WAREHOUSE_URL") from None
        raise TryAgainLater(
            f"the warehouse cannot be reached ({_last_line(text)}): start it (the embedded one: make up), or check WAREHOUSE_URL"
        ) from None
    except psycopg.Error:
        raise FixConfiguration("WAREHOUSE_URL must be a URL of the form postgresql://user:password@host:5432/database") from None
    if connection.info.server_version < _OLDEST_SERVER:
        connection.close()
        raise FixConfiguration("the warehouse's server is older than PostgreSQL 15: use a newer one")
    return connection


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if "failed:" in line] or text.strip().splitlines()[:1]
    return lines[0].rpartition("failed: ")[2][:200] if lines else "no reason given"
