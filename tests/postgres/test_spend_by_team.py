"""Teams on the stand-in: their rows add up to the bill of every month and currency."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from meterhouse.imports.teams import import_teams
from meterhouse.load.directory import sync_directory

from .loaded_organization import LoadedOrganization


def test_teams_share_the_bill(acme: LoadedOrganization, tmp_path: Path) -> None:
    acme.backfill(acme.today - timedelta(days=9), acme.today).raise_first()
    sync_directory(acme.settings(), clock=acme.fake.clock.now)
    keys = acme.query("SELECT api_key_id FROM warehouse.current_api_keys ORDER BY 1 LIMIT 3")
    projects = acme.query("SELECT project_id FROM warehouse.current_projects ORDER BY 1 LIMIT 4")
    users = acme.query("SELECT user_id FROM warehouse.current_users ORDER BY 1 LIMIT 4")
    found = [*(("api_key", *row) for row in keys), *(("project", *row) for row in projects), *(("user", *row) for row in users)]
    middle = acme.today - timedelta(days=5)
    lines = [f"{kind},{value},{kind} {place % 3},,{middle}" for place, (kind, value) in enumerate(found)]
    path = tmp_path / "teams.csv"
    path.write_text("\n".join(["kind,value,team,valid_from,valid_to", *lines]))
    import_teams(acme.settings(), path, acme.now)
    teams = acme.read("SELECT month_start, currency, sum(cost), count(DISTINCT team) FROM bi.spend_by_team_month GROUP BY 1, 2 ORDER BY 1")
    bill = acme.read("SELECT month_start, currency, sum(cost) FROM bi.spend_by_project_month GROUP BY 1, 2 ORDER BY 1")
    assert [row[:3] for row in teams] == bill
    assert teams[-1][3] > 4
