"""What every file of the bundle carries: the format's version, and ids that are the same in every bundle."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

DATABASE = "OpenAI warehouse"
VERSION = "1.0.0"


def identifier(kind: str, name: str) -> str:
    """Return the uuid of something, the same in every bundle."""
    return str(uuid5(NAMESPACE_URL, f"meterhouse/superset/{kind}/{name}"))
