"""Every comparison that is shown, by dashboard, report and views, equals one that independent SQL makes of the rows, whatever is loaded."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html import escape
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import fresh_warehouse

from meterhouse import formats
from meterhouse.dashboard.comparisons import comparison_words, cost_comparison
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.key_figures import key_figures
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.static_report import report
from meterhouse.local.postgres import EmbeddedPostgres

from .independent_comparison import LINE_ITEMS, MONTHS, SPAN
from .planted_costs import FIRST, LAST, PROJECTS, Plan, plant, prepare

Span = tuple[date, date]
Choice = dict[str, tuple[str, ...]]
EXAMPLES = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@dataclass(frozen=True)
class Planted:
    """A warehouse that examples are planted in, one after the other."""

    owner: psycopg.Connection
    warehouse: Warehouse

    def asked(self, query: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows as the reader sees them."""
        with psycopg.connect(self.warehouse.reader_url) as connection:
            return connection.execute(query.encode(), parameters).fetchall()


@pytest.fixture(scope="module")
def planted(server: EmbeddedPostgres, template: str) -> Iterator[Planted]:
    """An empty warehouse with names."""
    with (
        fresh_warehouse(server, template, f"compared_{uuid4().hex[:12]}") as warehouse,
        psycopg.connect(warehouse.superuser_url) as owner,
    ):
        prepare(owner)
        yield Planted(owner, warehouse)


DAYS = st.integers(0, (LAST - FIRST).days + 6).map(lambda number: FIRST + timedelta(days=number))
MONTHS_OF_IT = [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]


def month_end(first: date) -> date:
    return first.replace(day=monthrange(first.year, first.month)[1])


SPANS = st.one_of(
    st.tuples(DAYS, DAYS).map(lambda ends: (min(ends), max(ends))),
    st.tuples(DAYS, st.sampled_from([1, 7, 30])).map(lambda one: (one[0] - timedelta(days=one[1] - 1), one[0])),
    st.sampled_from(MONTHS_OF_IT).map(lambda first: (first, month_end(first))),
    st.tuples(st.sampled_from(MONTHS_OF_IT), st.integers(0, 45)).map(lambda one: (one[0], one[0] + timedelta(days=one[1]))),
    st.just((date(2026, 2, 1), date(2026, 3, 31))),
)
PLANS = st.builds(
    Plan,
    seed=st.integers(0, 10**6),
    organizations=st.sampled_from([2, 2, 1]),
    currencies=st.sampled_from([("usd",), ("usd", "eur"), ("eur",)]),
    missing=st.sampled_from([0.02, 0, 0.1, 0.5]),
    unknown=st.sampled_from([0.003, 0, 0.1]),
    clock=st.integers(0, 51 * 24).map(lambda hours: datetime(2026, 2, 20, tzinfo=UTC) + timedelta(hours=hours)),
    settling_hours=st.sampled_from([0, 6, 24, 72]),
)
CHOICES = st.fixed_dictionaries(
    {
        "organizations": st.sampled_from([(), (), ("acme", "labs"), ("acme",), ("labs",)]),
        "projects": st.sampled_from([(), (), ("proj_a",), ("proj_b", ""), ("nobody",)]),
        "api_keys": st.sampled_from([(), (), ("key_1",)]),
    }
)
EVERYTHING: dict[str, tuple[str, ...]] = {"organizations": (), "projects": (), "api_keys": ()}
# Whole months, a month to date, a month but for its last day, which has days without a counterpart, and days beyond the clock.
CALENDAR = [
    (date(2026, 3, 1), date(2026, 3, 31)), (date(2026, 4, 1), date(2026, 4, 12)), (date(2026, 3, 1), date(2026, 3, 30)),
    (date(2026, 1, 1), date(2026, 3, 31)), (date(2026, 4, 1), date(2026, 4, 30)), (date(2026, 3, 5), date(2026, 3, 20)),
]  # fmt: skip
GAPS = Plan(5, 2, ("usd", "eur"), 0.1, 0, datetime(2026, 4, 12, 9, tzinfo=UTC), 24)
WHOLE = Plan(1, 2, ("usd", "eur"), 0, 0, datetime(2026, 4, 12, 9, tzinfo=UTC), 24)


@EXAMPLES
@given(plan=PLANS, cases=st.lists(st.tuples(SPANS, CHOICES), min_size=5, max_size=5))
@example(plan=WHOLE, cases=[(one, EVERYTHING) for one in CALENDAR])
@example(plan=GAPS, cases=[(one, EVERYTHING) for one in CALENDAR])
def test_every_comparison_of_dashboard_and_report_is_that_of_sql(planted: Planted, plan: Plan, cases: list[tuple[Span, Choice]]) -> None:
    plant(planted.owner, plan)
    for span, choice in cases:
        assert_compared_as_sql_does(planted, plan, span, choice)


def assert_compared_as_sql_does(planted: Planted, plan: Plan, span: Span, choice: Choice) -> None:
    """Hold what is shown of a span of days to what SQL says of it."""
    snapshot = Reader(planted.warehouse.reader_url).snapshot(Filters(*span, **choice))
    parameters: dict[str, Any] = {name: list(value) for name, value in choice.items()}
    rows = planted.asked(SPAN, parameters | {"first": span[0], "last": span[1]})
    ((_, number, number_before),) = [row for row in rows if row[0] is None]
    expected = {row[0]: row[1:] for row in rows if row[0] is not None}

    found, amounts = cost_comparison(snapshot)
    assert (len(found.days), len(found.before_days)) == (number, number_before)
    assert {one.currency: (one.cost, one.cost_before) for one in amounts} == expected
    words = comparison_words(snapshot)
    for currency, (cost, before) in expected.items():
        if cost is not None and before is not None:
            difference = formats.change(formats.difference(cost, before), currency)
            assert difference in words
            assert before <= 0 or f"{formats.signed_percent((cost - before) / before)} ({difference})" in words
    if not number or any(None in pair for pair in expected.values()):
        assert "not compared" in words or "unknown change" in words

    # The card of the page and of the report shows these very words, unless nothing of the choice was billed or loaded.
    card = key_figures(snapshot)[0]
    assert words in card.detail or card.value == formats.UNKNOWN
    assert escape(card.detail) in report(snapshot, plan.clock)


@settings(EXAMPLES, max_examples=20)
@given(plan=PLANS)
@example(plan=WHOLE)
@example(plan=GAPS)
def test_every_comparison_of_the_views_is_that_of_sql(planted: Planted, plan: Plan) -> None:
    plant(planted.owner, plan)
    months = {row[:4]: row[4:] for row in planted.asked(MONTHS)}
    names = "compared_cost, previous_compared_cost, compared_days, previous_compared_days, previous_month_cost"
    key = "month_start, organization, coalesce(project_id, ''), currency"
    shown = {row[:4]: row[4:] for row in planted.asked(f"SELECT {key}, {names}, has_spend FROM bi.spend_month_to_date")}
    assert shown == months
    spent = planted.asked(
        f"SELECT {key}, compared_cost, previous_compared_cost, compared_days, previous_compared_days, previous_month_cost"
        " FROM bi.spend_by_project_month"
    )
    assert {row[:4]: row[4:] for row in spent} == {key: row[:5] for key, row in months.items() if row[5]}
    items = "SELECT usage_date, organization, line_item, currency, cost, previous_day_cost, is_comparable FROM bi.spend_by_line_item_daily"
    assert sorted(planted.asked(items), key=str) == sorted(planted.asked(LINE_ITEMS), key=str)


def test_the_plans_are_worth_comparing(planted: Planted) -> None:
    plant(planted.owner, WHOLE)
    assert {row[0] for row in planted.asked("SELECT DISTINCT finality FROM bi.coverage")} == {"open", "settling", "settled"}
    assert len(planted.asked("SELECT DISTINCT currency, project_id, organization FROM bi.costs_daily")) == 2 * 2 * len(PROJECTS)
