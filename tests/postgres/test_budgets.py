"""Budgets on the stand-in: the file, how they stand, the vendor's own limits, and notices that people get once over real channels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from tests.e2e.inbox import Inbox

from meterhouse.answers.reading import read_answers
from meterhouse.command_line.cli import main
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.imports.budgets import read_budgets
from meterhouse.imports.teams import import_teams
from meterhouse.load.directory import sync_directory
from meterhouse.load.spend_limits import sync_spend_limits
from meterhouse.warehouse.budget_status import judge_budgets

from .budget_files import HEAD, NOW, START, THROUGH, billed, brought, inbox, report, status
from .conftest import MakeOrganization, MakeWarehouse
from .fingerprints import places
from .loaded_organization import LoadedOrganization, midnight
from .terminal import Terminal

__all__ = ["inbox"]  # a fixture, which pytest finds by its name


@pytest.fixture(scope="module")
def loaded(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> LoadedOrganization:
    """An organization whose November is loaded, with its names; tests bring other budgets, and leave the figures alone."""
    acme = make_organization(make_warehouse(), now=NOW)
    acme.defaults |= {"history_start": midnight(START), "endpoints": ("costs", "costs_by_user")}
    acme.sync().raise_first()
    sync_directory(acme.settings(), clock=acme.fake.clock.now)
    return acme


def test_every_scope_spends_what_its_settled_days_cost(loaded: LoadedOrganization, tmp_path: Path) -> None:
    ((project, name),) = loaded.read(
        "SELECT project_id, project_name FROM bi.cost_allocation_daily GROUP BY 1, 2 ORDER BY sum(cost) DESC LIMIT 1"
    )
    ((key,),) = loaded.read(
        "SELECT api_key_id FROM bi.cost_allocation_daily WHERE api_key_id IS NOT NULL GROUP BY 1 ORDER BY sum(cost) DESC LIMIT 1"
    )
    ((user, mail),) = loaded.read(
        "SELECT user_id, user_email FROM bi.cost_allocation_daily WHERE user_email IS NOT NULL GROUP BY 1, 2"
        " ORDER BY sum(cost) DESC LIMIT 1"
    )
    teams = tmp_path / "teams.csv"
    teams.write_text(f"kind,value,team\nproject,{project},Search\n")
    import_teams(loaded.settings(), teams, loaded.now)
    lines = brought(
        loaded, tmp_path, "acme,All,organization,,USD,month,100000,,,", f"acme,Project,project,{project},usd,month,100000,,,",
        "acme,Team,team,Search,usd,month,100000,,,", f"acme,Key,api_key,{key},usd,month,100000,,,",
        f"acme,User,user,{user},usd,month,100000,,,", f"acme,Mail,user,{mail.upper()},usd,month,100000,,,",
        "acme,Euro,organization,,eur,month,100000,,,", "acme,Year,organization,,usd,year,100000,,,",
    )  # fmt: skip
    assert lines == ["8 budgets (8 new): stored"]
    wheres = {
        "All": "true", "Project": f"project_id = '{project}'", "Team": f"project_id = '{project}'", "Key": f"api_key_id = '{key}'",
        "User": f"user_id = '{user}'", "Mail": f"user_id = '{user}'", "Euro": "currency = 'eur'",
    }  # fmt: skip
    for budget, where in wheres.items():
        assert status(loaded, "period_start, spent_cost, settled_through_date, unknown_days, is_current_period", budget) == [
            (START, billed(loaded, where), THROUGH, 0, True)
        ], budget
        assert billed(loaded, where) > 0 or budget == "Euro"
    assert status(loaded, "scope_kind, scope_name, project_id", "Project") == [("project", name, project)]
    # Of the year only November is loaded.
    assert status(loaded, "period_start, period_end_date, spent_cost, unknown_days, state, state_reason", "Year") == [
        (date(2026, 1, 1), date(2026, 12, 31), billed(loaded), 304, "unknown", "the costs of 304 days of the period are not known")
    ]


def test_what_is_expected_is_the_forecast_of_the_same_costs_and_people_are_notified_of_the_day_before_it_comes(
    loaded: LoadedOrganization, inbox: Inbox, tmp_path: Path
) -> None:
    ((project,),) = loaded.read("SELECT project_id FROM bi.cost_allocation_daily GROUP BY 1 ORDER BY sum(cost) DESC LIMIT 1")
    ((key,),) = loaded.read("SELECT max(api_key_id) FROM bi.cost_allocation_daily")
    query = (
        "SELECT series_kind, expected_cost, low_cost, high_cost, billed_cost FROM bi.cost_forecast"
        f" WHERE is_latest AND is_current_month AND currency = 'usd' AND (series_kind = 'organization' OR series_key = '{project}')"
    )
    forecasts = {kind: figures for kind, *figures in loaded.read(query)}
    expected, low, high, spent = forecasts["organization"]
    assert expected > spent > 0
    # A little more than is spent after six of the twelve days that are left.
    between = round(spent + (expected - spent) / 2, 2) + Decimal("0.01")
    brought(
        loaded, tmp_path, f"acme,Ahead,organization,,usd,month,{between},150,,", f"acme,P,project,{project},usd,month,1000000,,,",
        f"acme,K,api_key,{key},usd,month,1000000,,,", "acme,Q,organization,,usd,quarter,1000000,,,",
    )  # fmt: skip
    columns = "spent_cost, expected_cost, low_cost, high_cost, state"
    assert status(loaded, columns, "Ahead") == [(spent, expected, low, high, "will_exceed")]
    assert status(loaded, columns, "P") == [(forecasts["project"][3], *forecasts["project"][:3], "on_track")]
    assert status(loaded, "expected_cost, state, state_reason", "K") == [(None, "unknown", "no forecast is made of an API key")]
    assert status(loaded, "expected_cost, state", "Q") == [(None, "unknown")]
    ((passes,),) = status(loaded, "passes_on_date", "Ahead")
    assert passes == date(2026, 11, 25)
    lines = report(loaded)
    assert lines[-1] == "1 notice sent"
    assert "the budget Ahead (the whole organization) of November 2026 will be passed on 25 November" in lines[0]
    loaded.sync().raise_first()
    assert report(loaded) == ["no notice is due that was not sent before"]
    assert len(inbox.posts) == len(inbox.mails) == 1


def test_the_dashboard_and_the_report_read_how_the_budgets_are(loaded: LoadedOrganization, tmp_path: Path) -> None:
    brought(loaded, tmp_path, "acme,All,organization,,usd,month,1,,,")
    with psycopg.connect(loaded.warehouse.reader_url, options="-c search_path=bi") as reader:
        (budget,) = read_answers(reader).budgets or ()
    assert (budget.budget, budget.period_end, budget.state, budget.spent_cost) == ("All", date(2026, 11, 30), "exceeded", billed(loaded))


def test_the_same_file_twice_changes_nothing_and_a_load_writes_nothing_that_is_the_same(loaded: LoadedOrganization, tmp_path: Path) -> None:
    line = "acme,All,organization,,usd,month,1000,50 80 100,,"
    brought(loaded, tmp_path, line, "acme,Old,organization,,usd,month,10,,,")
    assert brought(loaded, tmp_path, line) == ["1 budget (1 unchanged, 1 removed): stored"]
    tables = ("warehouse.budgets", "warehouse.budget_periods")
    before = places(loaded.warehouse.superuser_url, tables)
    assert len(before) == 2
    assert brought(loaded, tmp_path, line) == ["1 budget (1 unchanged): nothing had changed"]
    assert brought(loaded, tmp_path, "acme,New,organization,,usd,month,5,,,", dry_run=True) == [
        "1 budget (1 new, 1 removed): nothing was stored, as this was a dry run"
    ]
    loaded.sync().raise_first()
    assert places(loaded.warehouse.superuser_url, tables) == before


def test_an_amount_that_changes_with_the_month_is_two_lines_of_one_budget(loaded: LoadedOrganization, tmp_path: Path) -> None:
    brought(
        loaded, tmp_path, "acme,All,organization,,usd,month,1000,,,2026-10-31", "acme,All,organization,,usd,month,2000,,2026-11-01,",
    )  # fmt: skip
    assert status(loaded, "period_start, budget_cost", "All") == [(START, Decimal(2000))]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nobody,All,organization,,usd,month,1000,,,", "line 2: organization is 'nobody', and loaded are: acme"),
        ("acme,,organization,,usd,month,1000,,,", "line 2: budget is empty: fill it in"),
        ("acme,All,planet,,usd,month,1000,,,", "line 2: scope_kind is 'planet': choose from organization, project, team, api_key, user"),
        ("acme,All,organization,x,usd,month,1000,,,", "line 2: scope_key is 'x': leave it empty for an organization"),
        ("acme,All,project,,usd,month,1000,,,", "line 2: scope_key is empty: fill it in"),
        ("acme,All,organization,,dollars,month,1000,,,", "line 2: currency is 'dollars': write a code of three letters such as usd"),
        ("acme,All,organization,,usd,week,1000,,,", "line 2: period is 'week': choose from month, quarter, year"),
        ("acme,All,organization,,usd,month,lots,,,", "line 2: amount is 'lots': write a plain number such as 1234.50"),
        ("acme,All,organization,,usd,month,0,,,", "line 2: amount is 0: write an amount above 0"),
        ("acme,All,organization,,usd,month,-5,,,", "line 2: amount is -5: write an amount above 0"),
        ("acme,All,organization,,usd,month,5,80 x,,", "line 2: thresholds has 'x': write percentages up to 1000, such as 50 80 100"),
        ("acme,All,organization,,usd,month,5,0,,", "line 2: thresholds has '0': write percentages up to 1000, such as 50 80 100"),
        ("acme,All,organization,,usd,month,5,,2026-11-10,", "line 2: valid_from 2026-11-10 is not the first day of a month"),
        ("acme,All,organization,,usd,quarter,5,,,2026-11-30", "line 2: valid_to 2026-11-30 is not the last day of a quarter"),
        ("acme,All,organization,,usd,month,5,,2026-11-01,2026-10-31", "line 2: valid_to 2026-10-31 is before valid_from 2026-11-01"),
        ("acme,All,organization,,usd,month,5,,,\nacme,All,organization,,usd,month,6,,,", "line 3: the budget All is valid on the same"),
        (
            "acme,All,organization,,usd,month,5,,,2026-10-31\nacme,All,project,p,usd,month,6,,2026-11-01,",
            "line 3: the budget All has another scope, period or currency on budgets.csv, line 2: give it a name of its own",
        ),
    ],
)  # fmt: skip
def test_a_cell_that_is_wrong_is_one_line_and_nothing_is_stored(loaded: LoadedOrganization, tmp_path: Path, line: str, said: str) -> None:
    before = loaded.query("SELECT * FROM warehouse.budgets")
    with pytest.raises(FixConfiguration) as refused:
        brought(loaded, tmp_path, line)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert loaded.query("SELECT * FROM warehouse.budgets") == before


def test_what_no_one_is_called_is_named_and_counts_later(loaded: LoadedOrganization, tmp_path: Path) -> None:
    lines = brought(loaded, tmp_path, "acme,P,project,proj_none,usd,month,5,,,", "acme,T,team,Nobody,usd,month,5,,,")
    assert lines[1] == "nothing that is loaded is called project proj_none, team Nobody; its budget counts from when something is"
    assert status(loaded, "spent_cost, state", "P") == [(Decimal(0), "unknown")]


def test_the_example_of_the_page_is_a_file_that_is_taken(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "budgets.md").read_text()
    example = tmp_path / "budgets.csv"
    example.write_text(page.split("```csv\n")[1].split("```")[0])
    budgets = read_budgets(example)
    assert {one.scope for one in budgets} == {"organization", "project", "team", "api_key", "user"}
    assert {one.period for one in budgets} == {"month", "quarter", "year"}


def test_every_threshold_is_reported_once_and_several_at_once_are_one_line(
    loaded: LoadedOrganization, inbox: Inbox, tmp_path: Path
) -> None:
    spent = billed(loaded)
    brought(loaded, tmp_path, f"acme,Once,organization,,usd,month,{spent / 2},50 80 100 300,,")
    lines = report(loaded)
    assert lines[-1] == "1 notice sent"
    assert "has reached 100%" in lines[0]
    delivered = loaded.query("SELECT right(identity, 5) FROM ops.notices WHERE identity LIKE 'Once%' AND delivered_at IS NOT NULL")
    assert sorted(delivered) == [(" 50 %",), (" 80 %",), ("100 %",)]
    # Raised and reached again is another thing to say; the same list is not.
    assert report(loaded) == ["no notice is due that was not sent before"]
    brought(loaded, tmp_path, f"acme,Once,organization,,usd,month,{spent},50 80 100 300,,")
    assert any("has reached 100%" in line for line in report(loaded))
    assert len(inbox.posts) == len(inbox.mails) == 2


def test_several_that_report_at_the_same_time_send_it_once(loaded: LoadedOrganization, inbox: Inbox, tmp_path: Path) -> None:
    brought(loaded, tmp_path, "acme,Together,organization,,usd,month,1,100,,")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: report(loaded), range(4)))
    assert len(inbox.posts) == len(inbox.mails) == 1


def test_when_no_channel_takes_it_it_is_due_again_even_if_the_budget_is_not_crossed_any_more(
    loaded: LoadedOrganization, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_METERHOUSE_ALERTS_MAIL")
    brought(loaded, tmp_path, "acme,Lost,organization,,usd,month,1,100,,")
    inbox.is_out_of_order = True
    with pytest.raises(TryAgainLater, match=r"no channel has taken the notices .*they are due again"):
        report(loaded)
    inbox.is_out_of_order = False
    brought(loaded, tmp_path, "acme,Lost,organization,,usd,month,1000000,100,,")
    lines = report(loaded)
    assert "the budget Lost (the whole organization) of November 2026 has reached 100%" in lines[0]
    assert report(loaded) == ["no notice is due that was not sent before"]


def test_a_channel_that_is_out_of_order_is_said_and_the_other_one_sends_it_once(
    loaded: LoadedOrganization, inbox: Inbox, tmp_path: Path
) -> None:
    brought(loaded, tmp_path, "acme,Half,organization,,usd,month,1,100,,")
    inbox.is_out_of_order = True
    assert report(loaded)[-1].startswith("1 notice sent, but not by all channels (a service of the connection meterhouse_alerts refused")
    inbox.is_out_of_order = False
    assert report(loaded) == ["no notice is due that was not sent before"]
    assert (len(inbox.mails), len(inbox.posts)) == (1, 0)


def test_a_sender_that_dies_between_claim_and_delivery_loses_nothing(loaded: LoadedOrganization, inbox: Inbox, tmp_path: Path) -> None:
    brought(loaded, tmp_path, "acme,Died,organization,,usd,month,1,100,,")
    report(loaded)
    loaded.query("UPDATE ops.notices SET delivered_at = NULL WHERE identity LIKE 'Died%'")
    # While the claim is young somebody may be sending it.
    assert report(loaded) == ["no notice is due that was not sent before"]
    loaded.query("UPDATE ops.notices SET claimed_at = claimed_at - interval '61 minutes' WHERE identity LIKE 'Died%'")
    assert report(loaded)[-1] == "1 notice sent"
    assert report(loaded) == ["no notice is due that was not sent before"]
    assert len(inbox.posts) == 2


def test_without_a_channel_what_is_due_is_shown_and_stays_due(
    loaded: LoadedOrganization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRFLOW_CONN_METERHOUSE_ALERTS", "AIRFLOW_CONN_METERHOUSE_ALERTS_MAIL"):
        monkeypatch.delenv(name, raising=False)
    brought(loaded, tmp_path, "acme,Quiet,organization,,usd,month,1,100,,")
    for _ in range(2):
        lines = report(loaded)
        assert "the budget Quiet" in lines[0]
        assert lines[1] == "1 notice due: nothing was sent, as there is no connection meterhouse_alerts or meterhouse_alerts_mail"


def test_the_commands_say_what_they_did(
    loaded: LoadedOrganization, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(loaded, tmp_path / "home", monkeypatch, capsys)
    url = loaded.warehouse.loader_url
    path = tmp_path / "mine.csv"
    path.write_text(f"{HEAD}\nacme,Typed,organization,,usd,month,1.50,80 100,,\n")
    assert terminal.run(url, "budgets", "import", str(path)) == (0, "")
    capsys.readouterr()
    assert main(["budgets", "list"]) == 0
    assert "Typed" in (listed := capsys.readouterr().out)
    assert "80 100" in listed
    assert main(["budgets", "report", "--dry-run"]) == 0
    assert "nothing was sent, as this was a dry run" in capsys.readouterr().out
    assert inbox.posts == []
    assert main(["budgets", "report"]) == 0
    assert "1 notice sent" in capsys.readouterr().out
    assert len(inbox.posts) == 1
    path.write_text(f"{HEAD}\nacme,Typed,organization,,usd,month,much,80 100,,\n")
    assert "mine.csv, line 2: amount is 'much'" in terminal.refused(url, "budgets", "import", str(path), status=2)


def test_the_vendors_limits_are_shown_with_the_budget_of_the_same_place(loaded: LoadedOrganization, tmp_path: Path) -> None:
    first, second, third = list(loaded.fake.roster.projects)[:3]
    assert sync_spend_limits(loaded.settings(), clock=loaded.fake.clock.now) == ("acme: spend limits: 5 limits at the vendor, changed",)
    assert sync_spend_limits(loaded.settings(), clock=loaded.fake.clock.now) == (
        "acme: spend limits: 5 limits at the vendor, nothing changed",
    )
    brought(
        loaded, tmp_path, "acme,All,organization,,usd,month,5,,,", f"acme,One,project,{first},usd,month,5,,,",
        f"acme,Two,project,{second},usd,month,5,,,", f"acme,Three,project,{third},usd,month,5,,,",
        "acme,Quarter,organization,,usd,quarter,5,,,",
    )  # fmt: skip
    columns = "vendor_limit_cost, vendor_limit_kind, vendor_limit_enforcement"
    assert status(loaded, columns, "All") == [(Decimal(12000), "limit", "inactive")]
    assert status(loaded, columns, "One") == [(Decimal(1500), "limit", "inactive")]
    assert status(loaded, columns, "Two") == [(Decimal(400), "alert", None)]
    assert status(loaded, columns, "Three") == [(None, None, None)]
    assert status(loaded, columns, "Quarter") == [(None, None, None)]


@pytest.mark.parametrize("status_code", [401, 403, 404])
def test_a_key_that_may_not_read_the_limits_is_remembered_and_fails_nothing(loaded: LoadedOrganization, status_code: int) -> None:
    body = {"error": {"message": "Missing scopes: api.limits.read.", "type": "invalid_request_error", "param": None, "code": None}}
    loaded.forget_requests()
    loaded.server.fail_next(2, status=status_code, body=body, path_contains="/spend_")
    (line,) = sync_spend_limits(loaded.settings(), clock=loaded.fake.clock.now)
    assert line == f"acme: spend limits: not readable (HTTP {status_code}, Missing scopes: api.limits.read.)"
    assert loaded.paths_asked() == ["/v1/organization/spend_alerts", "/v1/organization/spend_limit"]
    known = loaded.query("SELECT is_supported, detail FROM ops.capabilities WHERE endpoint = 'spend_limits'")
    assert known == [(False, f"HTTP {status_code}, Missing scopes: api.limits.read.")]
    assert loaded.query("SELECT kind FROM warehouse.vendor_spend_limits") == []
    assert "spend_limits" not in {row[0] for row in loaded.read("SELECT endpoint FROM bi.freshness")}
    sync_spend_limits(loaded.settings(), clock=loaded.fake.clock.now)
    assert loaded.query("SELECT is_supported FROM ops.capabilities WHERE endpoint = 'spend_limits'") == [(True,)]


def test_judging_again_finds_nothing_to_write(loaded: LoadedOrganization, tmp_path: Path) -> None:
    brought(loaded, tmp_path, "acme,All,organization,,usd,month,5,,,")
    before = places(loaded.warehouse.superuser_url, ("warehouse.budget_periods",))
    with psycopg.connect(loaded.warehouse.loader_url, autocommit=True) as connection:
        assert judge_budgets(connection, 1) == 1
    assert places(loaded.warehouse.superuser_url, ("warehouse.budget_periods",)) == before
