"""The stand-in's invoice: exact, tied to usage, written in every style the vendor has used."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhouse.catalogue.endpoints import CALLER_AND_MODEL, ENDPOINTS, REQUESTS, Endpoint, Metric
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.amounts import STYLES, AmountStyle, amount_json
from meterhouse.fake_openai.answers import Request
from meterhouse.fake_openai.lineup import Model, picodollars
from meterhouse.fake_openai.prices import Line, lines_of
from meterhouse.vendors.openai.wire import path_of

NOW = datetime(2026, 11, 20, 10, 7, 33, tzinfo=UTC)
TODAY = NOW.date()
START, END = TODAY - timedelta(days=9), TODAY - timedelta(days=1)
UNITS = {"tokens", "images", "characters", "duration_seconds", "gibibyte_hours", None}


def cost_text(organization: FakeOrganization, **parameters: Any) -> str:
    window = {"start_time": int(datetime(START.year, START.month, START.day, tzinfo=UTC).timestamp()), "limit": 31}
    answer = organization.answer(Request("GET", path_of(ENDPOINTS["costs"]), urlencode({**window, **parameters}, doseq=True)))
    assert answer.status == 200
    return answer.body.decode()


def cost_rows(organization: FakeOrganization, **parameters: Any) -> Iterator[tuple[date, dict[str, Any]]]:
    """Rows by day, numbers read exactly."""
    for bucket in json.loads(cost_text(organization, **parameters), parse_float=Decimal, parse_int=Decimal)["data"]:
        for row in bucket["results"]:
            yield datetime.fromtimestamp(int(bucket["start_time"]), UTC).date(), row


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("group_by", [[], ["line_item"], ["project_id", "line_item", "api_key_id"], ["user_id"], ["api_source"]])
def test_served_amounts_equal_the_truth_in_every_style(style: AmountStyle, group_by: list[str]) -> None:
    organization = FakeOrganization(NOW, amounts=style)
    served: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for day, row in cost_rows(organization, group_by=group_by):
        served[(day, *[row[name] for name in group_by])] += Decimal(row["amount"]["value"])
        assert row["amount"]["currency"] == "usd"
    truth = organization.truth("costs", START, TODAY + timedelta(days=1), group_by)
    assert dict(served) == {key: totals["amount"] for key, totals in truth.items()}


@given(st.integers(min_value=-(10**20), max_value=10**20), st.sampled_from(STYLES), st.integers(0, 10**6))
def test_every_style_keeps_the_value(amount_in_picodollars: int, style: AmountStyle, draw: int) -> None:
    amount = Decimal(amount_in_picodollars).scaleb(-12)
    read = json.loads(amount_json(amount, style, draw), parse_float=Decimal, parse_int=Decimal)
    assert Decimal(read) == amount


def test_styles_look_as_captured() -> None:
    assert amount_json(Decimal("0.00000015"), "exponent", 0) == "1.5E-7"
    assert amount_json(Decimal("0.00000015"), "number", 0) == "0.00000015"
    assert amount_json(Decimal("0.12"), "text", 0) == '"0.1200000000000000000000000000000000"'
    assert amount_json(Decimal("0.000"), "text", 0) == '"0E-6176"'
    assert len({amount_json(Decimal("0.5"), "mixed", draw) for draw in range(10)}) == 3


def test_no_true_amount_is_finer_than_12_decimals() -> None:
    organization = FakeOrganization(NOW)
    for totals in organization.truth("costs", START, END, ["project_id", "api_key_id", "line_item"]).values():
        amount = Decimal(totals["amount"])
        assert amount == amount.quantize(Decimal("1E-12"))
    with pytest.raises(ValueError, match="more than 12 decimals"):
        picodollars(Decimal("1E-13"))


def test_costs_follow_usage_times_price() -> None:
    """The prices are repeated here on purpose: USD per million of fresh, cached, written and output tokens."""
    organization = FakeOrganization(NOW)
    prices = {"input": "0.40", "cached input": "0.04", "cache writes": "0.50", "output": "3.20"}
    metrics = {
        "input": "input_text_tokens", "cached input": "input_cached_tokens", "cache writes": "input_cache_write_tokens",
        "output": "output_tokens",
    }  # fmt: skip
    model = "gpt-5.4-mini-2026-03-17"
    expected: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    usage = organization.truth("completions", START, END, ["model", "batch", "service_tier"])
    for (day, name, batch, tier), totals in usage.items():
        if name == model and tier != "incentivized-tier":
            price_of_tier = {"flex": Decimal("0.5"), "priority": Decimal(2)}
            prefix = f"{tier} | " if tier in price_of_tier else ""
            factor = Decimal("0.5") if batch else price_of_tier.get(str(tier), Decimal(1))
            for line, metric in metrics.items():
                expected[(day, f"{prefix}{model}, {line}")] += totals[metric] * Decimal(prices[line]) * factor / 1_000_000
    assert len(expected) == 3 * 4 * (END - START).days
    billed = organization.truth("costs", START, END, ["line_item"])
    assert expected == {key: totals["amount"] for key, totals in billed.items() if model in key[1] and "evals" not in key[1]}


def test_quantities_are_what_was_used() -> None:
    organization = FakeOrganization(NOW)
    served: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    units = set()
    for day, row in cost_rows(
        organization, group_by=["line_item"], end_time=int(datetime(END.year, END.month, END.day, tzinfo=UTC).timestamp())
    ):
        served[(day, row["line_item"])] += row["quantity"]
        units.add(row["quantity_unit"])
    assert units == UNITS
    searches = organization.truth("web_search_calls", START, END)
    seconds = organization.truth("audio_transcriptions", START, END)
    for (day,), totals in searches.items():
        assert served[(day, "web search tool calls")] == totals["num_requests"]
    for (day,), totals in seconds.items():
        assert served[(day, "whisper")] == totals["seconds"]
    assert any(quantity % 1 for quantity in served.values())
    assert '.0,"quantity_unit"' in cost_text(organization, group_by="line_item")


def test_quantity_only_comes_with_line_items() -> None:
    rows = [row for _, row in cost_rows(FakeOrganization(NOW), group_by="project_id")]
    assert {(row["quantity"], row["quantity_unit"], row["line_item"]) for row in rows} == {(None, None, None)}


def test_grouping_only_by_line_item_gives_a_row_per_project() -> None:
    organization = FakeOrganization(NOW)
    rows = [row for day, row in cost_rows(organization, group_by="line_item") if day == START]
    of_one_line = [row["project_id"] for row in rows if row["line_item"] == "gpt-5.6-terra, input"]
    assert len(set(of_one_line)) > 1
    assert None not in of_one_line
    names = {organization.roster.projects[row["project_id"]].name for row in rows}
    assert names == {row["project_name"] for row in rows}


def test_some_amounts_come_in_two_rows() -> None:
    keys = [
        (day, row["project_id"], row["line_item"]) for day, row in cost_rows(FakeOrganization(NOW), group_by=["project_id", "line_item"])
    ]
    assert 0 < len(keys) - len(set(keys)) < len(keys) * 0.1


def test_some_costs_have_no_usage_and_some_usage_is_free() -> None:
    lines = FakeOrganization(NOW).truth("costs", START, END, ["line_item"])
    names = {line for _, line in lines}
    assert "ft-gpt-4o-2024-08-06, input" in names
    assert {totals["amount"] for (_, line), totals in lines.items() if line.startswith("omni-moderation")} == {Decimal(0)}


def test_todays_costs_lag_behind_todays_usage() -> None:
    organization = FakeOrganization(NOW.replace(hour=3))
    assert organization.truth("completions", TODAY, TODAY + timedelta(days=1))
    assert organization.truth("costs", TODAY, TODAY + timedelta(days=1)) == {}
    organization.clock.advance(6 * 3600)
    morning = organization.truth("costs", TODAY, TODAY + timedelta(days=1))[(TODAY,)]["amount"]
    organization.clock.advance(6 * 3600)
    evening = organization.truth("costs", TODAY, TODAY + timedelta(days=1))[(TODAY,)]["amount"]
    assert 0 < morning < evening


def test_a_new_endpoint_is_billed_in_the_unit_of_its_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    echoes = Metric("echo_seconds", "echo_seconds", "seconds", "Seconds of echo heard.", required=True)
    for metrics, leaf, unit in (((echoes, REQUESTS), 1, "duration_seconds"), ((REQUESTS,), 0, "requests")):
        endpoint = Endpoint("echoes", "Echoes heard.", "organization.usage.echoes.result", CALLER_AND_MODEL, metrics)
        monkeypatch.setitem(ENDPOINTS, "echoes", endpoint)
        assert lines_of("echoes", {}, Model("echo-1", "echo-1", Decimal(100))) == (Line("echo-1", (leaf,), unit, 100_000_000),)
