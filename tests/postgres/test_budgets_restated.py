"""Budgets of an organization that restates its days: judged again, and reported once all the same."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.e2e.inbox import Inbox

from .budget_files import NOW, START, THROUGH, billed, brought, inbox, report, status
from .conftest import MakeOrganization, MakeWarehouse
from .doctored_vendor import doctor
from .loaded_organization import LoadedOrganization, midnight
from .test_closing import more_on

__all__ = ["inbox"]  # a fixture, which pytest finds by its name


@pytest.fixture
def restated(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> LoadedOrganization:
    """An organization of a test's own, which may restate."""
    acme = make_organization(make_warehouse(), now=NOW)
    acme.defaults |= {"history_start": midnight(START), "endpoints": ("costs",)}
    acme.sync().raise_first()
    return acme


def test_budgets_are_judged_with_plans_that_do_not_depend_on_statistics(restated: LoadedOrganization, tmp_path: Path) -> None:
    restated.query(
        "CREATE FUNCTION ops.as_planned() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF 'on' IN (current_setting('enable_nestloop'), current_setting('enable_mergejoin')) THEN RAISE 'planned by statistics'; END IF;"
        " RETURN NEW; END $$;"
        " CREATE TRIGGER as_planned BEFORE INSERT ON warehouse.budget_periods FOR EACH ROW EXECUTE FUNCTION ops.as_planned()"
    )
    brought(restated, tmp_path, "acme,All,organization,,usd,month,100000,,,")
    assert len(status(restated, "state", "All")) == 1


def test_a_budget_crossed_un_crossed_by_a_restatement_and_crossed_again_is_one_message(
    restated: LoadedOrganization, inbox: Inbox, tmp_path: Path
) -> None:
    amount = billed(restated) + Decimal(10)
    brought(restated, tmp_path, f"acme,All,organization,,usd,month,{amount},100,,")
    # That it will be passed is one thing to say, and that it is passed is another.
    assert report(restated)[-1] == "1 notice sent"
    assert "will be passed on 19 November" in inbox.posts[0]["message"]

    def reads(more: str) -> Decimal:
        doctor(restated, more_on(THROUGH, more))
        restated.sync().raise_first()
        ((spent,),) = status(restated, "spent_cost", "All")
        return Decimal(str(spent))

    assert reads("10") == amount
    first = report(restated)
    assert first[-1] == "1 notice sent"
    (_, post), (_, mail) = inbox.posts, inbox.mails
    assert post["title"] == mail["Subject"] == "meterhouse: 1 notice about spending"
    assert post["message"] == first[0]
    assert "the budget All (the whole organization) of November 2026 has reached 100%" in first[0]
    assert reads("0") == amount - 10
    report(restated)
    assert status(restated, "highest_threshold_share", "All") == [(None,)]
    assert reads("10.01") == amount + Decimal("0.01")
    assert status(restated, "state, highest_threshold_share", "All") == [("exceeded", Decimal(1))]
    assert report(restated) == ["no notice is due that was not sent before"]
    assert (len(inbox.about("has reached")), len(inbox.posts), len(inbox.mails)) == (1, 2, 2)


def test_a_period_that_is_over_is_judged_again_when_a_day_of_it_changes(restated: LoadedOrganization, tmp_path: Path) -> None:
    brought(restated, tmp_path, "acme,All,organization,,usd,month,1000000,,,")
    restated.advance(days=15)
    restated.sync().raise_first()
    before = status(restated, "period_start, spent_cost, is_current_period, state", "All")
    assert [row[0] for row in before] == [START, date(2026, 12, 1)]
    assert [row[2] for row in before] == [False, True]
    assert before[0][3] == "on_track"
    doctor(restated, more_on(date(2026, 11, 28), "7.25"))
    restated.backfill(date(2026, 11, 28), date(2026, 11, 29), ["costs"]).raise_first()
    ((_, spent, *_), _) = status(restated, "period_start, spent_cost, is_current_period, state", "All")
    assert spent == Decimal(str(before[0][1])) + Decimal("7.25")


ODD = """
INSERT INTO warehouse.cost_anomalies (organization_id, usage_date, series_kind, series_key, project_id, currency, kind, actual_cost,
    expected_cost, low_cost, high_cost, z_score, reason, explained_kind, explained_key, state, first_seen_at, judged_at)
VALUES (1, %s, %s, %s, %s, 'usd', 'spike', 120.5, 40, 20, 60, 8, 'three times the 40.00 usd expected', %s, %s, %s, now(), now())
"""


def test_odd_days_that_are_shown_are_reported_once_however_often_they_are_restated(restated: LoadedOrganization, inbox: Inbox) -> None:
    project = next(iter(restated.fake.roster.projects))
    day = THROUGH - timedelta(days=1)
    restated.query(ODD, (day, "project", project, project, None, None, "new"))
    restated.query(ODD, (day, "organization", "", None, "project", project, "new"))
    restated.query(ODD, (day, "model", "gpt-5.5", None, None, None, "withdrawn"))
    restated.query(ODD, (START - timedelta(days=1), "model", "gpt-5.5", None, None, None, "new"))
    lines = report(restated)
    assert lines == [
        f"acme: the costs of the project “{project}” on 17 November are unusual: 120.50 usd, 40.00 expected"
        " (three times the 40.00 usd expected)",
        "1 notice sent",
    ]
    assert inbox.posts[0]["message"] == lines[0]
    restated.query(
        "UPDATE warehouse.cost_anomalies SET actual_cost = 150, kind = 'sustained', state = 'updated' WHERE series_kind <> 'model'"
    )
    assert report(restated) == ["no notice is due that was not sent before"]
    # What explained it is ordinary now, so that the organization's own day is shown.
    restated.query(
        "UPDATE warehouse.cost_anomalies SET explained_kind = NULL, explained_key = NULL, usage_date = %s WHERE series_kind <> 'model'",
        (THROUGH,),
    )
    assert [line.split(" are unusual")[0] for line in report(restated)[:-1]] == [
        "acme: the costs of the whole organization on 18 November", f"acme: the costs of the project “{project}” on 18 November",
    ]  # fmt: skip
