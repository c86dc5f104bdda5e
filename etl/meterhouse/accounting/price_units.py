"""Price units: the quantities that prices are for, and how many of the vendor's units each of them is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class PriceUnit:
    """A unit that prices are for: `size` of the smallest units, in which the vendor's own units count as many as `quantity_units` says."""

    name: str
    size: int
    quantity_units: tuple[tuple[str, int], ...]


MILLION_TOKENS = PriceUnit("million tokens", 1_000_000, (("tokens", 1), ("1000_tokens", 1000)))
MILLION_CHARACTERS = PriceUnit("million characters", 1_000_000, (("characters", 1),))
THOUSAND_CALLS = PriceUnit("thousand calls", 1000, (("calls", 1),))
HOUR = PriceUnit("hour", 3600, (("duration_seconds", 1), ("duration_minutes", 60), ("duration_hours", 3600)))
IMAGE = PriceUnit("image", 1, (("images", 1),))
SESSION = PriceUnit("session", 1, (("sessions", 1),))
GIBIBYTE_HOUR = PriceUnit("gibibyte hour", 1, (("gibibyte_hours", 1),))
PRICE_UNITS = (MILLION_TOKENS, MILLION_CHARACTERS, THOUSAND_CALLS, HOUR, IMAGE, SESSION, GIBIBYTE_HOUR)
# What a line without a unit counts, by its category: the vendor names no unit for these.
UNIT_OF_CATEGORY = {"tool_calls": "calls", "sessions": "sessions"}


def unit_price(amount: Decimal | None, quantity: Decimal | None, quantity_unit: str | None) -> tuple[Decimal, str] | None:
    """Return the price that an amount was billed at, and the unit that it is for; None where either is unknown, or nothing was counted.

    This is what `bi.effective_prices_daily` says of a line, rounded there to twelve decimals.
    """
    found = next(((unit, factor) for unit in PRICE_UNITS for said, factor in unit.quantity_units if said == quantity_unit), None)
    if amount is None or not quantity or found is None:
        return None
    unit, factor = found
    return amount * unit.size / (quantity * factor), unit.name
