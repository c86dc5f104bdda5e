"""What is not loaded is named, next to totals, in charts, tables and files, and never shown as zero; what is zero is shown as zero."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import NOW, midnight, rows, served

from meterhouse.dashboard.charts import Chart, all_charts
from meterhouse.dashboard.figures import figure
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.key_figures import KeyFigure, key_figures
from meterhouse.dashboard.legends import legend
from meterhouse.dashboard.notices import freshness, notices
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.static_report import report
from meterhouse.dashboard.svg import picture
from meterhouse.fake_openai import FakeOrganization

from .conftest import EVERYTHING, LAST, add_up

LOADED_FROM = date(2026, 10, 1)


def card(snapshot: Snapshot, key: str) -> KeyFigure:
    """One card."""
    return next(one for one in key_figures(snapshot) if one.key == key)


def chart(snapshot: Snapshot, key: str) -> Chart:
    """One chart."""
    return next(one for one in all_charts(snapshot) if one.key == key)


@contextmanager
def taken_away(warehouse: Warehouse, where: str) -> Iterator[None]:
    """As if some days had never been loaded; given back afterwards."""
    rows(warehouse.superuser_url, f"CREATE TABLE public.kept AS SELECT * FROM ops.coverage WHERE {where}")
    rows(warehouse.superuser_url, f"DELETE FROM ops.coverage WHERE {where}")
    try:
        yield
    finally:
        rows(warehouse.superuser_url, "INSERT INTO ops.coverage SELECT * FROM public.kept")
        rows(warehouse.superuser_url, "DROP TABLE public.kept")


def test_a_range_that_is_loaded_in_part_says_so_beside_every_total_and_marks_the_gap(reader: Reader) -> None:
    # Before: "$…" without a word.
    filters = Filters(LOADED_FROM - timedelta(days=27), LOADED_FROM + timedelta(days=2))
    snapshot = reader.snapshot(filters)
    words = "3 of 30 days are loaded (all final): the range is incomplete"
    assert [card(snapshot, key).coverage for key in ("cost", "requests", "input", "output")] == [words] * 4
    assert card(snapshot, "cost").value.startswith("$")
    assert card(snapshot, "cost").detail == "not compared: the 30 days before are not loaded"
    assert notices(snapshot) == [
        "Not loaded: costs and usage, 4\u201330 Sep 2026 (27 of 30 days)."
        " These days are missing from the totals and leave a gap in the charts."
    ]
    per_day = chart(snapshot, "cost_per_day")
    assert (per_day.gaps, per_day.absent.count(True), len(per_day.labels)) == ([(0, 26)], 27, 30)
    assert legend(per_day) == [("#7b8593", True, "not loaded", "27 of 30")]
    assert f"{words}." in [note[0].lower() + note[1:] for note in per_day.notes]
    assert [(row[1] is None, row[-1]) for row in per_day.table.rows] == [(True, "not loaded")] * 27 + [(False, "final")] * 3
    lines = list(csv.reader(io.StringIO(per_day.table.to_csv())))
    assert lines[:2] == [["day", "cost, usd", "state"], ["2026-09-04", "", "not loaded"]]
    # Dashes on the ground line, in every picture and where the page draws.
    assert picture(per_day).count('class="gap"') == 3
    (mark,) = figure(per_day)["layout"]["shapes"]
    assert (mark["x0"], mark["x1"]) == ("2026-09-03T12:00:00", "2026-09-30T12:00:00")
    for key in ("tokens_over_time", "requests_over_time", "cost_over_time_by_model"):
        assert chart(snapshot, key).gaps == [(0, 26)], key
    assert words in report(snapshot, NOW)


def test_a_range_without_loaded_days_has_dashes_and_no_word_of_what_was_billed(reader: Reader) -> None:
    # Before: "nothing was billed".
    snapshot = reader.snapshot(Filters(date(2026, 8, 2), date(2026, 8, 31)))
    words = "none of the 30 days are loaded"
    for key in ("cost", "requests", "input", "output"):
        assert (card(snapshot, key).value, card(snapshot, key).coverage) == ("—", words), key
    page = report(snapshot, NOW)
    assert "nothing was" not in page.lower()
    assert words in page
    of_their_own = {"months", "drivers", "cost_by_team", "savings"}
    for one in all_charts(snapshot):
        assert (
            one.key in of_their_own
            or one.empty == "None of the 30 days are loaded. Choose other days, or load these with meterhouse backfill."
        )


def test_days_that_have_not_come_are_not_there_yet_and_not_missing(reader: Reader) -> None:
    snapshot = reader.snapshot(Filters(LAST - timedelta(days=5), LAST + timedelta(days=10)))
    assert card(snapshot, "cost").coverage == "16 days: 4 final, 2 not final, 10 not loaded yet"
    assert card(snapshot, "requests").coverage == "16 days: 5 final, 1 not final, 10 not loaded yet"
    assert not [line for line in notices(snapshot) if line.startswith("Not loaded")]
    assert chart(snapshot, "cost_per_day").gaps == []
    later = reader.snapshot(Filters(LAST + timedelta(days=1), LAST + timedelta(days=7)))
    assert (card(later, "cost").value, card(later, "cost").coverage) == ("—", "none of the 7 days are loaded yet")


def test_zero_is_shown_only_where_all_is_loaded(reader: Reader) -> None:
    nobody = replace(EVERYTHING, first=date(2026, 11, 1), last=date(2026, 11, 10), projects=("proj_of_nobody",))
    snapshot = reader.snapshot(nobody)
    cost = card(snapshot, "cost")
    assert (cost.value, cost.coverage) == ("$0.00", "10 days, all final")
    assert cost.detail.startswith("nothing was billed; ")
    assert card(snapshot, "requests").value == "0"
    in_part = reader.snapshot(replace(nobody, first=date(2026, 9, 28), last=date(2026, 10, 3)))
    assert card(in_part, "cost").value == card(in_part, "requests").value == "—"
    assert card(in_part, "cost").detail == "nothing was billed on the loaded days"


def test_a_day_that_one_of_two_organizations_lacks_is_in_part_and_named(loaded: Warehouse, reader: Reader) -> None:
    labs = "organization_id = (SELECT organization_id FROM warehouse.dim_organization WHERE label = 'labs')"
    with taken_away(loaded, f"{labs} AND endpoint = 'costs' AND bucket_start = '2026-11-10Z'"):
        snapshot, acme = (reader.snapshot(one) for one in (EVERYTHING, replace(EVERYTHING, organizations=("acme",))))
    assert card(snapshot, "cost").coverage == (
        "30 of 30 days are loaded (27 final, 2 not final, 1 loaded in part): the range is incomplete"
    )
    assert (
        "Not loaded: costs of labs, 10 Nov 2026 (1 of 30 days)."
        " These days are missing from the totals and leave a gap in the charts." in notices(snapshot)
    )
    assert {row[0]: row[-1] for row in chart(snapshot, "cost_per_day").table.rows}[date(2026, 11, 10)] == "loaded in part"
    # The day is not compared, and neither is its counterpart.
    assert card(snapshot, "cost").detail.endswith("18 of 30 days can be compared")
    assert card(acme, "cost").detail.endswith("31 Oct \u2013 18 Nov compared with 1\u201319 Oct: 19 of 30 days can be compared")
    assert card(acme, "cost").coverage == "30 days: 28 final, 2 not final"
    assert date(2026, 11, 10) not in snapshot.settled_days
    assert date(2026, 11, 10) in acme.settled_days


def test_an_endpoint_that_is_not_loaded_on_some_days_is_named_with_them(loaded: Warehouse, reader: Reader) -> None:
    days = "bucket_start >= '2026-11-03Z' AND bucket_start < '2026-11-06Z' AND bucket_width = 1440"
    with taken_away(loaded, f"endpoint IN ('images', 'embeddings') AND {days}"):
        snapshot = reader.snapshot(EVERYTHING)
    assert (
        "Not loaded: embeddings, images, 3\u20135 Nov 2026 (3 of 30 days)."
        " These days are missing from the totals and leave a gap in the charts." in notices(snapshot)
    )
    assert "3 loaded in part): the range is incomplete" in card(snapshot, "requests").coverage
    assert [row[-1] for row in chart(snapshot, "requests_over_time").table.rows].count("loaded in part") == 3


def test_hours_that_an_endpoint_lacks_are_counted_for_it(loaded: Warehouse, reader: Reader) -> None:
    hours = "bucket_start >= '2026-11-18T06:00Z' AND bucket_start < '2026-11-19T06:00Z' AND bucket_width = 60"
    with taken_away(loaded, f"endpoint = 'images' AND {hours}"):
        snapshot = reader.snapshot(Filters(LAST - timedelta(days=2), LAST, "hour"))
    (line,) = [line for line in notices(snapshot) if line.startswith("Charts over time show hours.")]
    assert "images: 37 of 72 hours, from 18 Nov 2026, 00:00 UTC to 20 Nov 2026, 13:00 UTC" in line
    assert "completions" in line
    assert "61 of 72 hours" in line
    assert "images: 37 of 72 hours, from 18 Nov 2026, 00:00 UTC" in chart(snapshot, "requests_over_time").notes[0]
    assert chart(snapshot, "requests_over_time").total.endswith(" of the loaded hours")
    assert card(snapshot, "requests").coverage == "3 days: 2 final, 1 not final"


def test_an_amount_that_is_not_known_is_no_fall_to_zero(loaded: Warehouse, reader: Reader) -> None:
    query = "SELECT group_id, amount FROM warehouse.costs WHERE bucket_start = '2026-11-18Z' ORDER BY amount DESC LIMIT 1"
    ((group, amount),) = rows(loaded.superuser_url, query)
    plant = "UPDATE warehouse.costs SET amount = %s WHERE bucket_start = '2026-11-18Z' AND group_id = %s"
    rows(loaded.superuser_url, plant, [None, group])
    add_up(loaded)
    try:
        snapshot = reader.snapshot(EVERYTHING)
        assert chart(snapshot, "drivers").total == "—", "a part of the whole is not known"
        assert card(snapshot, "cost").detail == "not compared: an amount on these days or on 22 Sep \u2013 21 Oct is unknown"
    finally:
        rows(loaded.superuser_url, plant, [Decimal(amount), group])
        add_up(loaded)


def test_an_endpoint_that_is_not_offered_lacks_nothing(warehouse: Warehouse) -> None:
    with served(FakeOrganization(NOW, scale=0.2, absent_endpoints=["images"]), warehouse) as organization:
        organization.defaults |= {"history_start": midnight(date(2026, 11, 14)), "hourly_history_days": 2}
        organization.sync().raise_first()
        snapshot = Reader(warehouse.reader_url).snapshot(Filters(date(2026, 11, 14), date(2026, 11, 18)))
    assert card(snapshot, "requests").coverage == "5 days, all final"
    assert notices(snapshot) == []


@pytest.mark.parametrize("width", ["day", "hour"])
def test_totals_are_those_of_hours_where_no_days_are_loaded_and_say_so(warehouse: Warehouse, width: str) -> None:
    with served(FakeOrganization(NOW, scale=0.2), warehouse) as organization:
        organization.defaults |= {"history_start": midnight(date(2026, 11, 14)), "hourly_history_days": 2, "widths": ("1h",)}
        organization.sync().raise_first()
    snapshot = Reader(warehouse.reader_url).snapshot(Filters(date(2026, 11, 18), date(2026, 11, 20), width))
    ((requests,),) = rows(warehouse.superuser_url, "SELECT sum(requests) FROM bi.usage_hourly WHERE endpoint <> 'web_search_calls'")
    assert card(snapshot, "requests").detail == f"{requests:,} requests"
    assert card(snapshot, "requests").coverage == (
        "72 hours: 54 final, 7 not final, 11 not loaded yet; added up from hours because no days are loaded"
    )
    over_time = chart(snapshot, "requests_over_time")
    assert over_time.total == f"{requests:,} requests"
    assert len(over_time.labels) == (3 if width == "day" else 61)
    assert over_time.incomplete[-1]
    assert freshness(snapshot)[1] == "Usage read 20 Nov 2026, 12:09 UTC; final through 19 Nov 2026"
