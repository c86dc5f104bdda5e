"""A loader that is killed by SIGKILL anywhere leaves the old window or the new one, and the next run makes the warehouse whole."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.conftest import Server
from tests.postgres.comparison import assert_added_up, assert_rows_equal_source
from tests.postgres.loaded_organization import NOW, LoadedOrganization, fresh_warehouse, midnight, served

from meterhouse.fake_openai import FakeOrganization

from .kill_points import Moment
from .loader_nursery import Nursery, Order
from .small_pages import SmallPages

ENDPOINTS = ("web_search_calls",)
FIRST = NOW.date() - timedelta(days=5)
KILLS = int(os.environ.get("METERHOUSE_SOAK_KILLS", "1000"))
SHARE_AFTER_COMMIT = 0.35
STATEMENTS = 24


class Killing:
    """One organization that is loaded by processes that are killed."""

    def __init__(self, loaded: LoadedOrganization, nursery: Nursery) -> None:
        self.loaded = loaded
        self.nursery = nursery
        self.rounds = 0
        self.fates: Counter[str] = Counter()

    def order(self, moment: Moment | None, nth: int = 1, *, kill_after_seconds: float | None = None, is_backfill: bool = False) -> Order:
        one = self.loaded
        return Order(
            one.warehouse.loader_url, one.server.base_url, one.server.admin_key, one.label, ENDPOINTS, midnight(FIRST).isoformat(),
            one.now.isoformat(), (midnight(FIRST).isoformat(), midnight(one.today).isoformat()) if is_backfill else None,
            moment, nth, kill_after_seconds,
        )  # fmt: skip

    def restate(self) -> None:
        self.loaded.fake.restate(self.rounds)
        self.rounds += 1

    def kill(self, order: Order) -> str:
        """Restate, have a loader killed, and see that it left whole windows; return what became of it."""
        before = self.figures()
        self.restate()
        fate = self.nursery.load(order)
        assert fate.how in {"killed", "done"}, fate
        self.fates[f"{fate.how} {order.moment or 'at any instant'}"] += 1
        if self.figures() != before:
            self.assert_whole(is_with_today=order.window is None)
        return fate.how

    def heal(self) -> None:
        fate = self.nursery.load(self.order(None))
        assert fate.how == "done", fate
        self.assert_whole()

    def figures(self) -> list[object]:
        return self.loaded.query("SELECT t::text FROM warehouse.usage_web_search_calls t ORDER BY 1")

    def assert_whole(self, *, is_with_today: bool = True) -> None:
        assert_rows_equal_source(self.loaded, FIRST, self.loaded.today + timedelta(days=is_with_today), ENDPOINTS)


@pytest.fixture(scope="module")
def killing(server: Server, template: str) -> Iterator[Killing]:
    with ExitStack() as opened:
        warehouse = opened.enter_context(fresh_warehouse(server, template, f"kills_{uuid4().hex[:12]}"))
        fake = FakeOrganization(NOW, scale=0.1, restate_days=2)
        loaded = opened.enter_context(served(fake, warehouse))
        loaded.server.application = SmallPages(fake, 3)
        yield Killing(loaded, opened.enter_context(Nursery()))


@pytest.mark.fault(72, 79)
@pytest.mark.parametrize("moment", list(Moment))
def test_one_kill_at_each_moment(killing: Killing, moment: Moment) -> None:
    killing.heal()
    assert killing.kill(killing.order(moment)) == "killed"
    killing.heal()
    assert_added_up(killing.loaded, FIRST, killing.loaded.today + timedelta(days=1))


@pytest.mark.fault(79)
def test_what_was_committed_before_the_kill_is_loaded_again_without_a_change(killing: Killing) -> None:
    killing.heal()
    assert killing.kill(killing.order(Moment.AFTER_COMMIT)) == "killed"
    killing.assert_whole()
    before = killing.figures()
    revisions = killing.loaded.query("SELECT count(*) FROM ops.revisions")
    killing.heal()
    assert (killing.figures(), killing.loaded.query("SELECT count(*) FROM ops.revisions")) == (before, revisions)


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
def test_a_thousand_kills(killing: Killing, capsys: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(11)  # noqa: S311 - which point is next
    killing.heal()
    killed = after_commit = 0
    while killed < KILLS or after_commit < KILLS * 3 // 10:
        is_backfill = draw.random() < 0.3
        if draw.random() < SHARE_AFTER_COMMIT:
            order = killing.order(Moment.AFTER_COMMIT, is_backfill=is_backfill)
        elif draw.random() < 0.5:
            order = killing.order(None, kill_after_seconds=draw.uniform(0.0, 0.25), is_backfill=is_backfill)
        else:
            moment = draw.choice([moment for moment in Moment if moment is not Moment.AFTER_COMMIT])
            nth = draw.randint(1, STATEMENTS) if moment is Moment.INSIDE else draw.randint(1, 2)
            order = killing.order(moment, nth, is_backfill=is_backfill)
        was_killed = killing.kill(order) == "killed"
        killed += was_killed
        after_commit += was_killed and order.moment is Moment.AFTER_COMMIT
        if draw.random() < 0.1:
            killing.heal()
        # A round edits the last two days, and a year of rounds on one day would be a year of work to make.
        if killing.rounds % 20 == 0:
            killing.loaded.advance(hours=6)
    killing.heal()
    assert_added_up(killing.loaded, FIRST, killing.loaded.today + timedelta(days=1))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{killed} kills, {after_commit} of them after COMMIT\n" + "\n".join(map(str, sorted(killing.fates.items()))) + "\n"
        )
