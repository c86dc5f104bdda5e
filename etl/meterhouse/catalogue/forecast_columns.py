"""Forecast columns: what the public columns about forecasts mean. Pure."""

from __future__ import annotations

from meterhouse.catalogue.meaning import Meaning

_MONEY = "units of currency"
_NO_FORECAST = "there is no forecast; reason or state_reason says why"
_NO_RANGE = "there is no forecast, or there are fewer than four past cases"
_NO_CASES = "no past case is known, or the days ahead cost nothing in them"
_SHARE = "share of what the days ahead cost"

FORECAST_COLUMNS: dict[str, Meaning] = {
    "series_kind": Meaning("Whose costs the series has: organization, project, team, model or api_key."),
    "series_key": Meaning("Identifier of the project or API key, name of the team or model; empty for an organization."),
    "series_name": Meaning("Newest known name of the organization, project, team, model or API key; the identifier if there is none."),
    "forecast_rest_cost": Meaning("Expected cost of the days left in the month.", _MONEY, _NO_FORECAST),
    "expected_cost": Meaning(
        "Amount that was expected: for a forecast month, billed_cost plus forecast_rest_cost; for a budget, spending by the end"
        " of its period.",
        _MONEY,
        _NO_FORECAST,
    ),
    "low_cost": Meaning("Low end of what was expected, from the series' own past.", _MONEY, _NO_RANGE),
    "high_cost": Meaning("High end of what was expected, from the series' own past.", _MONEY, _NO_RANGE),
    "actual_cost": Meaning("Amount that was billed.", _MONEY, "an amount is not known"),
    "error_cost": Meaning("Expected cost less actual cost.", _MONEY, "the actual cost is not known"),
    "error_share": Meaning(
        "Expected cost less actual cost, as a share of the actual cost.", "share", "the actual cost is not known, or almost nothing"
    ),
    "is_inside": Meaning("Whether the actual cost was within the range.", null="there was no range, or the actual cost is not known"),
    "origins": Meaning("Number of past weeks in which the model was tried, for as many days ahead: the range comes from these.", "weeks"),
    "mean_error_share": Meaning("How far the model was off in these weeks on average, either way.", _SHARE, _NO_CASES),
    "bias_share": Meaning("By how much the model expected too much in these weeks on average; negative for too little.", _SHARE, _NO_CASES),
    "inside_share": Meaning(
        "Share of these weeks that were within the range which earlier weeks would have given.",
        "share, 0 to 1",
        "too few earlier weeks are known",
    ),
    "is_latest": Meaning("Whether this is the newest forecast of the series for this month."),
    "forecast_at": Meaning("When the forecast was made; later if a restatement changed it."),
}
