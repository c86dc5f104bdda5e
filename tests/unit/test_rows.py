"""Rows: what the vendor sends is typed, summed and kept apart; what breaks the contract is refused by name; what is new is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterhouse.catalogue.endpoints import (
    COMPLETIONS,
    COSTS,
    EMBEDDINGS,
    ENDPOINTS,
    IMAGES,
    LINE_ITEM,
    MODEL,
    PROJECT,
    VECTOR_STORES,
    Kind,
    offered_by,
)
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.errors import RejectedAnswer
from meterhouse.vendors.openai.rows import decode_page
from meterhouse.vendors.openai.wire import path_of

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
DAY_ONE = 1_761_955_200  # 2025-11-01
ALL = list(offered_by(OPENAI).values())
OF_USAGE = [endpoint for endpoint in ALL if not endpoint.is_costs]
by_endpoint = pytest.mark.parametrize("endpoint", ALL, ids=lambda endpoint: endpoint.name)
by_usage = pytest.mark.parametrize("endpoint", OF_USAGE, ids=lambda endpoint: endpoint.name)


def full_row(endpoint) -> dict[str, Any]:
    """A row with every field that the catalogue knows."""
    row: dict[str, Any] = {"object": endpoint.object}
    if endpoint.is_costs:
        row |= {"amount": {"value": 0.06, "currency": "usd"}, "quantity": 30.0, "quantity_unit": "tokens"}
    else:
        row |= {metric.name: 100 + position for position, metric in enumerate(endpoint.metrics)}
    row |= {dimension.name: dimension.kind is Kind.FLAG or f"{dimension.name}-1" for dimension in endpoint.dimensions}
    whose = {endpoint.organization_field: "org-1"} if endpoint.organization_field else {}
    return row | dict.fromkeys(endpoint.ignored_fields, "copy") | whose


def bucket(rows: list[Any], start: int = DAY_ONE, **more: Any) -> dict[str, Any]:
    return {"object": "bucket", "start_time": start, "end_time": start + 86400, "results": rows} | more


def page(*buckets: Any, **more: Any) -> dict[str, Any]:
    return {"object": "page", "data": list(buckets), "has_more": False, "next_page": None} | more


def decoded(endpoint, content: Any, dimensions=None):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return decode_page(endpoint, body, endpoint.dimensions if dimensions is None else dimensions)


def rows_of(endpoint, *rows: Any, dimensions=None) -> dict[Any, Any]:
    return dict(decoded(endpoint, page(bucket(list(rows))), dimensions).buckets[0].rows)


def set_aside(endpoint, *rows: Any) -> str:
    """Why the last of some rows was set aside; the others must have been read as ever."""
    *good, _ = rows
    [found] = decoded(endpoint, page(bucket(list(rows)))).buckets
    assert dict(found.rows) == rows_of(endpoint, *good)
    [left_out] = found.set_aside
    return left_out.reason


def without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def exact(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


# -- typed columns --------------------------------------------------------------------------------------------------------------------


@by_endpoint
def test_a_full_page_of_each_endpoint_is_read_into_its_columns(endpoint):
    found = decoded(endpoint, page(bucket([full_row(endpoint)])))
    assert (found.unknown_fields, found.warnings) == ((), ())
    only = found.buckets[0]
    assert (only.start, only.end) == (DAY_ONE, DAY_ONE + 86400)
    [(key, values)] = only.rows.items()
    expected_key = tuple(dimension.kind is Kind.FLAG or f"{dimension.name}-1" for dimension in endpoint.dimensions)
    if endpoint.is_costs:
        assert key == (*expected_key, "usd")
        assert values == (Decimal("0.06"), Decimal(30), "tokens", None)
    else:
        assert key == expected_key
        assert values == (*(100 + position for position in range(len(endpoint.metrics))), None)


@by_endpoint
def test_empty_buckets_are_kept_and_an_empty_page_has_none(endpoint):
    assert decoded(endpoint, page()).buckets == ()
    assert [dict(empty.rows) for empty in decoded(endpoint, page(bucket([]), bucket([], DAY_ONE + 86400))).buckets] == [{}, {}]


def test_the_undocumented_copies_of_the_bounds_are_no_news():
    content = page(bucket([full_row(COSTS)], start_time_iso="2025-11-01T00:00:00", end_time_iso=None))
    assert decoded(COSTS, content).unknown_fields == ()


def test_no_float_ever_touches_money():
    text = json.dumps(page(bucket([full_row(COSTS)]))).replace("0.06", "0.1234567890123456789012345678901234567").replace("30.0", "1e-30")
    [(_, values)] = decoded(COSTS, text.encode()).buckets[0].rows.items()
    assert values[:2] == (Decimal("0.1234567890123456789012345678901234567"), Decimal("1e-30"))


def test_money_in_a_page_with_unknown_fields_is_just_as_exact():
    row = full_row(COSTS) | {"novelty": 1}
    text = json.dumps(page(bucket([row]))).replace("0.06", "0.1234567890123456789012345678901234567").replace("30.0", '"0E-6176"')
    [(_, values)] = decoded(COSTS, text.encode()).buckets[0].rows.items()
    assert values[:2] == (Decimal("0.1234567890123456789012345678901234567"), Decimal(0))


@pytest.mark.parametrize("spelling", ['"0.06"', "0.06", "6e-2", '"6E-2"', "0.060"])
def test_an_amount_is_the_same_however_it_is_spelled(spelling):
    text = json.dumps(page(bucket([full_row(COSTS)]))).replace("0.06", spelling)
    [(_, values)] = decoded(COSTS, text.encode()).buckets[0].rows.items()
    assert values[0] == Decimal("0.06")


@pytest.mark.fault(63)
def test_a_credit_is_negative():
    [values] = rows_of(COSTS, full_row(COSTS) | {"amount": {"value": -5.25, "currency": "usd"}}).values()
    assert values[0] == Decimal("-5.25")


# -- missing, null, zero --------------------------------------------------------------------------------------------------------------


def required_fields() -> list[Any]:
    names = []
    for endpoint in ALL:
        required = ["object"] + ([] if endpoint.is_costs else [metric.name for metric in endpoint.metrics if metric.required])
        names += [pytest.param(endpoint, name, id=f"{endpoint.name}-{name}") for name in required]
    return names


def optional_metrics() -> list[Any]:
    return [
        pytest.param(endpoint, position, id=f"{endpoint.name}-{metric.name}")
        for endpoint in OF_USAGE
        for position, metric in enumerate(endpoint.metrics)
        if not metric.required
    ]


@pytest.mark.fault(62)
@pytest.mark.parametrize(("endpoint", "name"), required_fields())
def test_a_row_without_a_required_field_is_set_aside_by_name(endpoint, name):
    row = full_row(endpoint)
    for broken in (without(row, name), row | {name: None}):
        assert name in set_aside(endpoint, row, broken)


@pytest.mark.fault(62)
@pytest.mark.parametrize(("endpoint", "position"), optional_metrics())
def test_an_optional_metric_that_is_dropped_or_null_is_unknown_and_not_zero(endpoint, position):
    name = endpoint.metrics[position].name
    row = full_row(endpoint)
    for absent in (without(row, name), row | {name: None}):
        [values] = rows_of(endpoint, absent).values()
        assert values[position] is None
    [values] = rows_of(endpoint, row | {name: 0}).values()
    assert values[position] == 0
    assert values[position] is not None


@by_endpoint
def test_a_dimension_that_is_dropped_null_or_empty_is_unknown(endpoint):
    for position, dimension in enumerate(endpoint.dimensions):
        row = full_row(endpoint)
        spellings = [without(row, dimension.name), row | {dimension.name: None}]
        if dimension.kind is Kind.TEXT:
            spellings.append(row | {dimension.name: ""})
        for spelling in spellings:
            [key] = rows_of(endpoint, spelling)
            assert key[position] is None, dimension.name


def test_a_flag_that_is_false_is_not_unknown():
    [key] = rows_of(COMPLETIONS, full_row(COMPLETIONS) | {"batch": False})
    assert key[[dimension.name for dimension in COMPLETIONS.dimensions].index("batch")] is False


@pytest.mark.parametrize("amount", [None, {}, {"value": None, "currency": "usd"}, {"currency": "usd"}, "absent"])
def test_a_cost_row_without_an_amount_is_unknown_and_said_so(amount):
    row = without(full_row(COSTS), "amount") if amount == "absent" else full_row(COSTS) | {"amount": amount}
    found = decoded(COSTS, page(bucket([row])))
    [values] = found.buckets[0].rows.values()
    assert values[0] is None
    assert found.warnings == ("a cost row came without an amount; it is stored as unknown, not as zero",)


@pytest.mark.parametrize("place", [0, 1])
def test_a_cost_without_an_amount_changes_nothing_about_the_one_beside_it(place):
    rows = [full_row(COSTS)]
    rows.insert(place, full_row(COSTS) | {"amount": {"value": None, "currency": "usd"}})
    [values] = rows_of(COSTS, *rows).values()
    assert values[:3] == (Decimal("0.06"), Decimal(60), "tokens")


def test_a_cost_row_needs_nothing_but_its_kind():
    assert rows_of(COSTS, {"object": COSTS.object}) == {(None, None, None, None): (None, None, None, None)}


@pytest.mark.parametrize("name", ["start_time", "end_time", "results"])
def test_a_bucket_without_its_bounds_or_rows_is_refused_by_name(name):
    for broken in (without(bucket([full_row(IMAGES)]), name), bucket([full_row(IMAGES)]) | {name: None}):
        with pytest.raises(RejectedAnswer, match=name):
            decoded(IMAGES, page(broken))


def test_a_page_without_data_is_refused():
    for broken in (without(page(), "data"), page() | {"data": None}, page() | {"data": {}}):
        with pytest.raises(RejectedAnswer, match="data"):
            decoded(IMAGES, broken)


@pytest.mark.fault(44)
def test_rows_under_the_old_name_result_are_refused_and_not_read_as_empty():
    old = without(bucket([]), "results") | {"result": [full_row(IMAGES)]}
    with pytest.raises(RejectedAnswer, match="results"):
        decoded(IMAGES, page(old))


# -- wrong types ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.fault(63, 64)
@pytest.mark.parametrize("value", [1.5, True, False, 2**63, 10**16 + 1, -(10**16) - 1, 10**30, 1e300, "5", "", [], {}, -0.5], ids=repr)
@by_usage
def test_a_row_with_a_count_that_is_no_count_is_set_aside_by_name(endpoint, value):
    row = full_row(endpoint)
    for metric in endpoint.metrics[:2]:
        assert metric.name in set_aside(endpoint, row, row | {metric.name: value})


@pytest.mark.fault(64, 65)
@pytest.mark.parametrize(
    ("value", "expected"),
    [(30.0, 30), (0.0, 0), (-5, -5), (-5.0, -5), (-(10**16), -(10**16)), (2**53 + 1, 2**53 + 1), (10**16, 10**16)],
)
@by_usage
def test_a_whole_number_is_exact_even_if_written_as_a_fraction(endpoint, value, expected):
    for position, metric in enumerate(endpoint.metrics):
        [values] = rows_of(endpoint, full_row(endpoint) | {metric.name: value}).values()
        assert values[position] == expected
        assert type(values[position]) is int


@pytest.mark.parametrize("text", ["9007199254740993.0", "3e1", "3.0E+1"])
def test_a_whole_number_written_with_a_point_or_exponent_loses_no_digit(text):
    body = json.dumps(page(bucket([full_row(VECTOR_STORES)]))).replace('"usage_bytes": 100', f'"usage_bytes": {text}').encode()
    [values] = decoded(VECTOR_STORES, body).buckets[0].rows.values()
    assert values[0] == int(Decimal(text))


def test_a_row_whose_sum_is_out_of_bounds_is_set_aside_and_not_left_to_the_database():
    for count in (10**16, -(10**16)):
        row = full_row(EMBEDDINGS) | {"input_tokens": count}
        assert set_aside(EMBEDDINGS, row, row) == "rows of one combination add up to more input_tokens than can be stored"
        [values] = rows_of(EMBEDDINGS, *[full_row(EMBEDDINGS) | {"input_tokens": count // 2}] * 2).values()
        assert values[0] == count


def test_rows_beside_one_whose_sum_is_out_of_bounds_are_read_as_usual_and_it_is_kept_unchanged():
    huge = full_row(EMBEDDINGS) | {"input_tokens": 10**16}
    other = full_row(EMBEDDINGS) | {"model": "another"}
    [found] = decoded(EMBEDDINGS, page(bucket([huge, huge, other]))).buckets
    assert dict(found.rows) == rows_of(EMBEDDINGS, huge, other)
    assert json.loads(found.set_aside[0].row) == huge


def test_an_empty_dimension_leaves_the_others_what_they_are():
    [key] = rows_of(EMBEDDINGS, full_row(EMBEDDINGS) | {"user_id": ""})
    assert key == ("project_id-1", None, "api_key_id-1", "model-1")


@by_endpoint
def test_a_row_of_another_endpoint_or_of_no_kind_is_set_aside(endpoint):
    row = full_row(endpoint)
    for other in ("", 5, COSTS.object if not endpoint.is_costs else IMAGES.object):
        assert "object" in set_aside(endpoint, row, row | {"object": other})


@pytest.mark.fault(89)
@by_endpoint
def test_a_row_of_a_new_kind_is_read_as_the_endpoint_that_was_asked_and_said_so(endpoint):
    found = decoded(endpoint, page(bucket([full_row(endpoint) | {"object": "organization.usage.new.result"}])))
    assert dict(found.buckets[0].rows) == rows_of(endpoint, full_row(endpoint))
    assert any("organization.usage.new.result" in warning for warning in found.warnings)


def test_a_list_or_a_bucket_of_another_kind_is_refused():
    with pytest.raises(RejectedAnswer):
        decoded(IMAGES, page() | {"object": "list"})
    with pytest.raises(RejectedAnswer):
        decoded(IMAGES, page(bucket([]) | {"object": "drawer"}))


@by_endpoint
def test_a_row_with_a_dimension_of_the_wrong_type_is_set_aside_by_name(endpoint):
    row = full_row(endpoint)
    for dimension in endpoint.dimensions:
        for value in ["yes", 1] if dimension.kind is Kind.FLAG else [5, True, ["x"]]:
            assert dimension.name in set_aside(endpoint, row, row | {dimension.name: value})


@pytest.mark.fault("70b")
@by_endpoint
def test_a_name_of_any_length_that_an_index_can_hold_is_kept_unchanged(endpoint):
    for position, dimension in enumerate(endpoint.dimensions):
        if dimension.kind is Kind.TEXT:
            for text in ("x" * (dimension.max_length + 1), "\U0001f600" * 500):
                [key] = rows_of(endpoint, full_row(endpoint) | {dimension.name: text})
                assert key[position] == text
            assert "bytes" in set_aside(endpoint, full_row(endpoint), full_row(endpoint) | {dimension.name: "x" * 2401})


@by_endpoint
def test_no_plain_row_has_more_names_than_an_index_can_hold(endpoint):
    row = full_row(endpoint) | {dimension.name: "\U0001f600" * 2500 for dimension in endpoint.dimensions if dimension.kind is Kind.TEXT}
    for length in (64, 65, 128, 255, 256):
        cut = {name: value[:length] if isinstance(value, str) and name != "object" else value for name, value in row.items()}
        [found] = decoded(endpoint, page(bucket([cut]))).buckets
        for key in found.rows:
            assert sum(len(name.encode()) for name in key if isinstance(name, str)) <= 2600


@pytest.mark.fault(70)
@pytest.mark.parametrize(
    ("came", "stored"),
    [("\0", "\u2400"), ("\ud800", "\ufffd"), ("\udc00\ud800", "\ufffd\ufffd"), ("\\u0000", "\\u0000"), ("\U0001f600", "\U0001f600")],
)
@pytest.mark.parametrize("more", [{}, {"novelty": 1}])
def test_a_character_that_postgresql_cannot_hold_is_shown_by_a_symbol(came, stored, more):
    row = full_row(COSTS) | more
    row["amount"] = {"value": 1, "currency": "cr" + came}
    row |= {"line_item": f"a{came}b", "quantity_unit": f"{came}unit"}
    if more:
        row[f"new{came}"] = {f"x{came}": [f"{came}y"]}
    [(key, values)] = rows_of(COSTS, row).items()
    assert (key[2], key[3], values[2]) == (f"a{stored}b", f"cr{stored}", f"{stored}unit")
    if more:
        assert json.loads(values[-1])[f"new{stored}"] == {f"x{stored}": [f"{stored}y"]}


@pytest.mark.fault(68)
@pytest.mark.parametrize("currency", ["us", "credits", "$$$", "us1", "usd\n"])
def test_another_currency_is_kept_unchanged(currency):
    [key] = rows_of(COSTS, full_row(COSTS) | {"amount": {"value": 1, "currency": currency}})
    assert key[-1] == currency


@pytest.mark.parametrize("currency", [5, ["usd"]])
def test_a_row_with_a_currency_that_is_no_text_is_set_aside(currency):
    assert "currency" in set_aside(COSTS, full_row(COSTS), full_row(COSTS) | {"amount": {"value": 1, "currency": currency}})


@pytest.mark.parametrize("value", ["NaN", "1_000", "abc", True, [], {}, "1e400", "1e31"])
def test_a_row_with_an_amount_or_quantity_that_is_no_number_is_set_aside(value):
    for broken in ({"amount": {"value": value, "currency": "usd"}}, {"quantity": value}):
        assert "amount" in set_aside(COSTS, full_row(COSTS), full_row(COSTS) | broken)


def test_an_amount_of_more_than_a_trillion_is_set_aside():
    row = full_row(COSTS)
    [values] = rows_of(COSTS, row | {"amount": {"value": -(10**12), "currency": "usd"}}).values()
    assert values[0] == -(10**12)
    assert set_aside(COSTS, row, row | {"amount": {"value": "1000000000000.01", "currency": "usd"}}) == (
        "an amount is out of range: 1000000000000.01"
    )
    digits = "1000000000000." + "7" * 40
    assert set_aside(COSTS, row, row | {"amount": {"value": digits, "currency": "usd"}}) == f"an amount is out of range: {digits[:40]}"


def test_an_empty_amount_or_quantity_is_unknown():
    row = full_row(COSTS)
    found = decoded(COSTS, page(bucket([row | {"amount": {"value": "", "currency": "usd"}, "quantity": ""}])))
    [values] = found.buckets[0].rows.values()
    assert values[:2] == (None, None)
    assert any("unknown, not as zero" in warning for warning in found.warnings)


def test_a_quantity_may_have_thirty_digits_before_the_point():
    [values] = rows_of(COSTS, full_row(COSTS) | {"quantity": int("9" * 30)}).values()
    assert values[1] == Decimal("9" * 30)
    assert "digits" in set_aside(COSTS, full_row(COSTS), full_row(COSTS) | {"quantity": "9" * 31})


@pytest.mark.parametrize("row", [5, None, "x", [], [{}]], ids=repr)
def test_a_row_that_is_no_object_is_set_aside(row):
    assert "no object" in set_aside(IMAGES, full_row(IMAGES), row)


# -- bounds ---------------------------------------------------------------------------------------------------------------------------

BOMBS = [
    "1e999999999",
    "-1e999999999",
    "1e9999",
    "1e-999999999",
    "1E+99999999999999999999",
    "9" * 5000,
    "9" * 1_000_000,
    "0." + "1" * 100_000,
]
IN_A_ROOM_OF_ITS_OWN = """
import resource, sys, time
from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.vendors.openai.rows import decode_page
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
started = time.process_time()
found = decode_page(ENDPOINTS[sys.argv[1]], sys.stdin.buffer.read(), ENDPOINTS[sys.argv[1]].dimensions)
print([(len(one.rows), len(one.set_aside)) for one in found.buckets], time.process_time() - started < 5)
"""


@pytest.mark.fault(65)
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb[:20])
@pytest.mark.parametrize(
    ("endpoint", "field"), [(EMBEDDINGS, "input_tokens"), (COSTS, "quantity"), (COSTS, "value"), (EMBEDDINGS, "novelty")]
)
def test_a_number_without_bounds_is_set_aside_at_once_and_builds_nothing(endpoint, field, bomb):
    bad = full_row(endpoint) | ({"amount": {"value": 77, "currency": "usd"}} if field == "value" else {field: 77})
    text = json.dumps(page(bucket([full_row(endpoint), bad]))).replace(f'"{field}": 77', f'"{field}": {bomb}')
    done = subprocess.run(
        [sys.executable, "-c", IN_A_ROOM_OF_ITS_OWN, endpoint.name], input=text, capture_output=True, text=True, timeout=60, check=True
    )
    # In a field that nobody knows it is kept as text: the rows are one combination.
    assert done.stdout.strip() == ("[(1, 0)] True" if field == "novelty" else "[(1, 1)] True")


def seconds_of(endpoint, rows: list[Any], buckets: int = 1) -> float:
    body = json.dumps(page(*(bucket(rows, DAY_ONE + 86400 * number) for number in range(buckets)))).encode()
    started = time.process_time()
    decode_page(endpoint, body, endpoint.dimensions)
    return time.process_time() - started


@pytest.mark.parametrize("kind", ["values", "names", "units", "buckets"])
def test_the_work_grows_with_the_size_of_the_answer_and_no_faster(kind):
    def work(size: int) -> float:
        if kind == "units":
            return seconds_of(COSTS, [full_row(COSTS) | {"quantity_unit": f"unit {number}"} for number in range(size)])
        if kind == "buckets":
            return seconds_of(EMBEDDINGS, [full_row(EMBEDDINGS) | {"novelty": 1}], size)
        return seconds_of(EMBEDDINGS, [full_row(EMBEDDINGS) | {f"n{number}" if kind == "names" else "n": number} for number in range(size)])

    small, large = min(work(2000) for _ in range(3)), work(16_000)
    # Eight times the rows: quadratic work would be 64 times as much.
    assert large < 30 * small + 0.2


# -- fields that come twice -----------------------------------------------------------------------------------------------------------


@pytest.mark.fault(67)
@pytest.mark.parametrize("more", ["", '"novelty":1,'])
@pytest.mark.parametrize(
    ("once", "twice", "name"),
    [
        ('"input_tokens": 100', '"input_tokens": 100, "input_tokens": 7', "input_tokens"),
        ('"input_tokens": 100', '"input_tokens": 7, "num_model_requests": 101, "input_tokens": 100', "input_tokens"),
        ('"model": "model-1"', '"model": "model-1", "model": "model-2"', "model"),
        ('"model": "model-1"', '"model": "annulled", "model": "model-2"', "model"),
        ('"model": "model-1"', '"model": "model-1\\u0022:", "user_id": "user_id-2"', "user_id"),
        ('"start_time": 1761955200', '"start_time": 1761955200, "start_time": 1761868800', "bucket.start_time"),
        ('"object": "bucket"', '"object": "bucket", "results": []', "bucket.results"),
        ('"has_more": false', '"has_more": false, "has_more": true', "page.has_more"),
    ],
)
def test_a_field_with_two_values_is_refused_and_not_guessed(once, twice, name, more):
    text = json.dumps(page(bucket([full_row(EMBEDDINGS)])))
    assert once in text
    text = text.replace(once, twice).replace('{"object": "organization', "{" + more + '"object": "organization')
    with pytest.raises(RejectedAnswer, match=f"{name} came twice"):
        decoded(EMBEDDINGS, text.encode())


def test_a_field_with_two_values_is_not_made_up_for_by_fields_that_are_left_out():
    row = without(without(without(full_row(EMBEDDINGS), "model"), "user_id"), "project_id")
    for times in range(1, 5):
        text = json.dumps(page(bucket([row]))).replace('"input_tokens": 100', '"input_tokens": 7, ' * times + '"input_tokens": 100')
        with pytest.raises(RejectedAnswer, match="input_tokens came twice"):
            decoded(EMBEDDINGS, text.encode())


@pytest.mark.fault(67)
def test_an_amount_with_two_values_is_refused():
    text = json.dumps(page(bucket([full_row(COSTS)]))).replace('"value": 0.06', '"value": 0.06, "value": 6')
    with pytest.raises(RejectedAnswer, match=r"amount\.value came twice"):
        decoded(COSTS, text.encode())


def test_a_field_that_comes_twice_with_one_value_changes_nothing():
    text = json.dumps(page(bucket([full_row(EMBEDDINGS)]))).replace('"input_tokens": 100', '"input_tokens": 100, "input_tokens": 100.0')
    assert dict(decoded(EMBEDDINGS, text.encode()).buckets[0].rows) == rows_of(EMBEDDINGS, full_row(EMBEDDINGS))


# -- keys that the vendor echoes ------------------------------------------------------------------------------------------------------


def test_nothing_that_is_shaped_like_a_key_is_kept_or_reported():
    key = "sk-admin-0123456789abcdef"
    row = full_row(COSTS) | {key: 1, f"x_{key}": {key: f"your key {key} is"}, "object": f"organization.{key}"}
    row["amount"] |= {key: 2}
    broken = full_row(COSTS) | {"amount": {"value": key, "currency": "usd"}, key: key}
    found = decoded(COSTS, page(bucket([row, broken], **{key: 1}), **{key: 1}))
    assert len(found.buckets[0].rows) == 1
    assert len(found.buckets[0].set_aside) == 1
    assert "sk-admin" not in repr(found)
    assert "sk-…" in repr(found)


def test_names_of_fields_are_reported_within_bounds():
    row = full_row(EMBEDDINGS) | {f"n{number}": 1 for number in range(5000)} | {"x" * 10_000: 1}
    found = decoded(EMBEDDINGS, page(bucket([row])))
    assert len(found.unknown_fields) == 51
    assert found.unknown_fields[-1] == "… and 4951 more"
    assert len(", ".join(found.unknown_fields)) < 6000


# -- what is no page ------------------------------------------------------------------------------------------------------------------


@pytest.mark.fault(65)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"5",
        b'"page"',
        b"{",
        b"<html></html>",
        b'{"object":"page","data":[{"object":"bucket","start_time":0,"end_time":60,"results":[',
        b'\xef\xbb\xbf{"object":"page","data":[]}',
        b'{"object":"page","data":[],"x":NaN}',
        b'{"object":"page","data":[],"x":"a\xff\xfeb"}',
        b'{"object":"page","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"object":"page","data":[],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"object":"page","data":[{"start_time":' + b"9" * 5000 + b',"end_time":1,"results":[]}]}',
        b'{"object":"page","data":[5,null,"x"]}',
        b'{"object":"page","data":[{"start_time":1.5,"end_time":2,"results":[]}]}',
        b'{"object":"page","data":[{"start_time":true,"end_time":2,"results":[]}]}',
        b'{"object":"page","data":[{"start_time":"0","end_time":2,"results":[]}]}',
    ],
    # pytest finds no test by a name with a backslash.
    ids=lambda body: ascii(body[:60]).replace("\\", ""),
)
def test_a_body_that_is_no_page_is_refused_whatever_it_is(body):
    with pytest.raises(RejectedAnswer) as caught:
        decoded(EMBEDDINGS, body)
    assert len(str(caught.value)) < 500


def test_bad_utf8_in_a_name_is_refused_and_not_replaced():
    body = json.dumps(page(bucket([full_row(EMBEDDINGS)]))).encode().replace(b"model-1", b"a\xff\xfeb")
    with pytest.raises(RejectedAnswer):
        decoded(EMBEDDINGS, body)


# -- summing --------------------------------------------------------------------------------------------------------------------------


@by_usage
def test_rows_that_share_a_combination_are_summed(endpoint):
    row = full_row(endpoint)
    rows = rows_of(endpoint, row, row, row)
    assert list(rows.values()) == [(*(3 * (100 + position) for position in range(len(endpoint.metrics))), None)]


def test_an_unknown_figure_plus_a_known_one_is_the_known_one():
    position = [metric.name for metric in COMPLETIONS.metrics].index("input_cached_tokens")
    known, unknown = full_row(COMPLETIONS), without(full_row(COMPLETIONS), "input_cached_tokens")
    for rows in ((known, unknown), (unknown, known)):
        [values] = rows_of(COMPLETIONS, *rows).values()
        assert values[position] == known["input_cached_tokens"]
    [values] = rows_of(COMPLETIONS, unknown, unknown).values()
    assert values[position] is None


@pytest.mark.fault(40)
@by_endpoint
def test_dimensions_that_were_not_asked_for_are_summed_away(endpoint):
    row = full_row(endpoint)
    others = [row | {dimension.name: dimension.kind is Kind.TEXT and "another"} for dimension in endpoint.dimensions]
    rows = rows_of(endpoint, row, *others, dimensions=())
    assert list(rows) == [("usd",) if endpoint.is_costs else ()]
    [values] = rows.values()
    expected = Decimal("0.06") if endpoint.is_costs else 100
    assert values[0] == expected * (1 + len(others))


@by_endpoint
def test_dimensions_that_were_asked_for_are_kept_apart_in_catalogue_order(endpoint):
    row = full_row(endpoint)
    others = [row | {dimension.name: dimension.kind is Kind.TEXT and "another"} for dimension in endpoint.dimensions]
    assert len(rows_of(endpoint, row, *others)) == 1 + len(others)
    for position, dimension in enumerate(endpoint.dimensions):
        keys = rows_of(endpoint, row, others[position], dimensions=(dimension,))
        assert {key[0] for key in keys} == {row[dimension.name], others[position][dimension.name]}


@pytest.mark.fault(69)
def test_a_missing_and_an_empty_dimension_are_one_row():
    row = full_row(EMBEDDINGS)
    rows = rows_of(EMBEDDINGS, row | {"model": ""}, row | {"model": None}, without(row, "model"), dimensions=(MODEL,))
    assert list(rows) == [(None,)]
    assert rows[(None,)][0] == 300


def test_one_line_item_that_comes_once_per_project_is_summed_when_only_line_items_were_asked_for():
    rows = rows_of(COSTS, full_row(COSTS), full_row(COSTS) | {"project_id": "other"}, dimensions=(LINE_ITEM,))
    assert rows == {("line_item-1", "usd"): (Decimal("0.12"), Decimal(60), "tokens", None)}


@pytest.mark.fault(68)
def test_currencies_are_never_added_up_and_their_case_does_not_matter():
    row = full_row(COSTS)
    euros = row | {"amount": {"value": 1, "currency": "EUR"}}
    shouted = row | {"amount": {"value": 1, "currency": "USD"}}
    rows = rows_of(COSTS, row, euros, shouted, dimensions=(PROJECT,))
    assert {key[-1]: values[0] for key, values in rows.items()} == {"usd": Decimal("1.06"), "eur": Decimal(1)}


def test_costs_are_summed_exactly():
    rows = [full_row(COSTS) | {"amount": {"value": text, "currency": "usd"}} for text in ("0.1", "0.2", "1e-40", "-0.3")]
    [values] = rows_of(COSTS, *rows).values()
    assert values[0] == Decimal("1e-40")


# -- quantities with units ------------------------------------------------------------------------------------------------------------


def quantities(*pairs: tuple[Any, str | None]) -> list[dict[str, Any]]:
    return [full_row(COSTS) | {"quantity": quantity, "quantity_unit": unit} for quantity, unit in pairs]


def kept_apart(extra: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for entry in json.loads(extra)["quantities"]:
        found[entry["quantity_unit"]] += Decimal(entry["quantity"])
    return found


def test_quantities_of_one_unit_are_added():
    [values] = rows_of(COSTS, *quantities((5, "tokens"), (2.5, "tokens"))).values()
    assert values[1:] == (Decimal("7.5"), "tokens", None)


def test_a_quantity_that_is_unknown_changes_neither_the_known_one_nor_its_unit():
    for rows in (quantities((5, "tokens"), (None, None)), quantities((None, None), (5, "tokens"))):
        [values] = rows_of(COSTS, *rows).values()
        assert values[1:] == (Decimal(5), "tokens", None)
    for rows in (quantities((None, "tokens"), (None, None)), quantities((None, None), (None, "tokens"))):
        [values] = rows_of(COSTS, *rows).values()
        assert values[1:] == (None, "tokens", None)


@pytest.mark.parametrize(
    "pairs",
    [
        [(5, "tokens"), (3, "images")],
        [(5, "tokens"), (3, "images"), (2, "tokens")],
        [(5, "tokens"), (2, "tokens"), (3, "images")],
        [(3, "images"), (5, "tokens"), (2, "tokens"), (1, "characters")],
    ],
    ids=str,
)
def test_quantities_of_several_units_are_kept_apart_whatever_their_order(pairs):
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for quantity, unit in pairs:
        expected[unit] += quantity
    found = decoded(COSTS, page(bucket(quantities(*pairs))))
    [(amount, quantity, unit, extra)] = found.buckets[0].rows.values()
    assert (amount, quantity, unit) == (Decimal("0.06") * len(pairs), None, None)
    assert kept_apart(extra) == expected
    assert found.warnings == ("one line item came with quantities in several units; they are kept apart in extra",)
    backwards = decoded(COSTS, page(bucket(quantities(*reversed(pairs)))))
    assert backwards.buckets == found.buckets, "the order of the vendor's rows looks like a restatement"


# -- fields that nobody knows ---------------------------------------------------------------------------------------------------------

# What PostgreSQL cannot hold has separate tests.
words = st.characters(exclude_characters="\0", exclude_categories=["Cs"])


def texts(**sizes: int) -> st.SearchStrategy[str]:
    """Texts that are not shaped like a key, which would be masked; tests of their own see to that."""
    return st.text(words, **sizes).filter(lambda text: "sk-" not in text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(texts(max_size=5), children, max_size=3),
    max_leaves=6,
)


def strangers_for(known: set[str]):
    names = st.one_of(texts(min_size=1, max_size=12), st.sampled_from(["input_tokens_v2", "Object", "resultz", "amount_minor"]))
    return st.dictionaries(names.filter(lambda name: name not in known), json_values, max_size=3)


PAGE_FIELDS = {"object", "data", "has_more", "next_page"}
BUCKET_FIELDS = {"object", "start_time", "end_time", "results", "start_time_iso", "end_time_iso"}


@pytest.mark.fault(61)
@pytest.mark.parametrize("endpoint", [COMPLETIONS, COSTS, VECTOR_STORES], ids=lambda endpoint: endpoint.name)
@EXAMPLES
@given(data=st.data())
def test_unknown_fields_at_every_level_are_kept_and_reported_and_change_no_known_column(endpoint, data):
    row = full_row(endpoint)
    of_page = data.draw(strangers_for(PAGE_FIELDS))
    of_bucket = data.draw(strangers_for(BUCKET_FIELDS))
    of_row = data.draw(strangers_for(set(row)))
    of_amount = data.draw(strangers_for({"value", "currency"})) if endpoint.is_costs else {}
    strange = row | of_row
    if endpoint.is_costs:
        strange["amount"] = row["amount"] | of_amount
    plain = decoded(endpoint, page(bucket([row]), bucket([row], DAY_ONE + 86400)))
    found = decoded(endpoint, page(bucket([strange], **of_bucket), bucket([row], DAY_ONE + 86400), **of_page))

    reported = {f"page.{name}" for name in of_page} | {f"bucket.{name}" for name in of_bucket}
    reported |= set(of_row) | {f"amount.{name}" for name in of_amount}
    assert set(found.unknown_fields) == reported
    [(key, values)] = found.buckets[0].rows.items()
    [(plain_key, plain_values)] = plain.buckets[0].rows.items()
    assert (key, values[:-1]) == (plain_key, plain_values[:-1])
    kept = {**of_row, **{f"amount.{name}": value for name, value in of_amount.items()}}
    assert exact(values[-1] or "{}") == exact(json.dumps(kept))
    assert found.buckets[1] == plain.buckets[1], "a row without strangers got some"


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**40])
def test_an_unknown_field_may_hold_a_number_of_any_size(number):
    [values] = rows_of(EMBEDDINGS, full_row(EMBEDDINGS) | {"novelty": number}).values()
    assert exact(values[-1]) == {"novelty": number}


@pytest.mark.parametrize("value", ["null", "annulled", '": null', [None], [None, None], {"a": None}], ids=str)
def test_an_unknown_field_is_kept_and_reported_although_something_in_it_is_null(value):
    found = decoded(EMBEDDINGS, page(bucket([full_row(EMBEDDINGS) | {"novelty": value}])))
    [values] = found.buckets[0].rows.values()
    assert found.unknown_fields == ("novelty",)
    assert json.loads(values[-1]) == {"novelty": value}


def test_a_row_with_a_new_field_is_still_set_aside_for_what_is_wrong_with_it():
    row = full_row(EMBEDDINGS)
    assert "input_tokens" in set_aside(EMBEDDINGS, row, row | {"novelty": 1, "input_tokens": 1.5})
    assert "input_tokens" in set_aside(EMBEDDINGS, row, without(row, "input_tokens") | {"input_tokens_v2": 5})


mutations = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["usd", "bucket", "page", COSTS.object]),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(["value", "currency", "results", "x"]), children, max_size=3)
    ),
    max_leaves=5,
)


def read_or_refused(endpoint, body: bytes) -> Any:
    """The page, None when it is refused in a bounded line; any other error fails the test."""
    try:
        return decoded(endpoint, body)
    except RejectedAnswer as refusal:
        line = str(refusal)
    assert len(line) < 500
    assert "\n" not in line
    return None


@by_endpoint
@EXAMPLES
@given(data=st.data())
def test_whatever_a_page_contains_it_is_read_set_aside_or_refused_and_its_sums_are_exact(endpoint, data):
    rows = []
    for _ in range(data.draw(st.integers(0, 4))):
        row = full_row(endpoint)
        for name in data.draw(st.lists(st.sampled_from([*row, "novelty"]), max_size=2)):
            row[name] = data.draw(mutations)
        rows.append(row)
    good = [full_row(endpoint)] * data.draw(st.integers(0, 3))
    text = json.dumps(
        page(
            bucket(
                [*rows, *good],
                **data.draw(st.just({}) | st.dictionaries(st.sampled_from(["object", "end_time", "y"]), mutations, max_size=1)),
            )
        )
    )
    text = data.draw(st.just(text) | st.integers(0, len(text)).map(lambda end: text[:end]))
    found = read_or_refused(endpoint, text.encode())
    if found is None:
        return
    json.dumps(
        [[repr(key), values[-1], one.set_aside[:1] and one.set_aside[0].row] for one in found.buckets for key, values in one.rows.items()]
    )
    if not rows and good:
        [values] = found.buckets[0].rows.values()
        assert values[0] == (Decimal("0.06") if endpoint.is_costs else 100) * len(good)


@EXAMPLES
@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_a_page_or_a_refusal(body):
    read_or_refused(COSTS, body)


def test_the_unknown_fields_of_rows_that_are_summed_are_all_kept():
    row = full_row(EMBEDDINGS)
    [values] = rows_of(EMBEDDINGS, row | {"a": 1}, row | {"a": 1, "b": 2}, row).values()
    assert json.loads(values[-1]) == {"a": 1, "b": 2}
    [values] = rows_of(EMBEDDINGS, row | {"a": 1}, row | {"a": 2}).values()
    assert json.loads(values[-1]) == {"a": [1, 2]}


def test_costs_say_whose_they_are_beside_the_rows_and_usage_does_not():
    rows = [full_row(COSTS) | {"project_id": f"p{number}", "organization_id": f"org-{number % 2}"} for number in range(4)]
    found = decoded(COSTS, page(bucket(rows[:2]), bucket(rows[2:], DAY_ONE + 86400)))
    assert found.organizations == {"org-0", "org-1"}
    assert found.unknown_fields == ()
    assert all("org-" not in str(values) for each in found.buckets for values in each.rows.items())
    # The same row of the same combination in two organizations is one row, as the identifier is no dimension.
    assert len(rows_of(COSTS, full_row(COSTS), full_row(COSTS) | {"organization_id": "org-2"})) == 1
    assert decoded(COSTS, page(bucket([]))).organizations == frozenset()
    assert all(decoded(endpoint, page(bucket([full_row(endpoint)]))).organizations == frozenset() for endpoint in OF_USAGE)


@pytest.mark.parametrize("told", [None, "", 7, True, ["org-1"], {"id": "org-1"}, "two words", "org-1\n", "o" * 129, "\ud83d\ude00"])
def test_what_is_no_identifier_of_an_organization_says_nothing_and_breaks_nothing(told):
    row = full_row(COSTS) | {"organization_id": told}
    found = decoded(COSTS, page(bucket([row, without(full_row(COSTS), "organization_id") | {"line_item": "other"}])))
    assert found.organizations == frozenset()
    assert (found.unknown_fields, found.warnings, len(found.buckets[0].rows)) == ((), (), 2)


def test_whose_costs_they_are_is_also_read_from_a_page_with_unknown_fields():
    assert decoded(COSTS, page(bucket([full_row(COSTS) | {"brand_new": 1}]))).organizations == {"org-1"}


@by_endpoint
def test_fields_that_are_left_out_on_purpose_are_neither_kept_nor_reported(endpoint):
    found = decoded(endpoint, page(bucket([full_row(endpoint)])))
    [values] = found.buckets[0].rows.values()
    assert (values[-1], found.unknown_fields) == (None, ())


# -- what others recorded -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def samples() -> Path:
    named = os.environ.get("METERHOUSE_CONTRACT")
    folder = (Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "contract") / "samples"
    if not folder.is_dir():
        pytest.skip(f"no recorded answers at {folder}: set METERHOUSE_CONTRACT to the folder that holds samples/")
    return folder


def recorded(folder: Path, name: str) -> Any:
    return exact((folder / name).read_text())


def test_the_sums_of_the_recorded_costs_are_exact(samples):
    name = "cookbook_costs_buckets_2025-02-10.json"
    raw = recorded(samples, name)
    expected = sum((row["amount"]["value"] for one in raw for row in one["results"]), Decimal(0))
    body = b'{"object":"page","data":' + (samples / name).read_bytes() + b',"has_more":false,"next_page":null}'
    found = decode_page(COSTS, body, (LINE_ITEM,))
    assert [(one.start, one.end) for one in found.buckets] == [(one["start_time"], one["end_time"]) for one in raw]
    assert sum((values[0] for one in found.buckets for values in one.rows.values()), Decimal(0)) == expected
    assert expected > 0
    for one, read in zip(raw, found.buckets, strict=True):
        assert sum(values[0] for values in read.rows.values()) == sum(row["amount"]["value"] for row in one["results"])
    assert found.unknown_fields == ()


def test_the_sums_of_the_recorded_completions_are_exact(samples):
    name = "cookbook_usage_completions_buckets_2025-02-10.json"
    raw = recorded(samples, name)
    body = b'{"object":"page","data":' + (samples / name).read_bytes() + b',"has_more":false,"next_page":null}'
    found = decode_page(COMPLETIONS, body, ())
    compared = 0
    for one, read in zip(raw, found.buckets, strict=True):
        for position, metric in enumerate(COMPLETIONS.metrics):
            expected = [row[metric.name] for row in one["results"] if row.get(metric.name) is not None]
            actual = [values[position] for values in read.rows.values() if values[position] is not None]
            assert (sum(actual), bool(actual)) == (sum(expected), bool(expected)), metric.name
            compared += bool(expected)
    assert compared > 100
    assert found.unknown_fields == ()


def test_the_vendors_own_examples_are_read_for_every_endpoint_that_has_one(samples):
    examples = recorded(samples, "openapi_official_examples_2026-08-21.json")
    known = [endpoint for endpoint in ALL if f"GET {path_of(endpoint)}" in examples]
    assert len(known) >= 9
    for endpoint in known:
        content = examples[f"GET {path_of(endpoint)}"]
        found = decoded(endpoint, json.dumps(content, default=float).encode(), dimensions=())
        assert found.unknown_fields == (), endpoint.name
        for one, read in zip(content["data"], found.buckets, strict=True):
            [values] = read.rows.values()
            first = endpoint.metrics[0].name
            expected = sum(row[first]["value"] if endpoint.is_costs else row[first] for row in one["results"])
            assert values[0] == expected, endpoint.name


def test_a_field_that_comes_twice_is_not_made_up_for_by_one_that_is_missing():
    row = '{"object":"organization.usage.moderations.result","input_tokens":1,"input_tokens":2,"num_model_requests":3}'
    page = f'{{"object":"page","data":[{{"start_time":1764547200,"end_time":1764633600,"results":[{row}]}}],"has_more":false}}'
    with pytest.raises(RejectedAnswer, match="input_tokens came twice"):
        decode_page(ENDPOINTS["moderations"], page.encode(), ())
