"""Rows with values of a wrong type: what breaks the contract is set aside by name, and the rows beside it are read."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from meterhouse.catalogue.endpoints import COSTS, EMBEDDINGS, IMAGES, VECTOR_STORES, Kind
from meterhouse.errors import RejectedAnswer

from .full_rows import bucket, by_endpoint, by_usage, decoded, full_row, page, rows_of, set_aside


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
