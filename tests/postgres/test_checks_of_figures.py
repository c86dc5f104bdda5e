"""Checks of figures against each other: copies and parts of the costs, hours and their day, parts of tokens, cost and usage."""

from __future__ import annotations

import re

import pytest

from meterhouse.catalogue.dictionary import usage_measures
from meterhouse.catalogue.endpoints import USAGE

from .loaded_organization import LoadedOrganization
from .planted_defects import DEFECTS, DELETE_USAGE, OF_DAY, OF_SETTLED_DAY, SETTLED, TODAY, YESTERDAY, loaded, planted, run

__all__ = ["loaded"]  # a fixture, which pytest finds by its name

# -- copies and parts of the costs ----------------------------------------------------------------------------------------------------


def test_copies_of_the_costs_are_compared_only_where_both_are_settled_and_with_what_is_unknown(loaded: LoadedOrganization) -> None:
    other = DEFECTS["costs_by_user_equal_costs"][0][0]
    unsettled = f"UPDATE ops.coverage SET is_complete = false, finality = 'settling' WHERE endpoint = 'costs_by_user' AND {OF_SETTLED_DAY}"
    unknown = other.replace("amount + 0.000000000002", "NULL")
    with planted(loaded, other):
        assert run(loaded)["costs_by_user_equal_costs"].findings == 1
    with planted(loaded, other, unsettled):
        assert run(loaded)["costs_by_user_equal_costs"].is_ok
    with planted(loaded, other.replace("0.000000000002", "0.0000000000001")):
        assert run(loaded)["costs_by_user_equal_costs"].is_ok, "below what the warehouse shows"
    with planted(loaded, unknown):
        assert " usd and unknown amounts by user" in (run(loaded)["costs_by_user_equal_costs"].detail or "")


def test_a_day_that_is_loaded_again_has_six_hours_to_be_allocated(loaded: LoadedOrganization) -> None:
    stale = f"DELETE FROM ops.allocated_days WHERE usage_date = '{SETTLED}'"
    gone = f"DELETE FROM warehouse.cost_allocation WHERE usage_date = '{SETTLED}'"
    long_ago = "UPDATE ops.coverage SET changed_at = changed_at - interval '7 hours' WHERE endpoint = 'costs'"
    with planted(loaded, gone):
        assert run(loaded)["allocation_equals_costs"].findings == 1, "it was allocated"
    with planted(loaded, gone, stale):
        assert run(loaded)["allocation_equals_costs"].is_ok
    with planted(loaded, gone, stale, long_ago):
        assert f"acme on {SETTLED}: " in (run(loaded)["allocation_equals_costs"].detail or "")
    with planted(loaded, gone, "DELETE FROM ops.allocated_days", long_ago):
        assert run(loaded)["allocation_equals_costs"].is_ok, "nothing was ever allocated, as right after an upgrade"


def test_clocks_that_differ_do_not_decide_whether_a_day_is_allocated(loaded: LoadedOrganization) -> None:
    gone = f"DELETE FROM warehouse.cost_allocation WHERE usage_date = '{SETTLED}'"
    behind = "UPDATE ops.allocated_days SET allocated_at = '2020-01-01'"
    with planted(loaded, gone, behind):
        assert run(loaded)["allocation_equals_costs"].findings == 1, "it was allocated from what is stored, whatever its clock said"
    ahead = "UPDATE ops.allocated_days SET allocated_at = '2099-01-01'"
    loaded_since = f"UPDATE ops.coverage SET content_digest = '\\x00' WHERE endpoint = 'costs' AND {OF_SETTLED_DAY}"
    with planted(loaded, gone, ahead, loaded_since):
        assert run(loaded)["allocation_equals_costs"].is_ok, "it was loaded again and is to be allocated"


def test_a_part_that_is_unknown_beside_the_whole_bill_is_found(loaded: LoadedOrganization) -> None:
    columns = "usage_date, organization_id, project_id, line_item, currency, method"
    one_more = (
        f"INSERT INTO warehouse.cost_allocation ({columns}) SELECT {columns} FROM warehouse.cost_allocation"
        f" WHERE usage_date = '{SETTLED}' LIMIT 1"
    )
    with planted(loaded, one_more):
        assert run(loaded)["allocation_equals_costs"].findings == 1


# -- hours and days -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", [column for column, metric in usage_measures().items() if metric.additive])
def test_hours_are_compared_with_their_day_in_every_measure_that_can_be_added_up(loaded: LoadedOrganization, column: str) -> None:
    endpoint, name = next((one, metric.name) for one in USAGE for metric in one.metrics if metric.column == column)
    loaded.query("SELECT warehouse.ensure_partition(%s, %s)", [endpoint.table, YESTERDAY])
    one_more = [
        "INSERT INTO warehouse.dim_group (organization_id, endpoint)"
        f" SELECT organization_id, '{endpoint.name}' FROM warehouse.dim_organization",
        f"INSERT INTO warehouse.{endpoint.table} (bucket_start, bucket_width, group_id, {name})"
        f" SELECT '{YESTERDAY}T05:00Z', 60, max(group_id), 1000000 FROM warehouse.dim_group",
    ]
    with planted(loaded, *one_more):
        found = run(loaded)["hours_equal_days"]
    assert found.findings == 1
    words = re.search(rf"acme/{endpoint.name} on {YESTERDAY}: {column} (\d+) in hours and (\d+) in the day, so load", found.detail or "")
    assert words, found.detail
    assert int(words[1]) == int(words[2]) + 1_000_000


def test_a_level_is_not_added_up_over_hours(loaded: LoadedOrganization) -> None:
    with planted(loaded, "UPDATE warehouse.usage_vector_stores SET usage_bytes = usage_bytes + 1 WHERE bucket_width = 60"):
        assert run(loaded)["hours_equal_days"].is_ok


def test_a_measure_that_was_not_reported_in_one_width_is_not_compared_but_hours_that_are_gone_are_found(loaded: LoadedOrganization) -> None:
    table = "warehouse.usage_completions"
    with planted(loaded, f"UPDATE {table} SET output_text_tokens = NULL, output_tokens = output_tokens + 0 WHERE bucket_width = 60"):
        assert run(loaded)["hours_equal_days"].is_ok
    with planted(loaded, f"DELETE FROM {table} WHERE bucket_width = 60"):
        found = run(loaded)["hours_equal_days"]
        assert found.findings == 3
        assert "input_tokens 0 in hours and " in (found.detail or "")


# -- tokens, line items, and cost against usage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["input_uncached_tokens", "input_image_tokens", "input_cached_text_tokens", "input_cache_write_12h_tokens",
                                  "output_audio_tokens"])  # fmt: skip
def test_every_identity_of_token_parts_is_held(loaded: LoadedOrganization, part: str) -> None:
    more = f"UPDATE warehouse.usage_completions SET {part} = {part} + 1 WHERE bucket_width = 1440 AND bucket_start = '{TODAY}'"
    with planted(loaded, more):
        assert run(loaded)["token_identities"].findings == 1
    unknown = f"UPDATE warehouse.usage_completions SET {part} = NULL WHERE bucket_width = 1440"
    with planted(loaded, unknown):
        assert run(loaded)["token_identities"].is_ok, "a part that is not known breaks nothing"


def test_tokens_without_a_kind_are_an_unknown_line_item_and_a_model_that_is_not_billed_by_token_needs_none(
    loaded: LoadedOrganization,
) -> None:
    with planted(loaded, "UPDATE warehouse.dim_line_item SET direction = NULL WHERE line_item = 'gpt-4.1-2025-04-14, output'"):
        assert "without kind of tokens" in (run(loaded)["unknown_line_items"].detail or "")
    assert ("whisper", None) in loaded.query("SELECT model, direction FROM warehouse.dim_line_item WHERE line_item = 'whisper'")


def test_what_the_vendor_bills_without_reporting_usage_is_no_cost_without_usage(loaded: LoadedOrganization) -> None:
    only_those = (
        "UPDATE warehouse.dim_line_item SET surface = CASE WHEN direction = 'output' THEN 'evals' END,"
        " model = CASE WHEN direction = 'output' THEN model ELSE 'ft-' || model END WHERE coalesce(model, '') NOT LIKE '%image%'"
    )
    with planted(loaded, *DELETE_USAGE, only_those):
        assert run(loaded)["cost_without_usage"].is_ok


def test_days_that_may_still_be_billed_or_were_not_loaded_are_not_compared_with_each_other(loaded: LoadedOrganization) -> None:
    late = [text.replace(OF_SETTLED_DAY, OF_DAY) for text in DEFECTS["usage_without_cost"][0]]
    with planted(loaded, *late):
        assert run(loaded)["usage_without_cost"].is_ok
    with planted(
        loaded,
        *DELETE_USAGE,
        f"UPDATE ops.coverage SET is_complete = false, finality = 'open' WHERE endpoint = 'completions' AND {OF_SETTLED_DAY}",
    ):
        assert run(loaded)["cost_without_usage"].is_ok
