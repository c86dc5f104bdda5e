"""Replace this window, by many loaders at once: they queue, meet in the dimension tables, and do not deadlock."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import COSTS, DAY, HOUR, IMAGES, MODERATIONS, Key, Values
from meterhouse.load.stream import Stream
from meterhouse.windows import Window

from .loaded_organization import rows
from .test_replace_window import Loading, day, key, loading, stored, until_somebody_waits, window

__all__ = ["loading"]  # a fixture, which pytest finds by its name


def test_partitions_are_made_by_many_loaders_at_once(warehouse: Warehouse) -> None:
    barrier = threading.Barrier(4)

    def load(number: int) -> None:
        loaded = Loading.opened(warehouse.loader_url)
        with loaded.store:
            for month in range(1, 7):
                start = datetime(2025, month, 1, tzinfo=UTC)
                barrier.wait(20)
                loaded.replace(
                    Window(start, start + timedelta(days=1)),
                    {start: {key("a"): (number, 1, None)}},
                    stream=Stream(f"org{number}", MODERATIONS, DAY),
                )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, range(4)))
    assert rows(warehouse.superuser_url, "SELECT count(*) FROM warehouse.usage_moderations") == [(24,)]


@pytest.mark.fault(76)
def test_two_loaders_of_one_stream_queue_and_the_later_fetch_stands(warehouse: Warehouse) -> None:
    rounds = 20
    barrier = threading.Barrier(2)
    numbers: dict[tuple[int, int], int] = {}

    def load(which: int) -> None:
        loaded = Loading.opened(warehouse.loader_url)
        with loaded.store:
            for turn in range(rounds):
                barrier.wait(20)
                numbers[turn, which] = number = loaded.store.next_fetch_number()
                # New combinations every time, some of both, so that they also meet in the dimension tables.
                found = {key(f"p{turn}-{i}", f"m{turn}-{i}"): (number, which, None) for i in range(which * 10, which * 10 + 20)}
                loaded.replace(window(0, 3), {day(0): found, day(1): {}, day(2): found}, number)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(load, range(2)))
    last = max(0, 1, key=lambda which: numbers[rounds - 1, which])
    number = numbers[rounds - 1, last]
    with psycopg.connect(warehouse.superuser_url) as connection:
        expected = {key(f"p{rounds - 1}-{i}", f"m{rounds - 1}-{i}"): (number, last, None) for i in range(last * 10, last * 10 + 20)}
        assert stored(connection) == {(day(at), name): row for at in (0, 2) for name, row in expected.items()}
    assert rows(warehouse.superuser_url, "SELECT count(*) FROM ops.load_log") == [(2 * rounds,)]


def test_loaders_that_meet_the_same_new_names_in_other_orders_do_not_deadlock(warehouse: Warehouse) -> None:
    barrier = threading.Barrier(2)
    amount = (Decimal(1), None, None, None)

    def load(which: int) -> None:
        loaded = Loading.opened(warehouse.loader_url)
        stream = Stream(f"org{which}", COSTS, DAY)
        with loaded.store:
            for turn in range(15):
                items = [f"model-{turn}-{i}, input" for i in range(30)]
                barrier.wait(20)
                # The keys are in the order of the projects, so one loader meets the line items backwards.
                found = {(f"{i:03}", None, item, "usd"): amount for i, item in enumerate(reversed(items) if which else items)}
                loaded.replace(window(0, 1), {day(0): found}, stream=stream)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(load, range(2)))
    assert rows(warehouse.superuser_url, "SELECT count(*) FROM warehouse.dim_line_item") == [(450,)]


@pytest.mark.parametrize(
    "other",
    [Stream("acme", IMAGES, DAY), Stream("acme", MODERATIONS, HOUR), Stream("other", MODERATIONS, DAY)],
    ids=["endpoint", "width", "organization"],
)
def test_one_stream_waits_for_its_own_control_row_and_no_other_stream_does(warehouse: Warehouse, loading: Loading, other: Stream) -> None:
    loading.replace(window(0, 1), {day(0): {key("a"): (1, 1, None)}})
    with psycopg.connect(warehouse.superuser_url) as holder:
        holder.execute(
            "SELECT FROM ops.watermarks WHERE endpoint = 'moderations' AND bucket_width = 1440 AND organization_id = 1 FOR UPDATE"
        )
        second = Loading.opened(warehouse.loader_url)
        with second.store, ThreadPoolExecutor(1) as pool:
            found: Mapping[Key, Values] = {(*key("a"), *([None] * (len(other.endpoint.dimensions) - 4))): (2, 2, None)}
            assert second.replace(window(0, 1), {day(0): dict(found)}, stream=other).inserted == 1
            queued = pool.submit(loading.replace, window(0, 1), {day(0): {key("a"): (3, 1, None)}})
            until_somebody_waits(warehouse.superuser_url)
            assert not queued.done()
            holder.rollback()
            assert queued.result(20).updated == 1
