"""Rows that share their dimensions are summed exactly; currencies and units of quantities are kept apart."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from meterhouse.catalogue.endpoints import COMPLETIONS, COSTS, EMBEDDINGS, LINE_ITEM, MODEL, PROJECT, Kind

from .full_rows import bucket, by_endpoint, by_usage, decoded, full_row, page, rows_of, without

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
