"""Why the bill changed: the view says what the pure rule says of the same lines, and its parts add up to the change exactly."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from psycopg.rows import dict_row
from tests.conftest import Warehouse

from meterhouse.accounting.cost_comparisons import cost_comparisons
from meterhouse.accounting.variance import Amount, Line, Parts, parts_of
from meterhouse.warehouse.changes import compare_costs, prepare
from meterhouse.warehouse.derived_names import keep_line_items
from meterhouse.warehouse.rollups import fill

from .given import Given

FIRST, LAST = date(2026, 9, 1), date(2026, 11, 17)
LINES = {
    "gpt-5.5-2026-04-23, input": "1000_tokens",
    "gpt-5.5-2026-04-23, cached input": "1000_tokens",
    "gpt-5.5-2026-04-23, output": "tokens",
    "gpt-5.5-2026-10-30, output": "tokens",
    "priority | gpt-5.5-2026-04-23, output": "tokens",
    "gpt-4o-2024-08-06, input": "1000_tokens",
    "whisper-1": "duration_seconds",
    "web search tool calls": None,
    "Promotional credit": None,
    "fee of a kind": None,
}
# The lines that are billed on only some of the days.
SINCE = {"gpt-5.5-2026-10-30, output": date(2026, 10, 30), "whisper-1": date(2026, 11, 12)}
UNTIL = {"gpt-4o-2024-08-06, input": date(2026, 10, 20)}
PARTS = (
    "days_effect", "volume_effect", "model_mix_effect", "tier_mix_effect", "direction_mix_effect", "cache_effect", "price_effect",
    "new_cost", "gone_cost", "restatement_effect", "credit_effect", "other_effect",
)  # fmt: skip
SUM_OF_PARTS = " + ".join(PARTS)
USERS = ("user_a", "user_b", None)


@pytest.fixture(scope="module")
def billed(module_warehouse: Warehouse) -> Iterator[Given]:
    """A bill of eleven weeks with all that may be on it: lines that come and go, credits, restatements, two currencies, parts of users."""
    given = Given(module_warehouse)
    rng = random.Random(5)  # noqa: S311  # a reproducible bill
    with given.owner.cursor() as cursor:
        keep_line_items(cursor, LINES, "openai")
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    given.do("SELECT warehouse.ensure_partition('costs', m::date) FROM unnest(%s::date[]) m", sorted({day.replace(day=1) for day in days}))
    given.covered_days("costs", str(FIRST), len(days))
    groups = []
    for project, currency in (("proj_a", "usd"), ("proj_b", "usd"), ("proj_b", "eur"), (None, "usd")):
        for item in (*LINES, None):
            ((group,),) = given.do(
                "INSERT INTO warehouse.dim_cost_group (organization_id, project_id, line_item, currency) VALUES (1, %s, %s, %s)"
                " RETURNING group_id",
                project, item, currency,
            )  # fmt: skip
            groups.append((group, item))
    rows = []
    for day in days:
        for group, item in groups:
            if rng.random() < 0.4 or day < SINCE.get(item or "", FIRST) or day > UNTIL.get(item or "", LAST):
                continue
            unit = LINES.get(item or "")
            quantity = Decimal(rng.randrange(1, 5000)) if unit or rng.random() < 0.5 else None
            cost = Decimal(rng.randrange(1, 10**9)).scaleb(-8) * (-1 if item == "Promotional credit" else 1)
            rows.append((f"{day}T00:00Z", group, cost, quantity, unit))
    with given.owner.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO warehouse.costs (bucket_start, bucket_width, group_id, amount, quantity, quantity_unit)"
            " VALUES (%s, 1440, %s, %s, %s, %s)",
            rows,
        )
        cursor.executemany(
            "INSERT INTO ops.revisions (organization_id, endpoint, bucket_width, bucket_start, group_id, change, was_complete, old_values,"
            " new_values) VALUES (1, 'costs', 1440, %s, %s, 'changed', %s,"
            " jsonb_build_object('amount', %s::numeric, 'quantity', %s::numeric),"
            " jsonb_build_object('amount', %s::numeric, 'quantity', %s::numeric))",
            [(start, group, rng.random() < 0.8, cost / 2, quantity, cost, quantity) for start, group, cost, quantity, _ in rows[::9]],
        )
    fill(given.owner)
    # A quarter of each line is one user's, half is another's, and the rest nobody's.
    given.do(
        "INSERT INTO warehouse.cost_allocation (usage_date, organization_id, project_id, line_item, currency, user_id, api_key_id, cost,"
        " method)"
        " SELECT r.usage_date, 1, r.project_id, r.line_item, r.currency, u.user_id, 'key_' || u.user_id, CASE u.number"
        "  WHEN 1 THEN round(r.cost / 4, 12) WHEN 2 THEN round(r.cost / 2, 12) ELSE r.cost - round(r.cost / 4, 12) - round(r.cost / 2, 12)"
        " END, 'by_quantity' FROM warehouse.rollup_costs_by_line_item r,"
        " unnest(ARRAY['user_a', 'user_b', NULL]) WITH ORDINALITY u (user_id, number)"
    )
    assert compare_costs(given.owner, 1)
    yield given
    given.owner.close()
    given.reader.close()


def leaves(given: Given) -> list[dict[str, Any]]:
    """What the rule in SQL starts from."""
    with given.owner.transaction(force_rollback=True):
        settled = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
        prepare(given.owner, 1, cost_comparisons(settled))
        with given.owner.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(
                "SELECT l.*, d.previous_days, d.days FROM change_leaf l"
                " JOIN (SELECT DISTINCT comparison, previous_days, days FROM change_day) d USING (comparison)"
            ).fetchall()
    return found


def as_line(leaf: dict[str, Any]) -> Line:
    def side(prefix: str) -> Amount:
        names = ("cost", "quantity", "restated_cost", "restated_quantity")
        cost, quantity, restated_cost, restated_quantity = (leaf[f"{prefix}{name}"] for name in names)
        return Amount(cost or Decimal(0), quantity, restated_cost, restated_quantity)

    words = (leaf[name] for name in ("line_item", "subject", "level", "side", "kind", "unit"))
    return Line(*words, side("previous_"), side(""), is_credit=leaf["is_credit"])


def test_the_stored_parts_are_those_of_the_pure_rule(billed: Given) -> None:
    owners: defaultdict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for leaf in leaves(billed):
        owners[tuple(leaf[name] for name in ("comparison", "is_owned", "project_id", "user_id", "api_key_id", "currency"))].append(leaf)
    assert len(owners) == 4 * 4 * (1 + len(USERS))
    expected: defaultdict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(PARTS))
    for (*whose, currency), of_owner in owners.items():
        found = parts_of([as_line(leaf) for leaf in of_owner], of_owner[0]["previous_days"], of_owner[0]["days"])
        for leaf, parts in zip(of_owner, found, strict=True):
            key = (*whose, currency, None if leaf["is_owned"] else leaf["line_item"])
            expected[key] = [sum(pair) for pair in zip(expected[key], vars(parts).values(), strict=True)]  # type: ignore[misc]  # decimals
    columns = "comparison, is_owned, project_id, user_id, api_key_id, currency, line_item"
    stored = {tuple(row[:7]): list(row[7:]) for row in billed.do(f"SELECT {columns}, {', '.join(PARTS)} FROM warehouse.cost_changes")}
    assert stored == expected
    # Every part is at stake.
    assert all(any(parts[number] for parts in stored.values()) for number in range(len(PARTS)))


def test_the_parts_of_every_row_add_up_to_its_change_and_the_rows_to_the_bill(billed: Given) -> None:
    odd = billed.shown(
        f"SELECT * FROM bi.cost_changes WHERE change_cost <> cost - previous_cost OR change_cost <> {SUM_OF_PARTS} OR change_cost IS NULL"
    )
    assert odd == []
    sums = billed.shown(
        "SELECT comparison, currency, count(DISTINCT (sum_before, sum_after)), min(dimensions)"
        " FROM (SELECT comparison, currency, dimension,"
        " sum(previous_cost) AS sum_before, sum(cost) AS sum_after, count(*) OVER (PARTITION BY comparison, currency) AS dimensions"
        " FROM bi.cost_changes GROUP BY 1, 2, 3) s GROUP BY 1, 2"
    )
    assert {row[2:] for row in sums} == {(1, 5)}
    assert len(sums) == 4 * 2
    total = "SELECT sum(cost) FROM bi.costs_daily_by_project WHERE currency = 'usd' AND usage_date BETWEEN '2026-11-11' AND '2026-11-17'"
    week = "SELECT sum(cost) FROM bi.cost_changes WHERE currency = 'usd' AND comparison = 'week' AND dimension = 'user'"
    assert billed.shown(total) == billed.shown(week)


def test_kinds_of_effects_add_up_the_same_by_project_model_and_line_item(billed: Given) -> None:
    sums = ", ".join(f"sum({name})" for name in PARTS)
    some = "dimension IN ('project', 'model', 'line_item')"
    found = billed.shown(f"SELECT comparison, currency, {sums} FROM bi.cost_changes WHERE {some} GROUP BY dimension, 1, 2")
    assert len(found) == 3 * 4 * 2
    assert len(set(found)) == 4 * 2


@pytest.mark.parametrize(("comparison", "month"), [("month_to_date", "2026-11-01"), ("month", "2026-10-01")])
def test_months_are_those_of_spend_month_to_date(billed: Given, comparison: str, month: str) -> None:
    changes = "SELECT project_id, currency, previous_cost, cost, previous_days, days FROM bi.cost_changes"
    spend = "SELECT project_id, currency, previous_compared_cost, compared_cost, previous_compared_days, compared_days"
    found = billed.shown(f"{changes} WHERE comparison = '{comparison}' AND dimension = 'project' ORDER BY 1, 2")
    assert found == billed.shown(f"{spend} FROM bi.spend_month_to_date WHERE month_start = '{month}' ORDER BY 1, 2")
    assert len(found) == 4


def test_the_largest_driver_is_the_first_and_its_main_effect_the_largest_part(billed: Given) -> None:
    columns = f"comparison, dimension, currency, driver_rank, change_cost, main_effect, {', '.join(PARTS)}"
    rows = billed.shown(f"SELECT {columns} FROM bi.cost_changes ORDER BY comparison, dimension, currency, driver_rank")
    for before, after in pairwise(rows):
        if before[:3] == after[:3]:
            assert after[3] == before[3] + 1
            assert abs(after[4]) <= abs(before[4])
        else:
            assert after[3] == 1
    for row in rows:
        assert row[5] == Parts(*row[6:]).main


def test_days_of_both_periods_are_said(billed: Given) -> None:
    days = "period_first_date::text, period_last_date::text, previous_first_date::text, previous_last_date::text, days, previous_days"
    found = billed.shown(f"SELECT DISTINCT comparison, {days}, is_comparable, reason FROM bi.cost_changes ORDER BY 1")
    assert found == [
        ("day", "2026-11-17", "2026-11-17", "2026-11-10", "2026-11-10", 1, 1, True, None),
        ("month", "2026-10-01", "2026-10-31", "2026-09-01", "2026-09-30", 31, 30, True, None),
        ("month_to_date", "2026-11-01", "2026-11-17", "2026-10-01", "2026-10-17", 17, 17, True, None),
        ("week", "2026-11-11", "2026-11-17", "2026-11-04", "2026-11-10", 7, 7, True, None),
    ]


def test_they_are_computed_again_only_for_another_bill_or_another_name(billed: Given) -> None:
    stamp = "SELECT min(compared_at), max(compared_at), min(xmin::text) FROM warehouse.cost_comparisons"
    before = billed.do(stamp)
    assert not compare_costs(billed.owner, 1)
    assert billed.do(stamp) == before
    billed.do("INSERT INTO ops.allocated_days VALUES (1, '2026-11-12', 'another bill', now())")
    assert compare_costs(billed.owner, 1)
    billed.do("INSERT INTO warehouse.model_alias (model, shown_as) VALUES ('gpt-4o', 'gpt-5.5')")
    assert compare_costs(billed.owner, 1)
    billed.do("DELETE FROM warehouse.model_alias")
    assert compare_costs(billed.owner, 1)
    assert not compare_costs(billed.owner, 1)
    # Of days that are in no comparison nothing is asked.
    billed.do("INSERT INTO ops.allocated_days VALUES (1, '2026-08-01', 'another bill', now())")
    assert not compare_costs(billed.owner, 1)


@pytest.fixture(scope="module")
def other(billed: Given) -> Given:
    """The other organization of the same warehouse, two days of which can be compared and have an amount that the vendor left out."""
    for day, amount in {"2026-11-03": "4", "2026-11-10": "6"}.items():
        billed.cost(day, amount, org=2, project_id="proj_c")
        billed.cost(day, None if day == "2026-11-10" else "1", org=2, project_id="proj_d")
    fill(billed.owner)
    assert compare_costs(billed.owner, 2)
    return billed


def test_an_amount_that_the_vendor_left_out_is_not_nothing(other: Given) -> None:
    columns = "member_id, previous_cost, cost, change_cost, other_effect, is_comparable, reason, driver_rank, main_effect"
    found = other.shown(
        f"SELECT {columns} FROM bi.cost_changes WHERE organization = 'other' AND comparison = 'day' AND dimension = 'project'"
    )
    assert sorted(found) == [
        ("proj_c", Decimal(4), Decimal(6), Decimal(2), Decimal(2), True, None, 1, "other"),
        ("proj_d", Decimal(1), None, None, None, False, "amount_missing", None, None),
    ]


def test_what_has_nothing_to_be_compared_with_has_no_figures_and_says_so(other: Given) -> None:
    columns = "member_id, previous_cost, cost, change_cost, volume_effect, days, previous_first_date, is_comparable, reason"
    query = f"SELECT {columns} FROM bi.cost_changes WHERE organization = 'other' AND comparison = 'month_to_date' AND dimension = 'project'"
    nothing = (None, None, None, None, 0, None, False, "nothing_to_compare")
    assert sorted(other.shown(query)) == [("proj_c", *nothing), ("proj_d", *nothing)]


def test_a_day_that_is_not_settled_any_more_ends_its_comparisons(other: Given) -> None:
    other.do("UPDATE ops.coverage SET is_complete = false, finality = 'settling' WHERE organization_id = 2")
    assert compare_costs(other.owner, 2)
    assert other.shown("SELECT count(*) FROM bi.cost_changes WHERE organization = 'other'") == [(0,)]
    assert not compare_costs(other.owner, 2)
