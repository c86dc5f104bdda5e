"""Prices as data: a few rows of the bill and of usage, and exactly what the views of prices, drift, estimates and savings say of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.accounting.price_units import unit_price
from meterhouse.imports.prices import import_prices
from meterhouse.settings import Settings
from meterhouse.warehouse.derived_names import derive_again

from .given import Given

M = 1_000_000
# Ten million input tokens: four read from the cache, one written to it.
ALL_KINDS = {
    "input_tokens": 10 * M,
    "input_cached_tokens": 4 * M,
    "input_uncached_tokens": 5 * M,
    "input_cache_write_tokens": M,
    "output_tokens": 2 * M,
}
HEADING = "organization,line_item,unit,price,currency,valid_from,valid_to,is_batch"


class Priced(Given):
    """A warehouse whose words are read as a load reads them, and whose contract prices come from a file."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        super().__init__(warehouse)
        self._settings = Settings(organizations=(), warehouse_url=warehouse.loader_url)
        self._file = folder / "contract.csv"

    def line(self, day: str, line_item: str, amount: str | None, quantity: str | None, unit: str | None = "tokens", **dims: Any) -> None:
        self.cost(day, amount, quantity=quantity, unit=unit, line_item=line_item, **dims)

    def tokens(self, day: str, model: str, *, endpoint: str = "completions", org: int = 1, figures: dict[str, int], **dims: Any) -> None:
        counted = {"input_tokens": 0, "output_tokens": 0, "num_model_requests": 1} | figures
        self.usage(endpoint, day, counted, org=org, model=model, **dims)

    def agreed(self, *lines: str) -> None:
        self._file.write_text("\n".join([HEADING, *lines]))
        import_prices(self._settings, self._file)

    def shown(self, query: str) -> list[tuple[Any, ...]]:
        derive_again(self.owner)
        return super().shown(query)


@pytest.fixture
def priced(warehouse: Warehouse, tmp_path: Path) -> Any:
    made = Priced(warehouse, tmp_path)
    yield made
    made.owner.close()
    made.reader.close()


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


def estimates(priced: Priced, columns: str = "estimated_cost, price_source, unpriced_share, unpriced_reason") -> list[tuple[Any, ...]]:
    return priced.shown(
        f"SELECT {columns} FROM bi.usage_estimated_cost_daily ORDER BY usage_date, organization, model, is_batch, service_tier"
    )


def test_usage_is_priced_by_kind_of_token_and_nothing_twice(priced: Priced) -> None:
    priced.tokens("2026-11-01", "gpt-5.6-sol", figures=ALL_KINDS, service_tier="default")
    # 5 x 4 + 4 x 0.4 + 1 x 5 + 2 x 20
    assert estimates(priced) == [(Decimal("66.6"), "list", 0, None)]


def test_rows_from_before_uncached_tokens_were_reported_are_priced_all_the_same(priced: Priced) -> None:
    priced.tokens("2026-11-01", "gpt-5", figures={"input_tokens": 10 * M, "input_cached_tokens": 4 * M})
    assert estimates(priced, "estimated_cost") == [(Decimal("8.0"),)]  # 6 x 1.25 + 4 x 0.125


def test_audio_and_images_have_their_own_prices_and_never_that_of_text(priced: Priced) -> None:
    figures = {
        "input_tokens": 3 * M,
        "input_uncached_tokens": 3 * M,
        "input_audio_tokens": 2 * M,
        "output_tokens": M,
        "output_image_tokens": M,
    }
    priced.tokens("2026-11-01", "gpt-audio-mini", figures=figures)
    # 1 x 0.60 text and 2 x 10 audio; there is no price for the images that it made.
    assert estimates(priced) == [
        (Decimal("20.6"), "list_undated", Decimal("0.25"), "no price on this day, for this model and tier, of output_image"),
    ]


def test_the_contract_comes_before_the_bill_and_the_bill_before_the_list(priced: Priced) -> None:
    priced.tokens("2026-11-05", "gpt-5", figures={"input_tokens": 2 * M})
    assert estimates(priced) == [(Decimal("2.5"), "list_undated", 0, None)]
    priced.line("2026-11-01", "gpt-5, input", "1.10", "1000000")
    priced.line("2026-11-02", "gpt-5, input", "1.20", "1000000")
    priced.line("2026-11-06", "gpt-5, input", "9", "1000000")
    assert estimates(priced) == [(Decimal("2.4"), "effective", 0, None)]
    priced.do("UPDATE ops.coverage SET finality = 'settling', is_complete = false WHERE bucket_start = '2026-11-02T00:00Z'")
    assert estimates(priced) == [(Decimal("2.2"), "effective", 0, None)]
    priced.agreed('acme,"gpt-5, input",million tokens,1.00,usd,2026-11-01,,')
    assert estimates(priced) == [(Decimal("2.0"), "contract", 0, None)]


def test_free_tiers_cost_nothing_and_unknown_prices_are_null_with_their_reason(priced: Priced) -> None:
    priced.tokens("2026-10-13", "gpt-5", figures={"input_tokens": M}, service_tier="incentivized-tier")
    priced.tokens("2026-10-13", "gpt-5", figures={"input_tokens": M}, batch=True, service_tier="default")
    priced.tokens("2026-10-11", "gpt-5", figures={"input_tokens": M}, batch=False, service_tier="priority")
    priced.tokens("2026-10-14", "gpt-5", figures={"input_tokens": M}, batch=True, service_tier="default")
    priced.tokens("2026-10-15", "gpt-99-nova", figures={"input_tokens": M})
    assert estimates(priced) == [
        (None, None, 1, "no price on this day, for this model and tier, of input_text"),
        (None, None, 1, "no price on this day, for this model and tier, of input_text"),
        (0, "free_tier", 0, None),
        (Decimal("0.625"), "list", 0, None),
        (None, None, 1, "neither the bill nor a price list has a price for it"),
    ]


def test_what_the_bill_does_not_separate_is_estimated_at_its_mean(priced: Priced) -> None:
    priced.line("2026-11-01", "gpt-5, input", "1.5", "2000000")
    priced.tokens("2026-11-01", "gpt-5", figures={"input_tokens": M}, batch=False, service_tier="default")
    priced.tokens("2026-11-01", "gpt-5", figures={"input_tokens": M}, batch=True, service_tier="default")
    assert estimates(priced, "estimated_cost, price_source") == [(Decimal("0.75"), "effective_mixed")] * 2


def test_tools_speech_and_storage_are_estimated_by_what_they_count(priced: Priced) -> None:
    priced.usage("web_search_calls", "2026-11-01", {"num_requests": 1500, "num_model_requests": 9}, model="gpt-5", project_id="p")
    priced.usage("audio_transcriptions", "2026-11-01", {"seconds": 7200, "num_model_requests": 1}, model="whisper-1")
    priced.usage("vector_stores", "2026-11-01", {"usage_bytes": 2**31}, project_id="p")
    priced.line("2026-11-01", "Vector storage", "0.417", "100", "gibibyte_hours")
    priced.do("UPDATE warehouse.dim_line_item SET quantity_unit = 'gibibyte_hours' WHERE line_item = 'Vector storage'")
    rows = priced.shown("SELECT endpoint, estimated_cost, price_source FROM bi.usage_estimated_cost_daily ORDER BY 1")
    assert rows == [
        ("audio_transcriptions", Decimal("0.72"), "list_undated"),
        ("vector_stores", Decimal("0.20016"), "effective"),  # 2 GiB for 24 hours
        ("web_search_calls", 15, "list_undated"),
    ]


def test_billed_and_estimated_stand_side_by_side_for_days_with_and_without_a_bill(priced: Priced) -> None:
    priced.line("2026-11-01", "gpt-5-2025-08-07, input", "1.50", "1000000", project_id="p")
    priced.line("2026-11-01", "Promotional credit", "-3", None, None, project_id=None)
    priced.tokens("2026-11-01", "gpt-5", figures={"input_tokens": M}, project_id="p")
    priced.tokens("2026-11-02", "gpt-5", figures={"input_tokens": M}, project_id="p")
    priced.covered("costs", "2026-11-03T00:00Z", finality="open", rows=0)
    priced.tokens("2026-11-03", "gpt-5", figures={"input_tokens": M}, project_id="p")
    rows = priced.shown(
        "SELECT usage_date::text, project_id, model, feature, billed_cost, estimated_cost, cost_gap, gap_reason"
        " FROM bi.billed_and_estimated_daily ORDER BY 1, 2"
    )
    estimate = Decimal("1.5")
    assert rows == [
        ("2026-11-01", "p", "gpt-5", None, Decimal("1.5"), estimate, 0, None),
        ("2026-11-01", None, None, "Promotional credit", -3, None, None, "billed, and no usage reported"),
        ("2026-11-02", "p", "gpt-5", None, None, estimate, None, "the costs of the day are not loaded"),
        ("2026-11-03", "p", "gpt-5", None, 0, estimate, -estimate, "nothing was billed yet"),
    ]


def test_an_organization_that_is_billed_in_another_currency_has_no_estimate_in_dollars(priced: Priced) -> None:
    priced.line("2026-11-01", "gpt-5, input", "1.10", "1000000", currency="eur")
    priced.tokens("2026-11-02", "gpt-5", figures={"input_tokens": M, "output_tokens": M})
    assert estimates(priced, "estimated_cost, currency, unpriced_share") == [(Decimal("1.1"), "eur", Decimal("0.5"))]


def test_savings_are_the_difference_of_two_prices_and_say_over_which_days(priced: Priced) -> None:
    priced.tokens("2026-11-01", "gpt-5.6-sol", figures=ALL_KINDS, service_tier="default", batch=False, project_id="p")
    priced.tokens(
        "2026-11-02", "gpt-5.6-sol", figures={"input_tokens": M, "output_tokens": M}, service_tier="default", batch=True, project_id="p"
    )
    priced.tokens("2026-11-03", "gpt-5.6-sol", figures=ALL_KINDS, service_tier="default", batch=False, project_id="p")
    priced.do("UPDATE ops.coverage SET finality = 'open', is_complete = false WHERE bucket_start = '2026-11-03T00:00Z'")
    rows = priced.shown(
        "SELECT month_start::text, model, cache_saved, cache_write_premium, cache_saved_net, batch_saved, cache_unused, batch_unused,"
        " batch_tokens, standard_tokens, settled_days, settled_through_date::text, savings_reason, batch_price_source"
        " FROM bi.savings_monthly"
    )
    # Prices of the list: input 4, cached 0.4, writes 5, output 20; batches half of each.
    saved, premium, unused = Decimal("14.4"), 1, 5 * Decimal("3.6") + Decimal("1.8")
    batch_unused = 5 * 2 + 4 * Decimal("0.2") + Decimal("2.5") + 2 * 10
    assert rows == [
        ("2026-11-01", "gpt-5.6-sol", saved, premium, saved - premium, 2 + 10, unused, batch_unused, 2 * M, 12 * M, 2, "2026-11-02", None,
         "list"),
    ]  # fmt: skip


def test_savings_without_prices_are_null_with_their_reason(priced: Priced) -> None:
    priced.tokens("2026-10-01", "gpt-5", figures={"input_tokens": M}, batch=True, service_tier="default")
    priced.tokens(
        "2026-10-01", "gpt-99-nova", figures={"input_tokens": M, "input_cached_tokens": M, "input_uncached_tokens": 0}, batch=False
    )
    rows = priced.shown("SELECT model, cache_saved, batch_saved, batch_unused, savings_reason FROM bi.savings_monthly ORDER BY 1")
    assert rows == [
        ("gpt-5", 0, None, None, "without tokens of batches that have no price of their own"),
        ("gpt-99-nova", None, 0, None, "without cached or written tokens that have no price"),
    ]


def test_keys_and_users_that_are_listed_and_unused_are_dormant(priced: Priced) -> None:
    priced.covered_days("completions", "2026-10-01", 50)
    priced.do(
        "INSERT INTO warehouse.dim_api_key (organization_id, api_key_id, api_key_name, created_at, valid_from, deleted_at) VALUES"
        " (1, 'used', 'Used', '2026-01-01', now(), NULL), (1, 'old', 'Old', '2026-01-01', now(), NULL),"
        " (1, 'new', 'New', '2026-11-10', now(), NULL), (1, 'gone', 'Gone', '2026-01-01', now(), now())"
    )
    priced.do(
        "INSERT INTO warehouse.dim_user (organization_id, user_id, user_name, user_kind, valid_from) VALUES (1, 'u', 'Ada', 'user', now())"
    )
    priced.tokens("2026-10-05", "gpt-5", figures={"input_tokens": 1}, api_key_id="used", user_id="u")
    rows = priced.shown(
        "SELECT caller_kind, caller_id, last_used_date::text, unused_days, is_dormant FROM bi.dormant_callers ORDER BY 1, 2"
    )
    assert rows == [
        ("api_key", "new", None, 9, False),
        ("api_key", "old", None, 49, True),
        ("api_key", "used", "2026-10-05", 45, True),
        ("user", "u", "2026-10-05", 45, True),
    ]


def test_days_of_every_endpoint_with_callers_count_as_loaded_and_an_old_one_that_is_not_loaded_any_more_does_not(priced: Priced) -> None:
    priced.do(
        "INSERT INTO warehouse.dim_api_key (organization_id, api_key_id, created_at, valid_from) VALUES (1, 'old', '2026-01-01', now())"
    )
    shown = "SELECT first_loaded_date::text, last_loaded_date::text, unused_days, is_dormant FROM bi.dormant_callers"
    for endpoint in ("vector_stores", "costs"):
        priced.covered_days(endpoint, "2026-01-01", 300)
    assert priced.shown(shown) == [(None, None, None, None)]
    priced.covered_days("embeddings", "2026-10-01", 50)
    assert priced.shown(shown) == [("2026-10-01", "2026-11-19", 49, True)]
    priced.covered_days("images", "2026-09-01", 75)
    assert priced.shown(shown) == [("2026-09-01", "2026-11-14", 74, True)], "of the last five days nobody knows what images were made"
    priced.covered_days("audio_speeches", "2026-08-01", 30)
    assert priced.shown(shown)[0][1] == "2026-11-14"
