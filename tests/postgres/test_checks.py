"""Checks: each finds the defect that it is for, and none finds anything after a clean load."""

from __future__ import annotations

import csv
import logging
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from meterhouse.catalogue.dictionary import usage_measures
from meterhouse.catalogue.endpoints import USAGE
from meterhouse.checks.warehouse_checks import CheckResult, ask_vendor, checks, run_warehouse_checks
from meterhouse.clock import utc_now
from meterhouse.command_line.command_words import parser
from meterhouse.imports.prices import import_prices
from meterhouse.settings import load_settings
from meterhouse.warehouse.allocation import allocate
from meterhouse.warehouse.rollups import fill

from .conftest import MakeOrganization, MakeWarehouse
from .loaded_organization import NOW, LoadedOrganization, midnight

TODAY = NOW.date()
YESTERDAY = TODAY - timedelta(days=1)
# Over for two days: what the vendor has not billed by now is missing.
SETTLED = TODAY - timedelta(days=3)
LEAVING = TODAY - timedelta(days=350)
OF_DAY = f"bucket_start = '{YESTERDAY}T00:00Z'"
OF_SETTLED_DAY = f"bucket_start >= '{SETTLED}T00:00Z' AND bucket_start < '{SETTLED + timedelta(days=1)}T00:00Z'"
DELETE_USAGE = [f"DELETE FROM warehouse.{endpoint.table} WHERE {OF_SETTLED_DAY}" for endpoint in USAGE]

# What is planted, and words of what has to be found.
DEFECTS = {
    "allocation_equals_costs": (
        [
            "UPDATE warehouse.cost_allocation SET cost = cost + 0.000000000001"
            f" WHERE ctid = (SELECT ctid FROM warehouse.cost_allocation WHERE usage_date = '{SETTLED}' AND cost > 0 LIMIT 1)"
        ],
        f"acme on {SETTLED}: lines whose parts are not the bill: 1, in all ",
    ),
    "amounts_missing": ([f"UPDATE warehouse.costs SET amount = NULL WHERE {OF_DAY}"], f"acme on {YESTERDAY}: "),
    "cost_anomalies": (
        [
            "INSERT INTO warehouse.cost_anomalies (organization_id, usage_date, series_kind, series_key, currency, kind, actual_cost,"
            " expected_cost, low_cost, high_cost, z_score, reason, state, first_seen_at, judged_at)"
            f" VALUES (1, '{SETTLED}', 'organization', '', 'usd', 'spike', 900, 300, 200, 450, 11,"
            " '3.0 times the 300.00 usd expected for a Monday', 'new', now(), now())"
        ],
        f"acme, organization, {SETTLED}: 900.00 usd were billed, 3.0 times the 300.00 usd expected for a Monday; if it was planned",
    ),
    "cost_without_usage": (DELETE_USAGE, f"acme on {SETTLED}: "),
    "costs_by_user_equal_costs": (
        [
            f"UPDATE warehouse.costs_by_user SET amount = amount + 0.000000000002 WHERE {OF_SETTLED_DAY}"
            f" AND group_id = (SELECT min(group_id) FROM warehouse.costs_by_user WHERE amount > 0 AND {OF_SETTLED_DAY})"
        ],
        f"acme on {SETTLED}: ",
    ),
    "coverage_gaps": (
        [f"DELETE FROM ops.coverage WHERE endpoint = 'images' AND bucket_width = 1440 AND {OF_DAY}"],
        f"acme/images/1d: missing buckets: 1, the first at {YESTERDAY} 00:00:00",
    ),
    "days_leaving_reach": (
        [
            "INSERT INTO ops.coverage SELECT organization_id, endpoint, bucket_width, bucket_start - interval '349 days', reported_start,"
            f" reported_end, false, row_count, source_grouping, changed_at, 'open' FROM ops.coverage WHERE endpoint = 'images' AND {OF_DAY}"
            " AND bucket_width = 1440"
        ],
        "acme/images: missing days: 0, unfinished: 1, days until the first is lost: 16, so load them with"
        f" meterhouse backfill --from {LEAVING} --to {LEAVING} --only images",
    ),
    "freshness": (
        ["UPDATE ops.watermarks SET watermark = watermark - interval '4 hours' WHERE endpoint = 'images' AND bucket_width = 1440"],
        "acme/images/1d: loaded until 2026-11-20 08:09 UTC, 4 hours ago (at most 3 are allowed)",
    ),
    "hours_equal_days": (
        [f"UPDATE warehouse.usage_images SET images = images + 1 WHERE bucket_width = 1440 AND {OF_DAY}"],
        f"acme/images on {YESTERDAY}: images ",
    ),
    "invoices_tie": (
        [
            "INSERT INTO ops.coverage (organization_id, endpoint, bucket_width, bucket_start, reported_start, reported_end, is_complete,"
            " row_count, source_grouping, changed_at, finality) SELECT organization_id, 'costs', 1440, d, d, d + interval '1 day', true, 0,"
            " '', now(), 'settled' FROM warehouse.dim_organization, generate_series('2025-01-01Z'::timestamptz, '2025-01-31Z', '1 day') d",
            "INSERT INTO warehouse.invoices (organization_id, invoice_id, month_start, period_start, period_end, currency, issued_on,"
            " tolerance_amount, tolerance_share) SELECT organization_id, 'INV-1', '2025-01-01', '2025-01-01', '2025-01-31', 'usd',"
            " '2025-02-02', 0.01, 0.001 FROM warehouse.dim_organization",
            "INSERT INTO warehouse.invoice_lines (invoice_key, position, kind, amount)"
            " SELECT invoice_key, 1, 'usage', 5 FROM warehouse.invoices",
        ],
        "acme 2025-01 usd: the invoice is 5.00 higher than what explains it; once its file is right, import it again",
    ),
    "organization_twice": (
        [
            "INSERT INTO warehouse.dim_organization (label, vendor, vendor_organization_id)"
            " SELECT 'old', vendor, vendor_organization_id FROM warehouse.dim_organization"
        ],
        "acme and old are both the organization org-",
    ),
    "price_drift": (
        ["DELETE FROM warehouse.contract_price WHERE line_item = 'priority | gpt-4.1-2025-04-14, output'"],
        f"acme: 'priority | gpt-4.1-2025-04-14, output' cost 16 usd per million tokens from 2026-11-12 to {SETTLED + timedelta(days=1)},"
        " the price list says 14: import your contract prices with meterhouse import prices FILE, or ask the vendor",
    ),
    "rollups_equal_facts": (
        [
            "UPDATE warehouse.rollup_usage_by_user SET input_tokens = input_tokens + 1"
            f" WHERE usage_date = '{SETTLED}' AND endpoint = 'embeddings'",
            # The day has as many, so that a sum over its hours would not show it.
            "UPDATE warehouse.rollup_usage_by_hour r SET input_tokens = input_tokens + CASE r.bucket_start WHEN h.first THEN 1 ELSE -1 END"
            " FROM (SELECT min(bucket_start) AS first, max(bucket_start) AS last, min(project_id) AS project_id"
            f" FROM warehouse.rollup_usage_by_hour WHERE usage_date = '{SETTLED}' AND endpoint = 'embeddings') h"
            " WHERE r.endpoint = 'embeddings' AND r.project_id = h.project_id AND r.bucket_start IN (h.first, h.last)",
        ],
        f"acme/embeddings on {SETTLED}: bi.usage_daily_by_user and bi.usage_hourly_by_project is not the sum of the rows,"
        " so run meterhouse rebuild-totals",
    ),
    "set_aside": (
        [
            "INSERT INTO ops.set_aside (organization_id, endpoint, bucket_width, bucket_start, position, reason, source_row, fetch_number)"
            " SELECT organization_id, endpoint, bucket_width, bucket_start, 1, 'images is a text', '{}', 1 FROM ops.coverage"
            f" WHERE endpoint = 'images' AND bucket_width = 1440 AND {OF_DAY}"
        ],
        f"acme/images/1d: rows set aside since {YESTERDAY}: 1, the first because images is a text; a later version may accept them: try"
        f" again with meterhouse backfill --from {YESTERDAY} --to {YESTERDAY} --only images --bucket-width 1d",
    ),
    "settling_time": (
        [
            "INSERT INTO ops.coverage SELECT c.organization_id, c.endpoint, c.bucket_width, d, d, d + interval '1 day', true, 1, '',"
            " now(), 'settled'"
            f" FROM ops.coverage c, generate_series('{SETTLED}Z'::timestamptz - interval '40 days',"
            f" '{SETTLED}Z'::timestamptz - interval '21 days', '1 day') d"
            f" WHERE c.endpoint = 'images' AND c.bucket_width = 1440 AND {OF_DAY}",
            # Known ten minutes after the end of each day: half of it.
            "INSERT INTO ops.bucket_totals SELECT c.organization_id, c.endpoint, c.bucket_width, c.bucket_start,"
            " c.bucket_start + interval '1 day' + r.age, jsonb_build_object('images', r.total) FROM ops.coverage c,"
            " (VALUES (interval '10 minutes', '10'), (interval '30 hours', '20')) r (age, total)"
            f" WHERE c.endpoint = 'images' AND c.bucket_width = 1440 AND c.bucket_start < '{SETTLED}Z'::timestamptz - interval '20 days'",
        ],
        "acme/images: 20 of 20 days changed later than 6 hours after their end, so set METERHOUSE_USAGE_SETTLING_HOURS to 30",
    ),
    "token_identities": (
        [
            "UPDATE warehouse.usage_completions SET input_cached_audio_tokens = input_cached_audio_tokens + 1"
            f" WHERE bucket_start = '{TODAY}' AND bucket_width = 1440"
        ],
        f"acme/completions on {TODAY}: ",
    ),
    "unknown_fields": (
        ["UPDATE ops.load_log SET unknown_fields = ARRAY['mood', 'weather'] WHERE endpoint = 'images'"],
        "acme/images: mood, weather",
    ),
    "unknown_line_items": (
        ["UPDATE warehouse.dim_line_item SET model = NULL WHERE line_item = 'gpt-4.1-2025-04-14, output'"],
        "acme: 'gpt-4.1-2025-04-14, output' since 2026-11-12, billed and counted all the same, but without model",
    ),
    "unknown_units": (
        [
            f"UPDATE warehouse.costs SET quantity_unit = 'furlongs' WHERE {OF_DAY} AND group_id IN"
            " (SELECT group_id FROM warehouse.dim_cost_group WHERE line_item = 'gpt-4.1-2025-04-14, output')"
        ],
        f"acme: 'gpt-4.1-2025-04-14, output' in 'furlongs' since {YESTERDAY}",
    ),
    "usage_without_cost": (
        [
            f"DELETE FROM warehouse.costs WHERE {OF_SETTLED_DAY}",
            f"DELETE FROM warehouse.costs_by_user WHERE {OF_SETTLED_DAY}",
            f"UPDATE ops.coverage SET row_count = 0 WHERE endpoint IN ('costs', 'costs_by_user') AND {OF_SETTLED_DAY}",
        ],
        f"acme on {SETTLED}: ",
    ),
}
# Of these, the defect is in a clock or in the vendor's answer, and not in the warehouse.
ELSEWHERE = {"clock_skew_vendor", "clock_skew_warehouse", "control_totals"}


@pytest.fixture(scope="module")
def loaded(
    make_warehouse: MakeWarehouse, make_organization: MakeOrganization, tmp_path_factory: pytest.TempPathFactory
) -> LoadedOrganization:
    found = make_organization(make_warehouse())
    found.defaults |= {"history_start": midnight(TODAY - timedelta(days=8)), "hourly_history_days": 3}
    found.sync().raise_first()
    # What the log says about the time of a load is the server's, and the checks are asked as of the organization's clock.
    found.query("UPDATE ops.load_log SET loaded_at = %s", [NOW])
    agree_on_prices(found, tmp_path_factory.mktemp("contract") / "prices.csv")
    return found


def agree_on_prices(loaded: LoadedOrganization, file: Path) -> None:
    """Import a contract for what the stand-in bills at prices that it invented and the vendor's list does not have."""
    agreed = loaded.read("SELECT DISTINCT organization, line_item, price_unit, effective_price, currency FROM bi.price_drift")
    assert agreed
    with file.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows([("organization", "line_item", "unit", "price", "currency", "valid_from"),
                                     *((*one, TODAY - timedelta(days=400)) for one in agreed)])  # fmt: skip
    import_prices(loaded.settings(), file, dry_run=False)


def run(loaded: LoadedOrganization, **changes: Any) -> dict[str, CheckResult]:
    """Run the checks of the warehouse; its clock goes on while the organization's stands still, so that difference is left out."""
    results = {result.check.name: result for result in run_warehouse_checks(loaded.settings(**changes), clock=lambda: NOW)}
    assert not results.pop("clock_skew_warehouse").is_ok
    return results


def found_in(results: dict[str, CheckResult]) -> dict[str, str | None]:
    return {name: result.detail for name, result in results.items() if not result.is_ok}


@contextmanager
def planted(loaded: LoadedOrganization, *statements: str) -> Iterator[None]:
    """Spoil the warehouse for as long as the context lasts."""
    tables = sorted(set(re.findall(r"(?:UPDATE|DELETE FROM|INTO) ((?:warehouse|ops)\.\w+)", " ".join(statements))))
    saved = {table: f"public.saved_{table.replace('.', '_')}" for table in tables}
    for table, copy in saved.items():
        loaded.query(f"CREATE TABLE {copy} AS TABLE {table}")
    try:
        for statement in statements:
            loaded.query(statement)
        add_up(loaded, unless=statements)
        yield
    finally:
        for table, copy in saved.items():
            # Other tables refer to what is put back in the same breath.
            put_back = f"DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE {copy}"
            loaded.query(f"SET session_replication_role = replica; {put_back}")
            loaded.query(f"DROP TABLE {copy}")
        add_up(loaded)


def add_up(loaded: LoadedOrganization, unless: Sequence[str] = ()) -> None:
    """Rewrite the daily totals and the allocation as a load would have, unless they are what was spoilt."""
    spoilt = " ".join(unless)
    if "warehouse.rollup_" not in spoilt:
        with psycopg.connect(loaded.warehouse.superuser_url) as superuser:
            fill(superuser)
    if "warehouse.cost_allocation" not in spoilt:
        with psycopg.connect(loaded.warehouse.superuser_url, autocommit=True) as superuser:
            superuser.execute("DELETE FROM ops.allocated_days")
            for (organization_id,) in superuser.execute("SELECT organization_id FROM warehouse.dim_organization").fetchall():
                allocate(superuser, organization_id)


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


@pytest.mark.parametrize("name", DEFECTS)
def test_a_check_finds_what_it_is_for_and_the_others_do_not_cry(loaded: LoadedOrganization, name: str) -> None:
    statements, words = DEFECTS[name]
    with planted(loaded, *statements):
        results = run(loaded)
    assert set(found_in(results)) == {name}
    assert words in (results[name].detail or "")
    assert results[name].findings > 0
    assert loaded.read("SELECT is_ok, finding_count FROM bi.checks WHERE check_name = %s", [name]) == [(False, results[name].findings)]
    assert found_in(run(loaded)) == {}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_command_that_a_finding_names_is_one_that_exists(loaded: LoadedOrganization, name: str) -> None:
    if name.startswith("unknown_"):
        pytest.skip("only a newer version cures it")
    with planted(loaded, *DEFECTS[name][0]):
        detail = run(loaded)[name].detail or ""
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


# -- copies and parts of the costs ----------------------------------------------------------------------------------------------------


def test_copies_of_the_costs_are_compared_only_where_both_are_settled_and_with_what_is_unknown(loaded: LoadedOrganization) -> None:
    other = DEFECTS["costs_by_user_equal_costs"][0][0]
    unsettled = f"UPDATE ops.coverage SET is_complete = false, finality = 'settling' WHERE endpoint = 'costs_by_user' AND {OF_SETTLED_DAY}"
    unknown = other.replace("amount + 0.000000000002", "NULL")
    with planted(loaded, other):
        assert run(loaded)["costs_by_user_equal_costs"].findings == 1
    with planted(loaded, other, unsettled):
        assert run(loaded)["costs_by_user_equal_costs"].is_ok
    with planted(loaded, other.replace("0.000000000002", "0.0000000000001")):
        assert run(loaded)["costs_by_user_equal_costs"].is_ok, "below what the warehouse shows"
    with planted(loaded, unknown):
        assert " usd and unknown amounts by user" in (run(loaded)["costs_by_user_equal_costs"].detail or "")


def test_a_day_that_is_loaded_again_has_six_hours_to_be_allocated(loaded: LoadedOrganization) -> None:
    stale = f"DELETE FROM ops.allocated_days WHERE usage_date = '{SETTLED}'"
    gone = f"DELETE FROM warehouse.cost_allocation WHERE usage_date = '{SETTLED}'"
    long_ago = "UPDATE ops.coverage SET changed_at = changed_at - interval '7 hours' WHERE endpoint = 'costs'"
    with planted(loaded, gone):
        assert run(loaded)["allocation_equals_costs"].findings == 1, "it was allocated"
    with planted(loaded, gone, stale):
        assert run(loaded)["allocation_equals_costs"].is_ok
    with planted(loaded, gone, stale, long_ago):
        assert f"acme on {SETTLED}: " in (run(loaded)["allocation_equals_costs"].detail or "")
    with planted(loaded, gone, "DELETE FROM ops.allocated_days", long_ago):
        assert run(loaded)["allocation_equals_costs"].is_ok, "nothing was ever allocated, as right after an upgrade"


def test_clocks_that_differ_do_not_decide_whether_a_day_is_allocated(loaded: LoadedOrganization) -> None:
    gone = f"DELETE FROM warehouse.cost_allocation WHERE usage_date = '{SETTLED}'"
    behind = "UPDATE ops.allocated_days SET allocated_at = '2020-01-01'"
    with planted(loaded, gone, behind):
        assert run(loaded)["allocation_equals_costs"].findings == 1, "it was allocated from what is stored, whatever its clock said"
    ahead = "UPDATE ops.allocated_days SET allocated_at = '2099-01-01'"
    loaded_since = f"UPDATE ops.coverage SET content_digest = '\\x00' WHERE endpoint = 'costs' AND {OF_SETTLED_DAY}"
    with planted(loaded, gone, ahead, loaded_since):
        assert run(loaded)["allocation_equals_costs"].is_ok, "it was loaded again and is to be allocated"


def test_a_part_that_is_unknown_beside_the_whole_bill_is_found(loaded: LoadedOrganization) -> None:
    columns = "usage_date, organization_id, project_id, line_item, currency, method"
    one_more = (
        f"INSERT INTO warehouse.cost_allocation ({columns}) SELECT {columns} FROM warehouse.cost_allocation"
        f" WHERE usage_date = '{SETTLED}' LIMIT 1"
    )
    with planted(loaded, one_more):
        assert run(loaded)["allocation_equals_costs"].findings == 1


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


# -- hours and days -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", [column for column, metric in usage_measures().items() if metric.additive])
def test_hours_are_compared_with_their_day_in_every_measure_that_can_be_added_up(loaded: LoadedOrganization, column: str) -> None:
    endpoint, name = next((one, metric.name) for one in USAGE for metric in one.metrics if metric.column == column)
    loaded.query("SELECT warehouse.ensure_partition(%s, %s)", [endpoint.table, YESTERDAY])
    one_more = [
        "INSERT INTO warehouse.dim_group (organization_id, endpoint)"
        f" SELECT organization_id, '{endpoint.name}' FROM warehouse.dim_organization",
        f"INSERT INTO warehouse.{endpoint.table} (bucket_start, bucket_width, group_id, {name})"
        f" SELECT '{YESTERDAY}T05:00Z', 60, max(group_id), 1000000 FROM warehouse.dim_group",
    ]
    with planted(loaded, *one_more):
        found = run(loaded)["hours_equal_days"]
    assert found.findings == 1
    words = re.search(rf"acme/{endpoint.name} on {YESTERDAY}: {column} (\d+) in hours and (\d+) in the day, so load", found.detail or "")
    assert words, found.detail
    assert int(words[1]) == int(words[2]) + 1_000_000


def test_a_level_is_not_added_up_over_hours(loaded: LoadedOrganization) -> None:
    with planted(loaded, "UPDATE warehouse.usage_vector_stores SET usage_bytes = usage_bytes + 1 WHERE bucket_width = 60"):
        assert run(loaded)["hours_equal_days"].is_ok


def test_a_measure_that_was_not_reported_in_one_width_is_not_compared_but_hours_that_are_gone_are_found(loaded: LoadedOrganization) -> None:
    table = "warehouse.usage_completions"
    with planted(loaded, f"UPDATE {table} SET output_text_tokens = NULL, output_tokens = output_tokens + 0 WHERE bucket_width = 60"):
        assert run(loaded)["hours_equal_days"].is_ok
    with planted(loaded, f"DELETE FROM {table} WHERE bucket_width = 60"):
        found = run(loaded)["hours_equal_days"]
        assert found.findings == 3
        assert "input_tokens 0 in hours and " in (found.detail or "")


# -- tokens, line items, and cost against usage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["input_uncached_tokens", "input_image_tokens", "input_cached_text_tokens", "input_cache_write_12h_tokens",
                                  "output_audio_tokens"])  # fmt: skip
def test_every_identity_of_token_parts_is_held(loaded: LoadedOrganization, part: str) -> None:
    more = f"UPDATE warehouse.usage_completions SET {part} = {part} + 1 WHERE bucket_width = 1440 AND bucket_start = '{TODAY}'"
    with planted(loaded, more):
        assert run(loaded)["token_identities"].findings == 1
    unknown = f"UPDATE warehouse.usage_completions SET {part} = NULL WHERE bucket_width = 1440"
    with planted(loaded, unknown):
        assert run(loaded)["token_identities"].is_ok, "a part that is not known breaks nothing"


def test_tokens_without_a_kind_are_an_unknown_line_item_and_a_model_that_is_not_billed_by_token_needs_none(
    loaded: LoadedOrganization,
) -> None:
    with planted(loaded, "UPDATE warehouse.dim_line_item SET direction = NULL WHERE line_item = 'gpt-4.1-2025-04-14, output'"):
        assert "without kind of tokens" in (run(loaded)["unknown_line_items"].detail or "")
    assert ("whisper", None) in loaded.query("SELECT model, direction FROM warehouse.dim_line_item WHERE line_item = 'whisper'")


def test_what_the_vendor_bills_without_reporting_usage_is_no_cost_without_usage(loaded: LoadedOrganization) -> None:
    only_those = (
        "UPDATE warehouse.dim_line_item SET surface = CASE WHEN direction = 'output' THEN 'evals' END,"
        " model = CASE WHEN direction = 'output' THEN model ELSE 'ft-' || model END WHERE coalesce(model, '') NOT LIKE '%image%'"
    )
    with planted(loaded, *DELETE_USAGE, only_those):
        assert run(loaded)["cost_without_usage"].is_ok


def test_days_that_may_still_be_billed_or_were_not_loaded_are_not_compared_with_each_other(loaded: LoadedOrganization) -> None:
    late = [text.replace(OF_SETTLED_DAY, OF_DAY) for text in DEFECTS["usage_without_cost"][0]]
    with planted(loaded, *late):
        assert run(loaded)["usage_without_cost"].is_ok
    with planted(
        loaded,
        *DELETE_USAGE,
        f"UPDATE ops.coverage SET is_complete = false, finality = 'open' WHERE endpoint = 'completions' AND {OF_SETTLED_DAY}",
    ):
        assert run(loaded)["cost_without_usage"].is_ok


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
