"""SQL as data: a few rows in the tables, and exactly what the views say of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from .given import Given


def test_the_newest_name_is_shown_and_a_deleted_one_keeps_its_last(given: Given) -> None:
    given.do(
        "INSERT INTO warehouse.dim_project (organization_id, project_id, project_name, valid_from, valid_to, deleted_at) VALUES"
        " (1, 'p', 'Old name', '2026-01-01', '2026-02-01', NULL), (1, 'p', 'New name', '2026-02-01', NULL, '2026-03-01'),"
        " (2, 'p', 'Of the other organization', '2026-01-01', NULL, NULL)"
    )
    given.usage("images", "2026-01-15", {"images": 3, "num_model_requests": 2}, project_id="p")
    given.cost("2026-01-15", "1.5", project_id="p")
    assert given.shown("SELECT project_name, images, requests FROM bi.usage_daily") == [("New name", 3, 2)]
    assert given.shown("SELECT project_name, cost FROM bi.costs_daily") == [("New name", Decimal("1.5"))]


def test_a_figure_that_the_vendor_left_out_is_null_and_not_zero(given: Given) -> None:
    given.usage("completions", "2026-01-15", {"input_tokens": 10, "output_tokens": 0, "num_model_requests": 1}, model="m")
    ((cached, output, images),) = given.shown("SELECT input_cached_tokens, output_tokens, images FROM bi.usage_daily")
    assert (cached, output, images) == (None, 0, None)


def test_a_day_that_was_not_read_whole_is_marked_and_hours_are_not_in_the_daily_view(given: Given) -> None:
    given.covered("embeddings", "2026-01-16T00:00Z", finality="open")
    given.usage("embeddings", "2026-01-16", {"input_tokens": 5, "num_model_requests": 1})
    given.usage("embeddings", "2026-01-16T07:00", {"input_tokens": 3, "num_model_requests": 1}, width=60)
    assert given.shown("SELECT usage_date, input_tokens, is_complete FROM bi.usage_daily") == [(date(2026, 1, 16), 5, False)]
    assert given.shown("SELECT bucket_start_utc::text, input_tokens, is_complete FROM bi.usage_hourly") == [
        ("2026-01-16 07:00:00", 3, True)
    ]


def test_other_currencies_are_never_dollars_and_shares_are_within_one_currency(given: Given) -> None:
    given.cost("2026-01-15", "3", project_id="a")
    given.cost("2026-01-15", "1", project_id="b")
    given.cost("2026-01-15", "8", project_id="a", currency="eur")
    assert given.shown("SELECT project_id, currency, cost_usd FROM bi.costs_daily ORDER BY 1, 2") == [
        ("a", "eur", None), ("a", "usd", Decimal(3)), ("b", "usd", Decimal(1)),
    ]  # fmt: skip
    assert given.shown("SELECT project_id, currency, share_of_month FROM bi.spend_by_project_month ORDER BY 1, 2") == [
        ("a", "eur", Decimal(1)), ("a", "usd", Decimal("0.75")), ("b", "usd", Decimal("0.25")),
    ]  # fmt: skip


def test_every_digit_of_an_amount_is_there_and_the_tools_see_twelve_decimals(given: Given) -> None:
    given.cost("2026-01-15", "0.13080438340307526", line_item="x")
    assert given.shown("SELECT cost, cost_exact FROM bi.costs_daily") == [(Decimal("0.130804383403"), "0.13080438340307526")]


def test_the_month_before_is_unknown_when_it_was_not_loaded_and_zero_when_nothing_was_billed(given: Given) -> None:
    given.covered_days("costs", "2026-02-01", 28)
    given.cost("2026-02-10", "4", project_id="old")
    given.cost("2026-02-10", "1", project_id="gone")
    given.cost("2026-03-10", "6", project_id="old")
    given.cost("2026-03-10", "2", project_id="new")
    rows = given.shown("SELECT month_start::text, project_id, cost, previous_month_cost FROM bi.spend_by_project_month ORDER BY 1, 2")
    assert rows == [
        ("2026-02-01", "gone", Decimal(1), None),
        ("2026-02-01", "old", Decimal(4), None),
        ("2026-03-01", "new", Decimal(2), Decimal(0)),
        ("2026-03-01", "old", Decimal(6), Decimal(4)),
    ]


def test_a_month_that_was_loaded_in_part_is_no_month_to_compare_with(given: Given) -> None:
    given.covered_days("costs", "2026-02-02", 27)
    given.cost("2026-02-10", "4", project_id="a")
    given.cost("2026-03-10", "6", project_id="a")
    rows = given.shown("SELECT cost, previous_month_cost FROM bi.spend_by_project_month ORDER BY month_start")
    assert rows == [(Decimal(4), None), (Decimal(6), None)]


def test_an_amount_that_the_vendor_left_out_is_unknown_in_the_comparison_too(given: Given) -> None:
    given.covered_days("costs", "2026-02-01", 28)
    given.cost("2026-02-28", None, project_id="a", line_item="x")
    given.cost("2026-03-01", "6", project_id="a", line_item="x")
    assert given.shown("SELECT cost, previous_month_cost FROM bi.spend_by_project_month ORDER BY month_start") == [
        (None, None), (Decimal(6), None),
    ]  # fmt: skip
    assert given.shown("SELECT cost, previous_day_cost FROM bi.spend_by_line_item_daily ORDER BY usage_date") == [
        (None, Decimal(0)), (Decimal(6), None),
    ]  # fmt: skip


def test_a_month_without_the_project_in_between_is_zero_and_not_the_last_one_with_it(given: Given) -> None:
    given.covered_days("costs", "2026-01-01", 59)
    given.cost("2026-01-10", "4", project_id="a")
    given.cost("2026-02-10", "1", project_id="b")
    given.cost("2026-03-10", "6", project_id="a")
    shown = given.shown("SELECT month_start::text, previous_month_cost FROM bi.spend_by_project_month WHERE project_id = 'a' ORDER BY 1")
    assert shown == [("2026-01-01", None), ("2026-03-01", Decimal(0))]


def test_the_months_of_two_organizations_and_currencies_are_never_compared_with_each_other(given: Given) -> None:
    given.covered_days("costs", "2026-02-01", 28)
    given.cost("2026-02-10", "4", project_id="a", currency="eur")
    given.cost("2026-02-10", "5", project_id="a", org=2)
    given.cost("2026-03-10", "6", project_id="a")
    given.cost("2026-03-10", "7", project_id="a", org=2)
    assert given.shown(
        "SELECT organization, currency, cost, previous_month_cost, share_of_month FROM bi.spend_by_project_month"
        " WHERE month_start = '2026-03-01' ORDER BY 1"
    ) == [("acme", "usd", Decimal(6), Decimal(0), Decimal(1)), ("other", "usd", Decimal(7), None, Decimal(1))]


def test_credits_that_leave_next_to_nothing_take_the_share_away_and_never_break_the_view(given: Given) -> None:
    given.cost("2026-01-15", "100", project_id="a", line_item="x")
    given.cost("2026-01-15", "-99.999999999999", project_id="b", line_item="credit")
    given.cost("2026-01-16", "1", project_id="a", line_item="x")
    given.cost("2026-01-16", "-3", project_id="b", line_item="credit")
    assert given.shown("SELECT cost, share_of_day FROM bi.spend_by_line_item_daily ORDER BY usage_date, cost") == [
        (Decimal("-99.999999999999"), None), (Decimal(100), None), (Decimal(-3), None), (Decimal(1), None),
    ]  # fmt: skip
    assert given.shown("SELECT DISTINCT share_of_month IS NOT NULL FROM bi.spend_by_project_month") == [(False,)]


def test_the_share_of_the_cache_is_taken_of_rows_that_tell_it(given: Given) -> None:
    known = {"input_tokens": 100, "input_cached_tokens": 25, "output_tokens": 0, "num_model_requests": 1}
    unknown = {"input_tokens": 300, "output_tokens": 0, "num_model_requests": 1}
    given.usage("completions", "2026-01-15", known, model="m", project_id="a")
    given.usage("completions", "2026-01-15", unknown, model="m", project_id="b")
    assert given.shown("SELECT input_tokens, cached_share, batch_share FROM bi.tokens_by_model_daily") == [(400, Decimal("0.25"), None)]


def test_a_stream_that_is_not_offered_says_so_even_when_the_vendor_gave_no_reason(given: Given) -> None:
    given.do("INSERT INTO ops.capabilities VALUES (1, 'decisions', 'endpoint', false, NULL, now())")
    assert given.shown("SELECT endpoint, status, bucket_count FROM bi.freshness") == [("decisions", "not offered", None)]


def test_a_month_is_complete_when_every_day_of_it_was_read_whole(given: Given) -> None:
    for day in range(1, 29):
        given.cost(f"2026-02-{day:02}", "1")
    given.cost("2026-03-01", "1")
    assert given.shown("SELECT month_start::text, is_complete FROM bi.spend_by_project_month ORDER BY 1") == [
        ("2026-02-01", True), ("2026-03-01", False),
    ]  # fmt: skip


def test_the_day_before_of_a_line_item(given: Given) -> None:
    given.cost("2026-01-15", "1", line_item="gpt-x, input", project_id="a")
    given.cost("2026-01-15", "2", line_item="gpt-x, input", project_id="b")
    given.cost("2026-01-16", "6", line_item="gpt-x, input", project_id="a")
    given.cost("2026-01-16", "2", line_item="whisper", project_id="a")
    rows = given.shown(
        "SELECT usage_date::text, line_item, model, cost, previous_day_cost, share_of_day FROM bi.spend_by_line_item_daily ORDER BY 1, 2"
    )
    assert rows == [
        ("2026-01-15", "gpt-x, input", "gpt-x", Decimal(3), None, Decimal(1)),
        ("2026-01-16", "gpt-x, input", "gpt-x", Decimal(6), Decimal(3), Decimal("0.75")),
        ("2026-01-16", "whisper", None, Decimal(2), Decimal(0), Decimal("0.25")),
    ]


def test_shares_of_cache_and_batch_by_model(given: Given) -> None:
    figures = {"input_tokens": 100, "input_cached_tokens": 25, "output_tokens": 100, "num_model_requests": 1}
    given.usage("completions", "2026-01-15", figures, model="m", batch=True)
    given.usage("completions", "2026-01-15", figures | {"input_tokens": 300, "input_cached_tokens": 75}, model="m", batch=False)
    given.usage("embeddings", "2026-01-15", {"input_tokens": 100, "num_model_requests": 5}, model="e")
    assert given.shown(
        "SELECT model, requests, input_tokens, output_tokens, cached_share, batch_share FROM bi.tokens_by_model_daily ORDER BY 1 DESC"
    ) == [
        ("m", 2, 400, 200, Decimal("0.25"), Decimal("0.333333")),
        ("e", 5, 100, None, None, None),
    ]


def test_usage_of_a_key_with_its_owner(given: Given) -> None:
    given.do(
        "INSERT INTO warehouse.dim_api_key (organization_id, api_key_id, api_key_name, project_id, owner_name, owner_kind, valid_from)"
        " VALUES (1, 'k', 'nightly', 'p', 'Ada', 'user', '2026-01-01')"
    )
    given.usage("completions", "2026-01-15", {"input_tokens": 7, "output_tokens": 1, "num_model_requests": 1}, api_key_id="k", model="m")
    given.usage("completions", "2026-01-15", {"input_tokens": 5, "output_tokens": 1, "num_model_requests": 1}, api_key_id="k", model="n")
    given.usage("web_search_calls", "2026-01-15", {"num_requests": 4, "num_model_requests": 2}, api_key_id="k")
    assert given.shown(
        "SELECT api_key_name, owner_name, owner_kind, requests, input_tokens, tool_calls FROM bi.usage_by_api_key_daily"
    ) == [("nightly", "Ada", "user", 2, 12, 4)], "the requests that carried a web search are requests of its model already"


def test_buckets_are_loaded_empty_provisional_or_missing(given: Given) -> None:
    given.do(
        "INSERT INTO ops.watermarks (organization_id, endpoint, bucket_width, loaded_from, watermark)"
        " VALUES (1, 'images', 1440, '2026-01-10Z', '2026-01-14T09:00Z')"
    )
    given.covered("images", "2026-01-02T00:00Z")
    given.covered("images", "2026-01-10T00:00Z")
    given.covered("images", "2026-01-11T00:00Z", rows=0)
    given.covered("images", "2026-01-14T00:00Z", finality="open")
    assert given.shown("SELECT usage_date::text, status, row_count FROM bi.coverage ORDER BY 1") == [
        ("2026-01-02", "loaded", 1),
        ("2026-01-10", "loaded", 1),
        ("2026-01-11", "empty", 0),
        ("2026-01-12", "missing", None),
        ("2026-01-13", "missing", None),
        ("2026-01-14", "provisional", 1),
    ]
    assert given.shown(
        "SELECT bucket_count, empty_bucket_count, provisional_bucket_count, missing_bucket_count, status FROM bi.freshness"
    ) == [(4, 1, 1, 2, "loaded")]


def test_a_restatement_shows_the_figures_that_changed_and_a_removal_what_was_there(given: Given) -> None:
    given.usage("images", "2026-01-15", {"images": 3, "num_model_requests": 2}, project_id="p")
    given.do(
        "INSERT INTO ops.revisions (organization_id, endpoint, bucket_width, bucket_start, group_id, change, was_complete, old_values,"
        " new_values) SELECT 1, 'images', 1440, '2026-01-15Z', group_id, c, true, '{\"images\": 5, \"num_model_requests\": 2}', n"
        " FROM warehouse.dim_group, (VALUES ('changed', '{\"images\": 3, \"num_model_requests\": 2}'::jsonb), ('removed', NULL)) v (c, n)"
    )
    assert given.shown("SELECT change, metric, old_value, new_value, project_id, is_restatement FROM bi.revisions ORDER BY 1, 2") == [
        ("changed", "images", Decimal(5), Decimal(3), "p", True),
        ("removed", "images", Decimal(5), None, "p", True),
        ("removed", "num_model_requests", Decimal(2), None, "p", True),
    ]


def test_keys_of_the_star_are_unique_never_null_and_each_fact_finds_its_member(given: Given) -> None:
    given.do("INSERT INTO warehouse.dim_user (organization_id, user_id, valid_from) VALUES (1, 'known', '2026-01-01')")
    for org in (1, 2):
        given.usage("completions", "2026-01-15", {"input_tokens": 1, "output_tokens": 1, "num_model_requests": 1}, org=org)
        given.usage("embeddings", "2026-01-15", {"input_tokens": 1, "num_model_requests": 1}, org=org, project_id="p", user_id="unknown")
        given.cost("2026-01-15", "1", org=org, project_id="only-billed", line_item="gpt-x, input")
    given.named("gpt-x")
    facts = {
        "fact_usage_daily": {"organization_key", "project_key", "user_key", "api_key_key", "model_key"},
        "fact_costs_daily": {"organization_key", "project_key", "api_key_key", "line_item_key", "model_key"},
    }
    for fact, keys in facts.items():
        for key in keys:
            dimension = f"dim_{key.removesuffix('_key')}"
            ((rows, distinct),) = given.shown(f"SELECT count(*), count(DISTINCT {key}) FROM bi.{dimension}")
            assert rows == distinct, dimension
            lost = given.shown(f"SELECT {key} FROM bi.{fact} f LEFT JOIN bi.{dimension} d USING ({key}) WHERE d.{key} IS NULL")
            assert lost == [], f"{fact}.{key}"
    assert len(given.shown("SELECT usage_date FROM bi.fact_usage_daily JOIN bi.dim_date USING (usage_date)")) == 4


@pytest.mark.parametrize(("fact", "flat"), [("fact_usage_daily", "usage_daily"), ("fact_costs_daily", "costs_daily")])
def test_a_fact_of_the_star_shows_what_the_view_without_keys_shows(given: Given, fact: str, flat: str) -> None:
    tokens: dict[str, int | None] = {"input_tokens": 5, "output_tokens": 3, "input_cached_tokens": None, "num_model_requests": 1}
    for org in (1, 2):
        given.usage("completions", "2026-01-15", tokens, org=org, model="m", project_id="p", batch=True, service_tier="flex")
        given.usage("completions", "2026-01-15T07:00", tokens, width=60, org=org, model="m")
        given.usage("images", "2026-01-16", {"images": 2}, org=org, service_tier="incentivized-tier")
        given.usage("vector_stores", "2026-01-16", {"usage_bytes": 0}, org=org, project_id="")
        for currency, amount in (("usd", "1.123456789012345"), ("eur", "-2"), (None, "3"), ("usd", None)):
            given.cost("2026-01-15", amount, org=org, currency=currency, line_item=f"line {amount}", project_id="p")
    given.covered("images", "2026-01-16T00:00Z", finality="open")
    given.covered("costs", "2026-01-15T00:00Z", finality="settling")
    shared = given.shown(
        "SELECT string_agg(f.column_name, ', ') FROM information_schema.columns f JOIN information_schema.columns v USING (column_name)"
        f" WHERE f.table_schema = 'bi' AND v.table_schema = 'bi' AND f.table_name = '{fact}' AND v.table_name = '{flat}'"
    )[0][0]
    assert {"usage_date", "is_complete", "finality"} < set(shared.split(", "))
    starred, plain = (sorted(map(str, given.shown(f"SELECT {shared} FROM bi.{view}"))) for view in (fact, flat))
    assert starred == plain
    assert len(starred) == {"fact_usage_daily": 6, "fact_costs_daily": 8}[fact]


def test_a_column_that_is_ever_null_says_what_null_means(given: Given) -> None:
    """Facts and entries with as little said about them as the tables allow, so that whatever can be null is."""
    given.do("INSERT INTO ops.watermarks (organization_id, endpoint, bucket_width, loaded_from) VALUES (1, 'images', 1440, '2026-01-10Z')")
    given.do("UPDATE ops.watermarks SET watermark = '2026-01-16Z'")
    given.do("INSERT INTO ops.watermarks (organization_id, endpoint, bucket_width) VALUES (2, 'costs', 1440)")
    given.do("INSERT INTO ops.capabilities VALUES (1, 'decisions', 'endpoint', false, NULL, now())")
    given.do("INSERT INTO ops.check_results (check_name, severity, is_ok, findings, checked_at) VALUES ('c', 'fail', true, 0, now())")
    for table, key in (("dim_project", "project_id"), ("dim_user", "user_id"), ("dim_api_key", "api_key_id")):
        given.do(f"INSERT INTO warehouse.{table} (organization_id, {key}, valid_from) VALUES (1, 'x', '2026-01-01')")
    given.named("m")
    given.usage("completions", "2026-01-10", {"input_tokens": 0})
    given.usage("completions", "2026-01-11", {"input_tokens": None})
    given.usage("images", "2026-01-12", {"images": 1})
    for width, minute in ((60, "00"), (1, "07")):
        given.usage("completions", f"2026-01-13T01:{minute}", {"input_tokens": None}, width=width)
        given.usage("images", f"2026-01-13T02:{minute}", {"images": None}, width=width)
    given.cost("2026-01-15", None)
    given.cost("2026-01-15", "1", currency=None, line_item="y")
    given.cost("2026-01-15", "1", currency="eur", project_id="x", api_key_id="x", line_item="z")
    given.do(
        "INSERT INTO ops.revisions (organization_id, endpoint, bucket_width, bucket_start, group_id, change, was_complete, old_values,"
        " new_values) VALUES (1, 'images', 1440, '2026-01-15Z', 1, 'changed', true, '{}', '{\"images\": 3}'),"
        " (1, 'costs', 1440, '2026-01-15Z', 1, 'removed', true, '{\"amount\": 3}', NULL)"
    )
    seen = 0
    for view, name, comment in given.shown("SELECT view_name, column_name, description FROM bi.data_dictionary"):
        ((nulls,),) = given.shown(f"SELECT count(*) FILTER (WHERE {name} IS NULL) FROM bi.{view}")
        seen += nulls > 0
        assert not nulls or " Null: " in comment, f"{view}.{name} is null and does not say what that means"
    assert seen > 100


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_a_day_is_the_same_day_for_a_client_in_another_zone(given: Given, zone: str) -> None:
    for hour in (0, 3, 12, 23):
        given.usage("embeddings", f"2026-01-15T{hour:02}:00", {"input_tokens": 10, "num_model_requests": 1}, width=60)
    given.reader.execute(f"SET timezone = '{zone}'".encode())
    by_day = given.shown("SELECT usage_date::text, sum(input_tokens)::int FROM bi.usage_hourly GROUP BY 1")
    by_clock = given.shown("SELECT date_trunc('day', bucket_start_utc)::date::text, sum(input_tokens)::int FROM bi.usage_hourly GROUP BY 1")
    assert by_day == by_clock == [("2026-01-15", 40)]
