"""Finality on the stand-in's clock, walked hour by hour over three midnights: what a reader sees, and that a settled day stays as it is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from .comparison import assert_equals_source
from .conftest import MakeOrganization, MakeWarehouse
from .fingerprints import places
from .loaded_organization import LoadedOrganization, midnight

START = datetime(2026, 11, 17, 12, 20, tzinfo=UTC)
WATCHED = date(2026, 11, 18)
HOURS = 84


Seen = dict[datetime, dict[date, tuple[str, bool, Decimal]]]


@pytest.fixture(scope="module")
def walked(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> tuple[LoadedOrganization, Seen]:
    """Costs loaded every hour, and what a reader saw after each load: (finality, is_complete, cost) by day."""
    seen: Seen = {}
    acme = make_organization(make_warehouse(), now=START, scale=1.0)
    acme.defaults |= {"history_start": midnight(date(2026, 11, 10))}
    for hour in range(HOURS):
        if hour:
            acme.advance(hours=1)
        acme.sync(["costs"]).raise_first()
        found = acme.read("SELECT usage_date, finality, is_complete, sum(cost) FROM bi.costs_daily GROUP BY 1, 2, 3")
        seen[acme.now] = {day: (state, complete, cost) for day, state, complete, cost in found}
    return acme, seen


def test_at_no_hour_is_a_settled_day_changed_later(walked) -> None:
    acme, seen = walked
    settled: dict[date, Decimal] = {}
    for at, days in seen.items():
        for day, (state, complete, cost) in days.items():
            assert complete == (state == "settled")
            if day in settled:
                assert (state, cost) == ("settled", settled[day]), f"{day} was settled and is changed at {at}"
            elif state == "settled":
                settled[day] = cost
    assert {WATCHED - timedelta(days=1), WATCHED} <= set(settled)
    assert acme.read("SELECT count(*) FROM bi.revisions WHERE is_restatement") == [(0,)]
    assert_equals_source(acme, date(2026, 11, 10), acme.today, ("costs",))


def test_a_day_is_open_then_settling_for_a_day_then_settled_and_never_goes_back(walked) -> None:
    _, seen = walked
    states = [(at, days[WATCHED][0]) for at, days in seen.items() if WATCHED in days]
    order = ["open", "settling", "settled"]
    assert [state for _, state in states] == sorted((state for _, state in states), key=order.index)
    first = {state: next(at for at, found in states if found == state) for state in order}
    end = midnight(WATCHED + timedelta(days=1))
    assert first["settling"] == end + timedelta(minutes=20)
    assert first["settled"] == end + timedelta(hours=24, minutes=20)


def test_the_bill_of_a_day_that_has_just_ended_is_short_and_is_not_called_complete(walked) -> None:
    _, seen = walked
    next_day = midnight(WATCHED + timedelta(days=1))
    at_midnight, at_six, at_noon, last = (
        seen[next_day + timedelta(minutes=20)][WATCHED],
        seen[next_day + timedelta(hours=6, minutes=20)][WATCHED],
        seen[next_day + timedelta(hours=12, minutes=20)][WATCHED],
        seen[max(seen)][WATCHED],
    )
    # About a third is missing.
    assert Decimal("0.6") < at_midnight[2] / last[2] < Decimal("0.8")
    assert (at_six[2], at_noon[2]) == (last[2], last[2])
    assert [found[1] for found in (at_midnight, at_six, at_noon, last)] == [False, False, False, True]


def test_the_settle_curve_says_what_was_known_at_each_age(walked) -> None:
    acme, seen = walked
    curve = dict(acme.read("SELECT age_hours, known_share FROM bi.settle_curve WHERE endpoint = 'costs' AND metric = 'usd' ORDER BY 1"))
    assert curve[0] < curve[1]
    assert curve[1] < curve[3] <= curve[6] == curve[24] == 1
    # The first point by hand: two days were read while young and are settled.
    days = [day for day, (state, *_) in seen[max(seen)].items() if state == "settled" and day >= START.date()]
    known = sum(seen[midnight(day + timedelta(days=1)) + timedelta(minutes=20)][day][2] for day in days)
    final = sum(seen[max(seen)][day][2] for day in days)
    assert curve[1] == pytest.approx(known / final, abs=Decimal("0.000001"))
    counts = acme.read("SELECT DISTINCT day_count FROM bi.settle_curve WHERE endpoint = 'costs' AND age_hours = 1")
    assert counts == [(len(days),)]


def test_freshness_says_when_costs_were_read_and_through_which_day_they_are_settled(walked) -> None:
    acme, seen = walked
    read_at = max(seen)
    found = acme.read("SELECT last_loaded_at_utc, settled_through_date, settled_bucket_count FROM bi.freshness WHERE endpoint = 'costs'")
    settled = [day for day, (state, *_) in seen[read_at].items() if state == "settled"]
    assert found == [(read_at.replace(tzinfo=None), max(settled), len(settled))]
    assert max(settled) == read_at.date() - timedelta(days=2)


def test_a_second_load_of_settled_days_writes_nothing(walked) -> None:
    acme, _ = walked
    acme.sync(["costs"]).raise_first()
    stood = places(acme.warehouse.superuser_url, ("ops.coverage", "ops.bucket_totals"))
    acme.sync(["costs"]).raise_first()
    assert places(acme.warehouse.superuser_url, ("ops.coverage", "ops.bucket_totals")) == stood
