"""What is known only later whose a cost is: what was worked out before follows, and a closed month gets what it waited for."""

from __future__ import annotations

from decimal import Decimal
from importlib import resources
from typing import Any

import pytest

from meterhouse.accounting.finality import Finality
from meterhouse.catalogue.endpoints import COMPLETIONS, COSTS, WEB_SEARCH_CALLS
from meterhouse.warehouse.allocation import WAITING
from meterhouse.warehouse.budget_status import judge_budgets
from meterhouse.warehouse.changes import compare_costs

from .allocation_books import LINE, MODEL, Books, books
from .test_replace_window import rows

__all__ = ["books"]  # a fixture, which pytest finds by its name

BUDGET = """
INSERT INTO warehouse.budgets (organization_id, budget, scope_kind, scope_key, currency, period, amount, thresholds, imported_at)
SELECT organization_id, 'Ada', 'user', '{}', 'usd', 'month', 0.5, '{{0.8, 1}}', now() FROM warehouse.dim_organization
"""
# A settled day, a week or so later, on which nothing was billed.
LATER = """
INSERT INTO ops.coverage (organization_id, endpoint, bucket_width, source_grouping, origin, changed_at, bucket_start, reported_start,
    reported_end, finality, is_complete, row_count)
SELECT organization_id, endpoint, bucket_width, source_grouping, origin, changed_at, bucket_start + interval '{} days', reported_start,
    reported_end, finality, is_complete, 0
FROM ops.coverage WHERE endpoint = 'costs' AND bucket_start = '2026-01-28 00:00+00'
"""
OWNER = """
INSERT INTO warehouse.dim_api_key (organization_id, api_key_id, owner_id, owner_kind, valid_from)
SELECT organization_id, '{}', 'ada', 'user', now() FROM warehouse.dim_organization
"""
SPENT = "SELECT spent_cost, state FROM bi.budget_status WHERE period_start = '2026-01-01'"


def do(books: Books, query: str) -> list[tuple[Any, ...]]:
    return rows(books.warehouse.superuser_url, query)


def organization(books: Books) -> int:
    return int(books.loading.store.organization_id("acme") or 0)


def close(books: Books) -> None:
    do(books, "UPDATE ops.coverage SET finality = 'invoiced' WHERE endpoint = 'costs'")


def test_a_budget_of_a_month_that_is_over_follows_an_owner_who_is_known_later(books: Books) -> None:
    books.bill(LINE, "1", key="k")
    books.bill(LINE, "2", key="l")
    books.load_all()
    do(books, BUDGET.format("ada"))
    do(books, LATER.format(40))
    for known, spent, state in (("k", 1, "exceeded"), ("l", 3, "exceeded")):
        books.owners()
        judge_budgets(books.loading.store.connection, organization(books))
        do(books, OWNER.format(known))
        books.owners()
        judge_budgets(books.loading.store.connection, organization(books))
        assert do(books, SPENT) == [(Decimal(spent), state)]
    assert books.loading.store.allocate("acme") == 0


def test_changes_follow_an_owner_who_is_known_later(books: Books) -> None:
    books.bill(LINE, "1", key="k")
    books.load_all()
    do(books, LATER.format(7))
    users = "SELECT member_id, previous_cost, cost FROM bi.cost_changes WHERE comparison = 'day' AND dimension = 'user'"
    books.owners()
    assert compare_costs(books.loading.store.connection, organization(books))
    assert do(books, users) == [(None, Decimal(1), Decimal(0))]
    do(books, OWNER.format("k"))
    books.owners()
    assert compare_costs(books.loading.store.connection, organization(books))
    assert do(books, users) == [("ada", Decimal(1), Decimal(0))]
    assert not compare_costs(books.loading.store.connection, organization(books))


def test_a_budget_of_a_month_that_is_over_follows_an_address_that_is_known_later(books: Books) -> None:
    books.bill(LINE, "1", key="k")
    books.use("u1", "k", fresh=10)
    books.load_all()
    do(books, BUDGET.format("ada@example.org"))
    do(books, LATER.format(40))
    books.owners()
    judge_budgets(books.loading.store.connection, organization(books))
    do(
        books,
        "INSERT INTO warehouse.dim_user (organization_id, user_id, user_email, valid_from)"
        " SELECT organization_id, 'u1', 'Ada@example.org', now() FROM warehouse.dim_organization",
    )
    judge_budgets(books.loading.store.connection, organization(books))
    assert do(books, SPENT) == [(Decimal(1), "exceeded")]


@pytest.mark.parametrize("was_loaded", [True, False])
def test_a_line_of_a_closed_month_that_waits_for_usage_gets_it(books: Books, was_loaded: bool) -> None:
    books.bill(LINE, "1")
    books.use("ada", "k", fresh=10)
    books.load(COSTS)
    if was_loaded:
        books.load(COMPLETIONS, finality=Finality.SETTLING)
    (waiting,) = books.owners()
    close(books)
    assert books.owners() == [waiting]
    assert waiting[3:] == ("unallocated", None, "usage_not_settled" if was_loaded else "usage_not_loaded")
    assert books.loading.store.allocate("acme") == 0
    books.load(COMPLETIONS)
    assert books.owners() == [("ada", "k", "1", "by_quantity", "line", None)]
    assert do(books, "SELECT user_id, cost FROM bi.spend_by_user_month") == [("ada", Decimal(1))]
    # From here on it stays whose it is.
    books.answers[COMPLETIONS.name] = {}
    books.use("bob", "k", fresh=10)
    books.load(COMPLETIONS)
    assert books.loading.store.allocate("acme") == 0


def test_only_what_waits_in_a_closed_month_is_allocated_again(books: Books) -> None:
    books.bill(LINE, "1")
    books.bill("web search tool calls", "2", unit=None)
    books.use("ada", "k", fresh=10)
    books.load(COMPLETIONS)
    books.load(COSTS)
    books.owners()
    close(books)
    assert books.owners() == [
        ("ada", "k", "1", "by_quantity", "line", None),
        (None, None, "2", "unallocated", None, "usage_not_loaded"),
    ]
    books.answers[COMPLETIONS.name] = {}
    books.use("bob", "k", fresh=10)
    books.count(WEB_SEARCH_CALLS, ("p", "eve", "k", MODEL, "low", None), 1, 1)
    books.load(COMPLETIONS)
    books.load(WEB_SEARCH_CALLS)
    assert books.owners() == [
        ("ada", "k", "1", "by_quantity", "line", None),
        ("eve", "k", "2", "by_quantity", "line", None),
    ]
    assert do(books, "SELECT user_id, cost FROM bi.spend_by_user_month ORDER BY 1") == [("ada", Decimal(1)), ("eve", Decimal(2))]


def test_a_month_that_was_closed_before_an_upgrade_gets_what_it_waits_for_and_no_other_is_touched(books: Books) -> None:
    books.bill(LINE, "1")
    books.use("ada", "k", fresh=10)
    books.load(COSTS)
    close(books)
    books.owners()
    books.load(COMPLETIONS)
    # As the version before wrote it.
    do(books, "UPDATE ops.allocated_days SET sources = split_part(sources, ' ', 1)")
    assert books.loading.store.allocate("acme") == 1
    assert books.owners() == [("ada", "k", "1", "by_quantity", "line", None)]
    do(books, "UPDATE ops.allocated_days SET sources = split_part(sources, ' ', 1)")
    assert books.loading.store.allocate("acme") == 0
    assert do(books, "SELECT sources LIKE '% -' FROM ops.allocated_days") == [(True,)]


def test_a_day_whose_usage_may_still_change_is_not_complete_by_user(books: Books) -> None:
    books.bill(LINE, "1")
    books.use("ada", "k", fresh=10)
    books.load(COSTS)
    complete = "SELECT is_complete FROM bi.cost_allocation_daily UNION ALL SELECT has_parts FROM warehouse.cost_months"
    books.load(COMPLETIONS, finality=Finality.SETTLING)
    books.owners()
    assert do(books, complete) == [(False,), (False,)]
    books.load(COMPLETIONS)
    books.owners()
    assert do(books, complete) == [(True,), (True,)]


def test_a_day_that_was_closed_and_is_open_again_gets_a_number_like_any_other(books: Books) -> None:
    books.bill(LINE, "1", key="k")
    books.load_all()
    books.owners()
    # What is kept for a closed day without waiting lines; once it is open again, its sources may be the same.
    do(books, "UPDATE ops.allocated_days SET sources = 'same -'")
    remember = resources.files("meterhouse.warehouse").joinpath("sql", "allocation", "remember_days.sql").read_bytes()
    ((day,),) = do(books, "SELECT usage_date FROM ops.allocated_days")
    for number in (1, 2):
        books.loading.store.connection.execute(
            remember, {"organization_id": organization(books), "days": [day], "sources": ["same"], "waiting": list(WAITING)}
        )
        assert do(books, "SELECT sources FROM ops.allocated_days") == [(f"same {number}",)]
