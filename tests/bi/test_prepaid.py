"""Prepaid credits: drawn down by the bill day by day, those first that expire first, with what is left and how long it lasts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from tests.bi.given import Given

from meterhouse.errors import FixConfiguration
from meterhouse.imports.purchases import import_purchases
from meterhouse.settings import Settings

NOW = datetime(2026, 11, 5, tzinfo=UTC)
HEADING = "bought_on,amount,currency,expires_on,organization,note\n"


def imported(given: Given, folder: Path, lines: list[str], **options: bool) -> list[str]:
    path = folder / "purchases.csv"
    path.write_text(HEADING + "\n".join(lines) + "\n")
    return import_purchases(Settings(warehouse_url=given.warehouse.loader_url), [path], NOW, **options)


def purchases(given: Given) -> list[tuple[object, ...]]:
    return given.shown("SELECT bought_date, bought, drawn, lapsed, credits_left FROM bi.prepaid_purchases ORDER BY purchase_id")


def test_a_day_is_paid_from_the_credits_that_expire_first_and_what_is_not_used_by_then_lapses(given: Given, tmp_path: Path) -> None:
    given.covered_days("costs", "2026-10-01", 10)
    for day in range(1, 11):
        given.cost(f"2026-10-{day:02}", "4", project_id="a")
    lines = imported(
        given,
        tmp_path,
        [
            "2026-10-01,100,USD,,acme,never expires",
            "2026-10-03,20,usd,2026-10-05,acme,",
            "2026-10-03,6,usd,2026-10-20,acme,",
            "2026-10-03,6,eur,,acme,another currency",
        ],
    )
    assert lines == ["4 purchases (4 new) of 2026-10-01 to 2026-10-03, 6 eur, 126 usd in all: stored"]
    assert purchases(given) == [
        (date(2026, 10, 1), 100, 4 * 7 - 6, 0, 100 - (4 * 7 - 6)),
        (date(2026, 10, 3), 20, 12, 8, 0),
        (date(2026, 10, 3), 6, 6, 0, 0),
        (date(2026, 10, 3), 6, 0, 0, 6),
    ]
    assert given.shown(
        "SELECT bought, drawn, lapsed, credits_left, cost_not_covered, burn_per_day, burn_days, days_left, runs_out_date, as_of_date"
        " FROM bi.prepaid_balance WHERE currency = 'usd'"
    ) == [(126, 40, 8, 78, 0, 4, 10, 19, date(2026, 10, 29), date(2026, 10, 10))]


def test_only_settled_days_set_the_pace_and_a_day_without_costs_counts(given: Given, tmp_path: Path) -> None:
    given.covered_days("costs", "2026-10-01", 40)
    given.cost("2026-11-08", "28", project_id="a")
    given.cost("2026-11-09", "1000", project_id="a")
    given.do("UPDATE ops.coverage SET finality = 'open', is_complete = false WHERE bucket_start = '2026-11-09Z'")
    imported(given, tmp_path, ["2026-10-01,2000,usd,2026-12-31,acme,"])
    shown = "SELECT burn_per_day, burn_days, credits_left, days_left, next_expiry_date, next_expiry_credits FROM bi.prepaid_balance"
    assert given.shown(shown) == [(1, 28, 972, 972, date(2026, 12, 31), 972)]


def test_credits_do_not_count_before_the_day_on_which_they_are_bought(given: Given, tmp_path: Path) -> None:
    given.covered_days("costs", "2026-10-01", 10)
    given.cost("2026-10-05", "30", project_id="a")
    imported(given, tmp_path, ["2026-10-01,100,usd,,acme,", "2026-10-11,500,usd,2026-12-31,acme,", "2099-01-01,7,eur,,acme,"])
    assert [row[1:] for row in purchases(given)] == [(100, 30, 0, 70), (500, 0, 0, 0), (7, 0, 0, 0)]
    shown = "SELECT currency, bought, credits_left, burn_per_day, days_left, next_expiry_date FROM bi.prepaid_balance ORDER BY 1"
    assert given.shown(shown) == [("eur", 0, 0, 0, None, None), ("usd", 100, 70, 3, 23, None)]
    given.covered("costs", "2026-10-11T00:00Z")
    assert given.shown(shown)[1][1:3] == (600, 570)


def test_before_any_costs_are_loaded_credits_count_from_their_day(given: Given, tmp_path: Path) -> None:
    imported(given, tmp_path, ["2026-10-01,100,usd,,acme,", "2099-01-01,7,usd,,acme,"])
    assert given.shown("SELECT bought, credits_left, as_of_date FROM bi.prepaid_balance") == [(100, 100, None)]


def test_costs_beyond_the_credits_are_shown(given: Given, tmp_path: Path) -> None:
    given.cost("2026-10-01", "7", project_id="a")
    given.cost("2026-10-02", "9", project_id="a")
    imported(given, tmp_path, ["2026-10-02,5,usd,,acme,"])
    assert given.shown("SELECT drawn, credits_left, cost_not_covered, days_left FROM bi.prepaid_balance") == [(5, 0, 4, 0)]


def test_random_purchases_are_used_as_if_the_days_were_paid_one_after_the_other(given: Given, tmp_path: Path) -> None:
    rng = Random(5)  # noqa: S311  # cases, not secrets
    first = date(2026, 9, 1)
    given.covered_days("costs", "2026-09-01", 60)
    costs = {first + timedelta(days=number): Decimal(rng.randrange(1000)) / 100 for number in range(60)}
    for day, cost in costs.items():
        given.cost(day.isoformat(), str(cost), project_id="a")
    pools = []
    for _ in range(25):
        bought = first + timedelta(days=rng.randrange(60))
        pools.append([bought, Decimal(rng.randrange(1, 4000)) / 100, rng.choice([None, bought + timedelta(days=rng.randrange(20))])])
    imported(given, tmp_path, [f"{bought},{amount},usd,{expires or ''},acme," for bought, amount, expires in pools])
    left = [amount for _, amount, _ in pools]
    order = sorted(range(25), key=lambda one: (pools[one][2] or date.max, pools[one][0], one))
    for day, cost in costs.items():
        rest = cost
        for one in order:
            bought, _, expires = pools[one]
            if bought <= day <= (expires or date.max):
                taken = min(rest, left[one])
                left[one], rest = left[one] - taken, rest - taken
    assert [row[2] for row in purchases(given)] == [amount - after for (_, amount, _), after in zip(pools, left, strict=True)]


def test_the_file_takes_the_place_of_the_list_and_twice_changes_nothing(given: Given, tmp_path: Path) -> None:
    twice = ["2026-10-01,100,usd,,acme,auto", "2026-10-01,100,usd,,acme,auto"]
    assert imported(given, tmp_path, twice, dry_run=True)[0].endswith("200 usd in all: nothing was stored, as this was a dry run")
    assert purchases(given) == []
    imported(given, tmp_path, twice)
    stored = given.do("SELECT * FROM warehouse.prepaid_purchases ORDER BY 1")
    assert len(stored) == 2
    assert imported(given, tmp_path, twice)[0].startswith("2 purchases (2 unchanged)")
    assert given.do("SELECT * FROM warehouse.prepaid_purchases ORDER BY 1") == stored
    assert "(1 unchanged, 1 removed)" in imported(given, tmp_path, twice[:1])[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2026-10-01,0,usd,,acme,", "line 2: amount is 0: write the credits that were bought"),
        ("2026-10-01,5,usd,2026-09-30,acme,", "line 2: expires_on 2026-09-30 is before bought_on 2026-10-01"),
        ("2026-10-01,5,dollars,,acme,", "line 2: currency is 'dollars'"),
        ("2026-10-01,5,usd,,nobody,", "line 2: organization is 'nobody', and loaded are: acme, other"),
    ],
)
def test_a_wrong_line_is_refused_and_nothing_is_stored(given: Given, tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(FixConfiguration, match=message):
        imported(given, tmp_path, [line])
    assert purchases(given) == []
