"""The vendor's own examples and recorded answers are read, and their sums are exact."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meterhouse.catalogue.endpoints import COMPLETIONS, COSTS, LINE_ITEM
from meterhouse.vendors.openai.rows import decode_page
from meterhouse.vendors.openai.wire import path_of

from .full_rows import ALL, decoded, exact


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
