"""Converted costs: beside the billed ones and never instead, at the rate of the day or of the week before, or null with a reason."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.bi.given import Given

from meterhouse.errors import FixConfiguration
from meterhouse.imports.rates import import_rates
from meterhouse.settings import Settings, load_settings
from meterhouse.warehouse.migrate import migrate

NOW = datetime(2026, 11, 5, tzinfo=UTC)


@pytest.fixture
def given_in_euro(given: Given, monkeypatch: pytest.MonkeyPatch) -> Given:
    """A warehouse whose views were made with a reporting currency."""
    monkeypatch.setenv("METERHOUSE_REPORTING_CURRENCY", "EUR")
    migrate(given.warehouse.owner_url)
    return given


def imported(given: Given, folder: Path, lines: list[str], **options: bool) -> list[str]:
    path = folder / "rates.csv"
    path.write_text("rate_date,from_currency,to_currency,rate,source\n" + "\n".join(lines) + "\n")
    return import_rates(Settings(warehouse_url=given.warehouse.loader_url, reporting_currency="eur"), [path], NOW, **options)


CONVERTED = (
    "SELECT usage_date, cost, currency, cost_converted, reporting_currency, rate, rate_date, conversion_reason"
    " FROM bi.costs_converted_daily ORDER BY usage_date, currency"
)


def test_an_amount_is_converted_at_the_rate_of_its_day_or_the_last_one_of_the_week_before(given_in_euro: Given, tmp_path: Path) -> None:
    for day in ("09", "10", "17", "18"):
        given_in_euro.cost(f"2026-10-{day}", "10.123456789012", project_id="a")
    given_in_euro.cost("2026-10-10", "7", project_id="a", currency="eur")
    given_in_euro.cost("2026-10-10", "100", project_id="a", currency="gbp")
    lines = imported(given_in_euro, tmp_path, ["2026-10-10,USD,EUR,0.8,ECB", "2026-10-11,usd,gbp,0.7,", "2026-10-25,usd,eur,2,"])
    assert lines == ["3 rates (3 new) of 2026-10-10 to 2026-10-25, usd to eur, usd to gbp: stored"]
    cost, converted = Decimal("10.123456789012"), Decimal("8.098765431210")
    tenth = date(2026, 10, 10)
    assert given_in_euro.shown(CONVERTED) == [
        (date(2026, 10, 9), cost, "usd", None, "eur", None, None, "no_rate"),
        (tenth, 7, "eur", 7, "eur", 1, tenth, None),
        (tenth, 100, "gbp", None, "eur", None, None, "no_rate"),
        (tenth, cost, "usd", converted, "eur", Decimal("0.8"), tenth, None),
        (date(2026, 10, 17), cost, "usd", converted, "eur", Decimal("0.8"), tenth, None),
        (date(2026, 10, 18), cost, "usd", None, "eur", None, None, "no_rate"),
    ]
    assert given_in_euro.shown("SELECT sum(cost) FROM bi.costs_converted_daily WHERE currency = 'usd'") == given_in_euro.shown(
        "SELECT sum(cost) FROM bi.costs_daily WHERE currency = 'usd'"
    )


def test_an_amount_that_is_missing_or_has_no_currency_is_not_converted(given_in_euro: Given, tmp_path: Path) -> None:
    given_in_euro.cost("2026-10-10", None, project_id="a")
    given_in_euro.cost("2026-10-11", "5", project_id="a", currency=None)
    given_in_euro.cost("2026-10-12", "9000000000000000", project_id="a")
    imported(given_in_euro, tmp_path, [f"2026-10-{day},usd,eur,2,ECB" for day in (10, 11, 12)])
    shown = given_in_euro.shown("SELECT cost_converted, conversion_reason FROM bi.costs_converted_daily ORDER BY usage_date")
    assert shown == [(None, "amount_missing"), (None, "no_currency"), (None, "too_large")]


def test_without_a_reporting_currency_nothing_is_converted_and_the_reason_says_so(given: Given, tmp_path: Path) -> None:
    given.cost("2026-10-10", "5", project_id="a")
    imported(given, tmp_path, ["2026-10-10,usd,eur,2,ECB"])
    assert [row[1:] for row in given.shown(CONVERTED)] == [(5, "usd", None, None, None, None, "no_reporting_currency")]


def test_a_rate_of_the_same_day_takes_the_place_of_the_old_one_and_twice_changes_nothing(given: Given, tmp_path: Path) -> None:
    lines = ["2026-10-10,usd,eur,0.8,ECB", "2026-10-11,usd,eur,0.81,ECB"]
    assert imported(given, tmp_path, lines, dry_run=True)[0].endswith("usd to eur: nothing was stored, as this was a dry run")
    assert given.shown("SELECT count(*) FROM bi.exchange_rates") == [(0,)]
    imported(given, tmp_path, lines)
    stored = given.do("SELECT * FROM warehouse.exchange_rates ORDER BY 1")
    assert imported(given, tmp_path, lines)[0].startswith("2 rates (2 unchanged)")
    assert given.do("SELECT * FROM warehouse.exchange_rates ORDER BY 1") == stored
    assert "(1 new, 1 changed)" in imported(given, tmp_path, ["2026-10-11,usd,eur,0.9,bank", "2026-10-12,usd,eur,0.8,"])[0]
    assert given.shown("SELECT rate_date, rate, rate_source FROM bi.exchange_rates ORDER BY 1") == [
        (date(2026, 10, 10), Decimal("0.8"), "ECB"), (date(2026, 10, 11), Decimal("0.9"), "bank"),
        (date(2026, 10, 12), Decimal("0.8"), None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["2026-10-10,usd,eur,0,"], "line 2: rate is 0: write the units of to_currency"),
        (["2026-10-10,usd,usd,1,"], "line 2: both currencies are usd"),
        (["2026-10-10,usd,eur,0.8,a", "2026-10-10,USD,EUR,0.9,a"], "line 3: rate is 0.9, and 0.8 in rates.csv, line 2 for the same day"),
        (['2026-10-10,usd,eur,"0,8",'], "line 2: rate is '0,8': write a plain number"),
        (["10.10.2026,usd,eur,0.8,"], "line 2: rate_date is '10.10.2026': write a day as 2026-01-31"),
    ],
)
def test_a_wrong_line_is_refused_and_nothing_is_stored(given: Given, tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(FixConfiguration, match=message):
        imported(given, tmp_path, lines)
    assert given.do("SELECT count(*) FROM warehouse.exchange_rates") == [(0,)]


@pytest.mark.parametrize("text", ["euro", "e1r", "€"])
def test_a_reporting_currency_is_a_code_of_three_letters(text: str) -> None:
    with pytest.raises(FixConfiguration, match="METERHOUSE_REPORTING_CURRENCY must be a currency code of three letters, such as eur"):
        load_settings({"METERHOUSE_REPORTING_CURRENCY": text})
