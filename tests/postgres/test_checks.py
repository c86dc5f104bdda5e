"""Checks: each finds the defect that it is for, and none finds anything after a clean load."""

from __future__ import annotations

from datetime import timedelta

import pytest

from meterhouse.checks import CheckResult, checks, run_checks
from meterhouse.store import Store

from .conftest import MakeOrganization, MakeWarehouse
from .loaded_organization import NOW, LoadedOrganization, midnight

YESTERDAY = NOW.date() - timedelta(days=1)
IN_USE = "(SELECT group_id FROM warehouse.dim_group WHERE endpoint = 'completions')"
OF_DAY = f"bucket_start = '{YESTERDAY}T00:00Z'"

# What is planted, and words of what has to be found.
DEFECTS = {
    "amounts_missing": (f"UPDATE warehouse.costs SET amount = NULL WHERE {OF_DAY}", f"acme on {YESTERDAY}: "),
    "coverage_gaps": (
        f"DELETE FROM ops.coverage WHERE endpoint = 'images' AND bucket_width = 1440 AND {OF_DAY}",
        f"acme/images/1d: 1 buckets missing, the first at {YESTERDAY} 00:00:00",
    ),
    "freshness": ("UPDATE ops.watermarks SET updated_at = updated_at - interval '4 hours' WHERE endpoint = 'images'", "acme/images/1d"),
    "hours_equal_days": (
        f"UPDATE warehouse.usage_completions SET input_tokens = input_tokens + 1 WHERE bucket_width = 60 AND {OF_DAY}",
        f"acme/completions on {YESTERDAY}: hours have",
    ),
    "token_identities": (
        f"UPDATE warehouse.usage_completions SET input_cached_tokens = input_cached_tokens + 1 WHERE bucket_width = 1440 AND {OF_DAY}",
        f"acme/completions on {YESTERDAY}: ",
    ),
    "unknown_fields": (
        "UPDATE ops.load_log SET unknown_fields = ARRAY['mood', 'weather'] WHERE endpoint = 'images'",
        "acme/images: mood, weather",
    ),
    "usage_without_cost": (
        f"DELETE FROM warehouse.costs WHERE {OF_DAY}; UPDATE ops.coverage SET row_count = 0 WHERE endpoint = 'costs' AND {OF_DAY}",
        f"acme on {YESTERDAY}",
    ),
}


@pytest.fixture(scope="module")
def loaded(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> LoadedOrganization:
    found = make_organization(make_warehouse())
    found.defaults |= {"history_start": midnight(NOW.date() - timedelta(days=8)), "hourly_history_days": 3}
    found.sync().raise_first()
    # What the log says about the time of a load is the server's, and the checks are asked as of the organization's clock.
    found.query("UPDATE ops.load_log SET loaded_at = %s", [NOW])
    return found


def run(loaded: LoadedOrganization) -> dict[str, CheckResult]:
    with Store(loaded.warehouse.loader_url) as store:
        return {result.check.name: result for result in run_checks(store, NOW)}


def test_every_check_has_a_defect_here_and_a_severity() -> None:
    assert [check.name for check in checks()] == sorted(DEFECTS)
    assert {check.severity for check in checks()} == {"fail", "warn"}
    assert all(check.meaning for check in checks())


def test_nothing_is_found_after_a_clean_load_and_the_results_are_kept(loaded: LoadedOrganization) -> None:
    results = run(loaded)
    assert {name: result.detail for name, result in results.items() if not result.is_ok} == {}
    kept = loaded.read("SELECT check_name, severity, is_ok, finding_count, detail, checked_at_utc FROM bi.checks ORDER BY 1")
    assert kept == [(check.name, check.severity, True, 0, None, NOW.replace(tzinfo=None)) for check in checks()]


@pytest.mark.parametrize("name", DEFECTS)
def test_a_check_finds_what_it_is_for_and_the_others_do_not_cry(loaded: LoadedOrganization, name: str) -> None:
    defect, words = DEFECTS[name]
    saved = {"coverage": "ops.coverage", "costs": "warehouse.costs", "usage": "warehouse.usage_completions", "load_log": "ops.load_log"}
    for copy, table in saved.items():
        loaded.query(f"CREATE TABLE public.saved_{copy} AS TABLE {table}")
    loaded.query("CREATE TABLE public.saved_watermarks AS TABLE ops.watermarks")
    try:
        for statement in defect.split("; "):
            loaded.query(statement)
        results = run(loaded)
    finally:
        _put_back(loaded, {**saved, "watermarks": "ops.watermarks"})
    assert {other for other, result in results.items() if not result.is_ok} == {name}
    assert words in (results[name].detail or "")
    assert results[name].findings > 0
    assert loaded.read("SELECT is_ok, finding_count FROM bi.checks WHERE check_name = %s", [name]) == [(False, results[name].findings)]
    assert all(result.is_ok for result in run(loaded).values())


def _put_back(loaded: LoadedOrganization, saved: dict[str, str]) -> None:
    for copy, table in saved.items():
        loaded.query(f"DELETE FROM {table}")
        loaded.query(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE public.saved_{copy}")
        loaded.query(f"DROP TABLE public.saved_{copy}")


def test_a_long_list_of_findings_is_counted_whole_and_shown_in_part(loaded: LoadedOrganization) -> None:
    loaded.query("CREATE TABLE public.saved_costs AS TABLE warehouse.costs")
    try:
        loaded.query("UPDATE warehouse.costs SET amount = NULL")
        found = run(loaded)["amounts_missing"]
    finally:
        _put_back(loaded, {"costs": "warehouse.costs"})
    assert found.findings == 9
    assert found.detail
    assert found.detail.count(";") == 5
    assert found.detail.endswith("; …")
