"""Last steps: how each of them begins, and that whatever changes costs, or what they are worked out from, ends with all of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from meterhouse.checks.warehouse_checks import ask_vendor
from meterhouse.command_line.cli import COMMANDS
from meterhouse.command_line.importing import KINDS
from meterhouse.imports.invoice_files import COLUMNS
from meterhouse.load.directory import sync_directory
from meterhouse.load.sync import allocate
from meterhouse.warehouse.tables import metadata

from .conftest import MakeOrganization, MakeWarehouse
from .doctored_vendor import doctor
from .fingerprints import places
from .loaded_organization import LABEL, LoadedOrganization, midnight
from .saved_exports import costs_export
from .terminal import Terminal
from .test_closing import more_on

START = date(2026, 10, 1)
ODD = date(2026, 11, 12)
# What the last steps write, and what they wrote it from.
RESULTS = (
    "ops.allocated_days", "warehouse.cost_allocation", "warehouse.cost_comparisons", "warehouse.cost_changes", "ops.forecast_days",
    "warehouse.cost_forecasts", "ops.judged_days", "warehouse.cost_anomalies", "warehouse.budget_periods",
)  # fmt: skip
# Commands after which costs, or what is worked out from them, are other ones: each has a test below, or is a load.
CHANGES = {
    "sync", "backfill", "import usage", "import costs", "import legacy-api", "import invoice", "teams", "budgets", "alias",
    "rebuild-totals", "purge", "migrate", "check",
}  # fmt: skip
# Views read at once what these write, or nothing in the warehouse is of costs.
LEAVES = {
    "up", "down", "status", "export", "sql", "mcp", "grant-team", "create-reader", "provision-metabase", "dashboard", "report",
    "rename-organization", "retain", "fake-api", "import purchases", "import prices", "import rates", "import planned",
    "import recipients",
}  # fmt: skip


@pytest.fixture(scope="module")
def acme(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> LoadedOrganization:
    """An organization with seven weeks of costs, one of whose days is odd; everything is worked out from them."""
    acme = make_organization(make_warehouse())
    acme.defaults |= {"history_start": midnight(START), "endpoints": ("costs", "costs_by_user")}
    doctor(acme, more_on(ODD, "4000"))
    acme.sync().raise_first()
    sync_directory(acme.settings(), clock=acme.fake.clock.now)
    allocate(acme.settings())
    return acme


@pytest.fixture
def terminal(acme: LoadedOrganization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(acme, tmp_path / "home", monkeypatch, capsys)


def results(acme: LoadedOrganization) -> set[tuple[object, ...]]:
    return places(acme.warehouse.superuser_url, RESULTS)


def followed(acme: LoadedOrganization, terminal: Terminal, *words: str, url: str | None = None) -> set[str]:
    """Run a command that must leave nothing for the end of the next load; return the tables in which it has changed a row."""
    before = results(acme)
    assert terminal.run(url or acme.warehouse.loader_url, *words) == (0, "")
    after = results(acme)
    allocate(acme.settings())
    assert {row[0] for row in results(acme) ^ after} == set(), "the next load finds something to do"
    return {str(row[0]).partition(".")[2] for row in before ^ after}


def written(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_every_command_is_known_to_change_what_is_worked_out_or_not_to() -> None:
    assert {*COMMANDS, *(f"import {kind}" for kind in KINDS)} - {"import"} == CHANGES | LEAVES
    assert not CHANGES & LEAVES


AS_A_LAST_STEP = """
CREATE FUNCTION ops.as_a_last_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF 'on' IN (current_setting('enable_nestloop'), current_setting('enable_mergejoin')) THEN
        RAISE '% is written by statements that are planned by statistics', TG_TABLE_NAME;
    END IF;
    IF current_setting('transaction_isolation') <> 'repeatable read' THEN
        RAISE '% is written from more than one moment', TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$
"""


@pytest.fixture
def strict(acme: LoadedOrganization) -> Iterator[LoadedOrganization]:
    """The same, with no table that takes a row from a transaction that is not one of a last step, and nothing worked out."""
    acme.query(f"TRUNCATE {', '.join(RESULTS)}")
    acme.query(AS_A_LAST_STEP)
    for name in metadata.tables:
        acme.query(
            f"CREATE TRIGGER as_a_last_step BEFORE INSERT OR UPDATE OR DELETE ON {name} FOR EACH STATEMENT"
            " EXECUTE FUNCTION ops.as_a_last_step()"
        )
    yield acme
    acme.query("DROP FUNCTION ops.as_a_last_step CASCADE")


def test_every_last_step_sees_one_moment_and_is_planned_without_statistics(strict: LoadedOrganization) -> None:
    strict.query(
        "SET session_replication_role = replica;"
        " INSERT INTO warehouse.budgets (organization_id, budget, scope_kind, scope_key, currency, period, amount, thresholds, imported_at)"
        " VALUES (1, 'All', 'organization', '', 'usd', 'month', 1, '{1}', now())"
    )
    allocate(strict.settings())
    empty = [name for name in RESULTS if strict.query(f"SELECT count(*) FROM {name}") == [(0,)]]
    assert not empty, "else their statements were not run"


def test_imported_costs_are_followed_at_once(acme: LoadedOrganization, terminal: Terminal, tmp_path: Path) -> None:
    first = START - timedelta(days=30)
    file = tmp_path / "cost_september.csv"
    file.write_text(costs_export(acme.fake, first, START))
    told = followed(acme, terminal, "import", "costs", str(file), "--exported-on", "2026-11-20")
    assert told >= {"cost_allocation", "cost_changes", "cost_forecasts", "judged_days"}


def test_new_teams_are_forecast_and_their_budgets_judged_at_once(acme: LoadedOrganization, terminal: Terminal, tmp_path: Path) -> None:
    budgets = written(
        tmp_path / "budgets.csv", "organization,budget,scope_kind,scope_key,currency,period,amount",
        "acme,All,organization,,usd,month,100000", "acme,Research,team,Research,usd,month,100000",
    )  # fmt: skip
    assert "budget_periods" in followed(acme, terminal, "budgets", "import", budgets)
    spent = "SELECT spent_cost, expected_cost IS NOT NULL FROM bi.budget_status WHERE budget = 'Research' AND is_current_period"
    assert acme.read(spent) == [(0, False)]
    ((project,),) = acme.read("SELECT project_id FROM bi.costs_daily WHERE project_id > '' GROUP BY 1 ORDER BY sum(cost) DESC LIMIT 1")
    teams = written(tmp_path / "teams.csv", "kind,value,team", f"project,{project},Research")
    assert followed(acme, terminal, "teams", "import", teams, "--dry-run") == set()
    assert followed(acme, terminal, "teams", "import", teams) == {"forecast_days", "cost_forecasts", "budget_periods"}
    assert acme.read("SELECT DISTINCT series_key FROM bi.cost_forecast WHERE series_kind = 'team' ORDER BY 1") == [
        ("(unassigned)",), ("Research",),
    ]  # fmt: skip
    ((cost, is_expected),) = acme.read(spent)
    assert cost > 0
    assert is_expected


def test_names_that_come_after_the_costs_are_followed_at_once(acme: LoadedOrganization, terminal: Terminal) -> None:
    acme.query("DELETE FROM warehouse.dim_api_key")
    acme.query("DELETE FROM ops.allocated_days")
    allocate(acme.settings())
    assert "cost_allocation" in followed(acme, terminal, "sync", "--only", "directory")


def test_an_alias_changes_drivers_and_odd_days_at_once(acme: LoadedOrganization, terminal: Terminal) -> None:
    model_of = "SELECT series_key FROM bi.cost_anomalies WHERE series_kind = 'model' AND usage_date = %s AND state <> 'withdrawn'"
    ((model,),) = acme.read(model_of, [ODD])
    assert followed(acme, terminal, "alias", model, "ours") >= {"cost_changes", "cost_anomalies"}
    assert acme.read(model_of, [ODD]) == [("ours",)]
    assert acme.read("SELECT count(*) > 0 FROM bi.cost_changes WHERE member_id = 'ours'") == [(True,)]
    followed(acme, terminal, "alias", "--remove", model)
    assert acme.read(model_of, [ODD]) == [(model,)]


def test_rebuilt_totals_are_followed_at_once(acme: LoadedOrganization, terminal: Terminal) -> None:
    assert followed(acme, terminal, "rebuild-totals") >= {"cost_allocation", "judged_days"}


def test_a_month_that_an_invoice_closes_and_its_removal_opens_again_is_followed_at_once(
    acme: LoadedOrganization, terminal: Terminal, tmp_path: Path
) -> None:
    ((billed,),) = acme.read("SELECT round(sum(cost), 2) FROM bi.costs_daily WHERE usage_date BETWEEN '2026-10-01' AND '2026-10-31'")
    file = tmp_path / "october.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([COLUMNS, ["INV-10", LABEL, "2026-10-01", "2026-10-31", "USD", "2026-11-02", "usage", str(billed)]])
    assert "cost_allocation" in followed(acme, terminal, "import", "invoice", str(file))
    acme.query(
        "INSERT INTO warehouse.cost_corrections (organization_id, usage_date, project_id, line_item, currency, amount, seen_at)"
        " SELECT 1, '2026-10-28', project_id, line_item, currency, 900, now() FROM warehouse.dim_cost_group"
        " WHERE project_id IS NOT NULL AND line_item IS NOT NULL ORDER BY group_id LIMIT 1"
    )
    told = followed(acme, terminal, "import", "invoice", "--remove", "INV-10", "--reopen")
    assert told >= {"cost_allocation", "cost_changes", "cost_forecasts", "judged_days"}


def test_days_that_a_check_loads_again_are_followed_at_once(acme: LoadedOrganization) -> None:
    # The vendor has restated the odd day without saying so.
    doctor(acme, more_on(ODD, "5000"))
    before = results(acme)
    (found,) = [one for one in ask_vendor(acme.settings(), clock=acme.fake.clock.now)[0] if one.check.name == "control_totals"]
    assert "loaded again, and equal since" in str(found.detail)
    after = results(acme)
    assert {str(row[0]) for row in before ^ after} >= {"ops.allocated_days", "ops.judged_days"}
    allocate(acme.settings())
    assert results(acme) == after


def test_planned_activity_and_another_label_need_nothing_to_be_worked_out(
    acme: LoadedOrganization, terminal: Terminal, tmp_path: Path
) -> None:
    shown = "SELECT DISTINCT state, organization FROM bi.cost_anomalies WHERE usage_date = '2026-11-12' AND state <> 'withdrawn'"
    plan = written(tmp_path / "plan.csv", "organization,kind,from", f"acme,organization,{ODD}")
    assert followed(acme, terminal, "import", "planned", plan) == set()
    assert acme.read(shown) == [("planned", "acme")]
    acme.query("DELETE FROM warehouse.planned_activity")
    before = acme.settings()
    acme.label = "globex"
    owner = acme.warehouse.owner_url
    assert followed(acme, terminal, "rename-organization", "acme", "globex", url=owner) == set()
    acme.label = before.require_organizations()[0].label
    assert followed(acme, terminal, "rename-organization", "globex", "acme", url=owner) == set()


def test_an_upgrade_that_adds_a_figure_works_it_out_at_once_for_all_days(acme: LoadedOrganization, terminal: Terminal) -> None:
    # As a migration from a version without them leaves these tables.
    acme.query("TRUNCATE warehouse.cost_comparisons, warehouse.cost_changes, ops.forecast_days, warehouse.cost_forecasts")
    assert followed(acme, terminal, "migrate", url=acme.warehouse.owner_url) >= {"cost_changes", "cost_forecasts"}


def test_an_upgrade_is_done_even_if_nothing_can_be_worked_out(
    acme: LoadedOrganization, terminal: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    acme.query("DELETE FROM ops.allocated_days; ALTER TABLE warehouse.cost_allocation ADD CONSTRAINT none CHECK (false) NOT VALID")
    status, _ = terminal.run(acme.warehouse.owner_url, "migrate")
    acme.query("ALTER TABLE warehouse.cost_allocation DROP CONSTRAINT none")
    allocate(acme.settings())
    assert status == 0
    assert "the next load works it out" in caplog.text


def test_what_is_stored_is_said_where_nothing_follows_from_it(acme: LoadedOrganization, terminal: Terminal, tmp_path: Path) -> None:
    acme.query("ALTER TABLE warehouse.cost_forecasts ADD CONSTRAINT none CHECK (false) NOT VALID")
    teams = written(tmp_path / "teams.csv", "kind,value,team", "default,,Everybody")
    said = terminal.refused(acme.warehouse.loader_url, "teams", "import", teams, status=1)
    acme.query("ALTER TABLE warehouse.cost_forecasts DROP CONSTRAINT none")
    assert "the teams are stored, and the next load works out what follows from them" in said
    assert acme.query("SELECT team FROM warehouse.owner_assignments") == [("Everybody",)]
    assert "cost_forecasts" in followed(acme, terminal, "teams", "import", teams), "the same command again"


def test_a_purge_takes_all_that_was_worked_out(acme: LoadedOrganization, terminal: Terminal) -> None:
    """The last one of this module: nothing is left behind it."""
    assert followed(acme, terminal, "purge", "--organization", LABEL)
    assert results(acme) == set()
