"""Checks: each finds the defect that it is for, and none finds anything after a clean load."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest

from meterhouse.checks.warehouse_checks import CheckResult, ask_vendor, checks, run_warehouse_checks
from meterhouse.clock import utc_now
from meterhouse.command_line.command_words import parser
from meterhouse.settings import load_settings

from .loaded_organization import NOW, LoadedOrganization, midnight
from .planted_defects import DEFECTS, ELSEWHERE, TODAY, YESTERDAY, found_in, loaded, planted, run

__all__ = ["loaded"]  # a fixture, which pytest finds by its name

Detected = Callable[[str], tuple[dict[str, CheckResult], list[tuple[Any, ...]]]]


def test_every_check_has_a_defect_here_and_a_severity() -> None:
    assert [check.name for check in checks()] == sorted({*DEFECTS, *ELSEWHERE})
    assert {check.severity for check in checks()} == {"fail", "warn"}
    assert all(check.meaning.endswith(".") for check in checks())


def test_nothing_is_found_after_a_clean_load_and_the_results_are_kept(loaded: LoadedOrganization) -> None:
    of_warehouse = run_warehouse_checks(loaded.settings(), clock=loaded.fake.clock.now)
    of_vendor, asked = ask_vendor(loaded.settings(), clock=loaded.fake.clock.now)
    assert asked.errors == ()
    results = {result.check.name: result for result in (*of_warehouse, *of_vendor)}
    assert set(found_in(results)) == {"clock_skew_warehouse"}
    kept = loaded.read("SELECT check_name, severity, is_ok, finding_count, detail, checked_at_utc FROM bi.checks ORDER BY 1")
    assert [row[0] for row in kept] == [check.name for check in checks()]
    assert [row[1:] for row in kept if row[0] != "clock_skew_warehouse"] == [
        (check.severity, True, 0, None, NOW.replace(tzinfo=None)) for check in checks() if check.name != "clock_skew_warehouse"
    ]


@pytest.fixture(scope="module")
def detected(loaded: LoadedOrganization) -> Detected:
    """Plants the defect of a check, once for all tests, and gives what every check finds and what is kept of this one."""

    @cache
    def run_beside_it(name: str) -> tuple[dict[str, CheckResult], list[tuple[Any, ...]]]:
        with planted(loaded, *DEFECTS[name][0]):
            results = run(loaded)
        return results, loaded.read("SELECT is_ok, finding_count FROM bi.checks WHERE check_name = %s", [name])

    return run_beside_it


@pytest.mark.parametrize("name", DEFECTS)
def test_a_check_finds_what_it_is_for_and_the_others_do_not_cry(loaded: LoadedOrganization, detected: Detected, name: str) -> None:
    results, kept = detected(name)
    assert set(found_in(results)) == {name}
    assert DEFECTS[name][1] in (results[name].detail or "")
    assert results[name].findings > 0
    assert kept == [(False, results[name].findings)]
    assert found_in(run(loaded)) == {}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_command_that_a_finding_names_is_one_that_exists(detected: Detected, name: str) -> None:
    if name.startswith("unknown_"):
        pytest.skip("only a newer version cures it")
    detail = detected(name)[0][name].detail or ""
    if setting := re.search(r"\bset (METERHOUSE_\w+) to (\d+)", detail):
        assert load_settings({setting[1]: setting[2]})
        return
    command = re.search(r"meterhouse (rebuild-totals|import [a-z]+ FILE|(?:sync|backfill|purge)(?: --[a-z-]+ [\w-]+)+)", detail)
    assert command, detail
    assert parser().parse_args(shlex.split(command[1])).command in {"sync", "backfill", "import", "rebuild-totals", "purge"}


def test_a_long_list_of_findings_is_counted_whole_and_shown_in_part(loaded: LoadedOrganization) -> None:
    with planted(loaded, "UPDATE warehouse.costs SET amount = NULL"):
        found = run(loaded)["amounts_missing"]
    assert found.findings == 9
    assert found.detail
    assert found.detail.count(";") == 5
    assert found.detail.endswith("; …")


def test_each_check_is_one_line_of_the_log_information_or_a_warning(loaded: LoadedOrganization, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "meterhouse.checks.warehouse_checks")
    with planted(loaded, *DEFECTS["coverage_gaps"][0]):
        results = run(loaded)
    lines = {
        record.getMessage().split()[1].strip(":"): record
        for record in caplog.records
        if record.name == "meterhouse.checks.warehouse_checks"
    }
    assert set(lines) == {*results, "clock_skew_warehouse"}
    assert {name for name, line in lines.items() if line.levelno == logging.WARNING} == {"coverage_gaps", "clock_skew_warehouse"}
    assert lines["coverage_gaps"].getMessage() == f"check coverage_gaps (fail): 1 found: {results['coverage_gaps'].detail}"
    assert lines["freshness"].getMessage() == "check freshness: nothing found"


# -- freshness ------------------------------------------------------------------------------------------------------------------------


def test_a_stream_that_is_catching_up_is_not_stale_but_one_whose_load_hangs_is(loaded: LoadedOrganization) -> None:
    stale = "UPDATE ops.watermarks SET watermark = watermark - interval '40 hours' WHERE endpoint = 'costs'"
    hanging = "UPDATE ops.load_log SET loaded_at = loaded_at - interval '31 minutes'"
    with planted(loaded, stale):
        assert run(loaded)["freshness"].findings == 1
        # Other tables refer to its rows, so it cannot be planted.
        loaded.query("UPDATE ops.run_log SET status = 'running'")
        try:
            assert run(loaded)["freshness"].is_ok
            with planted(loaded, hanging):
                assert run(loaded)["freshness"].findings == 1
        finally:
            loaded.query("UPDATE ops.run_log SET status = 'done'")


def test_a_stream_that_was_never_loaded_is_not_fresh_and_neither_is_an_organization_without_any(loaded: LoadedOrganization) -> None:
    with planted(loaded, "DELETE FROM ops.watermarks WHERE endpoint = 'costs'"):
        loaded.query("UPDATE warehouse.dim_organization SET created_at = %s", [NOW - timedelta(hours=40)])
        found = run(loaded)["freshness"]
        assert (found.findings, "demo" in (found.detail or ""), "costs/1d: never loaded" in (found.detail or "")) == (1, False, True)
    newcomer = replace(loaded.settings().organizations[0], label="globex")
    found = run(loaded, organizations=(*loaded.settings().organizations, newcomer))["freshness"]
    assert found.detail == "globex: nothing was ever loaded, see why its first run failed, or run meterhouse sync"


def test_an_organization_that_the_settings_no_longer_name_need_not_be_fresh(loaded: LoadedOrganization) -> None:
    with planted(loaded, *DEFECTS["freshness"][0]):
        newcomer = replace(loaded.settings().organizations[0], label="globex")
        assert "acme" not in (run(loaded, organizations=(newcomer,))["freshness"].detail or "")


def test_the_freshness_targets_are_settings(loaded: LoadedOrganization) -> None:
    with planted(loaded, "UPDATE ops.watermarks SET watermark = watermark - interval '29 hours'"):
        found = run(loaded)["freshness"]
        assert found.findings == 22
        assert "costs" not in (found.detail or "")
        assert "costs" in (run(loaded, costs_freshness_hours=28, usage_freshness_hours=29)["freshness"].detail or "")
        assert run(loaded, usage_freshness_hours=29)["freshness"].is_ok


def test_what_the_settings_no_longer_load_need_not_be_fresh(loaded: LoadedOrganization) -> None:
    stale = "UPDATE ops.watermarks SET watermark = watermark - interval '9 days' WHERE endpoint = 'images' OR bucket_width = 60"
    with planted(loaded, stale):
        assert run(loaded, endpoints=("completions", "costs"), widths=("1d",))["freshness"].is_ok
        assert run(loaded, endpoints=("completions", "costs"))["freshness"].findings == 1
        assert run(loaded)["freshness"].findings == 12


def test_a_backfill_makes_nothing_fresh(loaded: LoadedOrganization) -> None:
    with planted(loaded, *DEFECTS["freshness"][0]):
        loaded.backfill(YESTERDAY, TODAY, ["images"]).raise_first()
        assert run(loaded)["freshness"].findings == 1


# -- gaps and the vendor's reach ------------------------------------------------------------------------------------------------------


def test_gaps_of_hours_are_looked_for_in_the_last_forty_days(loaded: LoadedOrganization) -> None:
    begun = "UPDATE ops.watermarks SET loaded_from = loaded_from - interval '60 days' WHERE endpoint = 'images' AND bucket_width = 60"
    with planted(loaded, begun):
        detail = run(loaded)["coverage_gaps"].detail or ""
    assert f"acme/images/1h: missing buckets: {37 * 24}, the first at {TODAY - timedelta(days=40)} 00:00:00" in detail
    assert f"--from {TODAY - timedelta(days=40)} --to {TODAY - timedelta(days=4)} --only images --bucket-width 1h" in detail


def test_days_that_history_start_asks_for_and_nobody_loaded_are_named_before_the_vendor_forgets_them(loaded: LoadedOrganization) -> None:
    first = TODAY - timedelta(days=360)
    results = run(loaded, history_start=midnight(first), endpoints=("images",))
    assert set(found_in(results)) == {"days_leaving_reach"}
    assert results["days_leaving_reach"].findings == 1
    assert (results["days_leaving_reach"].detail or "").startswith(
        f"acme/images: missing days: 25, unfinished: 0, days until the first is lost: 6, so load them with"
        f" meterhouse backfill --from {first}"
        f" --to {TODAY - timedelta(days=336)} --only images"
    )
    # Without that setting everything within reach should be there.
    assert "missing days: 30," in (run(loaded, history_start=None, endpoints=("images",))["days_leaving_reach"].detail or "")
    # A stream that was begun later on purpose has nothing to lose yet.
    assert run(loaded, history_start=midnight(TODAY - timedelta(days=335)))["days_leaving_reach"].is_ok


def remembered(capability: str, detail: str, probed_at: datetime = NOW) -> str:
    return (
        f"INSERT INTO ops.capabilities SELECT organization_id, 'images', '{capability}', false, '{detail}', '{probed_at}'"
        " FROM warehouse.dim_organization"
    )


def test_the_reach_is_what_the_vendor_said_when_it_refused_an_older_day(loaded: LoadedOrganization) -> None:
    # It reached back 40 days when it was asked two days ago, and does today.
    said = f"begins {TODAY - timedelta(days=42)}: start_time is beyond the reporting lookback"
    with planted(loaded, remembered("history", said, NOW - timedelta(days=2))):
        detail = run(loaded, history_start=None, endpoints=("images",))["days_leaving_reach"].detail or ""
    assert detail.startswith("acme/images: missing days: 30, unfinished: 0, days until the first is lost: 1,")
    assert f"--from {TODAY - timedelta(days=40)} --to {TODAY - timedelta(days=11)}" in detail


def test_an_endpoint_that_is_not_offered_is_neither_stale_nor_short_of_days(loaded: LoadedOrganization) -> None:
    refused = "UPDATE ops.capabilities SET is_supported = false WHERE endpoint = 'images' AND capability = 'endpoint'"
    with planted(loaded, refused, *DEFECTS["freshness"][0]):
        assert found_in(run(loaded, history_start=None, endpoints=("images",))) == {}


# -- clocks ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.fault(80)
@pytest.mark.parametrize(
    ("seconds", "words"), [(0, None), (50, None), (-50, None), (90, "90 s behind this machine's"), (-90, "90 s ahead of this machine's")]
)
def test_clocks_that_are_more_than_a_minute_apart_are_a_warning(loaded: LoadedOrganization, seconds: int, words: str | None) -> None:
    ours = timedelta(seconds=seconds)
    of_warehouse = run_warehouse_checks(loaded.settings(), clock=lambda: utc_now() + ours)
    of_vendor, asked = ask_vendor(loaded.settings(), clock=lambda: NOW + ours)
    assert asked.errors == ()
    found = {result.check.name: result for result in (*of_warehouse, *of_vendor)}
    for name in ("clock_skew_warehouse", "clock_skew_vendor"):
        assert found[name].check.severity == "warn"
        assert found[name].is_ok == (words is None)
        assert re.sub(r"\b(89|91) s", "90 s", found[name].detail or "").find(words or "") >= 0
    assert found["control_totals"].is_ok
