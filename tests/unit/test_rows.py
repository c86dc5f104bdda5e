"""Rows: what the vendor sends is typed, summed and kept apart; what breaks the contract is refused by name; what is new is kept."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from meterhouse.catalogue.endpoints import COMPLETIONS, COSTS, IMAGES, Kind
from meterhouse.errors import RejectedAnswer

from .full_rows import ALL, DAY_ONE, OF_USAGE, bucket, by_endpoint, decoded, full_row, page, rows_of, set_aside, without

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
