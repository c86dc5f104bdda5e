"""A purge while the last steps of a load are under way: nothing that they write of the organization is left behind."""

from __future__ import annotations

import threading

import pytest

from meterhouse.load.store import Store
from meterhouse.warehouse.last_step import last_step

from .allocation_books import LINE, Books, books
from .test_replace_window import rows

__all__ = ["books"]  # a fixture, which pytest finds by its name

CHANGE = """
INSERT INTO warehouse.cost_changes (organization_id, comparison, is_owned, user_id, days_effect, volume_effect, model_mix_effect,
    tier_mix_effect, direction_mix_effect, cache_effect, price_effect, new_cost, gone_cost, restatement_effect, credit_effect, other_effect,
    lacks_amount, lacks_parts)
VALUES (%s, 'day', true, 'ada', 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, false, false)
"""
PART = """
INSERT INTO warehouse.cost_allocation (usage_date, organization_id, user_id, cost, method)
VALUES ('2026-01-28', %s, 'ada', 1, 'by_quantity')
"""
FORECAST = """
INSERT INTO warehouse.cost_forecasts (organization_id, month_start, series_kind, series_key, as_of_date, days_left, origins, forecast_at)
VALUES (%s, '2026-01-01', 'team', 'Ada', '2026-01-28', 3, 0, now())
"""
ODD = """
INSERT INTO warehouse.cost_anomalies (organization_id, usage_date, series_kind, series_key, currency, kind, actual_cost, expected_cost,
    low_cost, high_cost, z_score, reason, state, first_seen_at, judged_at)
VALUES (%s, '2026-01-28', 'model', 'x', 'usd', 'spike', 120.5, 40, 20, 60, 8, 'three times', 'new', now(), now())
"""


@pytest.mark.parametrize(
    ("table", "written", "statement"),
    [
        ("warehouse.cost_comparisons", "cost_changes", CHANGE),
        ("ops.allocated_days", "cost_allocation", PART),
        ("ops.judged_days", "cost_anomalies", ODD),
        ("ops.forecast_days", "cost_forecasts", FORECAST),
    ],
)
def test_what_a_last_step_writes_goes_with_its_organization(books: Books, table: str, written: str, statement: str) -> None:
    books.bill(LINE, "1", key="k")
    books.load_all()
    connection = books.loading.store.connection
    organization = books.loading.store.organization_id("acme")
    waiting = "SELECT count(*) FROM pg_catalog.pg_locks WHERE NOT granted"
    with Store(books.warehouse.loader_url) as other:
        purge = threading.Thread(target=other.purge, args=("acme",))
        with last_step(connection, table):
            connection.execute(statement.encode(), (organization,))
            purge.start()
            while rows(books.warehouse.superuser_url, waiting) == [(0,)]:
                assert purge.is_alive()
        purge.join()
    assert rows(books.warehouse.superuser_url, "SELECT label FROM warehouse.dim_organization") == []
    assert rows(books.warehouse.superuser_url, f"SELECT count(*) FROM warehouse.{written}") == [(0,)]
