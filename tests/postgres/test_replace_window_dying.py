"""Replace this window, on connections that die: between pages, in a copy, waiting, and just before the commit."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import MODERATIONS, Key, Values
from meterhouse.errors import TryAgainLater

from .fingerprints import row_counts
from .loaded_organization import rows
from .test_replace_window import LOADS, Buckets, Loading, day, key, loading, places, stored, until_somebody_waits, window

__all__ = ["loading"]  # a fixture, which pytest finds by its name


def terminate(url: str, pid: int) -> None:
    assert rows(url, "SELECT pg_terminate_backend(%s, 5000)", [pid]) == [(True,)]


class LosesItsConnection(dict[Key, Values]):
    """Rows in the middle of which the server ends the session that copies them."""

    def __init__(self, found: Mapping[Key, Values], url: str, pid: int) -> None:
        super().__init__(found)
        self.url = url
        self.pid = pid
        self.is_lost = False

    def items(self) -> Any:
        for position, item in enumerate(super().items()):
            if position == 1 and not self.is_lost:
                terminate(self.url, self.pid)
                self.is_lost = True
            yield item


@pytest.mark.fault(46)
@pytest.mark.parametrize("moment", ["between pages", "in the middle of a copy", "while it waits for its turn", "before the commit"])
def test_a_connection_that_dies_leaves_the_old_rows_and_a_replay_cures_it(warehouse: Warehouse, loading: Loading, moment: str) -> None:
    url = warehouse.superuser_url
    old: Buckets = {day(at): {key(f"p{i}"): (i, at, None) for i in range(300)} for at in range(3)}
    new: Buckets = {day(0): {}, day(1): {key(f"p{i}"): (i + i % 2, 1, None) for i in range(100, 400)}, day(2): old[day(2)]}
    loading.replace(window(0, 3), old)
    with psycopg.connect(url) as connection:
        stood, facts = places(connection), stored(connection)
    counted = row_counts(url)

    dying = Loading.opened(warehouse.loader_url)
    ((pid,),) = dying.store.connection.execute("SELECT pg_backend_pid()").fetchall()
    with closing(dying.store.connection), ThreadPoolExecutor(1) as pool, psycopg.connect(url) as holder:
        broken: Buckets = new
        if moment == "between pages":
            stage = dying.store.stage(LOADS, MODERATIONS.dimensions)
            stage.collect([(day(1), new[day(1)])])
            terminate(url, pid)
            with pytest.raises(TryAgainLater, match="run again"):
                stage.collect([(day(2), {key("new"): (1, 2, None)})])
        elif moment == "in the middle of a copy":
            broken = {day(1): LosesItsConnection({key(f"x{i}"): (i, 1, None) for i in range(30_000)}, url, pid)}
            with pytest.raises(TryAgainLater, match="run again"):
                dying.replace(window(0, 3), broken)
        else:
            # The load log is written last, when every row is already in its new place.
            holder.execute(
                "LOCK TABLE ops.watermarks IN EXCLUSIVE MODE" if "turn" in moment else "LOCK TABLE ops.load_log IN EXCLUSIVE MODE"
            )
            dying_load = pool.submit(dying.replace, window(0, 3), broken)
            until_somebody_waits(url)
            terminate(url, pid)
            with pytest.raises(TryAgainLater, match="run again"):
                dying_load.result(20)
            holder.rollback()

    with psycopg.connect(url) as connection:
        assert places(connection) == stood
        assert stored(connection) == facts
    known = {"ops.run_log", "warehouse.dim_group", "warehouse.dim_model"}
    assert {name: count for name, count in row_counts(url).items() if name not in known} == {
        name: count for name, count in counted.items() if name not in known
    }

    done = loading.replace(window(0, 3), new)
    # Day 0 loses all; day 1 loses 100, gains 100, and changes the odd ones of the other 200; day 2 stays.
    assert (done.inserted, done.updated, done.removed, done.unchanged) == (100, 100, 400, 400)
    with psycopg.connect(url) as connection:
        assert stored(connection) == {(start, name): row for start, found in new.items() for name, row in found.items()}
    assert loading.replace(window(0, 3), new).unchanged == 600
