"""Control totals: what is asked of the vendor, and a figure that a load can cure is cured."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.checks.warehouse_checks import run_warehouse_checks
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.fake_openai.queries import Capabilities
from meterhouse.vendors.openai.wire import path_of

from .doctored_vendor import THREE, TODAY, YESTERDAY, ago, ask, asked_vendor, figures, groupings_asked
from .loaded_organization import NOW, LoadedOrganization, midnight, served

# -- what is asked --------------------------------------------------------------------------------------------------------------------


def test_one_ungrouped_request_an_endpoint_covers_the_complete_days_of_the_lookback(small: LoadedOrganization) -> None:
    result = ask(small)
    assert (result.findings, result.detail, result.check.severity) == (0, None, "fail")
    assert {name: groupings_asked(small, name) for name in THREE} == {
        "completions": [(ago(3), TODAY, False)], "images": [(ago(3), TODAY, False)], "costs": [(ago(10), TODAY, False)],
    }  # fmt: skip
    assert len(small.server.requests) == 3
    assert small.read("SELECT is_ok, severity FROM bi.checks WHERE check_name = 'control_totals'") == [(True, "fail")]


def test_every_endpoint_that_an_organization_uses_ties_to_its_total(acme: LoadedOrganization) -> None:
    acme.sync().raise_first()
    acme.forget_requests()
    result = ask(acme)
    assert (result.findings, result.detail) == (0, None)
    # Bytes stored are a level: what the vendor answers for all projects need not be the sum over them.
    assert {request.path for request in acme.server.requests} == {
        f"/v1{path_of(endpoint)}" for endpoint in ENDPOINTS.values() if endpoint.name != "vector_stores"
    }


def test_an_endpoint_that_is_not_offered_or_was_never_loaded_is_not_asked_for(warehouse: Warehouse) -> None:
    with served(FakeOrganization(NOW, scale=0.2, absent_endpoints=["decisions"]), warehouse) as acme:
        acme.defaults |= {"history_start": midnight(ago(5)), "hourly_history_days": 1}
        acme.sync(["decisions", "images"]).raise_first()
        acme.forget_requests()
        assert ask(acme).is_ok
        assert set(acme.paths_asked()) == {"/v1/organization/usage/images"}


def test_without_a_complete_day_nothing_is_asked_and_the_result_says_so(acme: LoadedOrganization) -> None:
    found = {result.check.name: result for result in asked_vendor(acme.settings(), clock=acme.fake.clock.now)}
    assert set(found) == {"control_totals"}
    assert (found["control_totals"].findings, found["control_totals"].detail) == (0, "there is no complete day to compare yet")
    assert acme.server.requests == []


def test_a_day_that_the_warehouse_holds_as_unfinished_is_left_to_the_schedule(small: LoadedOrganization) -> None:
    day = f"bucket_start = '{ago(2)}T00:00Z'"
    small.query(
        f"UPDATE ops.coverage SET is_complete = false, finality = 'open' WHERE endpoint = 'completions' AND bucket_width = 1440 AND {day}"
    )
    small.query(f"UPDATE warehouse.usage_completions SET input_tokens = 0 WHERE bucket_width = 1440 AND {day}")
    before = figures(small)
    assert ask(small).is_ok
    assert figures(small) == before
    assert groupings_asked(small, "completions") == [(ago(3), TODAY, False)]


def test_a_day_that_is_not_over_for_the_vendor_is_not_compared_although_it_is_over_for_a_clock_that_is_ahead(
    small: LoadedOrganization,
) -> None:
    small.query("UPDATE ops.coverage SET is_complete = true, finality = 'settled' WHERE endpoint = 'completions'")
    small.query(f"UPDATE warehouse.usage_completions SET input_tokens = 0 WHERE bucket_width = 1440 AND bucket_start = '{TODAY}T00:00Z'")
    before = figures(small)
    found = asked_vendor(small.settings(endpoints=("completions",)), clock=lambda: NOW + timedelta(hours=12))
    assert {result.check.name: result.is_ok for result in found} == {"clock_skew_vendor": False, "control_totals": True}
    assert figures(small) == before


@pytest.mark.parametrize("names_floor", [True, False])
def test_days_that_the_vendor_no_longer_reports_are_left_out(small: LoadedOrganization, names_floor: bool) -> None:
    small.fake.offers = Capabilities(history_days=1)
    if not names_floor:
        real = small.fake.answer

        class Silent:
            clock = small.fake.clock

            def answer(self, request: Request) -> Answer:
                answer = real(request)
                floor = str(int(midnight(YESTERDAY).timestamp())).encode()
                return answer if answer.status == 200 else replace(answer, body=answer.body.replace(floor, b"yesterday"))

        small.server.application = Silent()
    small.query(f"UPDATE warehouse.usage_completions SET input_tokens = 0 WHERE bucket_width = 1440 AND bucket_start < '{YESTERDAY}'")
    before = figures(small)
    assert ask(small).detail is None
    assert figures(small) == before
    asked = [first for first, _, _ in groupings_asked(small, "completions")]
    assert asked == ([ago(3), ago(1)] if names_floor else [ago(3), ago(2), ago(1)])


# -- what a load cures ----------------------------------------------------------------------------------------------------------------

SPOILED = {
    "a figure": "UPDATE warehouse.usage_completions SET input_tokens = input_tokens + 1 WHERE {day}",
    "rows that are gone": "DELETE FROM warehouse.usage_completions WHERE {day}",
    "an amount": "UPDATE warehouse.costs SET amount = amount + 0.00000001 WHERE {day}",
    "an amount that is gone": "UPDATE warehouse.costs SET amount = NULL WHERE {day}",
}


@pytest.mark.parametrize("spoiled", SPOILED)
def test_what_is_wrong_in_the_warehouse_is_cured_by_loading_that_day_again_and_the_run_says_so(
    small: LoadedOrganization, caplog: pytest.LogCaptureFixture, spoiled: str
) -> None:
    caplog.set_level(logging.INFO)
    table = "costs" if "amount" in spoiled else "usage_completions"
    endpoint = table.removeprefix("usage_")
    right = figures(small, table)
    watermarks = small.query("SELECT endpoint, bucket_width, watermark, loaded_from FROM ops.watermarks ORDER BY 1, 2")
    small.query(SPOILED[spoiled].format(day=f"bucket_start = '{ago(2)}T00:00Z' AND bucket_width = 1440"))
    assert figures(small, table) != right
    result = ask(small)
    assert result.is_ok
    assert (result.detail or "").startswith(f"loaded again, and equal since: acme/{endpoint} on {ago(2)} (")
    assert figures(small, table) == right
    lookback = ago(10) if endpoint == "costs" else ago(3)
    assert groupings_asked(small, endpoint) == [(lookback, TODAY, False), (ago(2), ago(1), True), (ago(2), ago(1), False)]
    assert small.query("SELECT endpoint, bucket_width, watermark, loaded_from FROM ops.watermarks ORDER BY 1, 2") == watermarks
    runs = small.query(
        "SELECT status, finished_at FROM ops.run_log WHERE command = 'backfill' AND parameters ->> 'reason' = 'control totals'"
    )
    assert runs == [("done", NOW)] * (1 if endpoint == "costs" else 2)
    assert f"acme/{endpoint}/1d on {ago(2)} differs and is loaded again: " in caplog.text
    assert "check control_totals: nothing found; loaded again, and equal since: " in caplog.text
    assert small.read("SELECT is_ok, detail FROM bi.checks WHERE check_name = 'control_totals'") == [(True, result.detail)]
    assert ask(small).detail is None


@pytest.mark.fault(83)
def test_days_that_the_vendor_has_restated_are_loaded_again_with_their_hours(small: LoadedOrganization) -> None:
    small.fake.restate(1)
    result = ask(small)
    assert result.is_ok
    assert f"acme/completions on {YESTERDAY}" in (result.detail or "")
    assert any(is_grouped for _, _, is_grouped in groupings_asked(small, "costs"))
    assert any(request.values("bucket_width") == ["1h"] for request in small.server.requests)
    # Hours go back two days here, so the third day has none to be loaded again.
    now = {one.check.name: one for one in run_warehouse_checks(small.settings(), clock=lambda: NOW)}
    assert now["hours_equal_days"].is_ok
    assert ask(small).detail is None


def test_only_hours_are_compared_when_days_are_not_loaded(acme: LoadedOrganization) -> None:
    acme.defaults |= {"endpoints": ("completions",), "widths": ("1h",)}
    acme.sync().raise_first()
    right = figures(acme)
    acme.query(f"UPDATE warehouse.usage_completions SET output_tokens = output_tokens + 5 WHERE bucket_start = '{YESTERDAY}T10:00Z'")
    result = ask(acme)
    assert result.is_ok
    assert f"acme/completions on {YESTERDAY} (output_tokens " in (result.detail or "")
    assert figures(acme) == right


def test_dimensions_that_are_left_out_stay_left_out_when_a_day_is_loaded_again(acme: LoadedOrganization) -> None:
    acme.defaults |= {"endpoints": THREE, "exclude_dimensions": ("user_id", "api_key_id", "model", "line_item")}
    acme.sync().raise_first()
    right = figures(acme), figures(acme, "costs")
    acme.forget_requests()
    acme.query(f"UPDATE warehouse.usage_completions SET input_tokens = 0 WHERE bucket_start = '{ago(2)}T00:00Z'")
    acme.query(f"UPDATE warehouse.costs SET amount = 0 WHERE bucket_start = '{ago(9)}T00:00Z'")
    assert ask(acme).is_ok
    assert (figures(acme), figures(acme, "costs")) == right
    asked = {name for request in acme.server.requests for name in request.values("group_by")}
    assert {"project_id", "size"} & asked == {"project_id"}
    assert not asked & {"user_id", "api_key_id", "model", "line_item"}


def test_costs_are_compared_ten_days_back_and_no_further(small: LoadedOrganization) -> None:
    small.query(f"UPDATE warehouse.costs SET amount = amount + 1 WHERE bucket_start IN ('{ago(10)}T00:00Z', '{ago(11)}T00:00Z')")
    detail = ask(small).detail or ""
    assert f"acme/costs on {ago(10)} (amount in usd " in detail
    assert str(ago(11)) not in detail
