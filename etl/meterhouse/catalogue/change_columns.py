"""Change columns: what the public columns about changes of costs mean. Pure."""

from __future__ import annotations

from meterhouse.catalogue.meaning import Meaning

_MONEY = "units of currency"
_UNKNOWN = "the change is not known"
_NOTHING = "there is no day to compare with"

CHANGE_COLUMNS: dict[str, Meaning] = {
    "comparison": Meaning(
        "What is compared: day (the last settled day with the same weekday a week before), week (the seven days to the last settled one"
        " with the seven before), month_to_date (the month of the last settled day with the same days of the month before) or month (the"
        " last month that is over with the one before)."
    ),
    "dimension": Meaning(
        "What the change is broken down by: project, model, line_item, api_key or user. Each breakdown adds up to the whole change."
    ),
    "member_id": Meaning(
        "Which project, model, line item, API key or user the row is about: its identifier, or its name for models and line items.",
        null="costs that name none",
    ),
    "member_name": Meaning("Name of the member.", null="costs that name none, or the directory has no name for it"),
    "period_first_date": Meaning("First UTC day of the period."),
    "period_last_date": Meaning("Last UTC day of the period."),
    "previous_first_date": Meaning("First UTC day of the earlier period, which it is compared with.", null=_NOTHING),
    "previous_last_date": Meaning("Last UTC day of the earlier period.", null=_NOTHING),
    "days": Meaning("Number of days of the period that are compared.", "days"),
    "previous_days": Meaning(
        "Number of days of the earlier period that are compared; differs only when whole months of unequal length are compared.", "days"
    ),
    "previous_cost": Meaning(
        "Amount billed for the compared days of the earlier period; 0 if nothing was billed.", _MONEY, f"{_NOTHING}, or no amount is known"
    ),
    "change_cost": Meaning("cost less previous_cost; the twelve parts add up to it exactly.", _MONEY, _UNKNOWN),
    "days_effect": Meaning("Part of the change because the periods have different numbers of days.", _MONEY, _UNKNOWN),
    "volume_effect": Meaning(
        "Part of the change because more or fewer tokens (calls, images, seconds) were billed in total, counting only what was"
        " used in both periods.",
        _MONEY,
        _UNKNOWN,
    ),
    "model_mix_effect": Meaning(
        "Part of the change because the same volume went to dearer or cheaper models, or releases of a model.", _MONEY, _UNKNOWN
    ),
    "tier_mix_effect": Meaning(
        "Part of the change because requests moved between service tiers, context bands or surfaces.", _MONEY, _UNKNOWN
    ),
    "direction_mix_effect": Meaning(
        "Part of the change because input, output and training, or text, audio and images, changed their shares.", _MONEY, _UNKNOWN
    ),
    "cache_effect": Meaning(
        "Part of the change because more or less of the input was read from the cache or written to it; negative if the cache saved more.",
        _MONEY,
        _UNKNOWN,
    ),
    "price_effect": Meaning("Part of the change because a unit of a line cost more or less, at the later quantities.", _MONEY, _UNKNOWN),
    "new_cost": Meaning("Part of the change that is models and tools which were not used in the earlier period.", _MONEY, _UNKNOWN),
    "gone_cost": Meaning(
        "Part of the change that is models and tools which were used only in the earlier period; zero or negative.", _MONEY, _UNKNOWN
    ),
    "restatement_effect": Meaning(
        "Part of the change that the vendor made later, on days that were settled already: restated amounts of the period less those of the"
        " earlier one. The other parts compare the amounts as they were when the days were settled. For API keys and users it is spread as"
        " the line's cost is.",
        _MONEY,
        _UNKNOWN,
    ),
    "credit_effect": Meaning("Part of the change that is credits, refunds and other lines with a negative amount.", _MONEY, _UNKNOWN),
    "other_effect": Meaning(
        "Part of the change of lines whose quantity does not explain the amount: it is not known, has no single unit, or is zero.",
        _MONEY,
        _UNKNOWN,
    ),
    "driver_rank": Meaning(
        "Place by the size of the change, up or down, within the comparison, organization, dimension and currency: 1 for the largest.",
        null=_UNKNOWN,
    ),
    "main_effect": Meaning(
        "Name of the largest part of the change: days, volume, model_mix, tier_mix, direction_mix, cache, price, new, gone, restatement,"
        " credit or other.",
        null="nothing changed, or the change is not known",
    ),
}
