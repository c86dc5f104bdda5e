"""Foreign text: what is masked or replaced in the vendor's text before it is stored or logged. Pure.

A key that the vendor echoes is masked. Characters that PostgreSQL cannot hold are shown by a symbol: NUL by U+2400, half of a pair of
surrogates by U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

MASK = "sk-…"
NUL_SYMBOL = "\u2400"
_KEY = re.compile(r"(?<![A-Za-z0-9])sk-[^\s\"']*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(
    rb"\\(?:u(?:0000|[dD][89abAB][0-9a-fA-F]{2}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?|[dD][c-fC-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_LONGEST_NAME = 100
_NAMES_SHOWN = 50


def masked(text: str) -> str:
    """Return the text without anything that is shaped like a key."""
    return _KEY.sub(MASK, text)


def storable(text: str) -> str:
    """Return the text with a symbol in the place of each character that PostgreSQL cannot hold."""
    return _SURROGATE.sub("\ufffd", text.replace("\0", NUL_SYMBOL))


def storable_body(body: bytes) -> bytes:
    """Return a JSON text whose escapes are whole characters, none of them NUL; the decoder refuses halves of a pair."""
    # One character is found many times faster than two.
    if b"\\" not in body or not any(escape in body for escape in (b"\\u0000", b"\\ud", b"\\uD")):
        return body
    return _ESCAPE.sub(_whole, body)


def cleaner(key: str) -> Callable[[bytes], bytes]:
    """Return the function that makes an answer fit to be kept: `storable_body`, with this key masked, whatever its shape."""
    secret = key.encode()

    def clean(body: bytes) -> bytes:
        return storable_body(body.replace(secret, MASK.encode()))

    return clean


def _whole(escape: re.Match[bytes]) -> bytes:
    text = escape[0]
    if text == b"\\u0000":
        return b"\\u2400"
    is_half = len(text) == len(b"\\ud800") and text[1:3].lower() == b"ud" and text[3:4] in b"89abcdefABCDEF"
    return b"\\ufffd" if is_half else text


def storable_value(value: Any) -> Any:
    """Return a decoded JSON value with every text in it, names of fields too, fit to be stored, and masked."""
    if isinstance(value, str):
        return masked(storable(value))
    if isinstance(value, dict):
        return {masked(storable(name)): storable_value(part) for name, part in value.items()}
    if isinstance(value, list):
        return [storable_value(part) for part in value]
    return value


def shown_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of fields as they are logged: sorted, masked, each of bounded length, and no more of them than people read."""
    shown = sorted({name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…" for name in map(masked, map(storable, names))})
    rest = len(shown) - _NAMES_SHOWN
    return (*shown[:_NAMES_SHOWN], f"… and {rest} more") if rest > 0 else tuple(shown)
