"""Shares of almost nothing: one that has too many digits for its column takes no other figure with it."""

from __future__ import annotations

from decimal import Decimal

from meterhouse.warehouse.budget_status import judge_budgets

from .allocation_books import LINE, Books, books
from .test_replace_window import rows

__all__ = ["books"]  # a fixture, which pytest finds by its name

BUDGETS = """
INSERT INTO warehouse.budgets (organization_id, budget, scope_kind, scope_key, currency, period, amount, thresholds, imported_at)
SELECT o.organization_id, b.budget, 'organization', '', 'usd', 'month', b.amount, '{1}', now()
FROM warehouse.dim_organization o
CROSS JOIN (VALUES ('Nothing', 0.01), ('Next to nothing', 0.000000000001), ('Plenty', 40000)) AS b (budget, amount)
"""
# The day was read at 10.00, and taken back to almost nothing.
READINGS = """
INSERT INTO ops.bucket_totals (organization_id, endpoint, bucket_width, bucket_start, read_at, totals)
SELECT c.organization_id, c.endpoint, c.bucket_width, c.bucket_start, c.bucket_start + v.age, jsonb_build_object('usd', v.amount)
FROM ops.coverage c
CROSS JOIN (VALUES (interval '25 hours', 10), (interval '50 hours', 0.000001)) AS v (age, amount)
WHERE c.endpoint = 'costs'
"""


def test_a_budget_of_next_to_nothing_leaves_the_others_judged(books: Books) -> None:
    books.bill(LINE, "20000", key="k")
    books.load_all()
    books.owners()
    rows(books.warehouse.superuser_url, BUDGETS)
    judge_budgets(books.loading.store.connection, int(books.loading.store.organization_id("acme") or 0))
    assert rows(books.warehouse.superuser_url, "SELECT budget, used_share, state FROM bi.budget_status ORDER BY 1") == [
        ("Next to nothing", Decimal(999999), "exceeded"),
        ("Nothing", Decimal(999999), "exceeded"),
        ("Plenty", Decimal("0.5"), "unknown"),
    ]


def test_a_day_that_was_taken_back_to_almost_nothing_leaves_the_settle_curve_readable(books: Books) -> None:
    books.bill(LINE, "0.000001", key="k")
    books.load_all()
    rows(books.warehouse.superuser_url, "DELETE FROM ops.bucket_totals")
    rows(books.warehouse.superuser_url, READINGS)
    shares = "SELECT age_hours, known_share, least_known_share FROM bi.settle_curve WHERE endpoint = 'costs' AND age_hours IN (1, 24, 30)"
    assert rows(books.warehouse.superuser_url, f"{shares} ORDER BY 1") == [
        (1, None, None), (24, None, None), (30, Decimal(1), Decimal(1)),
    ]  # fmt: skip
