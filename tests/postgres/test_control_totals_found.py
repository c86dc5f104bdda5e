"""Control totals: what the vendor really answers differently is found, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import USAGE
from meterhouse.fake_openai import FakeOrganization

from .doctored_vendor import TODAY, YESTERDAY, ago, ask, doctor, figures, ungrouped
from .loaded_organization import NOW, LoadedOrganization, midnight, served


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


def test_a_day_that_differs_in_everything_is_reported_in_one_line(small: LoadedOrganization) -> None:
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
