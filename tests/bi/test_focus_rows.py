"""Rows of the bill, and exactly what bi.focus_costs makes of them: SKUs, units and prices, and what is not known."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.bi.given import Given
from tests.bi.invoices import NOW, imported, settled_month, written

from meterhouse.imports.teams import import_teams
from meterhouse.settings import Settings
from meterhouse.warehouse.derived_names import derive_again
from meterhouse.warehouse.view_words import OTHER_CURRENCY

DAY = "2026-10-15"


@pytest.fixture
def october(given: Given) -> Given:
    """A settled October."""
    settled_month(given)
    return given


def charges(given: Given, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    derive_again(given.owner)
    return given.shown(f"SELECT {columns} FROM bi.focus_costs WHERE {where} ORDER BY usage_date, x_line_item, billed_cost")


@pytest.mark.parametrize(
    ("line_item", "amount", "quantity", "unit", "consumed", "priced", "meter"),
    [
        ("gpt-5, input", "10.5", "8400000", "tokens", ("8400000", "Tokens"), ("8.4", "1000000 Tokens"), "Input Tokens"),
        ("gpt-5, cached input", "1", "8000", "1000_tokens", ("8000000", "Tokens"), ("8", "1000000 Tokens"), "Cached Input Tokens"),
        ("gpt-4o audio, output", "2", "1", "tokens", ("1", "Tokens"), ("0.000001", "1000000 Tokens"), "Audio Output Tokens"),
        ("web search tool calls", "5", "500", None, ("500", "Requests"), ("0.5", "1000 Requests"), "Web Search Calls"),
        ("whisper-1", "0.36", "60", "duration_minutes", ("60", "Minutes"), ("60", "Minutes"), "Minutes"),
        ("vector storage", "0.1", "2.5", "gibibyte_hours", ("2.5", "GiB-Hours"), ("2.5", "GiB-Hours"), "Vector Storage"),
        ("tts-1", "0.15", "10000", "characters", ("10000", "Characters"), ("10000", "Characters"), "Characters"),
    ],
)
def test_quantities_are_consumed_in_small_units_and_priced_in_those_of_the_list(
    october: Given,
    line_item: str,
    amount: str,
    quantity: str,
    unit: str | None,
    consumed: tuple[str, str],
    priced: tuple[str, str],
    meter: str,
) -> None:
    october.cost(DAY, amount, quantity=quantity, unit=unit, project_id="a", line_item=line_item)
    ((used, used_unit, counted, counted_unit, price, said, conformance),) = charges(
        october, "consumed_quantity, consumed_unit, pricing_quantity, pricing_unit, contracted_unit_price, sku_meter, x_conformance"
    )
    assert ((used, used_unit), (counted, counted_unit)) == ((Decimal(consumed[0]), consumed[1]), (Decimal(priced[0]), priced[1]))
    assert abs(price * counted - Decimal(amount)) <= Decimal("1e-12")
    assert (said, conformance) == (meter, None)


def test_a_sku_is_the_same_at_every_tier_and_its_price_is_not(october: Given) -> None:
    for line_item in ("gpt-5, input", "priority | gpt-5, input", "gpt-5, input, long context", "gpt-5, output"):
        october.cost(DAY, "1", quantity="1000000", unit="tokens", line_item=line_item)
    shown = charges(october, "x_line_item, sku_id, sku_price_id, sku_price_details")
    assert {row[0]: row[1] for row in shown} == {
        "gpt-5, input": "gpt-5/Input Tokens",
        "gpt-5, input, long context": "gpt-5/Input Tokens",
        "gpt-5, output": "gpt-5/Output Tokens",
        "priority | gpt-5, input": "gpt-5/Input Tokens",
    }
    assert len({row[2] for row in shown}) == 4
    assert json.loads(shown[-1][3]) == {
        "x_ModelFamily": "gpt-5", "x_ModelId": "gpt-5", "x_ServiceTier": "priority", "x_TokenDirection": "Input",
    }  # fmt: skip


def test_the_list_cost_goes_by_the_price_in_force_on_the_day_and_says_so(october: Given) -> None:
    october.do("DELETE FROM warehouse.list_price WHERE subject = 'gpt-5'")
    october.do(
        "INSERT INTO warehouse.list_price (vendor, model, is_batch, direction, modality, unit, subject, price_class, price, currency,"
        " valid_from, valid_to, source) VALUES"
        " ('openai', 'gpt-5', false, 'input', 'text', 'million tokens', 'gpt-5', 'input_text', 3, 'usd', NULL, '2026-10-10', 'a'),"
        " ('openai', 'gpt-5', false, 'input', 'text', 'million tokens', 'gpt-5', 'input_text', 2, 'usd', '2026-10-10', NULL, 'a')"
    )
    for day in ("2026-10-09", "2026-10-10"):
        october.cost(day, "1", quantity="2000", unit="1000_tokens", line_item="gpt-5, input")
    october.cost("2026-10-11", "1", quantity="2000000", unit="tokens", line_item="gpt-5, input", currency="eur")
    shown = charges(
        october, "usage_date, list_unit_price, list_cost, x_list_cost_basis, split_part(sku_price_id, '@', 2), billing_currency"
    )
    assert shown == [
        (date(2026, 10, 9), 3, 6, "price_list", "undated", "USD"),
        (date(2026, 10, 10), 2, 4, "price_list", "2026-10-10", "USD"),
        (date(2026, 10, 11), Decimal("0.5"), 1, "billed", "unknown", "EUR"),
    ]


@pytest.mark.parametrize(
    ("amount", "more", "said"),
    [
        ("1", {"line_item": "gpt-5, input"}, "no_quantity"),
        ("1", {"line_item": "gpt-5, input", "quantity": "0", "unit": "tokens"}, "zero_quantity"),
        ("1", {"line_item": "gpt-5, input", "quantity": "3", "unit": "parsecs"}, "unknown_unit"),
        ("-1", {"line_item": "gpt-5, input", "quantity": "3", "unit": "tokens"}, "no_price"),
        (None, {"line_item": "gpt-5, input", "quantity": "3", "unit": "tokens"}, "no_amount"),
        ("1", {"line_item": None, "quantity": "3", "unit": "tokens"}, "no_line_item, unknown_unit"),
        ("1", {"line_item": "gpt-5, input", "quantity": "3", "unit": "tokens", "currency": None}, "no_currency"),
        ("1", {"line_item": "gpt-5, input", "quantity": "3", "unit": "tokens", "currency": "tokens"}, "no_currency"),
    ],
)
def test_what_is_not_known_is_null_and_the_row_says_so(october: Given, amount: str | None, more: dict[str, Any], said: str) -> None:
    october.cost(DAY, amount, **more)
    ((billed, currency, price, conformance),) = charges(october, "billed_cost, billing_currency, contracted_unit_price, x_conformance")
    assert (billed, conformance) == (None if amount is None else Decimal(amount), said)
    assert currency == (OTHER_CURRENCY.upper() if said == "no_currency" else "USD")
    assert (price is None) == (said != "no_currency")


def test_a_number_is_stamped_on_days_of_the_invoice_and_the_rest_is_an_adjustment(october: Given, tmp_path: Path) -> None:
    october.cost("2026-10-05", "4", project_id="a", line_item="x")
    october.cost("2026-10-25", "6", project_id="a", line_item="x")
    october.cost("2026-11-01", "9", project_id="a", line_item="x")
    imported(october, written(tmp_path, [("usage", "4.10"), ("tax", "1")], "a.csv", period_end="2026-10-20"))
    second = [("usage", "6.00"), ("other", "2.5")]
    imported(october, written(tmp_path, second, "b.csv", invoice_id="INV-2", period_start="2026-10-21"), reopens=True)
    shown = charges(october, "usage_date, billed_cost, charge_category, invoice_id, invoice_detail_id")
    assert len(shown) == 6
    assert set(shown) == {
        (date(2026, 10, 5), 4, "Usage", "INV-1", None),
        (date(2026, 10, 20), Decimal("0.1"), "Adjustment", "INV-1", None),
        (date(2026, 10, 20), 1, "Tax", "INV-1", "2"),
        (date(2026, 10, 25), 6, "Usage", "INV-2", None),
        (date(2026, 10, 31), Decimal("2.5"), "Adjustment", "INV-2", "2"),
        (date(2026, 11, 1), 9, "Usage", None, None),
    }


def test_of_two_invoices_of_a_day_each_is_charged_what_it_asks(october: Given, tmp_path: Path) -> None:
    october.cost(DAY, "10", project_id="a", line_item="x")
    imported(october, written(tmp_path, [("usage", "7.00")], "a.csv"))
    imported(october, written(tmp_path, [("usage", "3.00")], "b.csv", invoice_id="INV-2", issued_on="2026-11-03"), reopens=True)
    shown = october.shown("SELECT invoice_id, sum(billed_cost) FROM bi.focus_costs GROUP BY 1 ORDER BY 1")
    assert shown == [("INV-1", 7), ("INV-2", 3)]


def test_the_most_specific_assignment_of_the_day_is_the_tag(october: Given, tmp_path: Path) -> None:
    october.do(
        "INSERT INTO warehouse.dim_api_key (organization_id, api_key_id, api_key_name, valid_from) VALUES (1, 'k1', 'bot-1', '2026-01-01')"
    )
    for day, project, key in (("2026-10-01", "p", "k1"), ("2026-10-12", "p", "k1"), ("2026-10-12", "p", "k2"), ("2026-10-12", "q", None)):
        october.cost(day, "1", project_id=project, api_key_id=key, line_item="x")
    path = tmp_path / "teams.csv"
    path.write_text(
        "kind,value,team,cost_centre,valid_from,valid_to\ndefault,,Rest,,,\nproject,p,Shop,CC-1,,\nkey_prefix,bot,Bots,,2026-10-10,\n"
    )
    import_teams(Settings(warehouse_url=october.warehouse.loader_url), path, NOW)
    shown = october.shown("SELECT usage_date, sub_account_id, x_api_key_id, tags FROM bi.focus_costs ORDER BY 1, 2, 3")
    assert [(day.day, project, key, json.loads(tags)) for day, project, key, tags in shown] == [
        (1, "p", "k1", {"team": "Shop", "cost_centre": "CC-1"}),
        (12, "p", "k1", {"team": "Bots"}),
        (12, "p", "k2", {"team": "Shop", "cost_centre": "CC-1"}),
        (12, "q", None, {"team": "Rest"}),
    ]
