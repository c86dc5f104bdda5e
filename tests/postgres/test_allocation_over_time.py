"""Whose an amount is while days settle, close, are loaded late or restated, and the directory learns names."""

from __future__ import annotations

from meterhouse.accounting.finality import Finality
from meterhouse.catalogue.endpoints import COMPLETIONS, COSTS, WEB_SEARCH_CALLS

from .allocation_books import LINE, MODEL, Books, books
from .test_replace_window import rows

__all__ = ["books"]  # a fixture, which pytest finds by its name


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
