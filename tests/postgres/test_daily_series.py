"""Daily series hold what the views show of the same days: each kind of them, settled or not, with unknown amounts kept unknown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.accounting.daily_series import DailySeries, SeriesKind
from meterhouse.imports.teams import import_teams
from meterhouse.warehouse.daily_series import read_daily_series

from .conftest import MakeOrganization, MakeWarehouse
from .loaded_organization import LoadedOrganization

DAYS = 40


@pytest.fixture(scope="module")
def loaded(
    make_warehouse: MakeWarehouse, make_organization: MakeOrganization, tmp_path_factory: pytest.TempPathFactory
) -> LoadedOrganization:
    warehouse: Warehouse = make_warehouse()
    acme = make_organization(warehouse)
    acme.defaults |= {"endpoints": ("completions", "costs")}
    acme.backfill(acme.today - timedelta(days=DAYS), acme.today + timedelta(days=1)).raise_first()
    users = acme.query("SELECT DISTINCT user_id FROM warehouse.rollup_cost_allocation WHERE user_id IS NOT NULL ORDER BY 1 LIMIT 3")
    projects = acme.query("SELECT DISTINCT project_id FROM warehouse.rollup_costs_by_project ORDER BY 1 LIMIT 2")
    middle = acme.today - timedelta(days=9)
    lines = [*(f"user,{user},people,," for (user,) in users), *(f"project,{project},products,,{middle}" for (project,) in projects)]
    path: Path = tmp_path_factory.mktemp("teams") / "teams.csv"
    path.write_text("\n".join(["kind,value,team,valid_from,valid_to", *lines]))
    import_teams(acme.settings(), path, acme.now)
    return acme


@pytest.fixture(scope="module")
def found(loaded: LoadedOrganization) -> Iterator[list[DailySeries]]:
    with psycopg.connect(loaded.warehouse.loader_url) as connection:
        yield read_daily_series(connection, 1, SeriesKind, loaded.today - timedelta(days=DAYS), loaded.today)


def amounts(found: list[DailySeries], kind: SeriesKind) -> dict[tuple[str, date], Decimal | None]:
    return {(_member(one), day): cost for one in found if one.kind is kind for day, cost in one.costs.items()}


def _member(one: DailySeries) -> str:
    """A series' key; that of costs without an API key is the same in every project."""
    return f"{one.project_id}/{one.key}" if one.kind is SeriesKind.API_KEY else one.key


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        (SeriesKind.ORGANIZATION, "''"),
        (SeriesKind.PROJECT, "coalesce(project_id, '')"),
        (SeriesKind.MODEL, "coalesce(model, '')"),
        (SeriesKind.API_KEY, "coalesce(project_id, 'None') || '/' || coalesce(api_key_id, '')"),
    ],
)
def test_a_series_is_what_the_views_show(loaded: LoadedOrganization, found: list[DailySeries], kind: SeriesKind, member: str) -> None:
    query = f"SELECT {member}, usage_date, sum(cost) FROM bi.costs_daily WHERE usage_date >= %s GROUP BY 1, 2"
    shown = {(key, day): cost for key, day, cost in loaded.read(query, [loaded.today - timedelta(days=DAYS)])}
    assert amounts(found, kind) == shown
    assert len({key for key, _ in shown}) > 1 or kind is SeriesKind.ORGANIZATION


def test_the_days_of_a_team_add_up_to_its_months(loaded: LoadedOrganization, found: list[DailySeries]) -> None:
    months: dict[tuple[str, date], Decimal] = {}
    for (team, day), cost in amounts(found, SeriesKind.TEAM).items():
        month = (team, day.replace(day=1))
        months[month] = months.get(month, Decimal(0)) + (cost or 0)
    shown = {
        (team, month): cost
        for team, month, cost in loaded.read("SELECT team, month_start, sum(cost) FROM bi.spend_by_team_month GROUP BY 1, 2")
    }
    assert {team for team, _ in shown} == {"people", "products", "(unassigned)"}
    assert months == shown


def test_only_days_that_are_settled_count(loaded: LoadedOrganization, found: list[DailySeries]) -> None:
    settled = {day for (day,) in loaded.read("SELECT DISTINCT usage_date FROM bi.costs_daily WHERE is_complete")}
    (whole,) = (one for one in found if one.kind is SeriesKind.ORGANIZATION)
    assert whole.settled == settled
    assert whole.last_settled_day == max(settled) < loaded.today
    assert whole.settled_cost(loaded.today) is None
    assert loaded.today in whole.costs


def test_an_amount_that_the_vendor_left_out_makes_its_day_unknown(loaded: LoadedOrganization, found: list[DailySeries]) -> None:
    (key, day), cost = next(one for one in amounts(found, SeriesKind.PROJECT).items() if one[0][0])
    with psycopg.connect(loaded.warehouse.superuser_url) as connection:
        connection.execute(
            "UPDATE warehouse.rollup_costs_by_project SET rows_without_cost = 1 WHERE project_id = %s AND usage_date = %s", [key, day]
        )
        changed = read_daily_series(connection, 1, [SeriesKind.ORGANIZATION, SeriesKind.PROJECT], day, day)
        connection.rollback()
    assert cost is not None
    assert amounts(changed, SeriesKind.PROJECT)[key, day] is None
    assert amounts(changed, SeriesKind.ORGANIZATION)["", day] is None
    assert changed[0].settled_cost(day) is None
