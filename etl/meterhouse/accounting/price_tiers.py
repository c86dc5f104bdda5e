"""Price tiers: the names under which service tiers are priced, whatever usage calls them. Pure."""

from __future__ import annotations

STANDARD = "standard"
# Words of usage, in lower case, for a tier that the bill and price lists call otherwise; usage without a tier is of the standard one.
OTHER_NAMES = {"default": STANDARD, "auto": STANDARD, "flex-tier": "flex", "priority-tier": "priority"}
# On a bill this prefix is no tier of its own.
BATCH = "batch"


def priced_tier(service_tier: str | None) -> str:
    """Return the tier whose price is asked for requests of this service tier."""
    word = (service_tier or STANDARD).lower()
    return OTHER_NAMES.get(word, word)
