"""What usage should cost at known prices, savings that follow from it, and keys and users that nobody uses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .priced import ALL_KINDS, M, Priced, priced

__all__ = ["priced"]  # a fixture, which pytest finds by its name


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
