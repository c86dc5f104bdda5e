"""Control totals: a figure that a load can cure is cured, and what the vendor really answers differently is found, to the last digit."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.conftest import Warehouse

from meterhouse.checks import CheckResult, run_all, run_vendor_checks, run_warehouse_checks
from meterhouse.endpoints import ENDPOINTS, USAGE
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.fake_openai.clock import Clock
from meterhouse.fake_openai.queries import Capabilities
from meterhouse.settings import AdminKey, Organization

from .loaded_organization import NOW, LoadedOrganization, midnight, organization, served

TODAY = NOW.date()
YESTERDAY = TODAY - timedelta(days=1)
FEW = ("completions", "images", "costs")
Change = Callable[[str, list[str], list[dict[str, Any]]], None]


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


class Doctored:
    """The organization, with pages changed on their way out: `change(endpoint's path, dimensions asked for, buckets)`."""

    def __init__(self, fake: FakeOrganization, change: Change) -> None:
        self.clock: Clock = fake.clock
        self._fake = fake
        self._change = change

    def answer(self, request: Request) -> Answer:
        answer = self._fake.answer(request)
        if answer.status != 200 or not request.path.startswith(("/organization/usage/", "/organization/costs")):
            return answer
        page = json.loads(answer.body, parse_float=Decimal)
        self._change(request.path, parse_qs(request.query).get("group_by", []), page["data"])
        return replace(answer, body=json.dumps(page, default=str).encode())


def doctor(loaded: LoadedOrganization, change: Change) -> None:
    loaded.server.application = Doctored(loaded.fake, change)


def ungrouped(path: str, day: date, change: Callable[[dict[str, Any]], None]) -> Change:
    """Change the one row of a day when nothing is grouped."""

    def doctored(asked: str, dimensions: list[str], buckets: list[dict[str, Any]]) -> None:
        for bucket in buckets:
            if asked.endswith(path) and not dimensions and bucket["start_time"] == int(midnight(day).timestamp()):
                (row,) = bucket["results"]
                change(row)

    return doctored


def ask(loaded: LoadedOrganization, **changes: Any) -> CheckResult:
    """Run the vendor's checks and return what the control totals found; its clock is right."""
    results = {result.check.name: result for result in run_vendor_checks(loaded.settings(**changes), clock=loaded.fake.clock.now)}
    assert results["clock_skew_vendor"].is_ok
    return results["control_totals"]


def groupings_asked(loaded: LoadedOrganization, endpoint: str) -> list[tuple[date, date, bool]]:
    """(first day, day after the last, whether grouped) of every request for day buckets of an endpoint."""
    found = []
    for request in loaded.server.requests:
        if request.path == f"/v1{ENDPOINTS[endpoint].path}" and request.values("bucket_width") == ["1d"]:
            first, end = (datetime.fromtimestamp(int(request.values(name)[0]), NOW.tzinfo).date() for name in ("start_time", "end_time"))
            found.append((first, end, bool(request.values("group_by"))))
    return found


def figures(loaded: LoadedOrganization, table: str = "usage_completions") -> list[tuple[Any, ...]]:
    return loaded.query(f"SELECT t::text FROM warehouse.{table} t ORDER BY 1")


@pytest.fixture
def small(acme: LoadedOrganization) -> LoadedOrganization:
    """A small organization, three of its endpoints loaded."""
    acme.defaults |= {"endpoints": FEW}
    acme.sync().raise_first()
    acme.forget_requests()
    return acme


# -- what is asked --------------------------------------------------------------------------------------------------------------------


def test_one_ungrouped_request_an_endpoint_covers_the_complete_days_of_the_lookback(small: LoadedOrganization) -> None:
    result = ask(small)
    assert (result.findings, result.detail, result.check.severity) == (0, None, "fail")
    assert {name: groupings_asked(small, name) for name in FEW} == {
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
        f"/v1{endpoint.path}" for endpoint in ENDPOINTS.values() if endpoint.name != "vector_stores"
    }


def test_an_endpoint_that_is_not_offered_or_was_never_loaded_is_not_asked_for(warehouse: Warehouse) -> None:
    with served(FakeOrganization(NOW, scale=0.2, absent_endpoints=["decisions"]), warehouse) as acme:
        acme.defaults |= {"history_start": midnight(ago(5)), "hourly_history_days": 1}
        acme.sync(["decisions", "images"]).raise_first()
        acme.forget_requests()
        assert ask(acme).is_ok
        assert set(acme.paths_asked()) == {"/v1/organization/usage/images"}


def test_without_a_complete_day_nothing_is_asked_and_the_result_says_so(acme: LoadedOrganization) -> None:
    found = {result.check.name: result for result in run_vendor_checks(acme.settings(), clock=acme.fake.clock.now)}
    assert set(found) == {"control_totals"}
    assert (found["control_totals"].findings, found["control_totals"].detail) == (0, "there is no complete day to compare yet")
    assert acme.server.requests == []


def test_a_day_that_the_warehouse_holds_as_unfinished_is_left_to_the_schedule(small: LoadedOrganization) -> None:
    day = f"bucket_start = '{ago(2)}T00:00Z'"
    small.query(f"UPDATE ops.coverage SET is_complete = false WHERE endpoint = 'completions' AND bucket_width = 1440 AND {day}")
    small.query(f"UPDATE warehouse.usage_completions SET input_tokens = 0 WHERE bucket_width = 1440 AND {day}")
    before = figures(small)
    assert ask(small).is_ok
    assert figures(small) == before
    assert groupings_asked(small, "completions") == [(ago(3), TODAY, False)]


def test_a_day_that_is_not_over_for_the_vendor_is_not_compared_although_it_is_over_for_a_clock_that_is_ahead(
    small: LoadedOrganization,
) -> None:
    small.query("UPDATE ops.coverage SET is_complete = true WHERE endpoint = 'completions'")
    small.query(f"UPDATE warehouse.usage_completions SET input_tokens = 0 WHERE bucket_width = 1440 AND bucket_start = '{TODAY}T00:00Z'")
    before = figures(small)
    found = run_vendor_checks(small.settings(endpoints=("completions",)), clock=lambda: NOW + timedelta(hours=12))
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


def test_hours_alone_are_compared_when_days_are_not_loaded(acme: LoadedOrganization) -> None:
    acme.defaults |= {"endpoints": ("completions",), "widths": ("1h",)}
    acme.sync().raise_first()
    right = figures(acme)
    acme.query(f"UPDATE warehouse.usage_completions SET output_tokens = output_tokens + 5 WHERE bucket_start = '{YESTERDAY}T10:00Z'")
    result = ask(acme)
    assert result.is_ok
    assert f"acme/completions on {YESTERDAY} (output_tokens " in (result.detail or "")
    assert figures(acme) == right


def test_dimensions_that_are_left_out_stay_left_out_when_a_day_is_loaded_again(acme: LoadedOrganization) -> None:
    acme.defaults |= {"endpoints": FEW, "exclude_dimensions": ("user_id", "api_key_id", "model", "line_item")}
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


# -- what is found --------------------------------------------------------------------------------------------------------------------


def test_a_vendor_that_answers_differently_without_grouping_is_found_with_both_figures(small: LoadedOrganization) -> None:
    right = figures(small)
    (held,) = small.query(
        f"SELECT sum(num_model_requests)::bigint FROM warehouse.usage_completions WHERE bucket_width = 1440 AND bucket_start = '{ago(2)}'"
    )
    doctor(small, ungrouped("/completions", ago(2), lambda row: row.update(num_model_requests=row["num_model_requests"] + 7)))
    result = ask(small)
    assert result.findings == 1
    assert result.detail == f"acme/completions on {ago(2)}: num_model_requests {held[0]} here and {held[0] + 7} from the vendor"
    assert figures(small) == right
    assert small.read("SELECT is_ok, severity, finding_count, detail FROM bi.checks WHERE check_name = 'control_totals'") == [
        (False, "fail", 1, result.detail)
    ]


def test_a_day_that_differs_in_everything_is_told_in_one_line(small: LoadedOrganization) -> None:
    doctor(small, ungrouped("/completions", ago(1), lambda row: row.update({name: row[name] + 1 for name in row if "tokens" in name})))
    result = ask(small)
    assert result.findings == 1
    assert (result.detail or "").endswith(", and 13 more measures")


@pytest.mark.parametrize(
    ("more", "is_found"),
    [("0.000000001", False), ("-0.000000001", False), ("0.0000000011", True), ("-0.0000000011", True), ("1", True)],
)
def test_money_is_compared_to_the_ninth_decimal_and_shown_to_the_last(warehouse: Warehouse, more: str, is_found: bool) -> None:
    with served(FakeOrganization(NOW, scale=0.2, amounts="string"), warehouse) as acme:
        acme.defaults |= {"endpoints": ("costs",), "history_start": midnight(ago(12))}
        acme.sync().raise_first()
        ((held,),) = acme.query(f"SELECT trim_scale(sum(amount)) FROM warehouse.costs WHERE bucket_start = '{ago(4)}'")
        told = held + Decimal(more)
        doctor(acme, ungrouped("/costs", ago(4), lambda row: row["amount"].update(value=f"{told:f}")))
        result = ask(acme)
    assert result.findings == int(is_found)
    if is_found:
        assert result.detail == f"acme/costs on {ago(4)}: amount in usd {held:f} here and {told:f} from the vendor".replace(".0 ", " ")


def test_amounts_in_two_currencies_are_never_mixed(small: LoadedOrganization) -> None:
    def change(path: str, dimensions: list[str], buckets: list[dict[str, Any]]) -> None:
        for bucket in buckets:
            if path.endswith("/costs") and not dimensions and bucket["start_time"] == int(midnight(ago(5)).timestamp()):
                bucket["results"].append({**bucket["results"][0], "amount": {"value": "1.50", "currency": "eur"}})

    doctor(small, change)
    result = ask(small)
    assert result.detail == f"acme/costs on {ago(5)}: amount in eur 0 here and 1.5 from the vendor"


def test_a_figure_that_the_vendor_is_moving_is_no_finding_as_long_as_the_load_lies_between_its_answers(small: LoadedOrganization) -> None:
    moving = iter([3, 9])

    def change(path: str, dimensions: list[str], buckets: list[dict[str, Any]]) -> None:
        if path.endswith("/completions"):
            more = 5 if dimensions else next(moving)
            for bucket in buckets:
                if bucket["start_time"] == int(midnight(YESTERDAY).timestamp()) and bucket["end_time"] - bucket["start_time"] == 86400:
                    bucket["results"][0]["input_text_tokens"] += more

    doctor(small, change)
    assert ask(small).is_ok
    moving = iter([6, 9])
    result = ask(small)
    assert result.findings == 1
    assert " from the vendor" in (result.detail or "")
    assert " to " in (result.detail or "")


def test_a_measure_that_the_vendor_leaves_out_without_grouping_is_not_compared(small: LoadedOrganization) -> None:
    doctor(small, ungrouped("/completions", ago(2), lambda row: row.update(input_cache_write_12h_tokens=None)))
    small.query("UPDATE warehouse.usage_completions SET input_cache_write_12h_tokens = 1 WHERE bucket_width = 1440")
    detail = ask(small).detail or ""
    assert f"on {ago(1)} (input_cache_write_12h_tokens" in detail
    assert str(ago(2)) not in detail
    answers = iter([5, None])
    doctor(small, ungrouped("/completions", ago(2), lambda row: row.update(input_cache_write_12h_tokens=next(answers))))
    assert ask(small).is_ok, "one of two answers is not enough"


@pytest.mark.parametrize("left_out", [(), ("context_level",)])
def test_requests_that_may_count_in_several_groups_may_be_more_in_sum_but_never_less(
    acme: LoadedOrganization, left_out: tuple[str, ...]
) -> None:
    acme.defaults |= {"endpoints": ("web_search_calls",), "exclude_dimensions": left_out}
    acme.sync().raise_first()
    path = "/web_search_calls"
    doctor(acme, ungrouped(path, ago(2), lambda row: row.update(num_model_requests=row["num_model_requests"] - 1)))
    assert ask(acme).findings == len(left_out)
    doctor(acme, ungrouped(path, ago(2), lambda row: row.update(num_model_requests=row["num_model_requests"] + 1)))
    assert ask(acme).findings == 1
    doctor(acme, ungrouped(path, ago(2), lambda row: row.update(num_requests=row["num_requests"] - 1)))
    assert ask(acme).findings == 1


def test_an_answer_that_would_empty_an_old_day_is_a_finding_that_says_how(small: LoadedOrganization) -> None:
    def change(path: str, _: list[str], buckets: list[dict[str, Any]]) -> None:
        for bucket in buckets:
            if path.endswith("/images"):
                bucket["results"] = []

    before = figures(small, "usage_images")
    doctor(small, change)
    result = ask(small, usage_lookback_days=0)
    assert result.findings == 1
    assert "acme/images/1d" in (result.detail or "")
    assert "--force" in (result.detail or "")
    assert figures(small, "usage_images") == before


# -- a vendor that cannot be asked ----------------------------------------------------------------------------------------------------


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def kept(loaded: LoadedOrganization) -> list[str]:
    return [row[0] for row in loaded.query("SELECT check_name FROM ops.check_results ORDER BY check_result_id")]


def test_a_vendor_that_cannot_be_reached_is_an_error_after_the_results_of_the_warehouse_are_kept(small: LoadedOrganization) -> None:
    doctor(small, ungrouped("/completions", ago(2), lambda row: row.update(num_model_requests=0)))
    assert not ask(small).is_ok
    earlier = kept(small)
    away = Organization("acme", AdminKey(small.server.admin_key), f"http://127.0.0.1:{closed_port()}/v1")
    with pytest.raises(TryAgainLater, match="cannot be reached"):
        run_all(small.settings(organizations=(away,)), clock=lambda: NOW)
    names = [result.check.name for result in run_warehouse_checks(small.settings(), clock=lambda: NOW)]
    assert kept(small)[len(earlier) :] == names * 2
    # What was found before is not taken back by an answer that never came.
    assert small.read("SELECT is_ok FROM bi.checks WHERE check_name = 'control_totals'") == [(False,)]


def test_the_fault_of_one_endpoint_leaves_the_others_alone_and_their_findings_are_kept(small: LoadedOrganization) -> None:
    doctor(small, ungrouped("/completions", ago(2), lambda row: row.update(num_model_requests=0)))
    small.query(f"UPDATE warehouse.costs SET amount = 0 WHERE bucket_start = '{ago(4)}T00:00Z'")
    right_before = small.query(f"SELECT sum(amount) FROM warehouse.costs WHERE bucket_start = '{ago(4)}T00:00Z'")
    small.server.fail_next(status=503, path_contains="/images")
    with pytest.raises(TryAgainLater, match="503"):
        ask(small)
    assert small.read("SELECT is_ok, finding_count FROM bi.checks WHERE check_name = 'control_totals'") == [(False, 1)]
    assert small.query(f"SELECT sum(amount) FROM warehouse.costs WHERE bucket_start = '{ago(4)}T00:00Z'") > right_before


def test_an_endpoint_that_was_there_and_is_not_found_now_is_asked_again_later(small: LoadedOrganization) -> None:
    small.fake.offers = Capabilities(absent_endpoints=("images",))
    with pytest.raises(TryAgainLater, match="acme/images was there and is not found now"):
        ask(small)
    assert small.query("SELECT is_supported FROM ops.capabilities WHERE endpoint = 'images' AND capability = 'endpoint'") == [(True,)]


def test_an_organization_without_a_key_is_not_asked_and_none_at_all_is_said(small: LoadedOrganization, warehouse: Warehouse) -> None:
    with served(FakeOrganization(NOW, scale=0.2, seed=8), warehouse, "globex") as other:
        other.defaults |= small.defaults
        other.sync().raise_first()
        other.forget_requests()
        warehouse_rows = "UPDATE warehouse.usage_completions SET input_tokens = 0"
        small.query(warehouse_rows)
        assert "acme/completions" in (ask(small).detail or "")
        assert "globex" not in (ask(small).detail or "")
        assert other.server.requests == []
        both = small.settings(organizations=(organization(small.server), organization(other.server, "globex")))
        results = {result.check.name: result for result in run_vendor_checks(both, clock=lambda: NOW)}
        assert "globex/completions" in (results["control_totals"].detail or "")
    before = len(kept(small))
    with pytest.raises(FixConfiguration, match="OPENAI_ADMIN_KEY is not set: set it, or run meterhouse check --offline"):
        run_all(small.settings(organizations=()), clock=lambda: NOW)
    assert len(kept(small)) > before


def test_a_wrong_key_of_one_organization_does_not_keep_the_next_from_being_asked(small: LoadedOrganization, warehouse: Warehouse) -> None:
    with served(FakeOrganization(NOW, scale=0.2, seed=8), warehouse, "globex") as other:
        other.defaults |= small.defaults
        other.sync().raise_first()
        other.query("UPDATE warehouse.usage_images SET images = images + 1 WHERE bucket_width = 1440")
        wrong = Organization("acme", AdminKey("sk-admin-somebody-elses"), small.server.base_url)
        before = figures(other, "usage_images")
        with pytest.raises(FixConfiguration, match="refuses the admin key"):
            run_vendor_checks(small.settings(organizations=(wrong, organization(other.server, "globex"))), clock=lambda: NOW)
        assert figures(other, "usage_images") != before
        assert len(small.server.requests) == 1, "a refused key is refused for every endpoint"


def test_an_answer_that_never_came_says_nothing_about_the_vendor_s_clock(small: LoadedOrganization) -> None:
    def ours() -> datetime:
        # Ten minutes go by while the first answer is on its way.
        return NOW + timedelta(minutes=10 * min(1, len(small.server.requests)))

    small.server.fail_next(kind="reset", path_contains="/images")
    with pytest.raises(TryAgainLater):
        run_vendor_checks(small.settings(endpoints=("completions", "images")), clock=ours)
    assert small.read("SELECT is_ok FROM bi.checks WHERE check_name = 'clock_skew_vendor'") == [(True,)]


def test_the_offline_run_asks_nobody(small: LoadedOrganization) -> None:
    assert "control_totals" not in {result.check.name for result in run_all(small.settings(), clock=lambda: NOW, with_vendor=False)}
    assert small.server.requests == []


def test_every_measure_of_usage_is_compared_but_a_level_that_groups_do_not_add_up_to(acme: LoadedOrganization) -> None:
    acme.defaults |= {"hourly_history_days": 1, "history_start": midnight(ago(4))}
    acme.sync().raise_first()
    spoiled = []
    for endpoint in USAGE:
        for metric in endpoint.metrics:
            found = acme.query(
                f"UPDATE warehouse.{endpoint.table} SET {metric.name} = {metric.name} - 1 WHERE bucket_width = 1440"
                f" AND bucket_start < '{TODAY}' AND bucket_start >= '{ago(3)}' AND {metric.name} > 0 RETURNING 1"
            )
            detail = ask(acme, endpoints=(endpoint.name, "images")).detail or ""
            assert (f"acme/{endpoint.name} on " in detail and f" ({metric.name} " in detail) == (bool(found) and metric.additive), metric
            spoiled += [metric.name] if found else []
    assert len(spoiled) > 20
    assert "usage_bytes" in spoiled


# -- the command ----------------------------------------------------------------------------------------------------------------------


def test_the_command_prints_what_the_warehouse_says_before_it_asks_the_vendor(warehouse: Warehouse, tmp_path: Path) -> None:
    with served(FakeOrganization(scale=0.2), warehouse) as acme:
        first = acme.today - timedelta(days=5)
        acme.sync(["completions"], history_start=midnight(first), hourly_history_days=1).raise_first()
        environment = {
            "PATH": os.environ["PATH"],
            **{name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")},
            "METERHOUSE_HOME": str(tmp_path),
            "METERHOUSE_HISTORY_START": str(first),
            "METERHOUSE_HTTP_RETRIES": "0",
            "WAREHOUSE_URL": warehouse.loader_url,
            "OPENAI_ADMIN_KEY_ACME": acme.server.admin_key,
            "OPENAI_BASE_URL": acme.server.base_url,
        }

        def check(*options: str, **changes: str) -> tuple[int, list[str], str]:
            command = [sys.executable, "-m", "meterhouse", "check", *options]
            done = subprocess.run(command, env=environment | changes, capture_output=True, text=True, check=False, timeout=60)
            asking = "      asking the vendor for totals to compare with; --offline leaves this out"
            lines = done.stdout.splitlines()
            assert lines.count(asking) == ("--offline" not in options)
            return done.returncode, [line for line in lines if line != asking], done.stderr

        of_vendor = ["ok    clock_skew_vendor: nothing found", "ok    control_totals: nothing found"]
        status, lines, errors = check()
        assert (status, lines[-2:], errors) == (0, of_vendor, "")
        of_warehouse = lines[:-2]
        acme.forget_requests()
        assert check("--offline") == (0, of_warehouse, "")
        assert acme.server.requests == []

        status, lines, errors = check(OPENAI_BASE_URL=f"http://127.0.0.1:{closed_port()}/v1")
        assert (status, lines) == (1, of_warehouse)
        assert errors.startswith("meterhouse: 127.0.0.1:")
        assert errors.count("\n") == 1

        yesterday = acme.today - timedelta(days=1)

        def without_totals(_: str, dimensions: list[str], buckets: list[dict[str, Any]]) -> None:
            for bucket in buckets if not dimensions else ():
                bucket["results"] = []

        doctor(acme, without_totals)
        status, lines, errors = check()
        assert (status, errors) == (1, "")
        found = next(line for line in lines if "control_totals" in line)
        assert found.startswith("fail  control_totals: ")
        assert f"acme/completions on {yesterday}: input_tokens " in found
        # The next line says what that means.
        assert lines[lines.index(found) + 1].startswith("      A complete day of the last 3 for usage")
