"""Whose an amount is, case by case: what the bill says, then what was used, then why nobody can be found."""

from __future__ import annotations

import pytest

from meterhouse.catalogue.endpoints import COMPLETIONS, COSTS, COSTS_BY_USER, FILE_SEARCH_CALLS, WEB_SEARCH_CALLS

from .allocation_books import LINE, MODEL, Books, books
from .test_replace_window import rows

__all__ = ["books"]  # a fixture, which pytest finds by its name


def test_what_the_vendor_bills_by_user_is_the_users_to_the_last_digit(books: Books) -> None:
    books.bill(LINE, "1.0000000000001", key="k1")
    books.bill(LINE, "0.5", key="k2")
    books.bill_user("ada", LINE, "0.7500000000001", key="k1")
    books.bill_user("bob", LINE, "0.25", key="k1")
    books.bill_user(None, LINE, "0.5", key="k2")
    books.use("eve", "k1", fresh=100)
    books.load_all()
    assert books.owners() == [
        ("ada", "k1", "0.75", "billed_by_user", "bill", None),
        ("bob", "k1", "0.25", "billed_by_user", "bill", None),
        (None, "k2", "0.5", "billed_by_key", "bill", None),
    ]


def test_a_copy_with_another_total_is_not_gone_by(books: Books) -> None:
    books.bill(LINE, "1", key="k1")
    books.bill_user("ada", LINE, "0.999999999998", key="k1")
    books.use("eve", "k1", fresh=100)
    books.load_all()
    assert books.owners() == [("eve", "k1", "1", "billed_by_key", "line", None)]


def test_a_copy_in_which_nobody_pays_anything_does_not_lose_the_amount(books: Books) -> None:
    books.bill(LINE, "0.000000000001", key="k1")
    books.bill_user("ada", LINE, "0", key="k1")
    books.use("eve", "k1", fresh=100)
    books.load_all()
    assert books.owners() == [("eve", "k1", "0.000000000001", "billed_by_key", "line", None)]


def test_a_copy_that_could_not_be_had_by_key_names_users_without_keys_and_the_rest_is_spread(books: Books) -> None:
    books.bill(LINE, "3", key="k1")
    books.bill(LINE, "1", key="k2")
    books.bill_user("ada", LINE, "3")
    books.bill_user(None, LINE, "1")
    books.use(None, "k2", fresh=100)
    books.load(COMPLETIONS)
    books.load(COSTS)
    books.load(COSTS_BY_USER, without=(COSTS_BY_USER.dimensions[2],))
    assert books.owners() == [
        ("ada", None, "3", "billed_by_user", "bill", None),
        (None, "k2", "1", "by_quantity", "line", None),
    ]


def test_a_key_of_one_user_is_that_users_and_a_shared_one_is_spread_by_what_each_used(books: Books) -> None:
    books.bill(LINE, "2", key="own", quantity=10)
    books.bill(LINE, "3", key="shared", quantity=30)
    books.use("ada", "own", fresh=10)
    books.use("ada", "shared", fresh=10)
    books.use("bob", "shared", fresh=20)
    books.load_all()
    assert books.owners() == [
        ("ada", "own", "2", "billed_by_key", "line", None),
        ("ada", "shared", "1", "by_quantity", "line", None),
        ("bob", "shared", "2", "by_quantity", "line", None),
    ]


def test_batches_weigh_half_flex_half_and_priority_double_where_the_bill_does_not_separate_them(books: Books) -> None:
    books.bill(LINE, "9")
    for user, tier, batch in (("a", "default", False), ("b", "default", True), ("c", "flex-tier", False), ("d", "priority", False)):
        books.use(user, "k", fresh=10, tier=tier, batch=batch)
    # Free: no part of the bill.
    books.use("e", "k", fresh=1000, tier="incentivized-tier")
    books.load_all()
    assert [(owner[0], owner[2]) for owner in books.owners()] == [("a", "2.25"), ("b", "1.125"), ("c", "1.125"), ("d", "4.5")]


def test_a_tier_that_has_lines_of_its_own_pays_those_and_only_those(books: Books) -> None:
    books.bill(LINE, "1")
    books.bill(f"priority | {LINE}", "2")
    books.bill(f"batch | {LINE}", "3")
    books.use("ada", "k", fresh=10)
    books.use("bob", "k", fresh=10, tier="priority")
    books.use("eve", "k", fresh=10, batch=True)
    books.load_all()
    assert [(owner[0], owner[2]) for owner in books.owners()] == [("ada", "1"), ("bob", "2"), ("eve", "3")]


def test_a_tier_by_its_other_word_is_that_tier(books: Books) -> None:
    books.bill(f"priority | {LINE}", "2")
    books.use("ada", "k", fresh=90, requests=9)
    books.use("bob", "k", fresh=10, tier="priority-tier")
    books.load_all()
    assert [(owner[0], owner[2], owner[4]) for owner in books.owners()] == [("bob", "2", "line")]


@pytest.mark.parametrize(
    ("line_item", "tokens"),
    [
        (f"{MODEL}, cached input", "input_cached_tokens"),
        (f"{MODEL}, cache writes", "input_cache_write_tokens"),
        (f"{MODEL}, output", "output_tokens"),
        (f"{MODEL} audio, input", "input_audio_tokens"),
        (f"{MODEL} image, output", "output_image_tokens"),
        (f"{MODEL}-2026-08-01, cached input", "input_cached_tokens"),
    ],
)
def test_each_line_is_spread_by_the_tokens_that_it_bills(books: Books, line_item: str, tokens: str) -> None:
    books.bill(line_item, "4", quantity=40)
    books.use("ada", "k", fresh=999, **{tokens: 10})
    books.use("bob", "k", fresh=1, **{tokens: 30})
    books.load_all()
    assert [(owner[0], owner[2], owner[4], owner[5]) for owner in books.owners()] == [
        ("ada", "1", "line", None),
        ("bob", "3", "line", None),
    ]


@pytest.mark.parametrize(
    ("direction", "kinds"),
    [
        ("input", ("input_uncached_tokens", "input_text_tokens", "input_audio_tokens")),
        ("cached input", ("input_cached_tokens", "input_cached_text_tokens", "input_cached_audio_tokens")),
        ("output", ("output_tokens", "output_text_tokens", "output_audio_tokens")),
    ],
)
def test_a_line_without_a_modality_beside_one_of_audio_is_spread_by_the_text(books: Books, direction: str, kinds: tuple[str, ...]) -> None:
    together, text, audio = kinds
    books.bill(f"{MODEL}, {direction}", "4", quantity=40)
    books.bill(f"{MODEL} audio, {direction}", "90", project="another")
    books.use("ada", "k", **{together: 1010, text: 10, audio: 1000})
    books.use("bob", "k", **{together: 30, text: 30, audio: 0})
    books.load_all()
    assert [(owner[0], owner[2], owner[4], owner[5]) for owner in books.owners()][:2] == [
        ("ada", "1", "line", None),
        ("bob", "3", "line", None),
    ]


def test_a_line_without_a_modality_is_spread_by_all_its_tokens_where_only_another_direction_is_separated(books: Books) -> None:
    books.bill(LINE, "4", quantity=400)
    books.bill(f"{MODEL} audio, output", "1", quantity=7)
    books.use("ada", "k", fresh=100, input_text_tokens=1, input_audio_tokens=99, output_audio_tokens=7)
    books.use("bob", "k", fresh=300, input_text_tokens=300)
    books.load_all()
    assert [(owner[0], owner[2]) for owner in books.owners()] == [("ada", "1"), ("ada", "1"), ("bob", "3")]


def test_rows_from_before_the_vendor_counted_uncached_tokens_weigh_what_is_not_cached(books: Books) -> None:
    books.bill(LINE, "4")
    books.use("ada", "k", input_tokens=100, input_cached_tokens=90)
    books.use("bob", "k", fresh=30)
    books.load_all()
    assert [(owner[0], owner[2]) for owner in books.owners()] == [("ada", "1"), ("bob", "3")]


def test_tools_are_spread_by_their_calls_and_name_the_model_of_the_caller(books: Books) -> None:
    books.bill("web search tool calls", "4", unit=None, quantity=4)
    books.bill("file search tool calls", "1", unit=None, quantity=1)
    books.count(WEB_SEARCH_CALLS, ("p", "ada", "k", MODEL, "low", None), 1, 1)
    books.count(WEB_SEARCH_CALLS, ("p", "bob", "k", "gpt-4.1-2025-04-14", "high", None), 3, 1)
    books.count(FILE_SEARCH_CALLS, ("p", "eve", "k", "vs_1"), 1)
    books.load_all()
    assert [(owner[0], owner[2]) for owner in books.owners()] == [("ada", "1"), ("bob", "3"), ("eve", "1")]
    models = rows(books.warehouse.superuser_url, "SELECT user_id, model FROM bi.cost_allocation_daily ORDER BY 1")
    assert models == [("ada", MODEL), ("bob", "gpt-4.1"), ("eve", None)]


def test_the_ladder_goes_from_the_line_to_the_model_to_the_project_and_never_to_another_project(books: Books) -> None:
    books.bill(f"{MODEL}, output", "1")
    books.bill("gpt-4.1-2025-04-14, output", "2")
    books.bill(LINE, "3", project="q")
    books.use("ada", "k", fresh=10, requests=5)
    books.load_all()
    assert books.owners() == [
        ("ada", "k", "1", "by_quantity", "model", None),
        ("ada", "k", "2", "by_quantity", "project", None),
        (None, None, "3", "unallocated", None, "no_usage"),
    ]


@pytest.mark.parametrize(
    ("line_item", "unit", "reason"),
    [
        ("vector storage", "gibibyte_hours", "storage"),
        ("code interpreter sessions", None, "sessions"),
        ("Promotional credit", None, "credit_or_tax"),
        ("Tax", None, "credit_or_tax"),
        ("Scale Tier bundle", None, "fee_or_bundle"),
        (f"scale | {MODEL}, input", "tokens", "fee_or_bundle"),
        ("fine-tuning training", None, "training"),
        (f"evals | {MODEL}, input", "tokens", "evals"),
        ("something entirely new", None, "unknown_line_item"),
        (None, None, "no_line_item"),
    ],
)
def test_what_nobody_can_have_caused_stays_whole_and_says_why(books: Books, line_item: str | None, unit: str | None, reason: str) -> None:
    books.bill(line_item, "-1.5", unit=unit)
    books.use("ada", "k", fresh=10)
    books.load_all()
    assert books.owners() == [(None, None, "-1.5", "unallocated", None, reason)]


def test_an_amount_that_the_vendor_left_out_is_unknown_in_every_part(books: Books) -> None:
    books.bill(LINE, None, key="k")
    books.use("ada", "k", fresh=10)
    books.load_all()
    assert books.owners() == [("ada", "k", None, "billed_by_key", "line", "amount_missing")]
    assert rows(books.warehouse.superuser_url, "SELECT cost, rows_without_cost FROM bi.spend_by_user_month") == [(None, 1)]


def test_usage_that_differs_from_the_bill_is_said_and_a_price_band_is_no_difference(books: Books) -> None:
    books.bill(LINE, "1", key="k", quantity=100)
    books.bill(f"{MODEL}, output", "1", key="k", quantity=100)
    books.bill(f"{MODEL}, output, long context", "5", key="k", quantity=50)
    books.use("ada", "k", fresh=98, output_tokens=150)
    books.load_all()
    shown = "SELECT line_item, reason, trim_scale(quantity_ratio)::text FROM bi.cost_allocation_daily ORDER BY 1"
    assert [owner[5] for owner in books.owners()].count("quantity_mismatch") == 1
    assert rows(books.warehouse.superuser_url, shown) == [
        (LINE, "quantity_mismatch", "0.98"),
        (f"{MODEL}, output", None, "1"),
        (f"{MODEL}, output, long context", "context_band_unknown", "1"),
    ]


def test_two_currencies_are_never_mixed(books: Books) -> None:
    books.bill(LINE, "1", key="k")
    books.bill(LINE, "7", key="k", currency="eur")
    books.use("ada", "k", fresh=98)
    books.load_all()
    assert [owner[2] for owner in books.owners()] == ["1", "7"]
    assert rows(books.warehouse.superuser_url, "SELECT currency, cost::text FROM bi.spend_by_user_month ORDER BY 1") == [
        ("eur", "7.000000000000"), ("usd", "1.000000000000"),
    ]  # fmt: skip
