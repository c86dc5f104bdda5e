"""How questions are answered: by adding up before names are looked up, from the fewest rows, and of the months that are asked for.

Plans say it, and not seconds, which depend on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from tests.bi.given import Given
from tests.conftest import Warehouse

from meterhouse.bi_files.questions import QUESTIONS
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.queries import statement
from meterhouse.dashboard.sources import places, usage_sources
from meterhouse.warehouse.rollups import fill

Node = dict[str, Any]
NAMES = {"dim_organization", "dim_project", "dim_user", "dim_api_key", "dim_model", "model_alias"}
FACTS = ("usage_", "costs_20")
MONTHS = ("2026-03", "2026-04", "2026-05")
ENDPOINTS = ("completions", "embeddings")


@pytest.fixture(scope="module")
def given(module_warehouse: Warehouse) -> Given:
    """Days and hours of three months, of two endpoints, and their costs; with statistics."""
    given = Given(module_warehouse)
    for month in MONTHS:
        for number in range(1, 4):
            for key in ("key_a", "key_b"):
                dimensions = {"project_id": "proj_a", "api_key_id": key, "user_id": "user_a"}
                for endpoint in ENDPOINTS:
                    given.usage(endpoint, f"{month}-0{number}", {"input_tokens": number}, model="gpt-4o", **dimensions)
                for endpoint, tokens in zip(ENDPOINTS, (number, 0), strict=True):
                    given.usage(endpoint, f"{month}-0{number}T05:00", {"input_tokens": tokens}, width=60, model="gpt-4o", **dimensions)
                given.cost(f"{month}-0{number}", "1.5", project_id="proj_a", api_key_id=key, line_item="gpt-4o, input")
    fill(given.owner)
    given.do("ANALYZE")
    return given


def nodes(plan: Node) -> Iterator[Node]:
    """A node of a plan and all that it is made of."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def explained(given: Given, query: str) -> Node:
    """The plan of a query that was run, as the reader."""
    ((found,),) = given.reader.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}".encode()).fetchall()
    plan: Node = found[0]["Plan"]
    return plan


def read(plan: Node) -> set[str]:
    """Tables of which a row was asked for."""
    return {one["Relation Name"] for one in nodes(plan) if "Relation Name" in one and one["Actual Loops"]}


def added_up(plan: Node) -> list[Node]:
    """The nodes that add up rows of facts or of totals."""
    found = [one for one in nodes(plan) if one["Node Type"] == "Aggregate"]
    return [one for one in found if any(name.startswith(("usage_", "rollup_")) for name in read(one))]


@pytest.mark.parametrize(
    ("view", "day"),
    [
        ("usage_daily_local", "usage_date_local"),
        ("usage_daily_local_by_project", "usage_date_local"),
        ("usage_by_api_key_daily", "usage_date"),
        ("spend_month_to_date", None),
    ],
)
def test_names_are_looked_up_once_per_sum_and_not_once_per_row(given: Given, view: str, day: str | None) -> None:
    condition = f"WHERE v.{day} >= '2026-01-01'" if day else ""
    plan = explained(given, f"SELECT * FROM bi.{view} v {condition}")
    sums = added_up(plan)
    assert sums
    assert NAMES & read(plan)
    for one in sums:
        assert not NAMES & read(one)


SUMS = {
    "usage_daily_by_model": "input_tokens",
    "usage_daily_by_api_key": "input_tokens",
    "usage_daily_by_user": "input_tokens",
    "usage_hourly_by_project": "input_tokens",
    "costs_daily_by_line_item": "cost",
    "costs_daily_by_api_key": "cost",
    "costs_daily_by_project": "cost",
}


@pytest.mark.parametrize("view", SUMS)
def test_a_question_that_asks_for_no_name_looks_none_up(given: Given, view: str) -> None:
    plan = explained(given, f"SELECT v.usage_date, v.project_id, sum(v.{SUMS[view]}) FROM bi.{view} v GROUP BY 1, 2")
    assert {name for name in read(plan) if name.startswith("rollup_")} == read(plan)
    for name in ("organization", "project_name"):
        named = explained(given, f"SELECT v.{name}, sum(v.{SUMS[view]}) FROM bi.{view} v GROUP BY 1")
        assert NAMES & read(named) == {f"dim_{name.removesuffix('_name')}"}


@pytest.mark.parametrize(("view", "measure"), [("fact_usage_daily", "input_tokens"), ("fact_costs_daily", "cost")])
def test_a_key_of_the_star_is_made_once_per_combination_and_not_once_per_row(given: Given, view: str, measure: str) -> None:
    query = f"SELECT v.project_key, v.model_key, sum(v.{measure}) FROM bi.{view} v GROUP BY 1, 2"
    ((found,),) = given.reader.execute(f"EXPLAIN (ANALYZE, VERBOSE, TIMING OFF, FORMAT JSON) {query}".encode()).fetchall()
    making = [one for one in nodes(found[0]["Plan"]) if any(" ~ " in column for column in one.get("Output", ()))]
    assert making
    for one in making:
        assert not any(name.startswith(FACTS) for name in read(one))


def test_the_day_before_is_added_up_only_for_who_asks_for_it(given: Given) -> None:
    def scans(column: str) -> int:
        plan = explained(given, f"SELECT v.usage_date, sum(v.{column}) FROM bi.spend_by_line_item_daily v GROUP BY 1")
        return sum(one.get("Relation Name") == "rollup_costs_by_line_item" for one in nodes(plan))

    assert (scans("cost"), scans("previous_day_cost")) == (1, 2)


@pytest.mark.parametrize("view", ["usage_daily", "usage_daily_by_model", "costs_daily", "fact_usage_daily", "fact_costs_daily"])
def test_a_question_about_models_may_be_shared_among_processes(given: Given, view: str) -> None:
    with given.reader.transaction(force_rollback=True):
        for setting in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size", "min_parallel_index_scan_size"):
            given.reader.execute(f"SET LOCAL {setting} = 0".encode())
        measure, model = ("cost" if "cost" in view else "input_tokens"), ("model_key" if view.startswith("fact") else "model")
        plan = explained(given, f"SELECT v.{model}, sum(v.{measure}) FROM bi.{view} v GROUP BY 1")
    # Each process joins the names itself, instead of handing over its rows.
    assert any(one["Node Type"].startswith("Gather") and "dim_model" in read(one) for one in nodes(plan))


@pytest.mark.parametrize(
    ("view", "table"),
    [
        ("usage_daily_spine", "rollup_usage_by_model"),
        ("usage_by_api_key_daily", "rollup_usage_by_api_key"),
        ("spend_by_line_item_daily", "rollup_costs_by_line_item"),
    ],
)
def test_a_range_of_days_adds_up_only_these(given: Given, view: str, table: str) -> None:
    ((all_of_it,),) = given.do(f"SELECT count(*) FROM warehouse.{table} WHERE usage_date >= '2026-05-02'")
    measure = "cost" if view.startswith("spend") else "input_tokens"
    plan = explained(given, f"SELECT v.usage_date, sum(v.{measure}) FROM bi.{view} v WHERE v.usage_date >= '2026-05-02' GROUP BY 1")
    lowest = [one for one in nodes(plan) if table in read(one) and one["Node Type"] == "Aggregate"][-1]["Plans"][0]
    # What a plan shows is a mean over its loops.
    assert lowest["Actual Rows"] * lowest["Actual Loops"] == pytest.approx(all_of_it, abs=0.5)


def test_the_dashboard_looks_the_names_of_line_items_up_once_per_sum(given: Given) -> None:
    filters = Filters(date(2026, 3, 1), date(2026, 5, 31))
    given.reader.execute("SET search_path = bi")
    query = b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement("costs_by_line_item", places(filters))
    ((found,),) = given.reader.execute(query, filters.parameters()).fetchall()
    of_line_items = [one for one in added_up(found[0]["Plan"]) if "rollup_costs_by_line_item" in read(one)]
    assert "dim_line_item" in read(found[0]["Plan"])
    assert any(read(one) == {"rollup_costs_by_line_item"} for one in of_line_items)


def test_a_range_of_local_days_reads_the_hours_of_its_months(given: Given) -> None:
    query = "SELECT sum(v.input_tokens) FROM bi.usage_daily_local v WHERE v.usage_date_local >= '2026-05-02'"
    assert given.reader.execute(query.encode()).fetchall() == [((2 + 3) * 2,)]
    plan = explained(given, query)
    assert {name for name in read(plan) if name.startswith("usage_completions")} == {"usage_completions_2026_05"}


def tables(given: Given, query: str, parameters: dict[str, Any] | None = None) -> set[str]:
    """Facts and sums in the plan of a query, whether a row of them was asked for or not."""
    given.reader.execute("SET search_path = bi")
    ((found,),) = given.reader.execute(f"EXPLAIN (FORMAT JSON) {query}".encode(), parameters).fetchall()
    planned = {one["Relation Name"] for one in nodes(found[0]["Plan"]) if "Relation Name" in one}
    return {name for name in planned if name.startswith((*FACTS, "rollup_"))}


def test_what_is_asked_by_hour_or_local_day_and_project_is_read_from_the_sums_of_hours(given: Given) -> None:
    (question,) = [one for one in QUESTIONS if one.name == "requests_per_hour"]
    assert tables(given, question.sql()) == {"rollup_usage_by_hour"}
    by_local_day = "SELECT usage_date_local, project_name, sum(requests) FROM bi.usage_daily_local_by_project GROUP BY 1, 2"
    assert tables(given, by_local_day) == {"rollup_usage_by_hour"}


@pytest.mark.parametrize("chosen", [{}, {"projects": ("proj_a",)}, {"models": ("gpt-4o",)}, {"api_keys": ("key_a",)}, {"users": ("u",)}])
def test_the_dashboard_draws_hours_from_their_sums_unless_these_do_not_know_what_is_chosen(
    given: Given, chosen: dict[str, tuple[str, ...]]
) -> None:
    filters = Filters(date(2026, 3, 1), date(2026, 3, 31), "hour", **chosen)
    (source,) = [one for one in usage_sources(filters) if "bucket" in one.grains]
    parameters = filters.parameters() | {"hours_first": filters.first, "endpoints": [], "input_endpoints": [], "output_endpoints": []}
    found = tables(given, statement(source.statement, places(filters)).decode(), parameters)
    if chosen.keys() <= {"projects"}:
        assert found == {"rollup_usage_by_hour"}
    else:
        assert found
        assert not any(name.startswith("rollup_") for name in found)


def test_a_local_day_reads_the_sums_of_the_utc_days_that_it_touches(given: Given) -> None:
    given.owner.execute("SET enable_seqscan = off")
    query = "SELECT sum(v.input_tokens) FROM bi.usage_daily_local_by_project v WHERE v.usage_date_local >= '2026-05-02'"
    assert given.do(query) == [((2 + 3) * 2,)]
    ((found,),) = given.do(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}")
    (scan,) = [one for one in nodes(found[0]["Plan"]) if one.get("Relation Name") == "rollup_usage_by_hour"]
    assert "usage_date" in scan["Index Cond"]
    # The second and the third of May have an hour each; what a scan shows is a mean over its loops.
    assert scan["Actual Rows"] * scan["Actual Loops"] == pytest.approx(2 * len(ENDPOINTS))
    given.owner.execute("RESET enable_seqscan")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("table", [
    "dim_group", "rollup_usage_by_model", "rollup_usage_by_api_key", "rollup_usage_by_user", "rollup_usage_by_hour"
])  # fmt: skip
def test_the_planner_knows_how_often_an_endpoint_occurs_in_the_words_of_the_views(given: Given, table: str, endpoint: str) -> None:
    query = f"SELECT FROM warehouse.{table} t WHERE t.endpoint::varchar(64) = '{endpoint}'"
    ((found,),) = given.do(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}")
    scan = list(nodes(found[0]["Plan"]))[-1]
    assert scan["Actual Rows"] > 1
    assert scan["Plan Rows"] == pytest.approx(scan["Actual Rows"], abs=1)


@pytest.mark.parametrize("view", ["costs_daily_spine", "spend_month_to_date", "spend_by_project_month"])
def test_what_projects_cost_is_made_of_sums_by_project(given: Given, view: str) -> None:
    assert {name for name in read(explained(given, f"SELECT * FROM bi.{view}")) if name.startswith("rollup_")} == {
        "rollup_costs_by_project"
    }


CHOICES = {
    "everything": ({}, "costs_daily_by_project", "usage_daily_by_model"),
    "a project": ({"projects": ("proj_a",)}, "costs_daily_by_project", "usage_daily_by_model"),
    "a model": ({"models": ("gpt-4o",)}, "costs_daily_by_line_item", "usage_daily_by_model"),
    "a user": ({"users": ("user_a",)}, "cost_allocation_daily", "usage_daily_by_user"),
    "a key": ({"api_keys": ("key_a",)}, "costs_daily", "usage_daily_by_api_key"),
    "a key and a user": ({"api_keys": ("key_a",), "users": ("user_a",)}, "cost_allocation_daily", "usage_daily"),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_the_dashboard_reads_the_fewest_rows_that_know_what_is_chosen(choice: str) -> None:
    chosen, costs, usage = CHOICES[choice]
    filters = Filters(date(2026, 3, 1), date(2026, 5, 31), **chosen)
    assert (places(filters).costs, places(filters).known_usage) == (costs, usage)


@pytest.mark.parametrize("choice", [name for name in CHOICES if "key" not in name])
def test_the_organizations_of_a_choice_are_found_from_the_daily_totals(given: Given, choice: str) -> None:
    filters = Filters(date(2026, 3, 1), date(2026, 5, 31), **CHOICES[choice][0])
    given.reader.execute("SET search_path = bi")
    query = b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement("organizations", places(filters))
    ((found,),) = given.reader.execute(query, filters.parameters()).fetchall()
    assert any(name.startswith("rollup_") for name in read(found[0]["Plan"]))
    assert not any(name.startswith(FACTS) for name in read(found[0]["Plan"]))


@pytest.mark.parametrize("condition", ["BETWEEN '2026-04-01' AND '2026-04-30'", "= '2026-04-02'"])
@pytest.mark.parametrize(
    ("view", "tables"),
    [("usage_hourly", ["usage_completions"]), ("usage_daily", ["usage_completions", "usage_embeddings"]), ("costs_daily", ["costs"])],
)
def test_a_range_of_days_reads_the_months_of_the_range(given: Given, view: str, tables: list[str], condition: str) -> None:
    plan = explained(given, f"SELECT * FROM bi.{view} v WHERE v.usage_date {condition}")
    # What is in the plan at all: a month that is planned costs its share, even if no row of it is asked for.
    planned = {one["Relation Name"] for one in nodes(plan) if "Relation Name" in one}
    assert {name for name in planned if name.startswith(FACTS)} >= {f"{table}_2026_04" for table in tables}
    assert {name[-7:] for name in planned if name.startswith(FACTS)} == {"2026_04"}
    assert plan["Actual Rows"] > 0
    unbounded = explained(given, f"SELECT * FROM bi.{view} v")
    assert {name[-7:] for name in read(unbounded) if name.startswith(FACTS)} == {month.replace("-", "_") for month in MONTHS}
