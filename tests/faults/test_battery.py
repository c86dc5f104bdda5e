"""What reader, team and loader try and must not be able to do: nothing is read, changed or ended, whatever the server answers."""

from __future__ import annotations

import psycopg
import pytest
from tests.conftest import Warehouse
from tests.postgres.teams_of_projects import Team, filled, mine

from meterhouse.warehouse.harden import harden

from .battery import BY_LOADER, COMMON, FILE, PLANT, PLANT_NAME, ROLE_OF_NOBODY, SCRAM, SECRET, by_team, seen_or_done

__all__ = ["filled", "mine"]  # fixtures, which pytest finds by their names


@pytest.fixture(scope="module")
def prepared(filled: Warehouse, mine: Team) -> Warehouse:
    """Two organizations, a team, and something that nobody may see."""
    harden(filled.superuser_url)
    with psycopg.connect(filled.owner_url, autocommit=True) as owner:
        owner.execute(PLANT.encode())
        owner.execute(PLANT_NAME.encode())
    return filled


def test_what_the_reader_tries_has_no_effect(prepared: Warehouse) -> None:
    assert len(set(COMMON)) >= 70
    others = [prepared.owner_url, prepared.loader_url, prepared.superuser_url]
    assert seen_or_done(prepared, prepared.reader_url, COMMON, [SECRET, SCRAM, FILE, ROLE_OF_NOBODY], others) == []


def test_what_somebody_in_a_team_tries_has_no_effect(prepared: Warehouse, mine: Team) -> None:
    attempts = by_team(mine.login)
    assert len(attempts) >= 70
    others = [prepared.owner_url, prepared.loader_url, prepared.reader_url, prepared.superuser_url]
    hidden = [SECRET, SCRAM, FILE, ROLE_OF_NOBODY, "proj_yours", "proj_theirs", "User yours", "User theirs"]
    assert seen_or_done(prepared, mine.url, attempts, hidden, others) == []


def test_what_the_loader_tries_has_no_effect(prepared: Warehouse) -> None:
    assert len(set(BY_LOADER)) >= 70
    others = [prepared.owner_url, prepared.reader_url, prepared.superuser_url]
    assert seen_or_done(prepared, prepared.loader_url, BY_LOADER, [SCRAM, FILE, ROLE_OF_NOBODY], others) == []


def test_a_battery_that_finds_nothing_would_find_something(prepared: Warehouse) -> None:
    """The judge itself: an owner who does what a reader must not is seen to have done it."""
    url = prepared.owner_url
    attempts = ["SELECT user_name FROM warehouse.dim_user", "CREATE VIEW bi.mine AS SELECT 1 AS one", "SET ROLE meterhouse_reader"]
    found = seen_or_done(prepared, url, attempts, [SECRET], [])
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("DROP VIEW bi.mine")
    assert [one.partition(":")[0] for one in found][:1] == ["SELECT user_name FROM warehouse.dim_user"]
    assert any(one.startswith("something is different now") for one in found)
