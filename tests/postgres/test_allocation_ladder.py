"""Whose an amount is, case by case: what the bill says, then what was used, then why nobody can be found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.accounting.finality import Finality
from meterhouse.catalogue.endpoints import (
    COMPLETIONS,
    COSTS,
    COSTS_BY_USER,
    DAY,
    FILE_SEARCH_CALLS,
    VECTOR_STORES,
    WEB_SEARCH_CALLS,
    Dimension,
    Endpoint,
    Key,
    Values,
)
from meterhouse.catalogue.endpoints import (
    MODEL as MODEL_NAME,
)
from meterhouse.load.stream import Fetch, Stream
from meterhouse.warehouse.derived_names import keep_models

from .test_allocation import DIFFERENT
from .test_replace_window import NOW, Loading, covered, day, rows, window

MODEL = "gpt-5.6-terra"
LINE = f"{MODEL}, input"
Amount = str | None


@dataclass
class Books:
    """One day of one organization: what was billed and used, and whose the billed amounts are found to be."""

    loading: Loading
    warehouse: Warehouse
    answers: dict[str, dict[Key, Values]] = field(default_factory=dict)

    def bill(self, line_item: str | None, amount: Amount, *, key: str | None = None, project: str | None = "p", quantity: int | None = None,
             unit: str | None = "tokens", currency: str = "usd") -> None:  # fmt: skip
        """Put a line on the bill."""
        values = (None if amount is None else Decimal(amount), None if quantity is None else Decimal(quantity), unit, None)
        self.answers.setdefault(COSTS.name, {})[project, key, line_item, currency] = values

    def bill_user(self, user: str | None, line_item: str, amount: str, *, key: str | None = None, project: str | None = "p") -> None:
        """Put an amount into the second copy of the bill."""
        self.answers.setdefault(COSTS_BY_USER.name, {})[project, user, key, line_item, "usd"] = (Decimal(amount), None, "tokens", None)

    def use(self, user: str | None, key: str | None, *, fresh: int | None = None, model: str = MODEL, tier: str = "default",
            batch: bool = False, project: str = "p", requests: int = 1, **tokens: int) -> None:  # fmt: skip
        """Count tokens of completions, `fresh` ones as uncached input."""
        figures = {"input_tokens": fresh or 0, "output_tokens": 0, "input_uncached_tokens": fresh, "num_model_requests": requests, **tokens}
        values = tuple(figures.get(metric.name) for metric in COMPLETIONS.metrics)
        self.answers.setdefault(COMPLETIONS.name, {})[project, user, key, model, batch, tier, None] = (*values, None)

    def count(self, endpoint: Endpoint, dimensions: Key, *figures: int) -> None:
        """Count what an endpoint of tools or storage counts."""
        self.answers.setdefault(endpoint.name, {})[dimensions] = (*figures, None)

    def load(self, endpoint: Endpoint, *, finality: Finality = Finality.SETTLED, without: tuple[Dimension, ...] = ()) -> None:
        """Put one endpoint's day in place; keys have a value of every dimension, those `without` are not asked for."""
        buckets = {day(0): self.answers.get(endpoint.name, {})}
        kept = [position for position, one in enumerate(endpoint.dimensions) if one not in without]
        others = range(len(endpoint.dimensions), len(endpoint.dimensions) + len(endpoint.family.keys))
        found = {tuple(key[position] for position in (*kept, *others)): values for key, values in buckets[day(0)].items()}
        dimensions = tuple(endpoint.dimensions[position] for position in kept)
        store = self.loading.store
        if MODEL_NAME in dimensions:
            position = dimensions.index(MODEL_NAME)
            with store.connection.cursor() as cursor:
                keep_models(cursor, {str(key[position]) for key in found}, endpoint.vendor.name)
        stage = store.stage(Stream("acme", endpoint, DAY), dimensions)
        stage.collect([(day(0), found)])
        stage.replace(
            window(0, 1),
            [replace(one, finality=finality) for one in covered({day(0): found})],
            Fetch(store.next_fetch_number(), dimensions, 1, 0.0),
            run_id=self.loading.run_id,
            now=NOW,
            moves_watermark=True,
            protected=None,
        )

    def load_all(self) -> None:
        for endpoint in (COMPLETIONS, COSTS, *([COSTS_BY_USER] if COSTS_BY_USER.name in self.answers else [])):
            self.load(endpoint)
        for endpoint in (WEB_SEARCH_CALLS, FILE_SEARCH_CALLS, VECTOR_STORES):
            if endpoint.name in self.answers:
                self.load(endpoint)

    def owners(self) -> list[tuple[Any, ...]]:
        """(user, key, cost, method, basis, reason) of every part; the parts are the bill."""
        self.loading.store.allocate("acme")
        assert rows(self.warehouse.superuser_url, DIFFERENT) == []
        return rows(
            self.warehouse.superuser_url,
            "SELECT user_id, api_key_id, trim_scale(cost)::text, method, basis, reason FROM bi.cost_allocation_daily ORDER BY 1, 2, cost",
        )


@pytest.fixture
def books(warehouse: Warehouse) -> Iterator[Books]:
    loading = Loading.opened(warehouse.loader_url)
    with loading.store:
        yield Books(loading, warehouse)


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


def test_a_day_that_is_not_settled_is_nobodys_until_it_is(books: Books) -> None:
    books.bill(LINE, "1", key="k")
    books.use("ada", "k", fresh=98)
    books.load(COMPLETIONS)
    books.load(COSTS, finality=Finality.SETTLING)
    assert books.owners() == [(None, "k", "1", "unallocated", None, "not_settled")]
    books.load(COSTS)
    books.load(COMPLETIONS, finality=Finality.SETTLING)
    assert books.owners() == [(None, "k", "1", "unallocated", None, "usage_not_settled")]
    books.load(COMPLETIONS)
    assert books.owners() == [("ada", "k", "1", "billed_by_key", "line", None)]
    assert books.loading.store.allocate("acme") == 0


def test_usage_that_was_never_loaded_is_no_lack_of_usage(books: Books) -> None:
    books.bill(LINE, "1")
    books.bill("web search tool calls", "2", unit=None)
    books.load(COSTS)
    assert {owner[5] for owner in books.owners()} == {"usage_not_loaded"}
    books.load(COMPLETIONS)
    assert {owner[5] for owner in books.owners()} == {"usage_not_loaded", "no_usage"}


def test_what_other_endpoints_counted_says_nothing_about_one_that_was_not_loaded(books: Books) -> None:
    books.bill(LINE, "10")
    books.bill("text-embedding-3-small, input", "3")
    books.count(WEB_SEARCH_CALLS, ("p", "ada", "k", MODEL, "low", None), 1, 1)
    books.load(COSTS)
    books.load(WEB_SEARCH_CALLS)
    assert {owner[5] for owner in books.owners()} == {"usage_not_loaded"}
    books.use("bob", "k", fresh=10)
    books.load(COMPLETIONS)
    assert books.owners() == [("bob", "k", "10", "by_quantity", "line", None), (None, None, "3", "unallocated", None, "usage_not_loaded")]


def test_a_closed_day_stays_whose_it_was_when_usage_and_owners_change(books: Books) -> None:
    books.bill(LINE, "1", key="k")
    books.bill(LINE, "2", key="without usage")
    books.use("ada", "k", fresh=10)
    books.load_all()
    books.owners()
    rows(books.warehouse.superuser_url, "UPDATE ops.coverage SET finality = 'invoiced' WHERE endpoint = 'costs'")
    closed = books.owners()
    books.answers[COMPLETIONS.name] = {}
    books.use("bob", "k", fresh=10)
    books.load(COMPLETIONS)
    rows(
        books.warehouse.superuser_url,
        "INSERT INTO warehouse.dim_api_key (organization_id, api_key_id, owner_id, owner_kind, valid_from)"
        " SELECT organization_id, 'without usage', 'eve', 'user', now() FROM warehouse.dim_organization",
    )
    books.loading.store.rebuild_totals()
    books.loading.store.allocate("acme")
    assert books.owners() == closed
    assert [owner[0] for owner in closed] == ["ada", None]


def test_restated_usage_moves_the_cost_and_nothing_else(books: Books) -> None:
    books.bill(LINE, "1")
    books.use("ada", "k", fresh=10)
    books.load_all()
    assert [owner[0] for owner in books.owners()] == ["ada"]
    books.answers[COMPLETIONS.name] = {}
    books.use("bob", "k", fresh=10)
    books.load(COMPLETIONS)
    assert [owner[0] for owner in books.owners()] == ["bob"]


def test_a_key_without_usage_is_its_owners_once_the_directory_names_one(books: Books) -> None:
    books.bill(LINE, "1", key="k")
    books.load_all()
    assert books.owners() == [(None, "k", "1", "billed_by_key", "key", None)]
    rows(
        books.warehouse.superuser_url,
        "INSERT INTO warehouse.dim_api_key (organization_id, api_key_id, owner_id, owner_kind, valid_from)"
        " SELECT organization_id, 'k', 'ada', 'user', now() FROM warehouse.dim_organization",
    )
    assert books.owners() == [("ada", "k", "1", "billed_by_key", "key_owner", None)]
    assert books.loading.store.allocate("acme") == 0


def test_usage_without_anybody_leaves_the_cost_unallocated(books: Books) -> None:
    books.bill(LINE, "1")
    books.use(None, None, fresh=10)
    books.load_all()
    assert books.owners() == [(None, None, "1", "unallocated", None, "no_caller")]
