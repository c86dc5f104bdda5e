"""Refusals: what the body of an error of the vendor says, in one line that holds no key."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from meterhouse.control_characters import visible
from meterhouse.vendors.openai.foreign_text import masked


@dataclass(frozen=True)
class Refusal:
    """What an error body says; the vendor sends an object, or sometimes bare text."""

    message: str = ""
    code: str = ""
    param: str = ""

    @classmethod
    def read(cls, body: bytes) -> Refusal:
        """Return what a body says; nothing for one in other words than the vendor's."""
        try:
            error = msgspec.json.decode(body).get("error")
        except (msgspec.MsgspecError, ValueError, AttributeError, RecursionError):
            return cls()
        if isinstance(error, str):
            return cls(message=_clipped(error))
        if not isinstance(error, dict):
            return cls()
        return cls(*(_clipped(str(error.get(name) or "")) for name in ("message", "code", "param")))


def _clipped(text: str) -> str:
    """One line, bounded, without control characters or anything that looks like a key: the vendor repeats a wrong key in its answer."""
    return visible(masked(" ".join(text.split()))[:300])
