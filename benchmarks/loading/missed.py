"""Why a target is missed: what was tried and what prevents it, from missed.md."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def reasons() -> dict[str, str]:
    """Return the reason of each target that was missed at some time, by its name, on one line."""
    parts = Path(__file__).with_name("missed.md").read_text().split("\n## ")[1:]
    return {name: " ".join(text.split()) for name, text in (part.split("\n", 1) for part in parts)}


def missed(what: str) -> str:
    """Return why the target is missed."""
    return reasons().get(what, "Not explained yet.")
