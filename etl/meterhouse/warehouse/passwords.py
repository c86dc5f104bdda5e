"""Passwords of logins: the server, and so its log, is sent a verifier from which the password cannot be read."""

from __future__ import annotations

import secrets

import psycopg

_SHORTEST = 8
_GENERATED_BYTES = 18


def verifier(connection: psycopg.Connection[tuple[object, ...]], role: str, password: str) -> str:
    """Return what a statement gives a role in the place of its password: a SCRAM verifier."""
    return connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()


def generated() -> str:
    """Return a new password that needs no escaping in a URL."""
    return secrets.token_urlsafe(_GENERATED_BYTES)


def fault(password: str) -> str | None:
    """Return why a password that somebody chose cannot be taken, in words that follow its name; None for a usable one."""
    if len(password) < _SHORTEST or not password.isprintable():
        return f"must have at least {_SHORTEST} characters, all of them printable"
    return None
