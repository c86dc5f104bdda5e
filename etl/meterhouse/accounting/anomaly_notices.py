"""Anomaly notices: what is reported of an unusual day of costs, once per day and series, however often the day is restated. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from meterhouse.accounting.notices import Finding, day_in_words, money_in_words

ANOMALY = "cost_anomaly"
_KINDS = {"api_key": "API key", "organization": "whole organization"}


@dataclass(frozen=True)
class OddDay:
    """One day of a series that was unusual, as `bi.cost_anomalies` shows it; amounts in units of currency."""

    organization: str
    series_kind: str
    series_key: str
    series_name: str | None
    project_id: str | None
    project_name: str | None
    currency: str | None
    day: date
    actual: Decimal
    expected: Decimal
    reason: str


def finding_of(odd: OddDay) -> Finding:
    """Return what is to be reported of an unusual day."""
    what = _KINDS.get(odd.series_kind, odd.series_kind)
    name = "" if odd.series_kind == "organization" else f" “{odd.series_name or odd.series_key}”"
    place = f" (project “{odd.project_name or odd.project_id}”)" if odd.series_kind == "api_key" and odd.project_id else ""
    amounts = f"{money_in_words(odd.actual)} {odd.currency or ''}".strip()
    return Finding(
        ANOMALY,
        " ".join(filter(None, (odd.series_kind, odd.series_key, odd.project_id, odd.currency))),
        f"{odd.organization}: the costs of the {what}{name}{place} on {day_in_words(odd.day)} are unusual: {amounts},"
        f" {money_in_words(odd.expected)} expected ({odd.reason})",
    )
