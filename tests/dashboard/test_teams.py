"""A team's role runs the dashboard and the report: its own projects' figures, in words, and not a word of another project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import requests
from playwright.sync_api import Browser, expect
from psycopg.sql import SQL, Identifier
from tests.conftest import Server, Warehouse
from tests.postgres.loaded_organization import rows
from tests.postgres.teams_of_projects import PASSWORD, Team, team

from meterhouse.dashboard.charts import all_charts, cost_total, usage_total
from meterhouse.dashboard.filters import DIMENSIONS, Filters
from meterhouse.dashboard.key_figures import key_figures
from meterhouse.dashboard.notices import OF_A_TEAM, notices
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.sections import SECTIONS
from meterhouse.dashboard.sessions import NO_RIGHT
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.errors import FixConfiguration
from meterhouse.formats import money
from meterhouse.local.roles import give_login
from meterhouse.warehouse.access import grant_team, revoke_team

from .conftest import EVERYTHING, FIRST, LAST, report_command, started
from .visit import Visit

KEYS = [key for _, _, keys in SECTIONS for key in keys]
SPAN = f"usage_date BETWEEN '{FIRST}' AND '{LAST}'"


@pytest.fixture(scope="module")
def granted(loaded: Warehouse) -> list[str]:
    """Two projects of acme, neither the largest one."""
    query = f"SELECT project_id FROM bi.costs_daily WHERE organization = 'acme' AND {SPAN} GROUP BY 1 ORDER BY sum(cost) DESC LIMIT 3"
    return [str(row[0]) for row in rows(loaded.superuser_url, query)][1:]


@pytest.fixture(scope="module")
def ours(server: Server, loaded: Warehouse, granted: list[str]) -> Iterator[Team]:
    """A team that was granted them."""
    with team(server, loaded, granted) as made:
        yield made


@pytest.fixture(scope="module")
def snapshot(ours: Team) -> Snapshot:
    """What its dashboard shows."""
    return Reader(ours.url).snapshot(EVERYTHING)


@pytest.fixture(scope="module")
def foreign(loaded: Warehouse, granted: list[str]) -> set[str]:
    """Words that belong only to others: labels, projects, keys and users, identifiers and names, that no row of the two projects has."""
    columns = ("organization", "project_id", "project_name", "api_key_id", "api_key_name", "user_id", "user_name", "user_email")
    within = f"project_id IN ({', '.join(repr(one) for one in granted)})"

    def words(where: str) -> set[str]:
        usage = rows(loaded.superuser_url, f"SELECT DISTINCT {', '.join(columns)} FROM bi.usage_daily WHERE {where}")
        costs = rows(
            loaded.superuser_url,
            f"SELECT DISTINCT organization, project_id, project_name, api_key_id, api_key_name FROM bi.costs_daily WHERE {where}",
        )
        keys = rows(
            loaded.superuser_url,
            "SELECT api_key_id, api_key_name FROM bi.dim_api_key WHERE "
            + within.replace("project_id", "api_key_project_id")
            + (" IS NOT TRUE" if "NOT" in where else ""),
        )
        return {word for row in [*usage, *costs, *keys] for word in row if word}

    return words(f"({within}) IS NOT TRUE") - words(within) - {"(none)"}


def within(granted: list[str]) -> str:
    """The condition for the granted projects and the shown days."""
    return f"{SPAN} AND project_id IN ({', '.join(repr(one) for one in granted)})"


def one(warehouse: Warehouse, query: str) -> Any:
    """One figure, as the superuser over schema bi."""
    return rows(warehouse.superuser_url, query)[0][0]


def test_every_total_of_a_team_is_that_of_sql_over_its_projects(
    loaded: Warehouse, granted: list[str], snapshot: Snapshot, reader: Reader
) -> None:
    where = within(granted)
    usage, cost, whole = usage_total(snapshot), cost_total(snapshot, "usd"), cost_total(reader.snapshot(EVERYTHING), "usd")
    assert usage is not None
    assert cost is not None
    assert whole is not None
    asked = f"SELECT sum(requests) FROM bi.usage_daily WHERE {where} AND endpoint <> 'web_search_calls'"
    assert usage.requests == one(loaded, asked)
    for column in ("input_tokens", "output_tokens"):
        assert getattr(usage, column) == one(loaded, f"SELECT sum({column}) FROM bi.usage_daily WHERE {where}")
    assert cost.cost == one(loaded, f"SELECT sum(cost_usd) FROM bi.costs_daily WHERE {where}")
    assert Decimal(0) < Decimal(cost.cost or 0) < Decimal(whole.cost or 0), "otherwise everything was granted"
    by_day = rows(loaded.superuser_url, f"SELECT usage_date, sum(cost_usd) FROM bi.costs_daily WHERE {where} GROUP BY 1")
    charts = {chart.key: chart for chart in all_charts(snapshot)}
    assert {(row[0], row[1]) for row in charts["cost_per_day"].table.rows if row[1]} == set(by_day)
    months = f"SELECT sum(cost) FROM bi.costs_daily WHERE {where.replace(SPAN, 'true')}"
    assert sum(row.cost or 0 for row in snapshot.months) == one(loaded, months)


def test_hours_are_those_of_the_team_too(loaded: Warehouse, granted: list[str], ours: Team) -> None:
    charts = {chart.key: chart for chart in all_charts(Reader(ours.url).snapshot(replace(EVERYTHING, width="hour")))}
    where = f"{within(granted)} AND endpoint <> 'web_search_calls'"
    for key, view, words in (("requests_over_time", "usage_hourly", " of the loaded hours"), ("requests_by_model", "usage_daily", "")):
        requests = one(loaded, f"SELECT sum(requests) FROM bi.{view} WHERE {where}")
        assert charts[key].total == f"{requests:,} requests{words}"


def test_not_a_word_of_another_project_is_in_the_choices_the_charts_the_tables_the_files_and_the_report(
    ours: Team, snapshot: Snapshot, granted: list[str], foreign: set[str], reader: Reader, tmp_path: Path
) -> None:
    whole = reader.snapshot(EVERYTHING)
    assert sum(word in repr((whole.choices, all_charts(whole))) for word in foreign) > 40, "words that nobody is shown prove nothing"
    offered = [choice for choice in snapshot.choices if choice.dimension == "projects" and choice.value]
    assert {choice.value for choice in offered} == set(granted)
    assert [choice.value for choice in snapshot.choices if choice.dimension == "organizations"] == ["acme"]
    told = {"choices": repr(snapshot.choices), "cards": repr(key_figures(snapshot)), "notices": repr(notices(snapshot))}
    for chart in all_charts(snapshot):
        told |= {chart.key: repr(chart), f"{chart.key} table": chart.table.to_html(), f"{chart.key} file": chart.table.to_csv()}
    out = tmp_path / "report.html"
    done = report_command(ours.url, tmp_path, "--out", str(out), "--from", str(FIRST), "--to", str(LAST))
    assert done.returncode == 0, done.stderr
    told["report"] = out.read_text()
    for place, text in told.items():
        assert not [word for word in foreign if word in text], place
    assert OF_A_TEAM in told["report"]
    assert money(cost_total(snapshot, "usd").cost, "usd") in told["report"]  # type: ignore[union-attr]


def test_the_page_of_a_team_says_so_and_an_address_that_names_another_project_shows_nothing(
    browser: Browser, ours: Team, snapshot: Snapshot, foreign: set[str], loaded: Warehouse, tmp_path: Path
) -> None:
    cost = cost_total(snapshot, "usd")
    assert cost is not None
    with started(ours.url, tmp_path) as address:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        visit = Visit(page, address, EVERYTHING)
        assert visit.total("cost_per_day") == money(cost.cost, "usd")
        expect(page.locator("#notices")).to_contain_text(OF_A_TEAM)
        for name in DIMENSIONS:
            page.click(f"#{name}")
            expect(page.get_by_role("option").first).to_be_visible()
            assert not [word for word in foreign if word in page.get_by_role("listbox").last.inner_text()], name
            page.keyboard.press("Escape")
        text = page.content()
        query = EVERYTHING.to_query()
        texts = [text, requests.get(f"{address}/?{query}", timeout=20).text, requests.get(f"{address}/_dash-layout", timeout=20).text]
        texts += [requests.get(f"{address}/{kind}/{key}?{query}", timeout=20).text for kind in ("table", "csv") for key in KEYS]
        assert not [word for word in foreign if any(word in text for text in texts)]
        largest = rows(
            loaded.superuser_url, f"SELECT project_id FROM bi.costs_daily WHERE {SPAN} GROUP BY 1 ORDER BY sum(cost) DESC LIMIT 1"
        )
        other = replace(EVERYTHING, projects=(str(largest[0][0]),)).to_query()
        lines = requests.get(f"{address}/csv/cost_by_project?{other}", timeout=20).content.decode("utf-8-sig").splitlines()
        assert lines == ['project,"cost, usd",share']
        page.goto(f"{address}/?{other}")
        page.wait_for_selector("#first-paint", state="detached")
        visit.drawn()
        # It stays chosen: without it the page would show all projects.
        assert visit.total("cost_per_day") == "—"
        assert f"projects={largest[0][0]}" in page.url
        expect(page.locator("#projects")).to_contain_text(f"{largest[0][0]} (not found)")
        expect(page.locator("#notices")).to_contain_text(f"Not found here: Project {largest[0][0]}.")
        assert visit.complaints == []
        page.close()


def test_what_is_granted_later_or_taken_away_shows_up_at_once_in_a_dashboard_that_runs(
    server: Server, loaded: Warehouse, granted: list[str], tmp_path: Path
) -> None:
    def csv(address: str) -> str:
        answer = requests.get(f"{address}/csv/cost_by_project?{EVERYTHING.to_query()}", timeout=20)
        return answer.content.decode("utf-8-sig")

    names = dict(rows(loaded.superuser_url, "SELECT project_id, project_name FROM bi.dim_project WHERE project_id IS NOT NULL"))
    first, second = (str(names[project]) for project in granted)
    with team(server, loaded, granted[:1]) as made, started(made.url, tmp_path) as address:
        assert (first in csv(address), second in csv(address)) == (True, False)
        grant_team(loaded.owner_url, made.role, granted, "acme")
        assert (first in csv(address), second in csv(address)) == (True, True)
        grant_team(loaded.owner_url, made.role, granted[1:], "acme")
        assert (first in csv(address), second in csv(address)) == (False, True)
        revoke_team(loaded.owner_url, made.role)
        answer = requests.get(f"{address}/csv/cost_by_project?{EVERYTHING.to_query()}", timeout=20)
        assert (answer.status_code, answer.json()["reason"]) == (400, NO_RIGHT)
        assert requests.get(f"{address}/healthz", timeout=20).status_code == 400
        assert NO_RIGHT in requests.get(f"{address}/_dash-layout", timeout=20).text


@contextmanager
def person(server: Server, *groups: str) -> Iterator[str]:
    """Somebody who may connect, as a member of groups."""
    name = f"person_{uuid4().hex[:8]}"
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        superuser.execute(SQL("CREATE ROLE {}").format(Identifier(name)))
        for group in groups:
            superuser.execute(SQL("GRANT {} TO {}").format(Identifier(group), Identifier(name)))
        give_login(server.url(), name, PASSWORD)
        try:
            yield name
        finally:
            superuser.execute(SQL("DROP OWNED BY {}").format(Identifier(name)))
            superuser.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def test_a_role_of_no_team_gets_one_line(server: Server, loaded: Warehouse, tmp_path: Path) -> None:
    database = loaded.superuser_url.rpartition("/")[2]
    with person(server) as stranger:
        for allowed in (False, True):
            if allowed:
                rows(loaded.superuser_url, f"GRANT CONNECT ON DATABASE {database} TO {stranger}")
            url = server.url(database, stranger, PASSWORD)
            with pytest.raises(FixConfiguration) as refused:
                Reader(url).snapshot(EVERYTHING)
            assert str(refused.value) == NO_RIGHT, allowed
            with pytest.raises(FixConfiguration):
                Reader(url).ping()
        done = report_command(url, tmp_path, "--out", str(tmp_path / "report.html"))
        assert (done.returncode, done.stderr) == (2, f"meterhouse: {NO_RIGHT}\n")
        rows(loaded.superuser_url, f"REVOKE CONNECT ON DATABASE {database} FROM {stranger}")
    with person(server, "meterhouse_team") as nobody:
        rows(loaded.superuser_url, f"GRANT CONNECT ON DATABASE {database} TO meterhouse_team")
        with pytest.raises(FixConfiguration, match="belongs to no team with a granted project"):
            Reader(server.url(database, nobody, PASSWORD)).snapshot(EVERYTHING)


def test_a_login_that_may_read_everything_does_so_even_as_a_member_of_a_team(
    server: Server, loaded: Warehouse, ours: Team, reader: Reader
) -> None:
    with person(server, "meterhouse_reader", ours.role) as both:
        found = Reader(server.url(loaded.superuser_url.rpartition("/")[2], both, PASSWORD)).snapshot(EVERYTHING)
    assert found == reader.snapshot(EVERYTHING)
    assert OF_A_TEAM not in notices(found)


def test_nothing_of_the_dashboard_needs_what_teams_have_not(ours: Team) -> None:
    assert ours.read("SELECT to_regclass('bi_team.checks')") == [(None,)]
    everything = Filters(EVERYTHING.first, EVERYTHING.last, "hour", *(("x",) for _ in DIMENSIONS))
    for filters in (EVERYTHING, everything, replace(EVERYTHING, users=("x",))):
        Reader(ours.url).snapshot(filters)
    Reader(ours.url).ping()
