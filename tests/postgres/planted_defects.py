"""A defect for every check, which is planted into a loaded warehouse and taken out again."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from meterhouse.catalogue.endpoints import USAGE
from meterhouse.checks.warehouse_checks import CheckResult, run_warehouse_checks
from meterhouse.imports.prices import import_prices
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
