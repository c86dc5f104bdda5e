"""A database that lets in one session at a time; superusers are not counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from .loaded_organization import LoadedOrganization


@contextmanager
def one_session_at_a_time(loaded: LoadedOrganization) -> Iterator[None]:
    """Limit the database of `loaded` until the context ends."""
    with psycopg.connect(loaded.warehouse.superuser_url, dbname="postgres", autocommit=True) as connection:
        name = psycopg.conninfo.conninfo_to_dict(loaded.warehouse.superuser_url)["dbname"]
        limit = SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
        connection.execute(limit.format(Identifier(str(name)), Literal(1)))
        try:
            # A session that was closed counts until its process is gone.
            while connection.execute("SELECT FROM pg_stat_activity WHERE datname = %s", (name,)).fetchone():
                time.sleep(0.02)
            yield
        finally:
            connection.execute(limit.format(Identifier(str(name)), Literal(-1)))
