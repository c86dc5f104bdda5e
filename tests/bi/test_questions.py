"""The questions that every tool asks: each answer is what plain SQL over the views says, and no column is made up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from tests.bi.asked import asked
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import LoadedOrganization

from meterhouse.bi_files.columns import columns_of
from meterhouse.bi_files.questions import DERIVED, QUESTIONS, Question, caption, dashboard_rows, meaning

BY_NAME = {question.name: question for question in QUESTIONS}
# Said over, with another view or another way, what each question's total is.
TOTALS = {
    "total_cost": "SELECT sum(cost) FROM bi.costs_daily WHERE currency = 'usd'",
    "cost_per_day": "SELECT sum(cost) FROM bi.fact_costs_daily WHERE currency = 'usd'",
    "cost_by_project_month": (
        "SELECT sum(cost) FROM bi.costs_daily WHERE currency = 'usd' AND usage_date BETWEEN '2026-11-01' AND '2026-11-19'"
    ),
    "month_to_date": ("SELECT sum(cost) FROM bi.costs_daily WHERE currency = 'usd' AND usage_date BETWEEN '2026-11-01' AND '2026-11-19'"),
    "same_days_before": (
        "SELECT sum(cost) FROM bi.costs_daily WHERE currency = 'usd' AND usage_date BETWEEN '2026-10-01' AND '2026-10-19'"
    ),
    # What is billed by now and the days that are left, each as the forecast has it.
    "expected_month": (
        "SELECT sum(cost) + (SELECT forecast_rest_cost FROM bi.cost_forecast WHERE series_kind = 'organization' AND is_latest"
        " AND is_current_month) FROM bi.costs_daily WHERE currency = 'usd' AND usage_date BETWEEN '2026-11-01' AND '2026-11-19'"
    ),
    "drivers": (
        "SELECT sum(cost) FILTER (WHERE usage_date >= '2026-11-01') - sum(cost) FILTER (WHERE usage_date <= '2026-10-19')"
        " FROM bi.costs_daily WHERE currency = 'usd' AND usage_date <= '2026-11-19'"
    ),
    "cost_by_line_item": "SELECT sum(cost) FROM bi.spend_by_line_item_daily WHERE currency = 'usd'",
    "tokens_by_model_per_day": "SELECT sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) FROM bi.tokens_by_model_daily",
    "requests_by_project": "SELECT sum(requests) FROM bi.fact_usage_daily WHERE endpoint <> 'web_search_calls'",
    "requests_per_hour": "SELECT sum(requests) FROM bi.usage_hourly WHERE endpoint <> 'web_search_calls'",
    "usage_by_api_key": "SELECT sum(requests) FROM bi.usage_by_api_key_daily",
    "usage_by_user": (
        "SELECT sum(requests) FROM bi.usage_daily WHERE endpoint NOT IN ('web_search_calls', 'vector_stores', 'code_interpreter_sessions')"
    ),
    "token_classes": "SELECT sum(output_tokens) FROM bi.tokens_by_model_daily",
    # A share adds up to nothing; the sum over the days is a checksum.
    "cached_share": (
        "SELECT sum(share) FROM (SELECT (sum(input_cached_tokens) / sum(input_tokens))::numeric(12, 6) AS share"
        " FROM bi.fact_usage_daily WHERE input_cached_tokens IS NOT NULL GROUP BY usage_date) d"
    ),
    "restated": "SELECT count(*) FROM bi.revisions WHERE is_restatement",
}
# Rows of questions without a figure that adds up.
COUNTED = {
    "freshness": "bi.freshness",
    "odd_days": "warehouse.cost_anomalies",
    "budgets": "warehouse.budgets",
    "forecast": "bi.cost_forecast f WHERE as_of_date = (SELECT max(as_of_date) FROM bi.cost_forecast) AND month_start = '2026-11-01'",
}


@pytest.fixture(scope="module")
def loaded(module_warehouse: Warehouse) -> Iterator[LoadedOrganization]:
    """Seven weeks of a small organization, loaded and then loaded again after the vendor had restated some of it."""
    with asked(module_warehouse, scale=0.2) as organization:
        yield organization


def answer(loaded: LoadedOrganization, question: Question, **holes: Any) -> list[dict[str, Any]]:
    """The rows of a question, as the reader, by column."""
    with psycopg.connect(loaded.warehouse.reader_url) as connection:
        found = connection.execute(question.sql(**holes).encode())
        names = [column.name for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_question_has_rows_and_its_total_is_what_plain_sql_says(loaded: LoadedOrganization, question: Question) -> None:
    rows = answer(loaded, question)
    assert rows
    if question.total is None:
        assert len(rows) == loaded.query(f"SELECT count(*) FROM {COUNTED[question.name]}")[0][0]
        return
    ((wanted,),) = loaded.read(TOTALS[question.name])
    assert wanted > 0
    assert sum(row[question.total] or 0 for row in rows) == wanted


def test_every_question_with_a_figure_is_compared() -> None:
    assert set(TOTALS) == {question.name for question in QUESTIONS if question.total}
    assert set(COUNTED) == {question.name for question in QUESTIONS if not question.total}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_the_columns_are_those_that_are_drawn_and_each_has_a_meaning(loaded: LoadedOrganization, question: Question) -> None:
    shown = set(answer(loaded, question)[0])
    drawn = {*question.measures, *filter(None, (question.time, question.series, question.total))}
    assert drawn <= shown
    for column in shown:
        assert meaning(question, column).text
        assert caption(column)[0].isupper()
    for measure in question.measures:
        assert meaning(question, measure).unit, measure


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_every_column_that_the_sql_names_is_one_of_its_view(question: Question) -> None:
    (alias,) = set(re.findall(rf"FROM bi\.{question.view} ([a-z])\b", question.template)) - {"s"}
    named = set(re.findall(rf"\b{alias}\.([a-z_]+)", question.template))
    assert named
    assert named <= {column.name for column in columns_of(question.view)}


def test_a_column_that_nobody_has_is_refused() -> None:
    with pytest.raises(LookupError, match="costs_daily_by_project does not have"):
        meaning(BY_NAME["total_cost"], "cost_in_gold")


def test_nothing_is_derived_that_no_question_shows(loaded: LoadedOrganization) -> None:
    assert set(DERIVED) <= {column for question in QUESTIONS for column in answer(loaded, question)[0]}


def test_chosen_days_and_project_change_the_total_to_what_sql_says(loaded: LoadedOrganization) -> None:
    question = BY_NAME["cost_per_day"]
    ((project,),) = loaded.read("SELECT project_name FROM bi.costs_daily GROUP BY 1 ORDER BY sum(cost) DESC NULLS LAST LIMIT 1")
    rows = answer(loaded, question, days=lambda day: f"{day} >= '2026-11-01'", project=lambda name: f"{name} = '{project}'")
    ((wanted, everything),) = loaded.read(
        "SELECT sum(cost) FILTER (WHERE usage_date >= '2026-11-01' AND project_name = %s), sum(cost) FROM bi.costs_daily", (project,)
    )
    assert sum((row["cost_usd"] for row in rows), Decimal()) == wanted
    assert 0 < wanted < everything


def test_the_same_days_of_the_month_before_are_there_even_for_projects_that_spent_nothing_since(loaded: LoadedOrganization) -> None:
    rows = answer(loaded, BY_NAME["cost_by_project_month"])
    ((wanted,),) = loaded.read("SELECT sum(cost) FROM bi.costs_daily WHERE usage_date BETWEEN '2026-10-01' AND '2026-10-19'")
    assert sum(row["previous_compared_cost"] for row in rows) == wanted


def test_a_dashboard_shows_every_question_once_in_their_order() -> None:
    assert [question for row in dashboard_rows() for question in row] == list(QUESTIONS)
    assert len(dashboard_rows()[0]) == 4
    for row in dashboard_rows():
        assert len(row) <= {"number": 4, "table": 1}.get(row[0].chart, 2)
        assert {question.chart == "number" for question in row} in ({True}, {False})


def test_the_first_page_is_this_month_what_drives_it_what_is_odd_and_the_budgets() -> None:
    first = [question.name for row in dashboard_rows()[:4] for question in row]
    assert first[:3] == ["month_to_date", "same_days_before", "expected_month"]
    assert {"drivers", "cost_per_day", "odd_days", "budgets"} <= set(first)


def test_the_words_for_a_project_without_a_name_are_those_of_the_star(loaded: LoadedOrganization) -> None:
    known = {name for (name,) in loaded.read("SELECT project_name FROM bi.dim_project")}
    assert {row["project"] for row in answer(loaded, BY_NAME["requests_by_project"])} <= known
