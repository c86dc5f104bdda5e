"""Series without gaps, in which unknown is not zero, and days of another time zone than the vendor's."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest
from tests.bi.given import Given
from tests.conftest import Warehouse

from meterhouse.catalogue.dictionary import LEVELS, MEASURES
from meterhouse.errors import FixConfiguration
from meterhouse.warehouse.migrate import migrate


def test_a_day_without_costs_is_zero_and_a_day_that_was_not_loaded_is_null(given: Given) -> None:
    given.cost("2026-01-10", "1.5", project_id="a")
    given.cost("2026-01-10", "2", project_id="a", line_item="x")
    given.cost("2026-01-13", None, project_id="a")
    given.cost("2026-01-13", "7", project_id="b", currency="eur")
    given.covered("costs", "2026-01-11T00:00Z", finality="open")
    assert given.shown(
        "SELECT extract(day FROM usage_date)::int, project_id, currency, cost, cost_usd, is_complete FROM bi.costs_daily_spine"
        " ORDER BY project_id, usage_date"
    ) == [
        (10, "a", "usd", Decimal("3.5"), Decimal("3.5"), True),
        (11, "a", "usd", Decimal(0), Decimal(0), False),
        (12, "a", "usd", None, None, False),
        (13, "a", "usd", None, None, True),
        (10, "b", "eur", Decimal(0), None, True),
        (11, "b", "eur", Decimal(0), None, False),
        (12, "b", "eur", None, None, False),
        (13, "b", "eur", Decimal(7), None, True),
    ]


def test_a_day_without_usage_is_zero_in_the_figures_that_the_endpoint_has_and_unknown_in_the_others(given: Given) -> None:
    given.usage("embeddings", "2026-01-10", {"input_tokens": 5, "num_model_requests": 1}, project_id="a", model="m")
    given.usage("embeddings", "2026-01-10", {"input_tokens": 6, "num_model_requests": 1}, project_id="a", model="n")
    given.usage("embeddings", "2026-01-12", {"input_tokens": None, "num_model_requests": 2})
    given.covered("embeddings", "2026-01-11T00:00Z")
    given.usage("images", "2026-01-20", {"images": 3, "num_model_requests": 1}, project_id="a")
    assert given.shown(
        "SELECT endpoint, extract(day FROM usage_date)::int, project_id, requests, input_tokens, output_tokens, images"
        " FROM bi.usage_daily_spine ORDER BY endpoint, usage_date, project_id"
    ) == [
        ("embeddings", 10, "a", 2, 11, None, None),
        ("embeddings", 10, None, 0, 0, None, None),
        ("embeddings", 11, "a", 0, 0, None, None),
        ("embeddings", 11, None, 0, 0, None, None),
        ("embeddings", 12, "a", 0, 0, None, None),
        ("embeddings", 12, None, 2, None, None, None),
        ("images", 20, "a", 1, None, None, 3),
    ]


def test_a_day_is_rounded_as_its_rows_are_so_that_both_views_have_one_sum(given: Given) -> None:
    for item in ("x", "y"):
        given.cost("2026-01-10", "0.0000000000005", line_item=item)
    assert given.shown("SELECT sum(cost) FROM bi.costs_daily") == given.shown("SELECT cost FROM bi.costs_daily_spine")
    assert given.shown("SELECT cost FROM bi.costs_daily_spine") == [(Decimal("0.000000000002"),)]


def test_the_members_of_one_organization_are_not_in_the_series_of_another(given: Given) -> None:
    given.cost("2026-01-10", "1", project_id="a")
    given.cost("2026-01-12", "1", project_id="b", org=2)
    assert given.shown("SELECT organization, project_id, usage_date::text FROM bi.costs_daily_spine ORDER BY 1, 2, 3") == [
        ("acme", "a", "2026-01-10"),
        ("other", "b", "2026-01-12"),
    ]


@pytest.mark.parametrize(
    ("spine", "base", "keys", "figures"),
    [
        ("costs_daily_spine", "costs_daily", "organization, project_id, currency", ["cost", "cost_usd"]),
        ("usage_daily_spine", "usage_daily", "organization, endpoint, project_id", [name for name in MEASURES if name not in LEVELS]),
    ],
)
def test_sums_of_a_loaded_organization_are_those_of_the_view_with_gaps(
    loaded_warehouse: Warehouse, spine: str, base: str, keys: str, figures: list[str]
) -> None:
    sums = ", ".join(f"sum({name})" for name in figures)
    with psycopg.connect(loaded_warehouse.reader_url) as reader:

        def by_day(view: str) -> dict[object, tuple[object, ...]]:
            query = f"SELECT (usage_date, {keys})::text, {sums} FROM bi.{view} GROUP BY usage_date, {keys}"
            return {key: tuple(row) for key, *row in reader.execute(query.encode())}

        series, gaps = by_day(spine), by_day(base)
        # A line for each member, with a point on every day.
        query = f"SELECT max(usage_date) - min(usage_date) + 1 = count(*) FROM bi.{spine} GROUP BY {keys}"
        assert set(reader.execute(query.encode()).fetchall()) == {(True,)}
    assert len(series) > len(gaps) > 50
    assert {key: series[key] for key in gaps} == gaps
    assert {figure for key in series.keys() - gaps.keys() for figure in series[key]} <= {0, None}


LOCAL_DAYS = ("usage_daily_local", "usage_daily_local_by_project")
ZONES = [
    ("UTC", {"2026-01-14": 100, "2026-01-15": 10_011}),
    ("America/New_York", {"2026-01-14": 111, "2026-01-15": 10_000}),
    ("Asia/Kolkata", {"2026-01-15": 111, "2026-01-16": 10_000}),
    ("Pacific/Kiritimati", {"2026-01-15": 110, "2026-01-16": 10_001}),
]


@pytest.mark.parametrize(("zone", "days"), ZONES)
def test_hours_are_gathered_by_the_days_of_the_zone_that_was_set(
    warehouse: Warehouse, given: Given, monkeypatch: pytest.MonkeyPatch, zone: str, days: dict[str, int]
) -> None:
    monkeypatch.setenv("METERHOUSE_LOCAL_TIME_ZONE", zone)
    migrate(warehouse.owner_url)
    # 23:00 in Kolkata is still the day before: an hour belongs to the day that it begins on.
    hours = {"2026-01-14T19:00": 100, "2026-01-15T04:00": 10, "2026-01-15T18:00": 0, "2026-01-15T19:00": 10_000}
    hours |= {"2026-01-15T00:00": 1} if zone != "Pacific/Kiritimati" else {"2026-01-15T10:00": 1}
    for hour, tokens in hours.items():
        given.usage("embeddings", hour, {"input_tokens": tokens, "num_model_requests": 1}, width=60, model="m")
    given.reader.execute("SET timezone = 'Australia/Sydney'")
    for view in LOCAL_DAYS:
        query = (
            f"SELECT usage_date_local::text, sum(input_tokens)::int, min(time_zone), max(time_zone) FROM bi.{view} GROUP BY 1 ORDER BY 1"
        )
        assert given.shown(query) == [(day, tokens, zone, zone) for day, tokens in days.items()]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", date(2026, 3, 29), 24),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Asia/Kolkata", date(2026, 3, 29), 24),
        ("Australia/Lord_Howe", date(2026, 4, 5), 25),
    ],
)
def test_a_local_day_is_complete_when_each_of_its_hours_was_read_whole(
    warehouse: Warehouse, given: Given, monkeypatch: pytest.MonkeyPatch, zone: str, day: date, hours: int
) -> None:
    monkeypatch.setenv("METERHOUSE_LOCAL_TIME_ZONE", zone)
    migrate(warehouse.owner_url)
    ((begins,),) = given.do("SELECT date_trunc('hour', %s::timestamp AT TIME ZONE %s + interval '59 minutes', 'UTC')", day, zone)
    both = " UNION ".join(f"SELECT is_complete, finality FROM bi.{view} WHERE usage_date_local = '{day}'" for view in LOCAL_DAYS)
    complete = f"SELECT is_complete FROM ({both}) b"
    noon = begins + timedelta(hours=12)
    given.usage("images", noon.astimezone().strftime("%Y-%m-%dT%H:00"), {"images": 1, "num_model_requests": 1}, width=60)
    for number in range(hours):
        assert given.shown(complete) == [(False,)], number
        if begins + timedelta(hours=number) != noon:
            given.covered("images", f"{begins + timedelta(hours=number):%Y-%m-%dT%H:%MZ}", width=60)
    assert given.shown(complete) == [(True,)]
    given.do("UPDATE ops.coverage SET is_complete = false, finality = 'open' WHERE bucket_start = %s", begins)
    assert given.shown(complete) == [(False,)]


def test_a_level_is_not_added_up_over_the_hours_of_a_local_day(given: Given) -> None:
    for hour, size in (("01", 5), ("02", 9), ("03", 4)):
        given.usage("vector_stores", f"2026-01-15T{hour}:00", {"usage_bytes": size}, width=60, project_id="a")
    for view in LOCAL_DAYS:
        assert given.shown(f"SELECT storage_bytes FROM bi.{view}") == [(9,)]


def test_local_days_of_utc_are_the_days_of_the_hours(loaded_warehouse: Warehouse) -> None:
    with psycopg.connect(loaded_warehouse.reader_url) as reader:
        sums = ", ".join(f"sum({name})" for name in MEASURES if name not in LEVELS)
        local, hourly = (
            reader.execute(f"SELECT {day}, endpoint, {sums} FROM bi.{view} GROUP BY 1, 2 ORDER BY 1, 2".encode()).fetchall()
            for day, view in (("usage_date_local", "usage_daily_local"), ("usage_date", "usage_hourly"))
        )
        whole = reader.execute("SELECT DISTINCT usage_date_local, is_complete FROM bi.usage_daily_local ORDER BY 1").fetchall()
    assert len(local) > 10
    assert local == hourly
    assert [complete for _, complete in whole][-1] is False, "today is not over"


def test_local_days_by_project_are_the_sums_of_local_days_in_a_zone_of_half_hours(
    loaded_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every figure and state, of every loaded hour, where midnight is in the middle of an hour."""
    sums = ", ".join(f"{'max' if name in LEVELS else 'sum'}({name})" for name in MEASURES)
    key = "usage_date_local, time_zone, organization, endpoint, project_id, project_name, is_complete, finality"
    counts = "sum(input_tokens) FILTER (WHERE input_cached_tokens IS NOT NULL), sum(total_tokens)"
    query = f"SELECT {key}, {sums}, {counts} FROM bi.usage_daily_local GROUP BY {key}"
    shown = f"SELECT {key}, {', '.join(MEASURES)}, cacheable_input_tokens, total_tokens FROM bi.usage_daily_local_by_project"
    for zone in ("Asia/Kathmandu", "UTC"):
        monkeypatch.setenv("METERHOUSE_LOCAL_TIME_ZONE", zone)
        migrate(loaded_warehouse.owner_url)
        with psycopg.connect(loaded_warehouse.reader_url) as reader:
            found, expected = (Counter(reader.execute(text.encode()).fetchall()) for text in (shown, query))
            added_up = reader.execute("SELECT sum(row_count) FROM bi.usage_daily_local_by_project").fetchone()
            assert added_up == reader.execute("SELECT count(*) FROM bi.usage_hourly").fetchone()
        assert {row[1] for row in found} == {zone}
        assert found.total() > 50
        assert found == expected


def test_a_zone_that_the_server_does_not_know_is_refused_before_anything_changes(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a word PostgreSQL would take it: for an abbreviation of somebody's own, two hours west.
    monkeypatch.setattr("meterhouse.warehouse.migrate.local_time_zone", lambda: "Factory2")
    with pytest.raises(FixConfiguration, match="METERHOUSE_LOCAL_TIME_ZONE: the server knows no time zone 'Factory2'"):
        migrate(warehouse.owner_url)
    with psycopg.connect(warehouse.reader_url) as reader:
        assert reader.execute("SELECT count(*) FROM bi.usage_daily_local").fetchone() == (0,)
