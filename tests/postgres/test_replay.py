"""Recorded pages through the whole pipeline: live ones where they are at hand, and one small page of our own for every endpoint."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.dictionary import MEASURES
from meterhouse.catalogue.endpoints import ENDPOINTS, USAGE_DIMENSIONS, Endpoint, offered_by
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.fake_openai import ReplayServer
from meterhouse.load.sync import backfill
from meterhouse.settings import Settings
from meterhouse.vendors.openai.wire import path_of
from meterhouse.windows import Window

from .loaded_organization import NOW, midnight, organization, rows

CONTRACT = Path(os.environ.get("METERHOUSE_CONTRACT") or Path(__file__).resolve().parents[3] / "shared" / "contract")
SAMPLES = CONTRACT / "samples"
RECORDINGS = Path(__file__).parents[1] / "recordings"
needs_samples = pytest.mark.skipif(
    not SAMPLES.exists(), reason="recorded live pages are not part of the project: name their folder's parent in METERHOUSE_CONTRACT"
)
FIRST, LAST = date(2025, 1, 11), date(2025, 2, 10)
EVERY_DIMENSION = (*(dimension.name for dimension in USAGE_DIMENSIONS), "line_item")
LIVE = ("completions", "costs")


def recorded(path: Path) -> list[dict[str, Any]]:
    """The buckets of a file, with every number as it is written."""
    body = json.loads(path.read_text(), parse_float=Decimal)
    return list(body if isinstance(body, list) else body["data"])


def utc_day(bucket: dict[str, Any]) -> date:
    return datetime.fromtimestamp(bucket["start_time"], UTC).date()


def amount(row: dict[str, Any]) -> Decimal:
    return Decimal(row["amount"]["value"])


def load_by_server(warehouse: Warehouse) -> None:
    with ReplayServer(SAMPLES) as server:
        settings = Settings(
            organizations=(organization(server),), warehouse_url=warehouse.loader_url, retries=0, exclude_dimensions=EVERY_DIMENSION
        )
        window = Window(midnight(FIRST), midnight(LAST + timedelta(days=1)))
        backfill(settings, window, LIVE, clock=lambda: NOW).raise_first()


def load_by_commands(warehouse: Warehouse, folder: Path) -> None:
    meterhouse = [sys.executable, "-m", "meterhouse"]
    environment = {"PATH": os.environ["PATH"], "METERHOUSE_HOME": str(folder), "METERHOUSE_EXCLUDE_DIMENSIONS": "all"}
    with ReplayServer(SAMPLES) as any_free_port:
        port = any_free_port.port
    api = subprocess.Popen(
        [*meterhouse, "fake-api", "--port", str(port), "--replay", str(SAMPLES)], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert api.stdout
        address = dict(re.findall(r"(OPENAI_\w+)=(\S+)", api.stdout.readline()))
        subprocess.run(
            [*meterhouse, "backfill", "--from", str(FIRST), "--to", str(LAST), "--only", ",".join(LIVE)],
            env=environment | address | {"WAREHOUSE_URL": warehouse.loader_url}, check=True, timeout=60, capture_output=True,
        )  # fmt: skip
    finally:
        api.terminate()
        assert api.wait(20) == 0
        api.stdout.close()


@pytest.fixture(params=["in one process", "as commands"])
def live(request: pytest.FixtureRequest, warehouse: Warehouse, tmp_path: Path) -> Warehouse:
    """A warehouse with the live pages in it."""
    if request.param == "as commands":
        load_by_commands(warehouse, tmp_path)
    else:
        load_by_server(warehouse)
    return warehouse


@needs_samples
def test_recorded_live_pages_load_to_the_token_and_to_the_last_digit(live: Warehouse) -> None:
    usage = recorded(next(SAMPLES.glob("*usage_completions*.json")))
    starts = [utc_day(bucket) for bucket in usage]
    assert (starts[0], starts[-1]) == (FIRST, LAST)
    metrics = {metric.name: metric.column for metric in ENDPOINTS["completions"].metrics}
    sums = ", ".join(f"sum({column})" for column in metrics.values())
    found = {
        day: dict(zip(metrics, figures, strict=True))
        for day, *figures in rows(live.reader_url, f"SELECT usage_date, {sums} FROM bi.usage_daily GROUP BY 1")
    }
    expected = {
        utc_day(bucket): {name: sum(row[name] for row in bucket["results"]) if name in bucket["results"][0] else None for name in metrics}
        for bucket in usage
        if bucket["results"]
    }
    assert found == expected
    assert sum(figures["input_tokens"] or 0 for figures in found.values()) > 0

    # Both ends were clipped by the vendor: they stand under their whole UTC day and are not taken for it.
    clipped = {utc_day(bucket) for bucket in usage if bucket["end_time"] - bucket["start_time"] != 86400}
    assert clipped == {FIRST, LAST}
    coverage = rows(
        live.reader_url,
        "SELECT usage_date, is_complete, reported_start_utc, reported_end_utc, bucket_start_utc FROM bi.coverage"
        " WHERE endpoint = 'completions' ORDER BY 1",
    )
    assert [day for day, *_ in coverage] == starts
    for bucket, (day, is_complete, start, end, aligned) in zip(usage, coverage, strict=True):
        assert is_complete == (day not in clipped)
        assert (start.replace(tzinfo=UTC).timestamp(), end.replace(tzinfo=UTC).timestamp()) == (bucket["start_time"], bucket["end_time"])
        assert aligned.replace(tzinfo=UTC) == midnight(day)
    assert set(rows(live.reader_url, "SELECT usage_date FROM bi.usage_daily WHERE NOT is_complete")) == {(day,) for day in clipped}

    costs = recorded(next(SAMPLES.glob("*costs*.json")))
    exactly = dict(rows(live.reader_url, "SELECT usage_date, sum(cost_exact::numeric) FROM bi.costs_daily GROUP BY 1"))
    assert exactly == {utc_day(bucket): sum(map(amount, bucket["results"])) for bucket in costs if bucket["results"]}
    rounded = dict(rows(live.reader_url, "SELECT usage_date, sum(cost) FROM bi.costs_daily GROUP BY 1"))
    places = Decimal(1).scaleb(-12)
    # One row per day here, so the day's sum is rounded once.
    assert all(len(bucket["results"]) <= 1 for bucket in costs)
    assert rounded == {day: value.quantize(places, ROUND_HALF_UP) for day, value in exactly.items()}
    assert any(value != exactly[day] for day, value in rounded.items()), "the recording has more than twelve decimals"
    assert rows(live.reader_url, "SELECT DISTINCT source_grouping, currency FROM bi.costs_daily") == [("", "usd")]


@pytest.mark.parametrize("endpoint", offered_by(OPENAI).values(), ids=list(offered_by(OPENAI)))
def test_every_endpoint_of_the_catalogue_has_one_recorded_page_that_loads(warehouse: Warehouse, endpoint: Endpoint) -> None:
    path = RECORDINGS / f"{endpoint.name}.json"
    assert path.exists(), f"record one page of {path_of(endpoint)} as {path}"
    buckets = recorded(path)
    results = [row for bucket in buckets for row in bucket["results"]]
    assert {row["object"] for row in results} == {endpoint.object}
    with ReplayServer(RECORDINGS) as server:
        settings = Settings(organizations=(organization(server),), warehouse_url=warehouse.loader_url, retries=0)
        window = Window(midnight(utc_day(buckets[0])), midnight(utc_day(buckets[-1]) + timedelta(days=1)))
        (summary,) = backfill(settings, window, [endpoint.name], clock=lambda: NOW).summaries
    assert summary.buckets == len(buckets)
    assert rows(warehouse.superuser_url, "SELECT count(*) FROM ops.load_log WHERE unknown_fields IS NOT NULL OR warnings IS NOT NULL") == [
        (0,)
    ]
    names = [dimension.name for dimension in endpoint.dimensions]
    if endpoint.is_costs:
        found = rows(warehouse.reader_url, f"SELECT usage_date, {', '.join(names)}, cost_exact::numeric FROM bi.{endpoint.name}_daily")
        metrics = ["amount"]
    else:
        columns = [{"batch": "is_batch", "model": "model_reported"}.get(name, name) for name in names]
        known = {metric.column: metric.name for metric in endpoint.metrics}
        found = rows(warehouse.reader_url, f"SELECT usage_date, {', '.join([*columns, *known])} FROM bi.usage_daily")
        metrics = list(known.values())
        others = [column for column in MEASURES if column not in known]
        assert rows(warehouse.reader_url, f"SELECT count(coalesce({', '.join(others)})) FROM bi.usage_daily") == [(0,)]
    expected: dict[tuple[Any, ...], dict[str, Any]] = {}
    for bucket in buckets:
        for row in bucket["results"]:
            total = expected.setdefault((utc_day(bucket), *(row.get(name) for name in names)), dict.fromkeys(metrics))
            for metric in metrics:
                value = amount(row) if endpoint.is_costs else row.get(metric)
                if value is not None:
                    total[metric] = value + (total[metric] or 0)
    assert {tuple(row[: len(names) + 1]): dict(zip(metrics, row[len(names) + 1 :], strict=True)) for row in found} == expected
