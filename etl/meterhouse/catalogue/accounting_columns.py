"""Accounting columns: what the public columns about ownership of costs mean. Pure."""

from __future__ import annotations

from meterhouse.catalogue.meaning import Meaning

_MONEY = "units of currency"
_NO_AMOUNT = "no amount is known"

# Every reason that the allocation gives, in words; docs/design.md has the same table.
WHY_UNALLOCATED = {
    "not_settled": "the costs of the day may still change",
    "usage_not_settled": "the usage of the day may still change",
    "usage_not_loaded": "the endpoint that counts it is not loaded for the day",
    "no_usage": "nothing in the project can have caused it",
    "no_caller": "the usage names neither user nor key",
    "storage": "billed per project for what is kept",
    "sessions": "billed per project",
    "training": "billed per job of a project",
    "evals": "run by the platform, not by a caller",
    "credit_or_tax": "about the bill as a whole",
    "fee_or_bundle": "charged for the account",
    "unknown_line_item": "this version cannot read the line",
    "no_line_item": "the row names no line",
    "amount_missing": "the vendor left the amount out",
}
REMARKS = {
    "amount_missing": "the vendor left the amount out",
    "context_band_unknown": "usage does not separate the price band",
    "quantity_mismatch": "usage counts over 1% more or less than was billed",
}


ACCOUNTING_COLUMNS: dict[str, Meaning] = {
    "method": Meaning(
        "How the amount was found to be theirs: billed_by_user (the vendor bills it to this user), billed_by_key (the vendor bills it to"
        " this key, and one user uses or owns the key), by_quantity (spread by what each of them used), or unallocated."
    ),
    "basis": Meaning(
        "What the allocation goes by: bill (the vendor's own amounts by user), line (the very figure that the line bills, of the same"
        " project, model and tier), model (requests of the model in the project), project (all requests of the project), key_owner (the"
        " user who owns the key on the bill), or key (the key on the bill, whose owner is not a user).",
        null="unallocated",
    ),
    "reason": Meaning(
        "In words, what was unusual about a day. For a part of the bill, why it is unallocated: "
        f"{', '.join(WHY_UNALLOCATED)}; for an allocated part, what to know about it: {', '.join(REMARKS)} (docs/design.md explains each)."
        " For a forecast, why there is none: no_history (fewer than seven days), not_settled or amount_unknown (a day of the month or of"
        " the last seven); or short_history (too short to choose a model by). For changes, why the periods are not comparable:"
        " nothing_to_compare (no day has a settled counterpart), days_left_out (some have none), amount_missing, or not_allocated (yet).",
        null="nothing to remark",
    ),
    "allocation_weight": Meaning(
        "Weight of this part among those of its line: an amount for basis bill, otherwise twice the quantity, four times at priority,"
        " once for batch and flex where the bill does not separate them.",
        null="unallocated, or too large to show",
    ),
    "allocation_weight_total": Meaning("Weights of all parts of the line together.", null="unallocated, or too large to show"),
    "quantity_ratio": Meaning(
        "Quantity that usage counts for the line, divided by the billed quantity; 1 if both agree.",
        "ratio",
        "the basis is not line, or the bill has no quantity",
    ),
    "service_account_id": Meaning(
        "Identifier of the service account that owns the key; the vendor names no user for what its key used.",
        null="costs of a user, or nobody is known",
    ),
    "service_account_name": Meaning("Newest known name of the service account.", null="costs of a user, or no name is known"),
    "cost_billed_by_user": Meaning("Part of cost that the vendor bills to the user.", _MONEY, _NO_AMOUNT),
    "cost_billed_by_key": Meaning("Part of cost that the vendor bills to a key that one user uses or owns.", _MONEY, _NO_AMOUNT),
    "cost_by_quantity": Meaning("Part of cost that was spread by what was used.", _MONEY, _NO_AMOUNT),
    "cost_unallocated": Meaning("Part of cost that is nobody's: unallocated, with a reason in cost_allocation_daily.", _MONEY, _NO_AMOUNT),
}
