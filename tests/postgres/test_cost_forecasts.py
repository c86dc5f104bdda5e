"""Forecasts in the warehouse: made at the end of a load from settled days, kept day by day, made again when a day is restated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from meterhouse.accounting.daily_series import DailySeries, SeriesKind
from meterhouse.accounting.forecast import Forecast, forecasts
from meterhouse.imports.teams import import_teams
from meterhouse.load.sync import allocate
from meterhouse.warehouse.forecasts import forecast_costs

from .conftest import MakeOrganization, MakeWarehouse
from .loaded_organization import LoadedOrganization, midnight

DAYS = 130
STORED = (
    "SELECT as_of_date, series_kind, series_key, currency, month_start, expected_cost, low_cost, high_cost, model, origins, reason,"
    " xmin::text FROM warehouse.cost_forecasts ORDER BY 1, 2, 3, 4, 5"
)
TEAMS = "kind,value,team,valid_from,valid_to\n"
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Walk:
    """An organization that was loaded again and again, and the stored forecasts after each step."""

    loaded: LoadedOrganization
    first_day: date
    expected: dict[tuple[str, str], list[Forecast]]
    after: dict[str, Rows]


def load(loaded: LoadedOrganization) -> Rows:
    loaded.sync().raise_first()
    return loaded.query(STORED)


def from_the_view(loaded: LoadedOrganization) -> dict[tuple[str, str], list[Forecast]]:
    """The forecasts of every project and the whole, from the rows of bi.costs_daily."""
    settled = frozenset(day for (day,) in loaded.read("SELECT usage_date FROM bi.coverage WHERE endpoint = 'costs' AND is_complete"))
    costs: dict[tuple[str, str], dict[date, Decimal | None]] = {}
    for key, day, cost in loaded.read("SELECT project_id, usage_date, sum(cost) FROM bi.costs_daily GROUP BY 1, 2"):
        costs.setdefault(("project", key or ""), {})[day] = cost
    for day, cost in loaded.read("SELECT usage_date, sum(cost) FROM bi.costs_daily GROUP BY 1"):
        costs.setdefault(("organization", ""), {})[day] = cost
    return {
        (kind, key): forecasts(DailySeries(1, SeriesKind(kind), key, None, "usd", of_days, settled))
        for (kind, key), of_days in costs.items()
    }


@pytest.fixture(scope="module")
def walk(make_warehouse: MakeWarehouse, make_organization: MakeOrganization, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    loaded = make_organization(make_warehouse())
    first_day = loaded.today - timedelta(days=DAYS)
    loaded.defaults |= {"history_start": midnight(first_day), "endpoints": ("costs",)}
    after = {"a load": load(loaded)}
    expected = from_the_view(loaded)
    after["the same load"] = load(loaded)
    loaded.fake.restate(1)
    after["a restatement"] = load(loaded)
    loaded.advance(days=1)
    after["a day"] = load(loaded)
    file: Path = tmp_path_factory.mktemp("teams") / "teams.csv"
    projects = loaded.query(
        "SELECT DISTINCT project_id FROM warehouse.rollup_costs_by_project WHERE project_id IS NOT NULL ORDER BY 1 LIMIT 2"
    )
    file.write_text(TEAMS + "\n".join(f"project,{project},Products,," for (project,) in projects))
    import_teams(loaded.settings(), file, loaded.now)
    after["teams"] = load(loaded)
    file.write_text(TEAMS + f"project,{projects[0][0]},Research,,")
    import_teams(loaded.settings(), file, loaded.now)
    # As the task of a DAG does it.
    allocate(loaded.settings())
    after["other teams"] = loaded.query(STORED)
    return Walk(loaded, first_day, expected, after)


def of_day(rows: Rows, day: date) -> Rows:
    return [row for row in rows if row[0] == day]


def test_the_organization_and_each_project_are_forecast_from_the_settled_days_that_the_views_show(walk: Walk) -> None:
    stored = {tuple(row[1:3]): row[4:11] for row in walk.after["a load"]}
    assert len(walk.after["a load"]) == len(stored) > 5
    assert set(stored) == set(walk.expected)
    for member, (month,) in walk.expected.items():
        model = month.model and month.model.value
        assert stored[member] == (
            month.month_start, month.expected_cost, month.low_cost, month.high_cost, model, month.origins, month.reason,
        ), member  # fmt: skip
    (day,) = {row[0] for row in walk.after["a load"]}
    assert day == date(2026, 11, 18), "the 19th is over and not settled"
    assert {row[8] for row in walk.after["a load"]} > {"weekday"}


def test_the_same_input_twice_writes_nothing(walk: Walk) -> None:
    assert walk.after["the same load"] == walk.after["a load"]


def test_a_restated_day_changes_the_forecasts_of_the_last_day_and_a_new_day_leaves_them(walk: Walk) -> None:
    before, restated, later = (walk.after[step] for step in ("the same load", "a restatement", "a day"))
    assert [row[:5] for row in restated] == [row[:5] for row in before]
    changed = [row[2] for row, old in zip(restated, before, strict=True) if row != old]
    assert "" in changed, "the organization"
    assert len(changed) < len(before), "not every project was restated"
    day = restated[0][0]
    assert of_day(later, day) == restated
    assert [row[1:4] for row in of_day(later, day + timedelta(days=1))] == [row[1:4] for row in restated]


def test_teams_are_forecast_as_soon_as_there_are_some_and_go_with_their_assignments(walk: Walk) -> None:
    def teams(step: str) -> list[str]:
        return [row[2] for row in walk.after[step] if row[1] == "team"]

    assert teams("a day") == []
    assert teams("teams") == ["(unassigned)", "Products"]
    assert teams("other teams") == ["(unassigned)", "Research"]
    for kind in ("organization", "project"):
        of_kind = [[row for row in walk.after[step] if row[1] == kind] for step in ("a day", "teams", "other teams")]
        assert of_kind[0] == of_kind[1] == of_kind[2], "nothing about them has changed"


def test_the_view_shows_every_day_and_which_is_the_newest(walk: Walk) -> None:
    shown = walk.loaded.read(
        "SELECT as_of_date, series_kind, series_key, series_name, organization, is_latest, is_current_month, days_left, billed_cost,"
        " forecast_rest_cost, expected_cost, previous_month_cost FROM bi.cost_forecast WHERE month_start = '2026-11-01'"
    )
    assert {(row[0], row[5], row[6], row[7]) for row in shown} == {
        (date(2026, 11, 18), False, True, 12),
        (date(2026, 11, 19), True, True, 11),
    }
    assert all(row[8] + row[9] == row[10] for row in shown if row[10] is not None)
    names = {row[2]: row[3] for row in shown if row[1] == "team"}
    assert names == {"(unassigned)": "(unassigned)", "Research": "Research"}
    (whole,) = [row for row in shown if row[1] == "organization" and row[5]]
    assert whole[3] == whole[4] == walk.loaded.label
    october = walk.loaded.read("SELECT sum(cost) FROM bi.spend_by_project_month WHERE month_start = '2026-10-01'")
    assert [(whole[11],)] == october
    billed = walk.loaded.read("SELECT sum(cost) FROM bi.costs_daily WHERE usage_date BETWEEN '2026-11-01' AND '2026-11-19'")
    assert [(whole[8],)] == billed


def test_once_the_month_is_over_its_forecasts_are_compared_with_the_month(walk: Walk) -> None:
    loaded = walk.loaded
    assert loaded.read("SELECT FROM bi.forecast_accuracy") == []
    loaded.advance(days=12)
    load(loaded)
    shown = loaded.read(
        "SELECT series_kind, series_key, as_of_date, expected_cost, actual_cost, error_cost, error_share, is_inside, low_cost, high_cost,"
        " days_left FROM bi.forecast_accuracy ORDER BY 1, 2, 3"
    )
    months = {
        "organization": "SELECT '', sum(cost) FROM bi.spend_by_project_month WHERE month_start = '2026-11-01'",
        "project": "SELECT coalesce(project_id, ''), cost FROM bi.spend_by_project_month WHERE month_start = '2026-11-01'",
        "team": "SELECT team, cost FROM bi.spend_by_team_month WHERE month_start = '2026-11-01'",
    }
    actual = {(kind, key): cost for kind, query in months.items() for key, cost in loaded.read(query)}
    without_cost = {(row[0], row[1]) for row in shown} - set(actual)
    assert set(actual) <= {(row[0], row[1]) for row in shown}
    assert {kind for kind, _ in without_cost} == {"project"}, "projects that cost something in the months before"
    assert {(row[2], row[10]) for row in shown} == {(date(2026, 11, 18), 12), (date(2026, 11, 19), 11)}
    for kind, key, _, expected, cost, error, share, is_inside, low, high, _ in shown:
        assert cost == actual.get((kind, key), 0)
        assert error == expected - cost
        assert share == (round(error / cost, 6) if cost > 0 else None)
        assert is_inside == (None if low is None else low <= cost <= high)
    current = loaded.read("SELECT DISTINCT month_start FROM bi.cost_forecast WHERE is_current_month AND is_latest")
    assert current == [(date(2026, 12, 1),)]


def test_two_currencies_are_forecast_apart_and_an_unknown_amount_leaves_no_forecast(walk: Walk) -> None:
    with psycopg.connect(walk.loaded.warehouse.superuser_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO warehouse.rollup_costs_by_project (usage_date, organization_id, project_id, currency, row_count,"
            " rows_without_cost, amount, cost)"
            " SELECT usage_date, 1, 'proj_eur', 'eur', 1, 0, 2, 2 FROM bi.coverage WHERE endpoint = 'costs' AND is_complete"
        )
        connection.execute(
            "UPDATE warehouse.rollup_costs_by_project SET rows_without_cost = 1"
            " WHERE currency = 'usd' AND usage_date = (SELECT max(as_of_date) FROM warehouse.cost_forecasts)"
        )
        connection.execute("DELETE FROM ops.forecast_days")
        assert forecast_costs(connection, 1) > 0
        assert forecast_costs(connection, 1) == 0
    shown = walk.loaded.read(
        "SELECT currency, expected_cost, reason FROM bi.cost_forecast"
        " WHERE series_kind = 'organization' AND is_latest AND is_current_month ORDER BY 1"
    )
    assert shown == [("eur", 2 * 31, None), ("usd", None, "amount_unknown")]
