"""The address of a database as a setting: what is written so that every driver cuts it into the same pieces."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SCHEMES = {"postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"}
# One @, before the host; % only before two digits that make a character.
_LETTER = r"(?:%(?!00)[0-9A-Fa-f]{2}|[^\s@/?#%\x00-\x1f\x7f])"
_URL = re.compile(rf"[a-z0-9+]+://(?:{_LETTER}*@)?{_LETTER}+/(?:{_LETTER}|/)+(?:\?(?:[A-Za-z_]+=(?:{_LETTER}|[/?])*(?:&|$))*)?")


def postgres_url(text: str) -> str:
    """a URL of the form postgresql://user:password@host:5432/database, with @ / ? # and % of a password written as %40 %2F %3F %23 %25"""
    # Drivers cut a URL at other places than people do, and then name the pieces in their messages.
    if not _URL.fullmatch(text):
        raise ValueError
    parts = urlsplit(text)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ValueError
    _ = parts.port
    return "postgresql://" + text.split("://", 1)[1]
