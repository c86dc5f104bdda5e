"""Counts in words: a number with its noun, in the singular for one. Pure."""

from __future__ import annotations

from decimal import Decimal


def counted(number: int | Decimal, noun: str, plural: str | None = None) -> str:
    """Return the number with its noun, as "1 page" or "1,200 pages"; `plural` is for nouns that do not take an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
