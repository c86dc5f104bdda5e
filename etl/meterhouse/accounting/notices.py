"""Notices: one thing to report about spending, with its identity and its text, and how days and amounts are worded in it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Finding:
    """One thing to report: its identity is the same each time it is found, and several may have the same text."""

    kind: str
    identity: str
    text: str


def day_in_words(day: date) -> str:
    """Return a day without its year, such as 24 November."""
    return f"{day.day} {MONTHS[day.month - 1]}"


def money_in_words(amount: Decimal) -> str:
    """Return an amount rounded to cents, such as 1,234.50; it has no currency."""
    return f"{amount.quantize(_CENT, ROUND_HALF_EVEN):,}"
