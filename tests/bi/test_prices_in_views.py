"""Prices as data: a few rows of the bill and of usage, and exactly what the views of prices, drift, estimates and savings say of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from meterhouse.accounting.price_units import unit_price

from .priced import Priced, priced

__all__ = ["priced"]  # a fixture, which pytest finds by its name


@pytest.mark.parametrize(
    ("amount", "quantity", "unit", "line_item"),
    [
        ("2.50", "1000000", "tokens", "gpt-4o-2024-08-06, input"),
        ("2.50", "1000", "1000_tokens", "gpt-4o-2024-08-06, input"),
        ("0.13080438340307526", "52321", "tokens", "gpt-5, output"),
        ("-1.5", "600000", "tokens", "gpt-5, output"),
        ("15", "1000000", "characters", "tts-1"),
        ("0.36", "3600", "duration_seconds", "whisper"),
        ("0.36", "60", "duration_minutes", "whisper"),
        ("0.084", "2", "images", "gpt-image-1 image, output"),
        ("0.00417", "1", "gibibyte_hours", "Vector storage"),
    ],
)
def test_an_effective_price_is_the_billed_amount_over_the_quantity_to_the_last_decimal(
    priced: Priced, amount: str, quantity: str, unit: str, line_item: str
) -> None:
    priced.line("2026-11-01", line_item, amount, quantity, unit)
    ((price, price_unit, reason),) = priced.shown("SELECT effective_price, price_unit, no_price_reason FROM bi.effective_prices_daily")
    expected = unit_price(Decimal(amount), Decimal(quantity), unit)
    assert expected is not None
    assert (price, price_unit, reason) == (expected[0].quantize(Decimal("1e-12")), expected[1], None)


@pytest.mark.parametrize(
    ("amount", "quantity", "unit", "reason"),
    [
        ("1", "0", "tokens", "the quantity is 0"),
        ("1", None, "tokens", "the vendor left a quantity out"),
        (None, "5", "tokens", "the vendor left an amount out"),
        ("1", "5", "furlongs", "the unit of the quantity is not known"),
    ],
)
def test_a_price_that_is_not_known_is_null_with_its_reason(
    priced: Priced, amount: str | None, quantity: str | None, unit: str, reason: str
) -> None:
    priced.line("2026-11-01", "gpt-5, input", amount, quantity, unit)
    assert priced.shown("SELECT effective_price, no_price_reason FROM bi.effective_prices_daily") == [(None, reason)]


def test_quantities_in_two_units_have_no_price_and_projects_have_one_together(priced: Priced) -> None:
    priced.line("2026-11-01", "gpt-5, input", "1", "500000", project_id="a")
    priced.line("2026-11-01", "gpt-5, input", "2", "700000", project_id="b")
    priced.line("2026-11-02", "gpt-5, input", "1", "500000", project_id="a")
    priced.line("2026-11-02", "gpt-5, input", "2", "700", "1000_tokens", project_id="b")
    rows = priced.shown("SELECT effective_price, cost, no_price_reason FROM bi.effective_prices_daily ORDER BY usage_date")
    assert rows == [(Decimal("2.5"), 3, None), (None, 3, "the quantities are in more than one unit")]


def test_calls_and_sessions_are_counted_where_the_vendor_names_no_unit(priced: Priced) -> None:
    priced.line("2026-11-01", "web search tool calls", "1.01", "101", None)
    priced.line("2026-11-01", "code interpreter sessions", "0.06", "2", None)
    rows = priced.shown("SELECT line_item, effective_price, price_unit, list_price FROM bi.effective_prices_daily ORDER BY 1 DESC")
    assert rows == [
        ("web search tool calls", 10, "thousand calls", 10),
        ("code interpreter sessions", Decimal("0.03"), "session", None),
    ]


@pytest.mark.parametrize(
    ("day", "line_item", "list_price", "kind"),
    [
        ("2025-06-09", "o3, input", 10, "list_undated"),
        ("2025-06-10", "o3, input", 2, "list"),
        ("2026-08-20", "gpt-5.6-sol, input", 5, "list_undated"),
        ("2026-08-21", "gpt-5.6-sol, input", 4, "list"),
        ("2026-08-21", "gpt-5.6-sol, input, long context", 8, "list"),
        ("2026-10-11", "priority | gpt-5.6-sol, output, long context", None, None),
        ("2026-10-12", "priority | gpt-5.6-sol, output, long context", 60, "list"),
        ("2026-10-13", "batch | gpt-5, input", None, None),
        ("2026-10-14", "batch | gpt-5, input", Decimal("0.625"), "list"),
        ("2026-11-01", "scale | gpt-5, input", None, None),
        ("2026-11-01", "evals | gpt-5, input", None, None),
        ("2026-11-01", "gpt-4o-2024-05-13, input", 5, "list_undated"),
        ("2026-11-01", "gpt-4o-2024-11-20, input", Decimal("2.5"), "list_undated"),
        ("2026-11-01", "ft-gpt-4o-2024-08-06, input", Decimal("3.75"), "list_undated"),
        ("2026-11-01", "gpt-image-1 image, output", 40, "list_undated"),
        ("2026-11-01", "gpt-image-1 text, output", None, None),
        ("2026-11-01", "gpt-realtime-2.1 audio, output", 64, "list_undated"),
        ("2026-11-01", "gpt-99-nova, input", None, None),
    ],
)
def test_the_list_price_is_that_of_the_day_and_tier_or_null(priced: Priced, day: str, line_item: str, list_price: Any, kind: Any) -> None:
    priced.line(day, line_item, "1", "1000000")
    assert priced.shown("SELECT list_price, price_kind FROM bi.effective_prices_daily") == [(list_price, kind)]


def test_a_contract_price_wins_over_the_list_on_its_days_and_only_for_its_organization(priced: Priced) -> None:
    for day in ("2026-10-31", "2026-11-01", "2026-12-01"):
        priced.line(day, "gpt-5-2025-08-07, input", "1.1", "1000000")
    priced.line("2026-11-01", "gpt-5, input", "1.25", "1000000", org=2)
    priced.agreed('acme,"gpt-5, input",million tokens,1.00,usd,2026-11-01,2026-12-01,')
    rows = priced.shown(
        "SELECT organization, usage_date::text, contract_price, list_price, price_kind, difference_percent"
        " FROM bi.effective_prices_daily ORDER BY 1, 2"
    )
    listed = Decimal("1.25")
    assert rows == [
        ("acme", "2026-10-31", None, listed, "list_undated", -12),
        ("acme", "2026-11-01", 1, listed, "contract", 10),
        ("acme", "2026-12-01", None, listed, "list_undated", -12),
        ("other", "2026-11-01", None, listed, "list_undated", 0),
    ]


def test_the_view_of_prices_says_which_is_in_force_today(priced: Priced) -> None:
    today = datetime.now(UTC).date()
    priced.agreed(
        f'acme,"gpt-5, input",million tokens,1.00,usd,{today},,',
        f'acme,"gpt-5, output",million tokens,9,usd,{today + timedelta(days=1)},,',
    )
    rows = priced.shown(
        "SELECT price_kind, direction, price, is_in_force FROM bi.prices WHERE organization = 'acme' AND model = 'gpt-5' AND tier IS NULL"
        " AND NOT is_batch AND direction IN ('input', 'output') ORDER BY 1, 2"
    )
    assert rows == [
        ("contract", "input", 1, True),
        ("contract", "output", 9, False),
        ("list_undated", "input", Decimal("1.25"), False),
        ("list_undated", "output", 10, True),
    ]
    o3 = "SELECT price, valid_from_date::text, valid_to_date::text, is_in_force FROM bi.prices WHERE organization = 'acme' AND model = 'o3'"
    o3 += " AND direction = 'input' AND tier IS NULL AND NOT is_batch ORDER BY price DESC"
    assert priced.shown(o3) == [(10, None, "2025-06-10", False), (2, "2025-06-10", None, True)]


def test_a_line_is_mixed_while_the_bill_has_no_line_for_what_else_was_used(priced: Priced) -> None:
    days = {"2026-11-01": {}, "2026-11-02": {"batch": True}, "2026-11-03": {"batch": True}, "2026-11-04": {"service_tier": "flex-tier"}}
    days["2026-11-05"] = {"service_tier": "incentivized-tier"}
    for day, other in days.items():
        priced.line(day, "gpt-5, input", "1.25", "1000000")
        priced.tokens(day, "gpt-5-2025-08-07", figures={"input_tokens": 5}, service_tier="default", project_id="p")
        if other:
            priced.tokens(day, "gpt-5-2025-08-07", figures={"input_tokens": 7}, project_id="p", **other)
    priced.line("2026-11-03", "batch | gpt-5, input", "0.6", "1000000")
    rows = priced.shown("SELECT usage_date::text, line_item, is_mixed, mixed_with FROM bi.effective_prices_daily ORDER BY 1, 2")
    assert rows == [
        ("2026-11-01", "gpt-5, input", False, None),
        ("2026-11-02", "gpt-5, input", True, "batch"),
        ("2026-11-03", "batch | gpt-5, input", False, None),
        ("2026-11-03", "gpt-5, input", False, None),
        ("2026-11-04", "gpt-5, input", True, "flex"),
        ("2026-11-05", "gpt-5, input", False, None),
    ]


def drift(priced: Priced) -> list[tuple[Any, ...]]:
    return priced.shown(
        "SELECT organization, line_item, compared_with, first_date::text, last_date::text, drift_days, expected_price, effective_price"
        " FROM bi.price_drift ORDER BY 1, 2, 4"
    )


def test_drift_is_two_settled_days_in_a_row_beyond_half_a_percent(priced: Priced) -> None:
    prices = {"2026-11-01": "1.25", "2026-11-02": "1.30", "2026-11-03": "1.25", "2026-11-04": "1.2562", "2026-11-05": "1.2563"}
    prices |= {"2026-11-06": "1.20", "2026-11-08": "1.19", "2026-11-09": "1.25"}
    for day, price in prices.items():
        priced.line(day, "gpt-5, input", price, "1000000")
    # The 4th is within half a percent, the 5th just beyond it, and nothing was billed on the 7th.
    assert drift(priced) == [
        ("acme", "gpt-5, input", "list_undated", "2026-11-05", "2026-11-08", 3, Decimal("1.25"), Decimal("1.19")),
    ]


def test_days_that_are_not_settled_and_mixed_lines_are_no_drift(priced: Priced) -> None:
    for day in ("2026-11-01", "2026-11-02", "2026-11-03"):
        priced.line(day, "gpt-5, input", "0.9", "1000000")
        priced.tokens(day, "gpt-5", figures={"input_tokens": 5}, batch=True)
        priced.line(day, "gpt-5-mini, input", "0.9", "1000000", org=2)
        priced.do("UPDATE ops.coverage SET finality = 'settling', is_complete = false WHERE organization_id = 2")
    assert drift(priced) == []


def test_a_line_without_a_known_price_drifts_from_its_own_level(priced: Priced) -> None:
    for day, price in enumerate(("2", "2", "2.3", "2", "2.2", "2.2", "2.2", "2.2"), start=1):
        priced.line(f"2026-11-{day:02d}", "gpt-99-nova, input", price, "1000000")
        priced.line(f"2026-11-{day:02d}", "gpt-98-nova, input", "2" if day < 5 else "2.2", "1000000")
    # One day of another price is none yet, and what follows it has no level of two days to leave.
    assert drift(priced) == [("acme", "gpt-98-nova, input", "own_level", "2026-11-05", "2026-11-06", 2, 2, Decimal("2.2"))]


def test_a_contract_price_that_is_billed_is_no_drift_and_a_restated_day_is_seen(priced: Priced) -> None:
    priced.agreed('acme,"gpt-5, input",million tokens,1.00,usd,2026-11-01,,')
    for day in ("2026-11-01", "2026-11-02"):
        priced.line(day, "gpt-5, input", "1.00", "1000000")
    assert drift(priced) == []
    priced.do("UPDATE warehouse.costs SET amount = 1.02")
    assert drift(priced) == [("acme", "gpt-5, input", "contract", "2026-11-01", "2026-11-02", 2, 1, Decimal("1.02"))]
