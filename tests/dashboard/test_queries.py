"""The dashboard's figures are those of the schema bi, exactly, whatever is filtered; and unknown is not zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.sql import SQL, Composable, Identifier, Literal
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import rows

from meterhouse.dashboard.charts import Chart, all_charts, cost_total, usage_total
from meterhouse.dashboard.coverage import State
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.key_figures import key_figures
from meterhouse.dashboard.notices import OF_USERS, notices
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.tables import Table
from meterhouse.formats import money

from .conftest import EVERYTHING, FIRST, LAST, add_up

COLUMNS = {"organizations": "organization", "projects": "project_id", "models": "model", "api_keys": "api_key_id", "users": "user_id"}
NOT_MONEY = {
    "tokens_over_time",
    "requests_over_time",
    "requests_by_model",
    "usage_by_api_key",
    "usage_by_user",
    "cached_by_model",
    "batch_by_model",
}
COST_CHARTS = {
    "cost_per_day", "cost_by_project", "cost_by_line_item", "cost_by_category", "cost_by_api_key", "cost_by_user",
    "cost_over_time_by_model",
}  # fmt: skip


def asked(warehouse: Warehouse, filters: Filters, what: str, view: str = "usage_daily", where: str = "true") -> Any:
    """One figure over a view, with the filters written as literals: another way than the dashboard's."""
    conditions: list[Composable] = [
        SQL("usage_date BETWEEN {} AND {}").format(Literal(filters.first), Literal(filters.last)),
        SQL(where),  # type: ignore[arg-type]
    ]
    for name, column in COLUMNS.items():
        members = getattr(filters, name)
        if members:
            either: list[Composable] = [SQL("{} = {}").format(Identifier(column), Literal(member)) for member in members if member]
            either += [SQL("{} IS NULL").format(Identifier(column))] if "" in members else []
            conditions.append(SQL("({})").format(SQL(" OR ").join(either)))
    query = SQL("SELECT {} FROM bi.{} WHERE {}").format(SQL(what), Identifier(view), SQL(" AND ").join(conditions))  # type: ignore[arg-type]
    with psycopg.connect(warehouse.superuser_url) as connection:
        found = connection.execute(query).fetchone()
    assert found is not None
    return found[0]


def some(warehouse: Warehouse, column: str, view: str = "usage_daily") -> list[str]:
    """The two members of a dimension with the most rows, apart from the unknown one."""
    query = f"SELECT {column} FROM bi.{view} WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 2"
    return [row[0] for row in rows(warehouse.superuser_url, query)]


def choices(warehouse: Warehouse) -> dict[str, Filters]:
    """Filters of every kind: one member, several, the unknown one, and several dimensions at once."""
    members = {name: some(warehouse, column) for name, column in COLUMNS.items()}
    single = {name: replace(EVERYTHING, **{name: (values[0],)}) for name, values in members.items()}
    several = {f"two {name}": replace(EVERYTHING, **{name: tuple(values)}) for name, values in members.items()}
    unknown = {f"no {name}": replace(EVERYTHING, **{name: ("",)}) for name in ("models", "api_keys", "users")}
    organization = members["organizations"][0]
    both = replace(EVERYTHING, organizations=(organization,), models=tuple(members["models"]), projects=(members["projects"][0], ""))
    days = {"one day": Filters(LAST - timedelta(days=3), LAST - timedelta(days=3)), "today": Filters(LAST, LAST)}
    return {"everything": EVERYTHING, **single, **several, **unknown, "several dimensions": both, **days}


def total(table: Table, name: str) -> Any:
    """What a column of a table adds up to."""
    index = [column.name for column in table.columns].index(name)
    return table.total()[index]


def test_every_total_equals_sql_over_the_views_exactly_for_each_filter_and_for_several(loaded: Warehouse, reader: Reader) -> None:
    seen = set()
    for name, filters in choices(loaded).items():
        snapshot = reader.snapshot(filters)
        usage = usage_total(snapshot)
        requests = asked(loaded, filters, "sum(requests)", where="endpoint <> 'web_search_calls'")
        assert (usage.requests if usage else None) == requests, name
        for column in ("input_tokens", "output_tokens"):
            assert (getattr(usage, column) if usage else None) == asked(loaded, filters, f"sum({column})"), (name, column)
        # Whose the costs of a day are is known once it is settled.
        view, where = ("cost_allocation_daily", "is_complete") if filters.users else ("costs_daily", "true")
        cost = asked(loaded, filters, "sum(cost_usd)", view, where)
        row = cost_total(snapshot, "usd")
        assert (row.cost if row else None) == cost, name
        assert cost is None or isinstance(row.cost if row else None, Decimal)
        seen.add((requests, cost))
    assert len(seen) > 8, "the filters hardly change anything, so their totals prove nothing"


def test_the_table_under_every_chart_adds_up_to_the_total_above_it(loaded: Warehouse, reader: Reader) -> None:
    for name, filters in choices(loaded).items():
        snapshot = reader.snapshot(filters)
        for chart in all_charts(snapshot):
            if not chart.empty:
                assert_adds_up(name, chart, snapshot)


def assert_adds_up(name: str, chart: Chart, snapshot: Snapshot) -> None:
    """Hold a chart's table to SQL's own total of the same rows, and to the text that is shown."""
    usage, cost = usage_total(snapshot), cost_total(snapshot, "usd")
    if chart.key == "cost_by_user" and snapshot.filters.api_keys:
        # The allocation finds keys for more than the bill names one for.
        assert chart.total == money(total(chart.table, "cost, usd"), "usd")
    elif chart.key in COST_CHARTS:
        assert cost is not None
        assert total(chart.table, "cost, usd") == cost.cost, (name, chart.key)
        assert chart.total == money(cost.cost, "usd"), (name, chart.key)
    for heading, figure in (("requests", "requests"), ("input tokens", "input_tokens"), ("output tokens", "output_tokens")):
        if chart.key in NOT_MONEY - {"cached_by_model"} and heading in {column.name for column in chart.table.columns}:
            assert usage is not None
            assert total(chart.table, heading) == getattr(usage, figure), (name, chart.key)
            assert heading != "requests" or chart.key.startswith("usage_by") or f"{getattr(usage, figure):,}" in chart.total, (
                name,
                chart.key,
            )
    drawn = [value for series in chart.series for value in series.values if value is not None]
    if chart.key in COST_CHARTS - {"cost_by_api_key", "cost_by_user"}:
        assert sum(drawn) == cost.cost if cost else False, (name, chart.key)


def test_a_grouped_figure_equals_sql_member_by_member(loaded: Warehouse, reader: Reader) -> None:
    charts = {chart.key: chart for chart in all_charts(reader.snapshot(EVERYTHING))}
    span = f"usage_date BETWEEN '{FIRST}' AND '{LAST}'"
    lines = rows(loaded.superuser_url, f"SELECT line_item, sum(cost_usd) FROM bi.costs_daily WHERE {span} GROUP BY 1")
    assert {(row[0], row[1]) for row in charts["cost_by_line_item"].table.rows} == set(lines)
    days = rows(loaded.superuser_url, f"SELECT usage_date, sum(cost_usd) FROM bi.costs_daily WHERE {span} GROUP BY 1")
    assert {(row[0], row[1]) for row in charts["cost_per_day"].table.rows} == set(days)
    # What names no model goes by what it was billed for.
    named = "coalesce(model, upper(left(category, 1)) || replace(substr(category, 2), '_', ' ') || ' (no model)')"
    models = rows(loaded.superuser_url, f"SELECT usage_date, {named}, sum(cost_usd) FROM bi.costs_daily WHERE {span} GROUP BY 1, 2")
    assert {"Storage (no model)", "Tool calls (no model)"} <= {name for _, name, _ in models}
    table = charts["cost_over_time_by_model"].table
    cells = {(row[0], column.name): cell for row in table.rows for column, cell in zip(table.columns[2:-1], row[2:-1], strict=True) if cell}
    assert cells == {(day, model): cost for day, model, cost in models if cost}
    table = charts["requests_by_model"].table
    found = sorted(cell for row in table.rows for cell in row[2:] if isinstance(cell, int) and cell)
    joined = "SELECT sum(requests) FROM bi.usage_daily u WHERE " + span + " AND endpoint <> 'web_search_calls' GROUP BY model, project_id"
    assert found == sorted(int(row[0]) for row in rows(loaded.superuser_url, joined) if row[0])


def test_hours_draw_charts_over_time_and_totals_stay_those_of_days(loaded: Warehouse, reader: Reader) -> None:
    long = Filters(date(2026, 11, 1), LAST, "hour")
    snapshot, by_day = reader.snapshot(long), reader.snapshot(replace(long, width="day"))
    charts = {chart.key: chart for chart in all_charts(snapshot)}
    drawn = asked(loaded, long, "sum(requests)", "usage_hourly", "endpoint <> 'web_search_calls'")
    assert total(charts["requests_over_time"].table, "requests") == drawn
    assert charts["requests_over_time"].total == f"{drawn:,} requests of the loaded hours"
    assert all(isinstance(row[0], datetime) for row in charts["requests_over_time"].table.rows)
    # Before: "Requests" was what the loaded hours held.
    requests = asked(loaded, long, "sum(requests)", where="endpoint <> 'web_search_calls'")
    assert requests > 5 * drawn
    assert [one.detail for one in key_figures(snapshot) if one.key == "requests"] == [f"{requests:,} requests"]
    over_time = {"tokens_over_time", "requests_over_time"}
    same = {chart.key: chart for chart in all_charts(by_day)}
    assert [key for key, chart in charts.items() if chart != same[key]] == [key for key in charts if key in over_time]
    assert [one for one in notices(snapshot) if "hours" in one] == [
        "Charts over time show hours. Loaded for usage: 61 of 480 hours, from 18 Nov 2026, 00:00 UTC to 20 Nov 2026, 13:00 UTC."
        " Totals and rankings use daily figures. Costs are shown by day."
    ]
    early = reader.snapshot(Filters(date(2026, 10, 1), date(2026, 10, 3), "hour"))
    assert all_charts(early)[2].empty.startswith("Hours are loaded only from 18 Nov 2026 onwards.")
    assert all_charts(early)[3].empty == ""


def test_hours_that_are_all_loaded_need_no_word_of_it(reader: Reader) -> None:
    snapshot = reader.snapshot(Filters(LAST - timedelta(days=2), LAST, "hour"))
    chart = next(one for one in all_charts(snapshot) if one.key == "requests_over_time")
    usage = usage_total(snapshot)
    assert usage is not None
    assert (chart.total, len(chart.labels), any(chart.absent)) == (f"{usage.requests:,} requests", 61, False)


def test_projects_under_five_percent_are_other_and_the_second_pie_breaks_other_down(reader: Reader) -> None:
    first, second = (
        chart for chart in all_charts(reader.snapshot(EVERYTHING)) if chart.key in {"requests_by_project", "requests_by_small_project"}
    )
    shares = {str(row[0]): row[2] for row in first.table.rows}
    assert sum(value for value in shares.values() if isinstance(value, Decimal)).quantize(Decimal("1.0000000000")) == 1
    other = [name for name in shares if name.startswith("Other")]
    assert len(other) == 1
    assert all(isinstance(share, Decimal) and share >= Decimal("0.05") for name, share in shares.items() if name not in other)
    assert total(second.table, "requests") == next(row[1] for row in first.table.rows if row[0] == other[0])
    assert len(second.table.rows) >= 2
    whole = total(first.table, "requests")
    assert all(isinstance(row[1], int) and row[1] / whole < 0.05 for row in second.table.rows)


def test_months_are_exact_and_complete_only_when_every_day_is(loaded: Warehouse, reader: Reader) -> None:
    snapshot = reader.snapshot(EVERYTHING)
    expected = rows(
        loaded.superuser_url, "SELECT month_start, sum(cost) FROM bi.spend_by_project_month WHERE currency = 'usd' GROUP BY 1 ORDER BY 1"
    )
    assert [(row.month_start, row.cost) for row in snapshot.months] == expected
    assert [(row.month_start, row.is_complete) for row in snapshot.months] == [(date(2026, 10, 1), True), (date(2026, 11, 1), False)]
    assert [(row.settled_days, row.settled_through) for row in snapshot.months] == [(31, date(2026, 10, 31)), (18, date(2026, 11, 18))]
    chart = next(one for one in all_charts(snapshot) if one.key == "months")
    assert chart.notes == ("November 2026: final through 18 Nov 2026.",)
    assert (chart.incomplete, [row[-1] for row in chart.table.rows]) == ((False, True), ["final", "final through 18 Nov 2026"])
    assert any("Not final yet: costs of 19\u201320 Nov 2026 and usage of 20 Nov 2026." in line for line in notices(snapshot))


def test_an_amount_or_a_count_that_is_unknown_is_kept_apart_and_not_counted_as_zero(loaded: Warehouse, reader: Reader) -> None:
    day = date(2026, 11, 10)
    one = Filters(day, day)
    before = reader.snapshot(one)
    plant = [
        ("UPDATE warehouse.costs SET amount = {} WHERE (bucket_start, group_id) = (SELECT bucket_start, min(group_id) FROM warehouse.costs"
         " WHERE bucket_start = '2026-11-10Z' GROUP BY 1) RETURNING 1", "amount"),
        ("UPDATE warehouse.usage_completions SET num_model_requests = {} WHERE bucket_width = 1440 AND (bucket_start, group_id) ="
         " (SELECT bucket_start, min(group_id) FROM warehouse.usage_completions WHERE bucket_start = '2026-11-10Z' AND bucket_width = 1440"
         " GROUP BY 1) RETURNING 1", "num_model_requests"),
    ]  # fmt: skip
    kept = []
    for query, column in plant:
        table = query.split()[1]
        where = query.split(" WHERE ", 1)[1].replace(" RETURNING 1", "")
        kept.append(rows(loaded.superuser_url, f"SELECT {column} FROM {table} WHERE {where}")[0][0])
        rows(loaded.superuser_url, query.format("NULL"))
    add_up(loaded)
    try:
        after = reader.snapshot(one)
        total_before, total_after = cost_total(before, "usd"), cost_total(after, "usd")
        assert total_before is not None
        assert total_after is not None
        assert (total_before.unknown_costs, total_after.unknown_costs) == (0, 1)
        assert total_after.cost == (total_before.cost or 0) - kept[0]
        assert usage_total(before).requests - usage_total(after).requests == kept[1]  # type: ignore[union-attr, operator]
        assert usage_total(after).unknown_requests == 1  # type: ignore[union-attr]
        charts = {chart.key: chart for chart in all_charts(after)}
        assert "1 row of costs without an amount is not included." in charts["cost_per_day"].notes
        assert "1 row with unknown requests is not included." in charts["requests_over_time"].notes
    finally:
        for (query, _), value in zip(plant, kept, strict=True):
            rows(loaded.superuser_url, query.format(value))
        add_up(loaded)
    assert set(reader.snapshot(one).usage) == set(before.usage)


def test_two_currencies_are_never_in_one_number(loaded: Warehouse, reader: Reader) -> None:
    day = Filters(date(2026, 11, 12), date(2026, 11, 12))
    dollars = asked(loaded, day, "sum(cost_usd)", "costs_daily")
    rows(
        loaded.superuser_url,
        "WITH g AS (INSERT INTO warehouse.dim_cost_group (organization_id, project_id, api_key_id, line_item, currency)"
        " SELECT min(organization_id), NULL, NULL, 'support plan', 'eur' FROM warehouse.dim_organization RETURNING group_id)"
        " INSERT INTO warehouse.costs (bucket_start, bucket_width, group_id, amount) SELECT '2026-11-12Z', 1440, group_id, 12.345 FROM g",
    )
    add_up(loaded)
    try:
        both, euros = reader.snapshot(day), reader.snapshot(replace(day, currency="eur"))
        assert (both.currencies, both.currency, euros.currency) == (["usd", "eur"], "usd", "eur")
        assert key_figures(both)[0].value == f"{money(dollars, 'usd')} + 12.34 EUR"
        charts = {chart.key: chart for chart in all_charts(both)}
        assert total(charts["cost_by_line_item"].table, "cost, usd") == dollars
        assert "Also billed in EUR: choose the currency above." in charts["cost_by_line_item"].notes
        only = {chart.key: chart for chart in all_charts(euros)}
        assert [(row[0], row[1]) for row in only["cost_by_line_item"].table.rows] == [("support plan", Decimal("12.345000000000"))]
        assert only["cost_by_line_item"].total == "12.34 EUR"
    finally:
        rows(
            loaded.superuser_url,
            "DELETE FROM warehouse.costs WHERE group_id IN (SELECT group_id FROM warehouse.dim_cost_group WHERE currency = 'eur')",
        )
        rows(loaded.superuser_url, "DELETE FROM warehouse.dim_cost_group WHERE currency = 'eur'")
        add_up(loaded)


def test_with_users_chosen_costs_are_what_was_found_to_be_theirs_on_settled_days(loaded: Warehouse, reader: Reader) -> None:
    everybody = [user for (user,) in rows(loaded.superuser_url, "SELECT DISTINCT coalesce(user_id, '') FROM bi.cost_allocation_daily")]
    theirs = rows(
        loaded.superuser_url,
        "SELECT coalesce(user_id, ''), sum(cost) FROM bi.cost_allocation_daily WHERE is_complete AND usage_date BETWEEN %s AND %s"
        " AND user_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 1",
        (EVERYTHING.first, EVERYTHING.last),
    )
    snapshot = reader.snapshot(replace(EVERYTHING, users=(theirs[0][0],)))
    charts = {chart.key: chart for chart in all_charts(snapshot)}
    for key in (*COST_CHARTS, "months"):
        assert charts[key].empty == "", key
    assert [row.cost for row in snapshot.costs if row.grain == "total"] == [theirs[0][1]]
    assert key_figures(snapshot)[0].value != "—"
    assert OF_USERS in notices(snapshot)
    # A day that is not settled is nobody's yet, and no day without costs.
    assert not snapshot.cost_coverage.buckets(State.OPEN, State.SETTLING)
    whole = reader.snapshot(replace(EVERYTHING, users=tuple(everybody)))
    settled = "SELECT sum(cost) FROM bi.costs_daily WHERE is_complete AND usage_date BETWEEN %s AND %s"
    assert [(row.cost,) for row in whole.costs if row.grain == "total"] == rows(
        loaded.superuser_url, settled, (EVERYTHING.first, EVERYTHING.last)
    )


def test_a_choice_without_rows_is_empty_and_not_zero(reader: Reader) -> None:
    snapshot = reader.snapshot(Filters(date(2020, 1, 1), date(2020, 1, 31)))
    for chart in all_charts(snapshot):
        assert chart.empty or chart.key in {"months", "drivers"}, chart.key
    assert [one.value for one in key_figures(snapshot) if one.key in {"cost", "requests", "input", "output", "cached"}] == ["—"] * 5
