"""Meaning: what a public column means, in which unit, and what null means there. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """The meaning of a column, the unit of a measure, and the meaning of null."""

    text: str
    unit: str | None = None
    null: str | None = None

    def comment(self) -> str:
        """Return the column's comment: meaning, unit, null."""
        parts = [self.text, *([f"Unit: {self.unit}."] if self.unit else []), *([f"Null: {self.null}."] if self.null else [])]
        return " ".join(parts)
