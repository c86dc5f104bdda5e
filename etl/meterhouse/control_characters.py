"""Control characters: how names and the vendor's words are shown, so that they neither control a terminal nor start a new line."""

from __future__ import annotations

import unicodedata
from logging import Formatter, LogRecord

# Control characters, invisible ones that turn the direction of writing, line and paragraph separators, halves of surrogate pairs.
_HIDDEN = {"Cc", "Zl", "Zp", "Cs"}
_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def visible(text: str) -> str:
    r"""Return the text in one line, with every control character spelled out: \x1b for an escape, \x0a for a line break."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if _is_hidden(character) else character for character in text)


class VisibleFormatter(Formatter):
    """Shows a log line's message in one line; a traceback under it keeps its lines."""

    def formatMessage(self, record: LogRecord) -> str:  # noqa: N802  # logging's own name
        """Return the line without the traceback."""
        return visible(super().formatMessage(record))


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN or unicodedata.bidirectional(character) in _DIRECTIONS


def _escaped(character: str) -> str:
    code = ord(character)
    # A byte of a path that is no UTF-8.
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
