"""The rules of prices, case by case: what a price is for, how usage counts it, and what is no price."""

from __future__ import annotations

from decimal import Decimal

import pytest

from meterhouse.accounting.price_classes import PRICE_CLASSES, WITHOUT_CACHE, price_class
from meterhouse.accounting.price_subjects import OF_ENDPOINTS, price_feature
from meterhouse.accounting.price_tiers import priced_tier
from meterhouse.accounting.price_units import PRICE_UNITS, unit_price
from meterhouse.catalogue.endpoints import USAGE
from meterhouse.vendors.words import words_of


@pytest.mark.parametrize(
    ("amount", "quantity", "unit", "expected"),
    [
        ("2.50", "1000000", "tokens", ("2.5", "million tokens")),
        ("2.50", "1000", "1000_tokens", ("2.5", "million tokens")),
        ("1.01", "101", "calls", ("10", "thousand calls")),
        ("0.006", "60", "duration_seconds", ("0.36", "hour")),
        ("0.36", "1", "duration_hours", ("0.36", "hour")),
        ("-5", "1000000", "tokens", ("-5", "million tokens")),
        ("0", "453", "tokens", ("0", "million tokens")),
        ("1", "0", "tokens", None),
        ("1", None, "tokens", None),
        (None, "1", "tokens", None),
        ("1", "1", None, None),
        ("1", "1", "furlongs", None),
    ],
)
def test_a_unit_price(amount, quantity, unit, expected) -> None:
    found = unit_price(amount and Decimal(amount), quantity and Decimal(quantity), unit)
    assert found == (expected and (Decimal(expected[0]), expected[1]))


@pytest.mark.parametrize(
    ("unit", "direction", "modality", "name"),
    [
        ("million tokens", "input", None, "input_text"),
        ("million tokens", "input", "audio", "input_audio"),
        ("million tokens", "cached input", "image", "cached_image"),
        ("million tokens", "cache writes", None, "cache_writes"),
        ("million tokens", "output", "text", "output_text"),
        ("million tokens", "output", "video", None),
        ("million tokens", "training", None, None),
        ("million tokens", None, None, None),
        ("image", "output", "image", "images"),
        ("hour", None, None, "seconds"),
        ("thousand calls", None, None, "calls"),
        (None, "input", None, None),
    ],
)
def test_a_price_class(unit, direction, modality, name) -> None:
    assert price_class(unit, direction, modality) == name


@pytest.mark.parametrize(
    ("line_item", "unit", "feature"),
    [
        ("web search tool calls", None, "web search"),
        ("web search tool call", None, "web search"),
        ("file search tool calls", None, "file search"),
        ("assistants api | file search", "gibibyte_hours", "storage"),
        ("Vector storage", "gibibyte_hours", "storage"),
        ("code interpreter", None, "code interpreter"),
        ("Code interpreter sessions", None, "code interpreter"),
        ("computer use tool calls", None, None),
        ("gpt-5, input", "tokens", None),
        ("Promotional credit", None, None),
    ],
)
def test_a_tool_is_priced_under_one_name(line_item, unit, feature) -> None:
    item = words_of("openai").line_item(line_item, unit)
    assert price_feature(item.category, item.feature) == feature


@pytest.mark.parametrize(
    ("service_tier", "tier"),
    [(None, "standard"), ("default", "standard"), ("Flex-Tier", "flex"), ("flex", "flex"), ("priority", "priority"), ("scale", "scale")],
)
def test_a_service_tier_is_priced_under_the_name_of_the_bill(service_tier, tier) -> None:
    assert priced_tier(service_tier) == tier


def test_every_figure_of_usage_that_counts_something_billed_is_in_a_class() -> None:
    counted = " ".join(one.counted for one in PRICE_CLASSES)
    billed = {metric.column for endpoint in USAGE for metric in endpoint.metrics} - {"requests"}
    # Parts of figures that are there: they would be counted twice.
    parts = {
        "input_text_tokens",
        "input_cached_text_tokens",
        "output_text_tokens",
        "input_cache_write_30m_tokens",
        "input_cache_write_12h_tokens",
    }
    missing = sorted(column for column in billed - parts if f"u.{column}" not in counted)
    assert not missing, (
        f"say in PRICE_CLASSES of accounting/price_classes.py how {', '.join(missing)} is priced, or here what it is part of"
    )
    assert not {column for column in parts if f"u.{column}" in counted}


@pytest.mark.parametrize("one", PRICE_CLASSES, ids=lambda one: one.name)
def test_a_price_class_is_found_by_what_a_price_says(one) -> None:
    found = price_class(one.unit.name, one.direction, one.modality)
    assert found == one.name, (
        f"a price per {one.unit.name} is of the class {found!r}, so {one.name!r} never has one: in accounting/price_classes.py, put it"
        f" before {found!r} with a modality or direction of its own, or give it a unit of its own in accounting/price_units.py"
    )


def test_names_of_units_and_classes_are_given_once() -> None:
    assert len({unit.name for unit in PRICE_UNITS}) == len(PRICE_UNITS)
    assert len({said for unit in PRICE_UNITS for said, _ in unit.quantity_units}) == sum(len(unit.quantity_units) for unit in PRICE_UNITS)
    assert len({one.name for one in PRICE_CLASSES}) == len(PRICE_CLASSES)
    assert set(WITHOUT_CACHE) | set(WITHOUT_CACHE.values()) <= set(PRICE_CLASSES)
    assert set(OF_ENDPOINTS) == {"web_search_calls", "file_search_calls", "code_interpreter_sessions", "vector_stores"}
