"""Schedules: any order of loads, faults, crashes and changes of the source, after which the warehouse has to equal the source.

A crash in here cuts the connection at a point of the load and ends the run; test_kills does the same to real processes.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, ClassVar

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.conftest import Warehouse
from tests.postgres.comparison import assert_added_up, assert_rows_equal_source
from tests.postgres.loaded_organization import NOW, LoadedOrganization, midnight

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.errors import ConfirmToEmpty, FixConfiguration, MeterhouseError
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.fake_openai.faults import FaultKind
from meterhouse.fake_openai.queries import Capabilities
from meterhouse.load.outcome import Outcome
from meterhouse.load.store import Store
from meterhouse.load.sync import backfill, sync
from meterhouse.warehouse.schema import group_table
from meterhouse.windows import Window

from .kill_points import WITHOUT_LOCK, Crash, Moment, crash, planned
from .small_pages import SmallPages

LABELS = ("acme", "globex")
HISTORY_DAYS = 5
# What the settings read again, and more than the source restates.
LOOKBACK = timedelta(days=3)
PAGE_BUCKETS = 1
# A load has several windows of two days, so that one is written while the next is taken in; the time that passes stays below a year.
CUTS = tuple(midnight(NOW.date() - timedelta(days=HISTORY_DAYS - days)) for days in range(0, 366, 2))
# Optional in the catalogue, and of the stream that the schedules load.
REFUSABLE = "api_source"
# A schedule that takes longer has a run that does not end.
MOST_SECONDS = 120.0
Load = Callable[[], Outcome]

trouble = st.sampled_from([None, *Moment])
which = st.integers(0, 1)
# How often a moment is passed in a run: statements of the transaction about twenty times, the others once or twice.
positions = st.integers(1, 2)


class Place:
    """Two organizations with servers of their own before one warehouse, emptied for every schedule."""

    def __init__(self, warehouse: Warehouse, servers: tuple[FakeServer, FakeServer], endpoints: tuple[str, ...], scale: float) -> None:
        self.warehouse = warehouse
        self.endpoints = endpoints
        # Both cost time, and a short schedule has little of it.
        self.rests_between = False
        self.sums_every = 5
        self.counted: Counter[str] = Counter()
        self._servers = servers
        self._scale = scale
        self._owner = Store(warehouse.owner_url)
        self._look = psycopg.connect(warehouse.superuser_url, autocommit=True)

    def close(self) -> None:
        self._owner.connection.close()
        self._look.close()

    def rows(self, label: str, endpoint: str) -> dict[date, list[str]]:
        """What the warehouse holds of one organization's endpoint, by day."""
        of = ENDPOINTS[endpoint]
        query = (
            f"SELECT (bucket_start AT TIME ZONE 'UTC')::date, array_agg(f::text ORDER BY f::text) FROM warehouse.{of.table} f"
            f" JOIN warehouse.{group_table(of).name} USING (group_id)"
            " JOIN warehouse.dim_organization o USING (organization_id) WHERE o.label = %s GROUP BY 1"
        )
        return dict(self._look.execute(query.encode(), [label]).fetchall())

    def fresh(self) -> list[LoadedOrganization]:
        """Forget every row and what became of the organizations; the warehouse is empty and both begin again."""
        found = []
        for seed, (label, server) in enumerate(zip(LABELS, self._servers, strict=True)):
            if self._owner.organization_id(label) is not None:
                self._owner.purge(label)
            fake = FakeOrganization(NOW, seed=seed, scale=self._scale, restate_days=2, restate_costs_days=2)
            server.application = SmallPages(fake, PAGE_BUCKETS)
            server.faults.clear()
            server.requests.clear()
            found.append(LoadedOrganization(fake, server, self.warehouse, label))
            found[-1].defaults |= {
                "endpoints": self.endpoints, "widths": ("1d",), "history_start": midnight(NOW.date() - timedelta(days=HISTORY_DAYS)),
                "usage_lookback_days": LOOKBACK.days, "costs_lookback_days": LOOKBACK.days, "month_close_days": 0,
            }  # fmt: skip
        return found


class Schedules(RuleBasedStateMachine):
    """Any order of what can happen to two organizations; every figure is compared at quiet points, one of which ends each schedule."""

    place: ClassVar[Place]

    @initialize()
    def begin(self) -> None:
        self.organizations = self.place.fresh()
        self.is_coarse = False
        self.touched: set[int] = {0}
        self.rounds = 0
        self.began = time.monotonic()

    def teardown(self) -> None:
        if hasattr(self, "organizations"):
            self.quiet()
            self.place.counted["schedules"] += 1

    def sync_of(self, *chosen: int, skew: timedelta = timedelta()) -> Load:
        """A scheduled run of some organizations, whose clock is wrong by `skew`."""
        self.touched.update(chosen)
        asked = [self.organizations[i] for i in chosen]
        settings = replace(asked[0].settings(), organizations=tuple(one.settings().organizations[0] for one in asked))
        now = asked[0].now + skew
        return lambda: sync(settings, clock=lambda: now)

    def backfill_of(self, chosen: int, first: int, days: int, *, force: bool = False) -> Load:
        """A backfill of days, counted from the first of history."""
        self.touched.add(chosen)
        asked = self.organizations[chosen]
        start = NOW.date() - timedelta(days=HISTORY_DAYS - first)
        window = Window(midnight(start), midnight(min(start + timedelta(days=days), asked.today + timedelta(days=1))))
        return lambda: backfill(asked.settings(), window, force=force, clock=lambda: asked.now)

    def attempt(self, load: Load) -> bool:
        """Run what may fail in any way that says what to do; return whether it did not."""
        self.place.counted["runs"] += 1
        try:
            errors = load().errors
        except MeterhouseError as error:
            errors = (error,)
        for error in errors:
            assert "\n" not in str(error)
            self.place.counted[f"ended in {type(error).__name__}"] += 1
        return not errors

    def compare(self, chosen: int, start: date, when: str, endpoints: tuple[str, ...] = (), end: date | None = None) -> None:
        """Hold that the rows from a day on are those of the source."""
        one = self.organizations[chosen]
        end = end or one.today + timedelta(days=1)
        self.place.counted["totals compared"] += assert_rows_equal_source(
            one, start, end, endpoints or self.place.endpoints, f"{one.label} {when}"
        )

    @contextmanager
    def crashing(self, moment: Moment | None, nth: int, *loaded: int) -> Iterator[None]:
        """Crash at a moment, if the run comes so far; each day is then as it was, or as the source has it."""
        if moment is None:
            yield
            return
        streams = [(i, endpoint) for i in loaded for endpoint in self.place.endpoints]
        before = [self.place.rows(LABELS[i], endpoint) for i, endpoint in streams]
        with planned(moment, nth * 9 if moment is Moment.INSIDE else nth, crash):
            try:
                yield
            except Crash:
                self.place.counted[f"cut {moment}"] += 1
                for (i, endpoint), was in zip(streams, before, strict=True):
                    now = was if self.is_coarse else self.place.rows(LABELS[i], endpoint)
                    # Days that are gone too.
                    for day in sorted(day for day in was.keys() | now.keys() if now.get(day) != was.get(day)):
                        self.place.counted["days compared after a crash"] += 1
                        self.compare(i, day, f"after a crash {moment}", (endpoint,), day + timedelta(days=1))

    @rule(chosen=which, moment=trouble, nth=positions)
    def one_is_synced(self, chosen: int, moment: Moment | None, nth: int) -> None:
        with self.crashing(moment, nth, chosen):
            self.attempt(self.sync_of(chosen))

    @rule(moment=trouble, nth=positions)
    def both_are_synced_by_one_run(self, moment: Moment | None, nth: int) -> None:
        with self.crashing(moment, nth, 0, 1):
            self.attempt(self.sync_of(0, 1))

    @rule(chosen=which, first=st.integers(0, 4), days=st.integers(1, 5), moment=trouble, nth=positions)
    def days_are_backfilled(self, chosen: int, first: int, days: int, moment: Moment | None, nth: int) -> None:
        with self.crashing(moment, nth, chosen):
            self.attempt(self.backfill_of(chosen, first, days))

    @rule(chosen=which, hours=st.integers(-2, 2))
    def a_loader_with_a_wrong_clock_syncs(self, chosen: int, hours: int) -> None:
        self.attempt(self.sync_of(chosen, skew=timedelta(hours=hours)))

    @rule(chosen=which)
    def the_source_is_restated(self, chosen: int) -> None:
        self.organizations[chosen].fake.restate(self.rounds)
        self.rounds += 1

    @rule(hours=st.sampled_from([1, 7, 24, 50]))
    def time_passes(self, hours: int) -> None:
        for one in self.organizations:
            one.advance(hours=hours)

    @rule(chosen=which, what=st.sampled_from(["endpoint", "grouping", "nothing"]))
    def something_is_refused_from_now_on(self, chosen: int, what: str) -> None:
        fake = self.organizations[chosen].fake
        absent = self.place.endpoints[:1] if what == "endpoint" else ()
        refused = {name: frozenset([REFUSABLE]) for name in self.place.endpoints if name != "costs"} if what == "grouping" else {}
        fake.offers = Capabilities(absent_endpoints=absent, unsupported_groupings=refused)
        self.is_coarse = self.is_coarse or what != "nothing"

    @rule(chosen=which, kind=st.sampled_from(["truncated", "reset", "not_json", "endless"]), n=st.integers(1, 3))
    def the_next_answers_are_broken(self, chosen: int, kind: FaultKind, n: int) -> None:
        self.organizations[chosen].server.fail_next(n, kind=kind)

    @rule(
        chosen=which,
        moment=st.sampled_from(WITHOUT_LOCK),
        slow_is_backfill=st.booleans(),
        fast_is_backfill=st.booleans(),
        restated=st.booleans(),
    )
    def a_slow_run_is_overtaken(self, chosen: int, moment: Moment, slow_is_backfill: bool, fast_is_backfill: bool, restated: bool) -> None:
        slow = self.backfill_of(chosen, 1, 5) if slow_is_backfill else self.sync_of(chosen)
        paused, resumed = threading.Event(), threading.Event()
        wrong: list[BaseException] = []

        def hold() -> None:
            paused.set()
            assert resumed.wait(MOST_SECONDS)

        def run() -> None:
            try:
                with planned(moment, 1, hold):
                    self.attempt(slow)
            except BaseException as error:  # what a thread raises is raised again below
                wrong.append(error)
            finally:
                paused.set()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert paused.wait(MOST_SECONDS)
        if restated:
            self.the_source_is_restated(chosen)
        try:
            is_loaded = self.attempt(self.backfill_of(chosen, 0, 6) if fast_is_backfill else self.sync_of(chosen))
        finally:
            resumed.set()
            thread.join(MOST_SECONDS)
        assert not thread.is_alive(), "a run does not end"
        if wrong:
            raise wrong[0]
        self.place.counted["overtaken"] += 1
        if is_loaded and not fast_is_backfill and not self.is_coarse:
            # Nothing heals this: what the slow run knew is older, so what the fast one stored has to stand.
            self.compare(chosen, self.organizations[chosen].today - LOOKBACK, "after an older answer came last")

    @rule(chosen=which)
    def two_runs_begin_at_once(self, chosen: int) -> None:
        wrong: list[BaseException] = []

        def run(load: Load) -> None:
            try:
                self.attempt(load)
            except BaseException as error:  # what a thread raises is raised again below
                wrong.append(error)

        loads = [self.sync_of(0, 1) if self.place.rests_between else self.sync_of(chosen), self.backfill_of(chosen, 0, 6)]
        threads = [threading.Thread(target=run, args=(load,), daemon=True) for load in loads]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(MOST_SECONDS)
            assert not thread.is_alive(), "a run does not end"
        if wrong:
            raise wrong[0]
        self.place.counted["at once"] += 1

    @precondition(lambda self: self.place.rests_between)
    @rule()
    def a_quiet_hour(self) -> None:
        self.quiet()

    def quiet(self) -> None:
        """Every fault is over and everything is loaded once, as an operator would: then warehouse and source are the same."""
        for one in self.organizations:
            one.server.faults.clear()
            one.fake.offers = Capabilities()
        if self.is_coarse:
            # Refusals count for a day by the clock that wrote them; days that were loaded without it are loaded again by hand.
            self.time_passes(27)
        chosen = sorted(self.touched)
        try:
            self.sync_of(*chosen)().raise_first()
        except ConfirmToEmpty:
            self.is_coarse = True
        start = NOW.date() - timedelta(days=HISTORY_DAYS)
        end = self.organizations[0].today + timedelta(days=1)
        for i in chosen:
            if self.is_coarse:
                self.backfill_of(i, 0, (end - start).days, force=True)().raise_first()
            self.compare(i, start, "at a quiet point")
        if self.place.counted["quiet points"] % self.place.sums_every == 0:
            assert_added_up(self.organizations[0], start, end)
        self.is_coarse = False
        self.place.counted["quiet points"] += 1
        assert time.monotonic() - self.began < MOST_SECONDS, "a schedule does not end"


def require_all_kinds(counted: Counter[str], *, cuts: int = len(Moment)) -> None:
    """Assert that schedules met every kind of trouble that they are for, and at least `cuts` moments of a crash."""
    wanted = {"overtaken", "at once", "quiet points", "totals compared"}
    assert wanted - counted.keys() == set(), shown(counted)
    assert sum(f"cut {moment}" in counted for moment in Moment) >= cuts, shown(counted)
    assert FixConfiguration.__name__ not in "".join(counted), shown(counted)


def shown(counted: Counter[str]) -> list[Any]:
    """The counts, for people."""
    return [f"{number} {what}" for what, number in sorted(counted.items())]
