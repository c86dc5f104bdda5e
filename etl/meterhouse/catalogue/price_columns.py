"""Price columns: what the public columns about prices, estimates and savings mean. Pure."""

from __future__ import annotations

from meterhouse.catalogue.meaning import Meaning

_NO_NAME = "the directory has no name for it"
_PER_UNIT = "units of currency per price_unit"
_MONEY = "units of currency"

PRICE_COLUMNS: dict[str, Meaning] = {
    "rows_without_quantity": Meaning("Number of rows added up for which the vendor left out the quantity.", "rows"),
    "price_kind": Meaning(
        "Which price it is: contract (agreed and imported), list (the vendor's price list, with dates) or list_undated (the price list does"
        " not say since when).",
        null="no price is known",
    ),
    "price": Meaning("Price of one price_unit.", _PER_UNIT, "it has too many digits"),
    "price_unit": Meaning("Unit that prices in the row are for, such as million tokens or thousand calls.", null="the unit is not known"),
    "valid_from_date": Meaning("First UTC day on which the price is in force.", null="the price list does not say since when"),
    "valid_to_date": Meaning("First UTC day on which the price is no longer in force.", null="it has no end"),
    "is_in_force": Meaning("Whether the price is in force today (UTC); a list price is not where there is a contract price."),
    "price_origin": Meaning("Where the price was read: a library of prices with its version, or the name of an imported file."),
    "price_note": Meaning("What the imported file says about the price.", null="nothing"),
    "effective_price": Meaning(
        "What one price_unit cost: billed amount divided by billed quantity.",
        _PER_UNIT,
        "see no_price_reason",
    ),
    "no_price_reason": Meaning("Why there is no effective price.", null="there is one"),
    "is_mixed": Meaning(
        "Whether usage with other prices, such as batches or another tier, is billed on the same line: the effective price is then a mean."
    ),
    "mixed_with": Meaning(
        "What else is billed on the line: batch, names of tiers, 12-hour cache writes, or sizes of images.", null="nothing"
    ),
    "contract_price": Meaning("Contract price of the line on the day.", _PER_UNIT, "none was imported for the line and day"),
    "list_price": Meaning("List price of the line on the day.", _PER_UNIT, "the price list has none for the line and day"),
    "difference_percent": Meaning(
        "By how much the effective price differs from the contract price or, without one, from the list price; negative if it is lower.",
        "percent",
        "one of the two is not known",
    ),
    "estimated_cost": Meaning(
        "Estimate of the cost, not a billed amount: usage times the price in force, for the part of the usage that has a price.",
        _MONEY,
        "no part of the usage has a price",
    ),
    "price_source": Meaning(
        "Where the prices of the estimate come from: contract, effective (billed on the newest settled day), effective_mixed (the same, a"
        " mean with batches or other tiers), list, list_undated, or free_tier (the vendor bills nothing).",
        null="no price is known",
    ),
    "unpriced_share": Meaning("Share of the usage that has no price and is not in the estimate.", "share, 0 to 1", "there was no usage"),
    "unpriced_reason": Meaning("Why a part of the usage has no price.", null="all of it has one"),
    "billed_cost": Meaning(
        "Billed amount of the row; 0 if nothing was billed. For a forecast month, that of the days up to as_of_date.",
        _MONEY,
        "the costs of the day are not loaded or, for a forecast, not all settled; or no amount is known",
    ),
    "cost_gap": Meaning("Billed amount less estimated cost.", _MONEY, "one of the two is not known"),
    "gap_percent": Meaning(
        "By how much the billed amount differs from the estimated cost; negative if less was billed.",
        "percent",
        "one of the two is not known, or nothing was billed",
    ),
    "gap_reason": Meaning("What to know about the gap: why one of the two is missing or incomplete.", null="nothing"),
    "first_date": Meaning("First UTC day of the span."),
    "last_date": Meaning("Last UTC day of the span."),
    "compared_with": Meaning(
        "What the price was compared with: contract, list, list_undated, or own_level (what the line cost on its two days before)."
    ),
    "expected_price": Meaning("Price that the effective price was compared with, on the last day of the span.", _PER_UNIT),
    "drift_percent": Meaning(
        "By how much the effective price of the last day differs from the expected one.", "percent", "the expected price is 0"
    ),
    "drift_days": Meaning("Number of settled days of the line in the span.", "days"),
    "cache_saved": Meaning(
        "What reading input tokens from the cache saved, compared with the price of the same tokens without the cache; only"
        " for tokens that have both prices.",
        _MONEY,
        "no such tokens have both prices",
    ),
    "cache_write_premium": Meaning(
        "How much more writing input tokens to the cache cost than the same tokens without it; negative if less.",
        _MONEY,
        "no such tokens have both prices",
    ),
    "cache_saved_net": Meaning("What the cache saved less the premium of writing to it.", _MONEY, "one of the two is not known"),
    "cached_tokens": Meaning("Input tokens read from the cache on settled days.", "tokens"),
    "batch_saved": Meaning(
        "What batches saved, compared with the standard price of the same tokens, both from one source.",
        _MONEY,
        "no source has both prices, or the batch flag is not known",
    ),
    "batch_tokens": Meaning("Tokens of batches on settled days.", "tokens", "the batch flag is not known"),
    "cache_unused": Meaning("What more the cache could have saved at most; see savings_assumption.", _MONEY, "cached tokens have no price"),
    "uncached_tokens": Meaning("Input tokens neither read from nor written to the cache on settled days.", "tokens"),
    "batch_unused": Meaning("What more batches could have saved at most; see savings_assumption.", _MONEY, "no source has both prices"),
    "standard_tokens": Meaning(
        "Tokens of the standard tier on settled days that went through no batch.", "tokens", "the batch flag is not known"
    ),
    "savings_assumption": Meaning("Assumption behind cache_unused and batch_unused: each is an upper bound, not a promise."),
    "savings_reason": Meaning("What the savings leave out, and why.", null="nothing"),
    "batch_price_source": Meaning(
        "Where the prices that batches are compared by come from: contract, effective or list.", null="no batch has both prices"
    ),
    "first_settled_date": Meaning("First settled UTC day with such usage in the month."),
    "caller_kind": Meaning("api_key, user or service_account."),
    "caller_id": Meaning("Identifier of the API key, user or service account."),
    "caller_name": Meaning("Newest known name of the API key, user or service account.", null=_NO_NAME),
    "caller_created_at_utc": Meaning("When it was created, UTC.", null=_NO_NAME),
    "last_used_date": Meaning("Last loaded UTC day on which it was used.", null="on no loaded day"),
    "first_loaded_date": Meaning(
        "First UTC day of usage that is loaded, of any endpoint whose usage names callers.", null="no usage is loaded"
    ),
    "last_loaded_date": Meaning(
        "Last UTC day to which all endpoints whose usage names callers are loaded; without those that were left behind for over a week.",
        null="no usage is loaded",
    ),
    "unused_days": Meaning(
        "Days from its last use, or else from the later of its creation and the first loaded day, to the last loaded day.",
        "days",
        "no usage is loaded",
    ),
    "is_dormant": Meaning("Whether it has not been used for 30 days or more.", null="no usage is loaded"),
}
