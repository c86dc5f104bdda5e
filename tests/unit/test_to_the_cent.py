"""Amounts that readers subtract or add up: differences, rests and totals are those of what is shown, or the table says why not."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from meterhouse import formats
from meterhouse.answers.driver import driver
from meterhouse.answers.forecast import forecast
from meterhouse.answers.month_to_date import month_to_date
from meterhouse.answers.rows import DayCost
from meterhouse.dashboard.head_pictures import pictures
from meterhouse.dashboard.month_figures import MonthFigures, SpendRow
from meterhouse.dashboard.month_report import month_report
from meterhouse.dashboard.tables import ROUNDED, Column, Table

from .answer_rows import CHANGE, EVERY_ROW, FORECAST, MONTH, NOVEMBER, OCTOBER, ODD, said

COLUMNS = (
    Column("project", "text"),
    Column("cost", "money", "usd"),
    Column("before", "money", "usd"),
    Column("change", "money", "usd", difference_of=(1, 2)),
)


def table(*amounts: tuple[str, str]) -> Table:
    pairs = [(Decimal(now), Decimal(before)) for now, before in amounts]
    return Table("Projects", COLUMNS, tuple((f"P{place}", now, before, now - before) for place, (now, before) in enumerate(pairs)))


def amounts(shown: str) -> list[Decimal]:
    return [Decimal(found) for found in re.findall(r">\$([0-9.]+)<", shown)]


def test_a_difference_and_a_rest_are_those_of_the_amounts_as_they_are_shown() -> None:
    assert formats.difference(Decimal("2851.754411"), Decimal("2862.406095")) == Decimal("-10.66")
    assert formats.rest(Decimal("10.004"), [Decimal("3.335"), Decimal("3.334")]) == Decimal("3.33")
    assert formats.cents(Decimal("0.125")) == Decimal("0.12")


def test_a_table_shows_differences_of_what_it_shows_and_keeps_the_exact_ones() -> None:
    shown = table(("10.006", "5.004"), ("20.009", "15.001")).to_html()
    (now, before, change), (now_2, before_2, change_2), (total, total_before, total_change) = zip(*[iter(amounts(shown))] * 3, strict=True)
    assert now - before == change
    assert now_2 - before_2 == change_2
    assert total - total_before == total_change
    assert 'data-value="5.002"' in shown
    assert "5.002" in table(("10.006", "5.004")).to_csv()


def test_a_total_of_exact_amounts_that_is_not_the_sum_of_the_rows_is_explained() -> None:
    apart = table(*[("1.004", "1.00")] * 5)
    assert ROUNDED in apart.to_html()
    assert amounts(apart.to_html())[-3] == Decimal("5.02")
    assert ROUNDED not in table(("1.004", "1.00"), ("2.00", "1.00")).to_html()
    assert ROUNDED not in replace(apart, has_total=False).to_html()


def test_a_difference_of_a_total_that_leaves_out_unknown_amounts_is_that_of_the_known_ones() -> None:
    known = (Decimal("10.006"), Decimal("5.004"), Decimal("5.002"))
    found = Table("Projects", COLUMNS, (("A", *known), ("B", Decimal(7), None, None)))
    assert amounts(found.to_html())[-3:] == [Decimal("17.01"), Decimal("5.00"), Decimal("5.00")]


def test_the_report_of_a_month_subtracts_what_it_shows() -> None:
    row = SpendRow("project", "acme", "Search", "usd", Decimal("2851.754411"), Decimal("2862.406095"), Decimal(1))
    shown = month_report(MonthFigures(OCTOBER, replace(EVERY_ROW, month=OCTOBER), (row,)), datetime(2026, 11, 29, tzinfo=UTC))
    assert "\u2212$10.66" in shown
    assert "\u2212$10.65" not in shown


def test_the_pictures_say_what_they_show() -> None:
    changes = tuple(replace(CHANGE, member_id=f"p{number}", member_name=f"P{number}") for number in range(7))
    days = tuple(DayCost(NOVEMBER + timedelta(days=place), "usd", Decimal(90 if place else 180), is_settled=True) for place in range(28))
    key = replace(ODD, series_kind="api_key")
    rows = replace(EVERY_ROW, changes=changes, days=days, odd_days=(key,), month_to_date=(MONTH,))
    months, expected, drivers, by_day = pictures(rows, "usd")
    assert ">31</text>" in months.svg
    assert "November through 28 Nov" in expected.svg
    assert "pale: still to come" in expected.svg
    assert "range $2,460.00 to $2,520.00" in expected.svg
    assert drivers.title == "Change by project compared with 1\u201328 Oct 2026: +$910.00"
    assert "3 others +$390.00" in drivers.svg
    assert by_day.title == "Cost per day; marked: unusual for an API key"
    assert "highest: $180.00 on 1 Nov 2026, as expected of that day" in by_day.svg
    over = replace(MONTH, settled_through_date=date(2026, 11, 30))
    assert "November, final" in pictures(replace(rows, month_to_date=(over,)), "usd")[1].svg


def test_amounts_that_are_shown_together_add_up_to_the_cent() -> None:
    # Each is 10.004 more, of which 3.334 has one cause and 3.335 another: rounded one by one, neither adds up.
    one = replace(
        CHANGE, cost=Decimal("110.009"), previous_cost=Decimal("100.005"), change_cost=Decimal("10.004"),
        volume_effect=Decimal("3.335"), price_effect=Decimal("3.334"), cache_effect=Decimal("3.335"),
    )  # fmt: skip
    many = [replace(one, member_id=f"proj_{number}", member_name=f"P{number}") for number in range(7)]
    sentence = said(driver, changes=tuple(many))
    amounts = [Decimal(found) for found in re.findall(r"[+]\$(\d+\.\d\d)", sentence)]
    top, whole, *causes, second, third, rest = amounts
    # 770.063 less 700.035, as the month to date shows both.
    assert whole == Decimal("770.06") - Decimal("700.04")
    assert top == Decimal("110.01") - Decimal("100.00")
    assert sum(causes) == top
    assert top + second + third + rest == whole
    month = replace(MONTH, settled_cost=Decimal("770.063"), compared_cost=Decimal("770.063"), previous_compared_cost=Decimal("700.035"))
    assert f"(+${whole}) than" in said(month_to_date, month_to_date=(month,))
    # As the demo has it: 2,851.75 and 2,862.41 are a cent further apart than the exact amounts.
    row = replace(FORECAST, expected_cost=Decimal("2851.754411"), previous_month_cost=Decimal("2862.406095"))
    assert "(\u2212$10.66) than October" in said(forecast, forecasts=(row,))
