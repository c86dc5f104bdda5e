"""A loader that is killed while it writes one window and takes in the next leaves whole windows, in order, and its resumed run the rest."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest
from tests.conftest import Server
from tests.postgres.comparison import assert_added_up, assert_rows_equal_source
from tests.postgres.loaded_organization import NOW, LoadedOrganization, fresh_warehouse, midnight, served

from meterhouse.fake_openai import FakeOrganization

from .kill_points import Moment
from .loader_nursery import Nursery, Order
from .small_pages import SmallPages

# One endpoint, as in one of Airflow's tasks: several would be loaded side by side.
ENDPOINTS = ("web_search_calls",)
TODAY = NOW.date()
DAYS = 100
FIRST = TODAY - timedelta(days=DAYS)
KILLS_AT_ANY_INSTANT = 60


class Backfills:
    """One organization whose whole history is restated and read again by processes that are killed."""

    def __init__(self, loaded: LoadedOrganization, nursery: Nursery) -> None:
        self.loaded = loaded
        self.nursery = nursery
        self.rounds = 0

    def load(self, moment: Moment | None = None, nth: int = 1, kill_after_seconds: float | None = None) -> str:
        one = self.loaded
        order = Order(
            one.warehouse.loader_url, one.server.base_url, one.server.admin_key, one.label, ENDPOINTS, midnight(FIRST).isoformat(),
            one.now.isoformat(), (midnight(FIRST).isoformat(), midnight(TODAY).isoformat()), moment, nth, kill_after_seconds,
        )  # fmt: skip
        fate = self.nursery.load(order)
        assert fate.how in {"killed", "done"}, fate
        return fate.how

    def restate(self) -> None:
        self.loaded.fake.restate(self.rounds)
        self.rounds += 1

    def windows(self) -> list[tuple[date, date]]:
        """The windows of the first load, oldest first."""
        found = self.loaded.query(
            "SELECT DISTINCT window_start, window_end FROM ops.load_log WHERE endpoint = %s ORDER BY 1", [ENDPOINTS[0]]
        )
        return [(_day(start), _day(end)) for start, end in found]

    def figures(self) -> list[list[tuple[object, ...]]]:
        """The rows of each window."""
        rows = "SELECT t::text FROM warehouse.usage_web_search_calls t WHERE bucket_start >= %s AND bucket_start < %s ORDER BY 1"
        return [self.loaded.query(rows, [midnight(start), midnight(end)]) for start, end in self.windows()]

    def assert_whole(self) -> None:
        assert_rows_equal_source(self.loaded, FIRST, TODAY, ENDPOINTS)
        assert_added_up(self.loaded, FIRST, TODAY)

    def kill_and_resume(self, moment: Moment | None = None, nth: int = 1, kill_after_seconds: float | None = None) -> bool:
        """Return whether the loader was killed; what it left are the first windows, as restated, and the others as before."""
        windows, before = self.windows(), self.figures()
        self.restate()
        was_killed = self.load(moment, nth, kill_after_seconds) == "killed"
        is_new = [now != then for now, then in zip(self.figures(), before, strict=True)]
        assert is_new == sorted(is_new, reverse=True), is_new
        for (start, end), has_changed in zip(windows, is_new, strict=True):
            if has_changed:
                assert_rows_equal_source(self.loaded, start, end, ENDPOINTS)
        assert self.load() == "done"
        self.assert_whole()
        return was_killed


def _day(instant: object) -> date:
    assert isinstance(instant, datetime)
    return instant.date()


@pytest.fixture(scope="module")
def backfills(server: Server, template: str) -> Iterator[Backfills]:
    with ExitStack() as opened:
        warehouse = opened.enter_context(fresh_warehouse(server, template, f"behind_{uuid4().hex[:12]}"))
        fake = FakeOrganization(NOW, scale=0.1, restate_days=DAYS + 1)
        loaded = opened.enter_context(served(fake, warehouse))
        loaded.server.application = SmallPages(fake, 10)
        found = Backfills(loaded, opened.enter_context(Nursery()))
        assert found.load() == "done"
        assert len(found.windows()) == 4
        found.assert_whole()
        yield found


@pytest.mark.fault(72)
@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("moment", list(Moment))
def test_a_kill_at_each_moment(backfills: Backfills, moment: Moment, nth: int) -> None:
    assert backfills.kill_and_resume(moment, nth)


@pytest.mark.soak
def test_kills_at_any_instant(backfills: Backfills) -> None:
    draw = random.Random(5)  # noqa: S311 - when the next one is
    killed = sum(backfills.kill_and_resume(kill_after_seconds=draw.uniform(0.0, 0.6)) for _ in range(KILLS_AT_ANY_INSTANT))
    assert killed > KILLS_AT_ANY_INSTANT // 4
