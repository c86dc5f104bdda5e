"""Replace this window: the store's own contract for partitions and values, and the loader that its other tests share.

Any order of answers is in test_replace_window_model, many loaders in test_replace_window_at_once, connections that die in
test_replace_window_dying.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.accounting.finality import Finality
from meterhouse.catalogue.endpoints import COSTS, DAY, MODERATIONS, BucketWidth, Endpoint, Key, Values
from meterhouse.errors import RejectedAnswer
from meterhouse.load.chain import CoveredBucket
from meterhouse.load.store import Store
from meterhouse.load.stream import Fetch, Replaced, Stream
from meterhouse.windows import Window

from .fingerprints import row_counts
from .loaded_organization import rows

# Eight days around the end of a month, two partitions.
FIRST = datetime(2026, 1, 28, tzinfo=UTC)
DAYS = 8
NOW = datetime(2026, 2, 20, 12, 0, tzinfo=UTC)
LOADS = Stream("acme", MODERATIONS, DAY)
Buckets = dict[datetime, dict[Key, Values]]


def day(number: int) -> datetime:
    return FIRST + timedelta(days=number)


def window(first: int, end: int) -> Window:
    return Window(day(first), day(end))


def key(name: str | None, model: str | None = "omni") -> Key:
    """The four dimensions of moderations: only project and model differ."""
    return (name, None, None, model)


def covered(buckets: Buckets, width: BucketWidth = DAY) -> list[CoveredBucket]:
    span = timedelta(seconds=width.seconds)
    return [CoveredBucket(start, start, start + span, Finality.SETTLED, len(found)) for start, found in sorted(buckets.items())]


@dataclass
class Loading:
    """One loader: a store and a run, and the windows that it puts in place."""

    store: Store
    run_id: int

    @classmethod
    def opened(cls, url: str) -> Loading:
        store = Store(url)
        return cls(store, store.start_run("sync", {}, NOW))

    def replace(
        self,
        wanted: Window,
        buckets: Buckets,
        number: int | None = None,
        *,
        stream: Stream = LOADS,
        may_empty: bool = True,
        moves_watermark: bool = True,
        extra_pages: int = 0,
    ) -> Replaced:
        """Stage, copy page by page, and replace."""
        dimensions = stream.endpoint.dimensions
        stage = self.store.stage(stream, dimensions)
        for start, found in buckets.items():
            stage.collect([(start, found)])
        fetch = Fetch(self.store.next_fetch_number() if number is None else number, dimensions, len(buckets) + extra_pages, 0.0)
        return stage.replace(
            wanted,
            covered(buckets, stream.width),
            fetch,
            run_id=self.run_id,
            now=NOW,
            moves_watermark=moves_watermark,
            protected=None if may_empty else wanted,
        )


@pytest.fixture
def loading(warehouse: Warehouse) -> Iterator[Loading]:
    found = Loading.opened(warehouse.loader_url)
    with found.store:
        yield found


STORED = (
    "SELECT f.bucket_start, g.project_id, g.user_id, g.api_key_id, g.model, f.input_tokens, f.num_model_requests, f.extra::text"
    " FROM warehouse.usage_moderations f JOIN warehouse.dim_group g USING (group_id) WHERE f.bucket_width = 1440"
)
PLACES = (
    "SELECT f.bucket_start, g.project_id, g.user_id, g.api_key_id, g.model, f.tableoid::text || f.ctid::text || f.xmin::text"
    " FROM warehouse.usage_moderations f JOIN warehouse.dim_group g USING (group_id)"
)


def stored(connection: psycopg.Connection[Any]) -> dict[tuple[datetime, Key], Values]:
    return {(start, tuple(dimensions)): tuple(values) for start, *dimensions, values in split(connection.execute(STORED.encode()), 5)}


def split(found: Any, position: int) -> Iterator[tuple[Any, ...]]:
    """Rows with everything from `position` on folded into the last item."""
    for row in found:
        yield (*row[:position], row[position:])


def places(connection: psycopg.Connection[Any]) -> dict[tuple[datetime, Key], str]:
    return {(row[0], tuple(row[1:5])): row[5] for row in connection.execute(PLACES.encode())}


def waiting(url: str) -> list[int]:
    """Sessions that wait for a lock."""
    return [pid for (pid,) in rows(url, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")]


def until_somebody_waits(url: str) -> int:
    for _ in range(500):
        if found := waiting(url):
            return found[0]
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits for a lock")


def test_partitions_are_created_automatically_and_only_once(loading: Loading, warehouse: Warehouse) -> None:
    found: Buckets = {datetime(2025, month, 1, tzinfo=UTC): {key("a"): (1, 1, None)} for month in range(1, 13)}
    whole = Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    loading.replace(whole, found)
    partitions = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE 'usage_moderations_%' ORDER BY 1"
    assert [name for (name,) in rows(warehouse.superuser_url, partitions)] == [f"usage_moderations_2025_{n:02}" for n in range(1, 13)]
    assert rows(warehouse.superuser_url, "SELECT count(*) FROM warehouse.usage_moderations") == [(12,)]
    # An empty month needs none.
    empty = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    loading.replace(empty, {empty.start: {}})
    assert len(rows(warehouse.superuser_url, partitions)) == 12


@pytest.mark.fault(70)
@pytest.mark.parametrize(
    ("endpoint", "found"),
    [
        (MODERATIONS, {key("a\x00b"): (1, 1, None)}),
        (MODERATIONS, {key("a\ud800"): (1, 1, None)}),
        (MODERATIONS, {key("a", "m\x00"): (1, 1, None)}),
        (MODERATIONS, {key("a"): (1, 1, '{"a": "\\u0000"}')}),
        (COSTS, {("a", None, "x" * 300_000, "usd"): (Decimal(1), None, None, None)}),
        (COSTS, {("a", None, "x", "usd"): (Decimal("NaN"), None, None, None)}),
        (COSTS, {("a", None, "x", "usd"): (Decimal(1), None, "\x00", None)}),
    ],
    ids=["NUL in an id", "half a surrogate", "NUL in a model", "NUL in extra", "a long line item", "NaN", "NUL in a unit"],
)  # fmt: skip
def test_a_value_that_cannot_be_stored_is_rejected_and_nothing_is_written(
    warehouse: Warehouse, loading: Loading, endpoint: Endpoint, found: dict[Key, Values]
) -> None:
    stream = Stream("acme", endpoint, DAY)
    good: dict[Key, Values] = (
        {key("a"): (7, 1, None)} if endpoint is MODERATIONS else {("a", None, "i", "usd"): (Decimal(7), None, None, None)}
    )
    loading.replace(window(0, 1), {day(0): good}, stream=stream)
    # Combinations and names are stored ahead of the rows, and are no figures.
    watched = [name for name in row_counts(warehouse.superuser_url) if not name.startswith("warehouse.dim_")]
    before = row_counts(warehouse.superuser_url)
    with pytest.raises(RejectedAnswer, match="cannot be stored"):
        loading.replace(window(0, 2), {day(0): {}, day(1): found}, stream=stream)
    after = row_counts(warehouse.superuser_url)
    assert {name: after.get(name) for name in watched} == {name: before[name] for name in watched}
    # The connection is good for the next window.
    assert loading.replace(window(0, 1), {day(0): good}, stream=stream).unchanged == 1


def test_money_is_stored_to_the_last_digit_and_an_equal_amount_written_otherwise_is_no_change(
    warehouse: Warehouse, loading: Loading
) -> None:
    stream = Stream("acme", COSTS, DAY)
    exact = Decimal("1234567890123456.000000000000000000000000000000000000000000000000000000000001")
    loading.replace(window(0, 1), {day(0): {("a", None, "i", "usd"): (exact, Decimal("0.5"), "tokens", None)}}, stream=stream)
    assert rows(warehouse.superuser_url, "SELECT amount FROM warehouse.costs") == [(exact,)]
    again = loading.replace(window(0, 1), {day(0): {("a", None, "i", "usd"): (exact, Decimal("0.500"), "tokens", None)}}, stream=stream)
    assert again.unchanged == 1
    assert "ops.revisions" not in row_counts(warehouse.superuser_url)
