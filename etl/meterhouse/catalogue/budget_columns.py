"""Budget columns: what the public columns about budgets mean. Pure."""

from __future__ import annotations

from meterhouse.catalogue.meaning import Meaning

_MONEY = "units of currency"

BUDGET_COLUMNS: dict[str, Meaning] = {
    "budget": Meaning("Name of the budget."),
    "scope_kind": Meaning("Whose spending the budget limits: organization, project, team, api_key or user."),
    "scope_key": Meaning(
        "Identifier of the project, API key or user that the budget is for, or the user's e-mail address, or the team's name; empty for an"
        " organization."
    ),
    "scope_name": Meaning("Name of what the budget is for.", null="the directory has no name for it"),
    "period": Meaning("Calendar period that the budget is for: month, quarter or year."),
    "budget_cost": Meaning("What may be spent in the period.", _MONEY),
    "spent_cost": Meaning(
        "Costs of the settled days of the period; for a team, an API key or a user, the part of the bill that is allocated to them.",
        _MONEY,
        "no day of the period is settled",
    ),
    "used_share": Meaning("Spent share of the budget, at most 999999.", "ratio", "no day of the period is settled"),
    "passes_on_date": Meaning(
        "UTC day on which spending passed the budget or, as long as it has not, will pass it if the rest of the expected cost of the month"
        " is spent evenly.",
        null="it has not, and is not expected to within the month",
    ),
    "highest_threshold_share": Meaning("Highest threshold of the budget that spending has reached.", "ratio", "none is reached"),
    "next_threshold_share": Meaning("Lowest threshold of the budget that spending has not reached.", "ratio", "all are reached"),
    "vendor_limit_cost": Meaning(
        "Limit or alert that is set at the vendor for the same organization or project, period and currency.",
        _MONEY,
        "none is set, or the key may not read it",
    ),
    "vendor_limit_kind": Meaning(
        "limit (a hard spend limit) or alert (the vendor sends a mail; if there are several, the lowest).",
        null="none is set, or the key may not read it",
    ),
    "vendor_limit_enforcement": Meaning(
        "What the vendor says about enforcing the limit, such as inactive or enforcing.", null="there is no limit, or only an alert"
    ),
    "is_current_period": Meaning("Whether the newest loaded day of costs lies in the period."),
    "unknown_days": Meaning("Number of days of the period, up to the newest settled one, that are not settled or lack an amount.", "days"),
}
