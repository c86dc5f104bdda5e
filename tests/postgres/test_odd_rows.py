"""Odd rows hold nobody up: they are kept, or set aside until they are gone; an answer that ignored its grouping replaces nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from meterhouse.checks.warehouse_checks import CheckResult, run_warehouse_checks
from meterhouse.errors import RejectedAnswer
from meterhouse.warehouse.view_reach import VIEW_NAMES
from meterhouse.windows import to_epoch

from .doctored_vendor import Change, doctor
from .fingerprints import places
from .loaded_organization import LoadedOrganization, midnight

STORED = ("warehouse.usage_completions", "warehouse.costs", "ops.coverage", "ops.revisions", "ops.set_aside")
SETTLED_DAYS_AGO = 2
Row = dict[str, Any]


def on_day(loaded: LoadedOrganization, path: str, change: Callable[[list[Row]], None]) -> Change:
    """Change the grouped rows of the day before yesterday."""
    start = to_epoch(midnight(loaded.today - timedelta(days=SETTLED_DAYS_AGO)))

    def changed(asked: str, dimensions: list[str], buckets: list[Row]) -> None:
        for bucket in buckets:
            if asked.endswith(path) and dimensions and bucket["start_time"] == start and bucket["results"]:
                change(bucket["results"])

    return changed


def add(**values: Any) -> Callable[[list[Row]], None]:
    """Add a row like the first one, with other values."""
    return lambda rows: rows.append(rows[0] | values)


def checked(loaded: LoadedOrganization) -> CheckResult:
    results = {result.check.name: result for result in run_warehouse_checks(loaded.settings(), clock=loaded.fake.clock.now)}
    return results["set_aside"]


@pytest.mark.fault(69, "70b")
@pytest.mark.parametrize(
    ("path", "values", "shown"),
    [
        ("completions", {"model": "m" * 300}, ("usage_daily", "model_reported", "m" * 255)),
        ("completions", {"model": "gpt\0x"}, ("usage_daily", "model_reported", "gpt\u2400x")),
        ("completions", {"model": "odd", "input_tokens": -5}, ("usage_daily", "input_tokens", -5)),
        ("completions", {"model": "odd", "object": "organization.usage.responses.result"}, ("usage_daily", "model_reported", "odd")),
        ("completions", {"project_id": "p" * 200, "novelty\0": {"x\ud800": "\0"}}, ("usage_daily", "project_id", "p" * 128)),
        ("costs", {"line_item": "L" * 300}, ("costs_daily", "line_item", "L" * 255)),
        ("costs", {"line_item": "odd", "amount": {"value": 2, "currency": "Credits"}}, ("costs_daily", "currency_reported", "credits")),
        ("costs", {"line_item": "odd", "quantity": 12345678901234567}, ("costs_daily", "quantity_reported", "12345678901234567")),
        ("costs", {"line_item": "odd", "amount": {"value": 10**12, "currency": "usd"}}, ("costs_daily", "cost", 10**12)),
        ("completions", {"model": "odd", "input_tokens": 10**16, "output_tokens": 10**16}, ("usage_daily", "input_tokens", 10**16)),
        ("completions", {"model": "odd", "input_tokens": 1, "input_cached_tokens": 10**16}, ("usage_daily", "input_cached_tokens", 10**16)),
        ("completions", {"model": "odd", "input_tokens": -(10**16)}, ("usage_daily", "input_tokens", -(10**16))),
        ("costs", {"line_item": "odd", "amount": {"value": "", "currency": "usd"}}, ("costs_daily", "line_item", "odd")),
    ],
)
def test_an_odd_row_is_kept_beside_the_others(small: LoadedOrganization, path: str, values: Row, shown: tuple[str, str, Any]) -> None:
    (before,) = small.query(f"SELECT count(*) FROM bi.{shown[0]}")
    doctor(small, on_day(small, path, add(**values)))
    small.sync([path]).raise_first()
    assert small.read(f"SELECT count(*) FROM bi.{shown[0]} WHERE {shown[1]} = %s", (shown[2],)) == [(1,)]
    assert small.query(f"SELECT count(*) FROM bi.{shown[0]}") == [(before[0] + 1,)]
    assert small.query("SELECT count(*) FROM ops.set_aside") == [(0,)]
    assert checked(small).is_ok
    for view in VIEW_NAMES:
        small.read(f"SELECT * FROM bi.{view}")
    again = places(small.warehouse.superuser_url, STORED)
    small.sync([path]).raise_first()
    assert places(small.warehouse.superuser_url, STORED) == again


@pytest.mark.fault(68)
def test_what_is_no_currency_is_neither_cut_off_nor_in_a_total_of_dollars(small: LoadedOrganization) -> None:
    dollars = small.read("SELECT sum(cost_usd) FROM bi.costs_daily")
    doctor(small, on_day(small, "costs", add(line_item="odd", amount={"value": 2, "currency": "credits"})))
    small.sync(["costs"]).raise_first()
    assert small.read("SELECT sum(cost_usd) FROM bi.costs_daily") == dollars
    assert small.read("SELECT currency, currency_reported, cost, cost_usd FROM bi.costs_daily WHERE line_item = 'odd'") == [
        ("xxx", "credits", 2, None)
    ]
    for view in (
        "costs_daily_by_line_item",
        "costs_daily_by_api_key",
        "costs_daily_spine",
        "spend_by_line_item_daily",
        "spend_by_project_month",
        "fact_costs_daily",
    ):
        assert small.read(f"SELECT DISTINCT currency FROM bi.{view} ORDER BY 1") == [("usd",), ("xxx",)], view


@pytest.mark.parametrize("count", ["many", {"n": 1}, 2**63, 1.5], ids=str)
def test_a_row_that_cannot_be_typed_is_set_aside_until_it_is_gone(small: LoadedOrganization, count: Any) -> None:
    key = "sk-admin-0123456789abcdef"
    day = small.today - timedelta(days=SETTLED_DAYS_AGO)
    figures = "SELECT * FROM bi.usage_daily u ORDER BY u::text"
    before = small.query(figures)
    doctor(small, on_day(small, "completions", add(model="odd", output_tokens=count, note=f"{key}\0")))
    outcome = small.sync(["completions"])
    outcome.raise_first()

    assert len(small.query(figures)) == len(before), "the other rows are there"
    query = (
        "SELECT finality::text, is_complete FROM ops.coverage WHERE endpoint = 'completions' AND bucket_width = 1440 AND bucket_start = %s"
    )
    assert small.query(query, (midnight(day),)) == [("settling", False)]
    [(width, start, reason, row)] = small.query(
        "SELECT bucket_width, bucket_start, reason, source_row FROM ops.set_aside WHERE bucket_width = 1440"
    )
    assert (width, start) == (1440, midnight(day))
    assert "output_tokens" in reason
    assert "sk-…" in row
    assert key not in row
    found = checked(small)
    assert (found.is_ok, found.check.severity) == (False, "fail")
    assert f"acme/completions/1d: rows set aside since {day}: 1" in str(found.detail)
    assert f"meterhouse backfill --from {day} --to {day} --only completions --bucket-width 1d" in str(found.detail)
    [(warnings,)] = small.query("SELECT DISTINCT warnings FROM ops.load_log WHERE warnings IS NOT NULL AND bucket_width = 1440")
    assert "set aside 1 row with values of an unexpected type" in warnings[0]
    assert not small.query("SELECT FROM ops.load_log l WHERE l::text LIKE %s", (f"%{key}%",))

    again = places(small.warehouse.superuser_url, STORED)
    small.sync(["completions"]).raise_first()
    assert places(small.warehouse.superuser_url, STORED) == again, "the same answer wrote something"

    small.server.application = small.fake
    small.backfill(day, day + timedelta(days=1), ["completions"]).raise_first()
    assert small.query("SELECT count(*) FROM ops.set_aside WHERE bucket_width = 1440") == [(0,)]
    assert small.query(query, (midnight(day),)) == [("settled", True)]
    assert small.query(figures) == before


def test_a_stored_row_stays_while_its_bucket_has_a_row_set_aside(small: LoadedOrganization) -> None:
    before = small.query("SELECT count(*), sum(input_tokens) FROM bi.usage_daily WHERE endpoint = 'completions'")
    doctor(small, on_day(small, "completions", lambda rows: rows[0].update(input_tokens="many")))
    small.sync(["completions"]).raise_first()
    assert small.query("SELECT count(*), sum(input_tokens) FROM bi.usage_daily WHERE endpoint = 'completions'") == before
    assert not checked(small).is_ok


def test_of_a_bucket_in_which_every_row_is_odd_a_bounded_number_is_kept(small: LoadedOrganization) -> None:
    doctor(small, on_day(small, "completions", lambda rows: rows.extend(rows[0] | {"output_tokens": [n]} for n in range(500))))
    small.sync(["completions"], widths=("1d",)).raise_first()
    assert small.query("SELECT count(*), max(length(source_row)) <= 4000 FROM ops.set_aside") == [(100, True)]


def ungroup(path: str) -> Change:
    """Answer as if nothing had been grouped, whatever was asked for."""

    def changed(asked: str, dimensions: list[str], buckets: list[Row]) -> None:
        for bucket in buckets if asked.endswith(path) else ():
            for row in bucket["results"]:
                row.update(dict.fromkeys(dimensions))

    return changed


@pytest.mark.fault(40)
@pytest.mark.parametrize("path", ["completions", "costs"])
def test_an_answer_that_ignored_its_grouping_is_refused_and_the_stored_rows_stay(small: LoadedOrganization, path: str) -> None:
    before = places(small.warehouse.superuser_url, STORED)
    doctor(small, ungroup(path))
    with pytest.raises(
        RejectedAnswer, match=r"the vendor ignored the grouping: no row of its answer has project_id, .*\bapi_key_id\b"
    ) as caught:
        small.sync([path]).raise_first()
    assert "\n" not in str(caught.value)
    assert places(small.warehouse.superuser_url, STORED) == before
    # A later day on which nothing is stored yet: the stream is known with names.
    small.advance(days=20)
    day = small.today - timedelta(days=1)
    with pytest.raises(RejectedAnswer, match="ignored the grouping"):
        small.backfill(day, small.today, [path]).raise_first()
    small.server.application = small.fake
    small.backfill(day, small.today, [path]).raise_first()


def test_who_knows_better_loads_such_an_answer_by_force(small: LoadedOrganization) -> None:
    doctor(small, ungroup("completions"))
    day = small.today - timedelta(days=SETTLED_DAYS_AGO)
    small.backfill(day, day + timedelta(days=1), ["completions"], force=True).raise_first()
    assert small.query(
        "SELECT count(*) FROM bi.usage_daily WHERE endpoint = 'completions' AND usage_date = %s AND project_id IS NOT NULL", (day,)
    ) == [(0,)]


def test_what_was_not_asked_for_was_not_ignored(small: LoadedOrganization) -> None:
    small.sync(["completions", "costs"], exclude_dimensions=("project_id", "user_id", "api_key_id")).raise_first()
    small.sync(["completions", "costs"]).raise_first()
