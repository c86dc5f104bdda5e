"""What moved a cost, as a clause for a reader of bills: each part of a change, up or down. Pure; the view splits the change."""

from __future__ import annotations

from decimal import Decimal

# What is said of a part that adds to the cost, and of one that takes from it, behind "because".
_CLAUSES = {
    "days_effect": ("there were more days", "there were fewer days"),
    "volume_effect": ("more was used", "less was used"),
    "model_mix_effect": ("more expensive models were used", "cheaper models were used"),
    "tier_mix_effect": ("more expensive service tiers were used", "cheaper service tiers were used"),
    "direction_mix_effect": ("the mix of input and output cost more", "the mix of input and output cost less"),
    "cache_effect": ("the cache saved less", "the cache saved more"),
    "price_effect": ("unit prices rose", "unit prices fell"),
    "new_cost": ("new use began", "new use began"),
    "gone_cost": ("some use ended", "some use ended"),
    "restatement_effect": ("the vendor corrected earlier days", "the vendor corrected earlier days"),
    "credit_effect": ("credits were smaller", "credits were larger"),
    "other_effect": ("fees and other lines rose", "fees and other lines fell"),
}


def cause(effect: str, amount: Decimal) -> str:
    """Return what a part of a change, a column of `bi.cost_changes`, says of the cost: `more was used` for more volume."""
    return _CLAUSES[effect][0 if amount > 0 else 1]
