"""Finality in the views: of a row it is that of its bucket, of a sum over endpoints or hours the least final one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from .given import Given

VIEWS_OF_COSTS = (
    "costs_daily",
    "costs_daily_by_line_item",
    "costs_daily_by_api_key",
    "costs_daily_by_project",
    "costs_daily_spine",
    "fact_costs_daily",
)
VIEWS_OF_USAGE = (
    "usage_daily", "usage_daily_by_model", "usage_daily_by_api_key", "usage_daily_by_user", "usage_daily_spine", "fact_usage_daily",
    "tokens_by_model_daily", "usage_by_api_key_daily",
)  # fmt: skip
TOKENS = {"input_tokens": 1, "output_tokens": 1, "num_model_requests": 1}


@pytest.mark.parametrize("state", ["open", "settling", "settled", "invoiced"])
def test_every_daily_view_says_how_final_a_day_is_and_calls_it_complete_from_settled_on(given: Given, state: str) -> None:
    given.usage("completions", "2026-01-15", TOKENS, model="m", api_key_id="k")
    given.cost("2026-01-15", "1", project_id="a", line_item="x", api_key_id="k")
    given.do("UPDATE ops.coverage SET finality = %s, is_complete = %s", state, state in {"settled", "invoiced"})
    for view in (*VIEWS_OF_COSTS, *VIEWS_OF_USAGE):
        found = given.shown(f"SELECT DISTINCT finality, is_complete FROM bi.{view}")
        assert found == [(state, state in {"settled", "invoiced"})], view


def test_a_sum_over_endpoints_is_as_final_as_the_least_final_of_them(given: Given) -> None:
    given.usage("completions", "2026-01-15", TOKENS, model="m", api_key_id="k")
    given.usage("embeddings", "2026-01-15", {"input_tokens": 1, "num_model_requests": 1}, model="m", api_key_id="k")
    given.do("UPDATE ops.coverage SET finality = 'settling', is_complete = false WHERE endpoint = 'embeddings'")
    for view in ("tokens_by_model_daily", "usage_by_api_key_daily"):
        assert given.shown(f"SELECT finality, is_complete FROM bi.{view}") == [("settling", False)], view


def test_a_day_that_was_not_loaded_has_no_state_in_the_spine(given: Given) -> None:
    given.cost("2026-01-15", "1", project_id="a")
    given.cost("2026-01-17", "1", project_id="a")
    assert given.shown("SELECT cost, finality FROM bi.costs_daily_spine ORDER BY usage_date") == [
        (Decimal(1), "settled"), (None, None), (Decimal(1), "settled"),
    ]  # fmt: skip


def test_a_local_day_is_as_final_as_its_least_final_hour_and_open_while_an_hour_is_missing(given: Given) -> None:
    for hour in range(23):
        given.usage("images", f"2026-01-15T{hour:02}:00", {"images": 1, "num_model_requests": 1}, width=60)
    local = "SELECT finality, is_complete FROM bi.usage_daily_local"
    assert given.shown(local) == [("open", False)]
    given.covered("images", "2026-01-15T23:00Z", width=60, finality="settling", rows=0)
    assert given.shown(local) == [("settling", False)]
    given.do("UPDATE ops.coverage SET finality = 'settled', is_complete = true")
    assert given.shown(local) == [("settled", True)]


@pytest.mark.parametrize(
    ("before", "state", "comparable"), [("settled", "settled", True), ("settled", "open", False), ("settling", "settled", False)]
)
def test_a_line_item_can_be_compared_with_the_day_before_when_both_are_settled(
    given: Given, before: str, state: str, comparable: bool
) -> None:
    given.cost("2026-01-15", "9", line_item="x")
    given.cost("2026-01-16", "1", line_item="x")
    for day, finality in (("2026-01-15", before), ("2026-01-16", state)):
        statement = "UPDATE ops.coverage SET finality = %s, is_complete = %s WHERE bucket_start = %s"
        given.do(statement, finality, finality == "settled", f"{day}T00:00Z")
    shown = given.shown("SELECT cost, previous_day_cost, is_comparable, finality FROM bi.spend_by_line_item_daily ORDER BY usage_date")
    assert shown[1] == (Decimal(1), Decimal(9), comparable, state)
