"""Harden: take from PUBLIC, in one database, what a reader does not need; it needs a superuser, so it is not part of a migration."""

from __future__ import annotations

from importlib import resources

from meterhouse.warehouse.database import connect, translated


def harden(superuser_url: str) -> None:
    """Run sql/harden.sql in the database of `superuser_url`; running it again changes nothing."""
    statements = resources.files("meterhouse.warehouse").joinpath("sql", "harden.sql").read_bytes()
    with connect(superuser_url) as connection, translated("hardening"), connection.transaction():
        connection.execute(statements)
