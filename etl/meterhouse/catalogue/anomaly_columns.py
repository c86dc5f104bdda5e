"""Anomaly columns: what the public columns about unusual days mean. Pure."""

from __future__ import annotations

from meterhouse.catalogue.meaning import Meaning

_MONEY = "units of currency"

ANOMALY_COLUMNS: dict[str, Meaning] = {
    "series_kind": Meaning("Whose costs the series has: organization, model, project, team or api_key."),
    "series_key": Meaning("Identifier of the project or API key, name of the team or model; empty for an organization."),
    "series_name": Meaning("Newest known name of the organization, project, team, model or API key; the identifier if there is none."),
    "actual_cost": Meaning("Amount that was billed.", _MONEY),
    "excess_cost": Meaning("How much more was billed than expected; negative for less.", _MONEY),
    "z_score": Meaning(
        "How far the cost was from what was expected, in robust standard deviations of its logarithm.",
        "standard deviations",
        "a new spender, for which nothing was expected",
    ),
    "kind": Meaning(
        "What was unusual: spike, drop, sustained (three days in a row well above expectation, and far above it together) or new_spender"
        " (the first cost in eight weeks)."
    ),
    "explained_by": Meaning("Name of the series further down that explains the difference.", null="none does, so the row itself is shown"),
    "is_shown": Meaning("Whether to show the row: nothing further down explains it, and it is neither planned nor withdrawn."),
    "first_seen_at_utc": Meaning("When the day was first found unusual, UTC."),
    "judged_at_utc": Meaning("When anything about the row last changed, UTC."),
    "note": Meaning("What was planned, as it was written down.", null="nothing was planned, or nothing written down"),
    "anomaly_id": Meaning("Number of the row in this warehouse; it stays when the day is restated."),
}
