"""Retention: hours and minutes go when they are older than their limit, days stay, and nothing misses what went or loads it again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from meterhouse.catalogue.endpoints import HOUR, MINUTE
from meterhouse.checks.warehouse_checks import run_warehouse_checks
from meterhouse.command_line.cli import main
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.load.retention import Limits, drop, retain, what_is_over
from meterhouse.load.store import Store
from meterhouse.settings import Settings
from meterhouse.warehouse.schema import OF_A_BUCKET
from meterhouse.warehouse.tables import metadata

from .added_up import not_added_up
from .fingerprints import row_counts
from .loaded_organization import LoadedOrganization, rows

ENDPOINTS = ("completions", "images", "costs")
LONG_AGO = date(2026, 9, 20)


@pytest.fixture
def kept(acme: LoadedOrganization) -> LoadedOrganization:
    """Days and hours from 20 September on, and the minutes of one day of long ago and of one of this week."""
    acme.defaults |= {
        "endpoints": ENDPOINTS, "history_start": datetime(2026, 9, 20, tzinfo=UTC), "hourly_history_days": 61,
        "retention_hourly_days": 30, "retention_minutely_days": 10,
    }  # fmt: skip
    acme.sync().raise_first()
    for day in (LONG_AGO, acme.today - timedelta(days=2)):
        acme.backfill(day, day + timedelta(days=1), ["images"], width=MINUTE).raise_first()
    return acme


def limits(organization: LoadedOrganization) -> Limits:
    found = Limits.of(organization.settings(), organization.now)
    assert found is not None
    return found


def dropped(organization: LoadedOrganization) -> list[str]:
    return list(retain(organization.settings(), organization.now, drops=True))


def widths(organization: LoadedOrganization, where: str = "true") -> dict[tuple[str, int], int]:
    """Rows by endpoint and width in minutes."""
    query = " UNION ALL ".join(
        f"SELECT '{name}', bucket_width::integer, count(*) FROM warehouse.usage_{name} f WHERE {where} GROUP BY 2" for name in ENDPOINTS[:2]
    )
    return {(name, width): count for name, width, count in rows(organization.warehouse.superuser_url, query)}


FIRST_KEPT_HOUR = datetime(2026, 10, 21, tzinfo=UTC)
OVER = "(bucket_width = 60 AND bucket_start < '2026-10-21Z' OR bucket_width = 1 AND bucket_start < '2026-11-10Z')"


def test_a_look_says_what_would_go_and_writes_nothing(kept: LoadedOrganization) -> None:
    before = row_counts(kept.warehouse.superuser_url)
    with Store(kept.warehouse.loader_url) as store:
        found = {one.table: one for one in what_is_over(store.connection, limits(kept))}
    over = widths(kept, OVER)
    assert over[("completions", 60)] > 1000
    assert over[("images", 1)] > 0
    assert {(one.table, one.hours, one.minutes) for one in found.values()} == {
        ("usage_completions", over[("completions", 60)], 0),
        ("usage_images", over[("images", 60)], over[("images", 1)]),
    }
    assert all(one.bytes_freed > 0 and one.months == 2 for one in found.values())
    lines = list(retain(kept.settings(), kept.now, drops=False))
    assert lines[0].startswith(f"would drop usage_completions: {over[('completions', 60)]:,} hourly rows and 0 minutely rows")
    assert lines[-1] == "nothing was dropped: to drop it, run meterhouse retain --drop"
    assert row_counts(kept.warehouse.superuser_url) == before


def test_what_is_over_goes_with_all_that_is_known_of_its_buckets_and_nothing_else_does(kept: LoadedOrganization) -> None:
    stays = f"NOT {OVER}"
    facts, days = widths(kept, stays), rows(kept.warehouse.superuser_url, "SELECT * FROM bi.usage_daily ORDER BY 1, 2, 3, 4, 5, 6, 7")
    known = {table: rows(kept.warehouse.superuser_url, f"SELECT count(*) FROM ops.{table} WHERE {stays}") for table in OF_A_BUCKET}
    assert any("usage_completions" in line for line in dropped(kept))
    assert widths(kept) == facts
    assert rows(kept.warehouse.superuser_url, "SELECT * FROM bi.usage_daily ORDER BY 1, 2, 3, 4, 5, 6, 7") == days
    for table in OF_A_BUCKET:
        assert rows(kept.warehouse.superuser_url, f"SELECT count(*) FROM ops.{table}") == known[table], table
        assert rows(kept.warehouse.superuser_url, f"SELECT count(*) FROM ops.{table} WHERE {OVER}") == [(0,)], table
    assert rows(kept.warehouse.superuser_url, "SELECT min(bucket_start) FROM warehouse.rollup_usage_by_hour") == [(FIRST_KEPT_HOUR,)]
    assert not_added_up(kept.warehouse.superuser_url) == []
    assert dropped(kept) == ["nothing is older than its limit"]


def test_no_view_and_no_check_misses_what_went_and_the_next_sync_does_not_load_it_again(kept: LoadedOrganization) -> None:
    dropped(kept)
    assert rows(kept.warehouse.superuser_url, "SELECT count(*) FROM bi.coverage WHERE status = 'missing'") == [(0,)]
    assert rows(kept.warehouse.superuser_url, "SELECT sum(missing_bucket_count) FROM bi.freshness") == [(0,)]
    results = {result.check.name: result for result in run_warehouse_checks(kept.settings(), clock=kept.fake.clock.now)}
    assert all(results[name].is_ok for name in ("coverage_gaps", "rollups_equal_facts", "hours_equal_days", "set_aside"))
    kept.fake.clock.advance(3600)
    kept.sync().raise_first()
    assert widths(kept, OVER) == {}


def test_a_gap_behind_the_limit_is_still_missed(kept: LoadedOrganization) -> None:
    dropped(kept)
    with psycopg.connect(kept.warehouse.superuser_url, autocommit=True) as superuser:
        superuser.execute("DELETE FROM ops.coverage WHERE endpoint = 'images' AND bucket_width = 60 AND bucket_start = '2026-10-21 05:00Z'")
    assert rows(kept.warehouse.superuser_url, "SELECT status FROM bi.coverage WHERE status = 'missing'") == [("missing",)]


def test_a_backfill_of_what_went_loads_it_and_the_next_run_drops_it_again(kept: LoadedOrganization) -> None:
    before = widths(kept, OVER)
    dropped(kept)
    for _ in range(2):
        assert not_added_up(kept.warehouse.superuser_url) == []
        kept.backfill(LONG_AGO, date(2026, 10, 21), ["completions", "images"], width=HOUR).raise_first()
        kept.backfill(LONG_AGO, LONG_AGO + timedelta(days=1), ["images"], width=MINUTE).raise_first()
        assert widths(kept, OVER) == before
        assert not_added_up(kept.warehouse.superuser_url) == []
        assert rows(kept.warehouse.superuser_url, "SELECT count(*) FROM bi.coverage WHERE status = 'missing'") == [(0,)]
        dropped(kept)
        assert widths(kept, OVER) == {}


def only_hours(organization: LoadedOrganization) -> None:
    """September of completions holds hours only, as where days were never loaded."""
    with psycopg.connect(organization.warehouse.superuser_url, autocommit=True) as superuser:
        for table in ("warehouse.usage_completions", "ops.coverage"):
            own = " AND endpoint = 'completions'" if table == "ops.coverage" else ""
            superuser.execute(f"DELETE FROM {table} WHERE bucket_width = 1440 AND bucket_start < '2026-10-01Z'{own}".encode())


def test_a_month_that_holds_nothing_to_keep_is_emptied_without_deleting_row_by_row(kept: LoadedOrganization) -> None:
    only_hours(kept)
    september = "warehouse.usage_completions_2026_09"
    (file,) = rows(kept.warehouse.superuser_url, f"SELECT pg_relation_filepath('{september}')")
    with Store(kept.warehouse.loader_url) as store:
        found = {one.table: one for one in drop(store.connection, limits(kept))}
    assert found["usage_completions"].whole_months == 1
    assert not_added_up(kept.warehouse.superuser_url, first=date(2026, 10, 1)) == []
    sums = "SELECT min(bucket_start) FROM warehouse.rollup_usage_by_hour WHERE endpoint = 'completions'"
    assert rows(kept.warehouse.superuser_url, sums) == [(FIRST_KEPT_HOUR,)]
    assert rows(kept.warehouse.superuser_url, f"SELECT pg_relation_size('{september}')") == [(0,)]
    assert rows(kept.warehouse.superuser_url, f"SELECT pg_relation_filepath('{september}')") != [file]
    kept.backfill(LONG_AGO, date(2026, 9, 22), ["completions"], width=HOUR).raise_first()
    assert rows(kept.warehouse.superuser_url, f"SELECT count(*) > 0 FROM {september}") == [(True,)]


@contextmanager
def reading(organization: LoadedOrganization, table: str) -> Iterator[None]:
    with psycopg.connect(organization.warehouse.superuser_url) as reader:
        reader.execute(f"SELECT count(*) FROM {table}".encode())
        yield


def test_a_reader_of_a_month_does_not_stop_its_rows_from_being_dropped(kept: LoadedOrganization) -> None:
    only_hours(kept)
    with reading(kept, "warehouse.usage_completions_2026_09"):
        dropped(kept)
    assert widths(kept, OVER) == {}


def grown(organization: LoadedOrganization) -> str:
    """Make October of completions large enough to be worth rewriting; return its partition."""
    partition = "warehouse.usage_completions_2026_10"
    with psycopg.connect(organization.warehouse.superuser_url, autocommit=True) as superuser:
        superuser.execute(
            f"UPDATE {partition} SET extra = jsonb_build_object('padding', repeat('x', 1500)) WHERE bucket_width = 60".encode()
        )
        assert superuser.execute(f"SELECT pg_relation_size('{partition}') > 2 * 1048576".encode()).fetchone() == (True,)
    return partition


def test_the_space_of_a_month_is_given_back_and_the_rows_that_stay_are_the_same(kept: LoadedOrganization) -> None:
    partition = grown(kept)
    stays = rows(kept.warehouse.superuser_url, f"SELECT t::text FROM {partition} t WHERE NOT {OVER} ORDER BY 1")
    (before,) = rows(kept.warehouse.superuser_url, f"SELECT pg_relation_size('{partition}')")
    with Store(kept.warehouse.loader_url) as store:
        found = {one.table: one for one in drop(store.connection, replace(limits(kept), hours_before=datetime(2026, 11, 1, tzinfo=UTC)))}
    (after,) = rows(kept.warehouse.superuser_url, f"SELECT pg_relation_size('{partition}')")
    assert after[0] < before[0] / 3
    assert found["usage_completions"].bytes_freed >= before[0] - after[0]
    assert set(rows(kept.warehouse.superuser_url, f"SELECT t::text FROM {partition} t")) <= set(stays)
    assert rows(kept.warehouse.superuser_url, f"SELECT DISTINCT bucket_width FROM {partition}") == [(1440,)]


def test_a_reader_with_an_older_snapshot_still_sees_the_days_after_a_month_was_rewritten(kept: LoadedOrganization) -> None:
    partition = grown(kept)
    count = f"SELECT count(*), sum(input_tokens) FROM {partition} WHERE bucket_width = 1440".encode()
    with psycopg.connect(kept.warehouse.superuser_url) as reader, Store(kept.warehouse.loader_url) as store:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT count(*) FROM ops.watermarks")
        with psycopg.connect(kept.warehouse.superuser_url) as other:
            days = other.execute(count).fetchone()
        drop(store.connection, replace(limits(kept), hours_before=datetime(2026, 11, 1, tzinfo=UTC)))
        assert reader.execute(count).fetchone() == days


def test_space_that_readers_hold_is_said_and_given_back_by_the_next_run(kept: LoadedOrganization) -> None:
    partition = grown(kept)
    late = replace(limits(kept), hours_before=datetime(2026, 11, 1, tzinfo=UTC))
    with Store(kept.warehouse.loader_url) as store:
        with reading(kept, partition), pytest.raises(TryAgainLater, match=r"usage_completions of 2026-10 was being read"):
            drop(store.connection, late)
        assert rows(kept.warehouse.superuser_url, f"SELECT count(*) FROM {partition} WHERE bucket_width = 60") == [(0,)]
        assert drop(store.connection, late) == []
    assert rows(kept.warehouse.superuser_url, f"SELECT pg_relation_size('{partition}') < 1048576") == [(True,)]


def test_a_load_of_the_stream_is_waited_for(kept: LoadedOrganization) -> None:
    """The lock of a load comes first, so that neither sees half of the other."""
    with psycopg.connect(kept.warehouse.superuser_url) as load:
        load.execute("SELECT FROM ops.watermarks WHERE endpoint = 'completions' AND bucket_width = 60 FOR UPDATE")
        run = threading.Thread(target=dropped, args=(kept,))
        run.start()
        run.join(1)
        assert run.is_alive()
        assert widths(kept, OVER)[("completions", 60)] > 0
    run.join(60)
    assert not run.is_alive()
    assert widths(kept, OVER) == {}


def test_the_loader_cannot_have_days_emptied(kept: LoadedOrganization) -> None:
    before = row_counts(kept.warehouse.superuser_url)
    with psycopg.connect(kept.warehouse.loader_url, autocommit=True) as loader:
        for call in (
            "SELECT warehouse.empty_partition('usage_completions', '2026-10-01', 'infinity', 'infinity')",
            "SELECT warehouse.empty_partition('usage_completions', '2026-10-01', NULL, NULL)",
            "SELECT warehouse.empty_partition('costs; DROP TABLE warehouse.costs', '2026-10-01', 'infinity', 'infinity')",
            "SELECT warehouse.empty_partition('dim_model', '2026-10-01', 'infinity', 'infinity')",
        ):
            assert loader.execute(call.encode()).fetchone() == (None,)
        assert loader.execute("SELECT warehouse.compact_partition('dim_model', '2026-10-01')").fetchone() == (0,)
    assert row_counts(kept.warehouse.superuser_url) == before


def test_every_table_about_single_buckets_is_known_to_retention() -> None:
    about_buckets = {
        table.name
        for table in metadata.sorted_tables
        if table.schema == "ops" and {"organization_id", "endpoint", "bucket_width", "bucket_start"} <= set(table.columns.keys())
    }
    assert set(OF_A_BUCKET) == about_buckets


def test_limits_within_the_lookback_and_none_at_all_are_refused(kept: LoadedOrganization) -> None:
    with pytest.raises(FixConfiguration, match="RETENTION_HOURLY_DAYS must be more than METERHOUSE_USAGE_LOOKBACK_DAYS, 3, not 3"):
        Limits.of(kept.settings(retention_hourly_days=3), kept.now)
    assert Limits.of(Settings(), kept.now) is None
    nothing = kept.settings(retention_hourly_days=None, retention_minutely_days=None)
    with pytest.raises(FixConfiguration, match="everything is kept: set one"):
        list(retain(nothing, kept.now, drops=True))


def test_the_command_only_looks_unless_it_is_to_drop(
    kept: LoadedOrganization, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", kept.warehouse.loader_url)
    monkeypatch.setenv("METERHOUSE_RETENTION_MINUTELY_DAYS", "4")
    before = row_counts(kept.warehouse.superuser_url)
    for words in (["retain"], ["retain", "--dry-run"]):
        assert main(words) == 0
        assert "would drop usage_images: 0 hourly rows" in capsys.readouterr().out
        assert row_counts(kept.warehouse.superuser_url) == before
    assert main(["retain", "--drop"]) == 0
    assert "dropped usage_images: 0 hourly rows" in capsys.readouterr().out
    assert ("images", 1) not in widths(kept)
