"""What is reported of an odd day, and under which identity."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from meterhouse.accounting.anomaly_notices import ANOMALY, OddDay, finding_of

ODD = OddDay(
    "acme", "api_key", "key_1", "nightly", "proj_1", "Search", "usd", date(2026, 11, 18), Decimal("1234.567"), Decimal(40), "30 times that"
)  # fmt: skip


def test_a_key_is_named_with_its_project_and_both_amounts() -> None:
    found = finding_of(ODD)
    assert (found.kind, found.identity) == (ANOMALY, "api_key key_1 proj_1 usd")
    assert found.text == (
        "acme: the costs of the API key “nightly” (project “Search”) on 18 November are unusual:"
        " 1,234.57 usd, 40.00 expected (30 times that)"
    )


def test_what_has_no_name_is_called_by_its_identifier_and_an_organization_by_nothing_else() -> None:
    unnamed = replace(ODD, series_name=None, project_name=None)
    assert "the API key “key_1” (project “proj_1”)" in finding_of(unnamed).text
    whole = replace(ODD, series_kind="organization", series_key="", series_name="acme", project_id=None, currency=None)
    assert finding_of(whole).text.startswith("acme: the costs of the whole organization on 18 November are unusual: 1,234.57,")
    assert finding_of(whole).identity == "organization"


def test_a_restated_amount_is_the_same_thing_and_another_series_is_not() -> None:
    assert finding_of(replace(ODD, actual=Decimal(99), reason="other")).identity == finding_of(ODD).identity
    assert finding_of(replace(ODD, series_key="key_2")).identity != finding_of(ODD).identity
