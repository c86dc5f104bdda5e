"""The warehouse equals its source: after a year's load, after ten rounds of restatement, and after a backfill that was stopped.

The source is the stand-in's own truth, which is computed apart from the pages that it serves.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from meterhouse.catalogue.dictionary import ATTRIBUTES, MEASURES
from meterhouse.catalogue.endpoints import COPIES_OF_COSTS, COSTS, DAY, ENDPOINTS
from meterhouse.load.run import Progress
from meterhouse.vendors.openai.wire import path_of
from meterhouse.windows import Window, chunks

from .comparison import COSTS_BY_API_KEY_SINCE, assert_equals_source, days_without_rows
from .conftest import MakeOrganization, MakeWarehouse
from .fingerprints import expected_revisions, facts, last_revision, revisions, row_counts, settled_days_of_costs
from .loaded_organization import LoadedOrganization, midnight, rows

# Two days before the end of a month, so that the rounds cross it and costs close the month.
NOW = datetime(2026, 11, 29, 12, 9, tzinfo=UTC)
YEAR = timedelta(days=365)
# The fewest that cross the month's end; make soak-test goes on to ten.
ROUNDS = 6
HOURS_BETWEEN_ROUNDS = 7


@pytest.fixture(scope="module")
def year(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> LoadedOrganization:
    """The organization after its first sync, with a year of days and two weeks of hours."""
    loaded = make_organization(make_warehouse(), now=NOW, scale=0.15)
    loaded.sync().raise_first()
    return loaded


def test_the_first_load_of_a_year_equals_the_source(year: LoadedOrganization) -> None:
    first, end = (NOW - YEAR).date(), year.today + timedelta(days=1)
    compared = assert_equals_source(year, first, end)
    assert compared > 30_000
    assert days_without_rows(year, "costs", [first]) == []
    coverage = year.read(
        "SELECT endpoint, count(*), count(*) FILTER (WHERE status = 'missing'), count(*) FILTER (WHERE status = 'provisional')"
        " FROM bi.coverage WHERE bucket_width = '1d' AND usage_date >= %s GROUP BY endpoint",
        [first],
    )
    # Every day is listed; only the current one is open, and yesterday's bill is still settling, however it is read.
    bills = {COSTS, *COPIES_OF_COSTS}
    assert sorted(coverage) == sorted((name, (end - first).days, 0, 2 if endpoint in bills else 1) for name, endpoint in ENDPOINTS.items())


def test_costs_before_the_vendor_grouped_by_key_say_so(year: LoadedOrganization) -> None:
    found = year.read(
        "SELECT source_grouping, count(api_key_id) > 0, min(usage_date), max(usage_date) FROM bi.costs_daily GROUP BY 1 ORDER BY 3"
    )
    last_coarse = COSTS_BY_API_KEY_SINCE - timedelta(days=1)
    assert found == [
        ("project_id,line_item", False, (NOW - YEAR).date(), last_coarse),
        ("project_id,api_key_id,line_item", True, COSTS_BY_API_KEY_SINCE, year.today),
    ]


def test_the_view_in_dollars_and_the_exact_text_are_the_same_figure(year: LoadedOrganization) -> None:
    assert year.read("SELECT count(*) FROM bi.costs_daily WHERE cost <> cost_exact::numeric OR cost_usd <> cost OR currency <> 'usd'") == [
        (0,)
    ]


@pytest.mark.fault(83, 84)
@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(10, marks=pytest.mark.soak)])
def test_rounds_of_restatement_leave_the_warehouse_equal_and_the_old_values_logged(year: LoadedOrganization, rounds: int) -> None:
    url = year.warehouse.superuser_url
    emptied = []
    for number in range(1, rounds + 1):
        year.advance(hours=HOURS_BETWEEN_ROUNDS)
        change = year.fake.restate(number)
        endpoint, day = change.emptied()
        emptied.append((endpoint, datetime.fromordinal(day).date()))
        since = year.now - timedelta(days=45)
        before, last, settled = facts(url, since), last_revision(url), settled_days_of_costs(url)
        year.sync().raise_first()
        logged = revisions(url, last)
        # Exactly the rows that changed or went are in the log, each once, with what it held before.
        assert len(logged) == len(set(logged))
        assert set(logged) == expected_revisions(before, facts(url, since), settled), f"round {number}"
        assert_equals_source(year, year.today - timedelta(days=15), year.today + timedelta(days=1), when=f"after round {number}")
        assert days_without_rows(year, endpoint, [emptied[-1][1]]) == [emptied[-1][1]]
    assert len({name for name, _ in emptied}) > 5

    assert_equals_source(year, (NOW - YEAR).date(), year.today + timedelta(days=1), when="over the whole year")
    kinds = dict(year.read("SELECT change, count(*) FROM bi.revisions WHERE is_restatement AND old_value IS NOT NULL GROUP BY change"))
    assert kinds["changed"] > 100
    assert kinds["removed"] > 100
    # A bucket that emptied is loaded and empty, not missing.
    statuses = {
        row[0]
        for endpoint, day in emptied[-3:]
        for row in year.read(
            "SELECT status FROM bi.coverage WHERE endpoint = %s AND usage_date = %s AND bucket_width = '1d'", [endpoint, day]
        )
    }
    assert statuses == {"empty"}


def test_hours_add_up_to_days_in_every_dimension_and_figure(year: LoadedOrganization) -> None:
    by = "organization, endpoint, usage_date, project_id, user_id, api_key_id, model, is_batch, service_tier, " + ", ".join(ATTRIBUTES)
    days = (
        "SELECT endpoint, usage_date FROM bi.coverage GROUP BY 1, 2"
        " HAVING count(*) FILTER (WHERE bucket_width = '1h' AND is_complete) = 24 AND bool_or(bucket_width = '1d' AND is_complete)"
    )
    figures = ", ".join(f"sum({column})::numeric" for column in MEASURES)
    hours = f"SELECT {by}, {figures} FROM bi.usage_hourly JOIN days USING (endpoint, usage_date)"
    daily = f"SELECT {by}, {figures} FROM bi.usage_daily JOIN days USING (endpoint, usage_date) GROUP BY {by}"
    # A level is not added up: the day's is the one of its last hour.
    hourly = (
        f"{hours} WHERE endpoint <> 'vector_stores' GROUP BY {by} UNION ALL"
        f" {hours} WHERE endpoint = 'vector_stores' AND extract(hour FROM bucket_start_utc) = 23 GROUP BY {by}"
    )
    ((days_compared, rows_compared, odd),) = year.read(
        f"WITH days AS ({days}), daily AS ({daily}), hourly AS ({hourly})"
        " SELECT (SELECT count(DISTINCT usage_date) FROM daily), (SELECT count(*) FROM daily),"
        " (SELECT count(*) FROM ((TABLE daily EXCEPT ALL TABLE hourly) UNION ALL (TABLE hourly EXCEPT ALL TABLE daily)) x)"
    )
    assert days_compared >= 14
    assert rows_compared > 500
    assert odd == 0


def interrupt_after(windows: int) -> Callable[[Progress], None]:
    """A report that presses Ctrl-C after a number of windows."""
    seen: list[Progress] = []

    def report(step: Progress) -> None:
        seen.append(step)
        if len(seen) == windows:
            raise KeyboardInterrupt

    return report


@pytest.mark.soak
def test_a_backfill_that_was_stopped_half_way_asks_only_for_the_rest(
    make_warehouse: MakeWarehouse, make_organization: MakeOrganization
) -> None:
    loaded = make_organization(make_warehouse(), now=NOW, scale=0.15)
    url = loaded.warehouse.superuser_url
    first, end = (NOW - YEAR).date(), loaded.today + timedelta(days=1)
    pieces = len(ENDPOINTS) * 12 + 1
    with pytest.raises(KeyboardInterrupt):
        loaded.backfill(first, end, report=interrupt_after(pieces // 2))
    assert rows(url, "SELECT status, finished_at FROM ops.run_log") == [("stopped", loaded.now)]
    done = {
        (f"/v1{path_of(ENDPOINTS[endpoint])}", start) for endpoint, start in rows(url, "SELECT endpoint, window_start FROM ops.load_log")
    }
    # Those that were under way together with the last one may be included as well.
    assert pieces // 2 <= len(done) < pieces
    # A window that holds today was not over when it was read, so it is read again.
    over = {
        (f"/v1{path_of(ENDPOINTS[endpoint])}", start)
        for endpoint, start, end_of_window in rows(url, "SELECT endpoint, window_start, window_end FROM ops.load_log")
        if end_of_window <= loaded.now
    }
    assert len(over) > 50

    loaded.forget_requests()
    loaded.backfill(first, end).raise_first()
    asked = [(path, start) for path, start, _ in loaded.windows_asked()]
    assert len(asked) == len(set(asked)) == len(loaded.server.requests)
    assert over.isdisjoint(asked)
    expected = {
        (f"/v1{path_of(endpoint)}", piece.start)
        for endpoint in ENDPOINTS.values()
        for piece in chunks(
            Window(midnight(first), midnight(end)), DAY, cuts=(midnight(COSTS_BY_API_KEY_SINCE),) if endpoint.is_costs else ()
        )
    }
    assert set(asked) == expected - over

    assert_equals_source(loaded, first, end, when="after a resumed backfill")
    assert rows(url, "SELECT status FROM ops.run_log") == [("done",)]
    assert rows(url, "SELECT count(*) FROM ops.watermarks WHERE watermark IS NOT NULL") == [(0,)]
    assert dict(rows(url, "SELECT endpoint, count(*) FROM ops.coverage GROUP BY 1")) == dict.fromkeys(ENDPOINTS, (end - first).days)
    assert "ops.revisions" not in row_counts(url)

    # The third time there is nothing left to resume, so everything is asked for again, and nothing changes.
    loaded.forget_requests()
    again = loaded.backfill(first, end, ["images", "costs"])
    assert len(loaded.windows_asked()) == 25
    assert sum(one.rows_inserted + one.rows_updated + one.rows_removed for one in again.summaries) == 0
