"""The tables of a monthly report: by project and model, they add up to the month and to the month before."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from tests.bi.given import Given

from meterhouse.dashboard.month_figures import SpendRow
from meterhouse.dashboard.queries import Reader
from meterhouse.load.store import Store

OCTOBER = date(2026, 10, 1)
Shown = list[tuple[str | None, Decimal | None, Decimal | None]]


def spend(given: Given, kind: str) -> Shown:
    """(name, cost, cost of the month before) of October, as the report has them."""
    given.shown("SELECT 1")
    with Store(given.warehouse.loader_url) as store:
        store.allocate("acme")
        store.allocate("other")
    found: tuple[SpendRow, ...] = Reader(given.warehouse.reader_url).month(OCTOBER).spend
    return [(row.name, row.cost, row.previous_month_cost) for row in found if row.kind == kind]


@pytest.fixture
def loaded(given: Given) -> Given:
    """Two months of acme in which one project and its model end, and a September of another organization."""
    given.covered_days("costs", "2026-09-01", 61)
    given.cost("2026-09-05", "10", project_id="stays", line_item="gpt-4o, input")
    given.cost("2026-09-06", "7", project_id="ends", line_item="gpt-4.1, input")
    given.cost("2026-10-07", "21", project_id="stays", line_item="gpt-4o, input")
    given.cost("2026-09-08", "5", project_id="others", line_item="gpt-4o, input", org=2)
    return given


@pytest.mark.parametrize(("kind", "stays", "ends"), [("project", "stays", "ends"), ("model", "gpt-4o", "gpt-4.1")])
def test_who_was_billed_only_in_the_month_before_has_a_row_so_that_both_months_add_up(
    loaded: Given, kind: str, stays: str, ends: str
) -> None:
    # Nothing is known of the other organization's October, so nothing of it is said to be 0.
    assert spend(loaded, kind) == [(stays, 21, 10), (ends, 0, 7)]


def test_a_team_that_has_ended_is_among_the_teams(loaded: Given) -> None:
    assert spend(loaded, "team") == [("(unassigned)", 21, 17)]
    loaded.do(
        "INSERT INTO warehouse.owner_assignments (kind, value, team, cost_centre, valid_from, valid_to, imported_at)"
        " VALUES ('project', 'stays', 'search', NULL, '-infinity', 'infinity', now()),"
        " ('project', 'ends', 'pilot', '4711', '-infinity', 'infinity', now())"
    )
    assert spend(loaded, "team") == [("search", 21, 10), ("pilot", 0, 7)]


def test_an_unknown_amount_stays_unknown_and_a_month_that_is_not_loaded_whole_is_not_compared(loaded: Given) -> None:
    loaded.cost("2026-09-09", None, project_id="unknown", line_item="gpt-4o, output")
    assert spend(loaded, "project") == [("stays", 21, 10), ("ends", 0, 7), ("unknown", 0, None)]
    loaded.do("DELETE FROM ops.coverage WHERE organization_id = 1 AND bucket_start = '2026-09-01Z'")
    assert spend(loaded, "project") == [("stays", 21, None), ("ends", 0, None), ("unknown", 0, None)]
