"""What moved a cost, in the words of a reader of bills: each part of a change, up or down. Pure; the view splits the change."""

from __future__ import annotations

from decimal import Decimal

# What is said of a part that adds to the cost, and of one that takes from it, behind "from".
_CAUSES = {
    "days_effect": ("more days", "fewer days"),
    "volume_effect": ("more usage", "less usage"),
    "model_mix_effect": ("more expensive models", "cheaper models"),
    "tier_mix_effect": ("more expensive service tiers", "cheaper service tiers"),
    "direction_mix_effect": ("a more expensive mix of input and output", "a cheaper mix of input and output"),
    "cache_effect": ("less saved by the cache", "more saved by the cache"),
    "price_effect": ("higher unit prices", "lower unit prices"),
    "new_cost": ("new uses", "new uses"),
    "gone_cost": ("uses that ended", "uses that ended"),
    "restatement_effect": ("the vendor's corrections of earlier days", "the vendor's corrections of earlier days"),
    "credit_effect": ("smaller credits", "larger credits"),
    "other_effect": ("higher fees and other lines", "lower fees and other lines"),
}


def cause(effect: str, amount: Decimal) -> str:
    """Return what a part of a change, a column of `bi.cost_changes`, says of the cost: `more usage` for more volume."""
    return _CAUSES[effect][0 if amount > 0 else 1]
