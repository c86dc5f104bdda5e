"""Databases and logins on a server of ours: who may connect to which database. Passwords are sent as SCRAM verifiers, never in clear."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from meterhouse.warehouse.passwords import verifier


def give_login(server_url: str, role: str, password: str, *, connection_limit: int = -1, creates_roles: bool = False) -> None:
    """Let `role` log in with `password`; the role is created when it is missing. The warehouse's owner also makes the other roles."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        name = sql.Identifier(role)
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE ROLE {}").format(name))
        kept = sql.Literal(verifier(connection, role, password))
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB {} NOREPLICATION CONNECTION LIMIT {} PASSWORD {}").format(
                name, sql.SQL("CREATEROLE" if creates_roles else "NOCREATEROLE"), sql.Literal(connection_limit), kept
            )
        )


def ensure_database(server_url: str, name: str, owner: str) -> None:
    """Create the database unless it exists; at first only its owner and the superuser may connect."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))


def allow_only(server_url: str, database: str, roles: Sequence[str]) -> None:
    """Let `roles` connect to `database`, and of the others only its owner and the superuser."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        target = sql.Identifier(database)
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(target))
        for role in roles:
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(target, sql.Identifier(role)))
