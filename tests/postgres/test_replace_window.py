"""Replace this window: the store's own contract, against a dictionary as the model, real sessions, and connections that die."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.conftest import Warehouse

from meterhouse.chain import CoveredBucket
from meterhouse.endpoints import COSTS, DAY, HOUR, IMAGES, MODERATIONS, BucketWidth, Endpoint
from meterhouse.errors import ConfirmToEmpty, RejectedAnswer, TryAgainLater
from meterhouse.rows import Key, Values
from meterhouse.staging import Fetch, Replaced, Stream
from meterhouse.store import Store
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
    return [CoveredBucket(start, start, start + span, True, len(found)) for start, found in sorted(buckets.items())]


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
            stage.copy([(start, found)])
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
REVISED = (
    "SELECT r.bucket_start, g.project_id, g.user_id, g.api_key_id, g.model, r.change, r.was_complete, r.old_values ->> 'input_tokens',"
    " r.old_values ->> 'num_model_requests', (r.old_values -> 'extra')::text"
    " FROM ops.revisions r JOIN warehouse.dim_group g USING (group_id) ORDER BY r.revision_id"
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


keys = st.builds(key, st.sampled_from(["a", "b", "c", None]), st.sampled_from(["omni", None]))
counts = st.one_of(st.none(), st.integers(0, 3), st.sampled_from([2**53 + 1, 2**63 - 1]))
values = st.tuples(counts, st.integers(0, 2), st.sampled_from([None, None, None, '{"a": 1}', '{"a": null, "b": 1.50}']))
answers = st.dictionaries(keys, values, max_size=5)
spans = st.tuples(st.integers(0, DAYS - 1), st.integers(1, 4)).map(lambda span: (span[0], min(DAYS, span[0] + span[1])))


@dataclass
class Model:
    """What the warehouse must hold: facts by day and key, the newest fetch that covers a day, and every old value in order."""

    facts: dict[tuple[datetime, Key], Values] = field(default_factory=dict)
    newest: dict[datetime, int] = field(default_factory=dict)
    known: set[datetime] = field(default_factory=set)
    revised: list[set[tuple[Any, ...]]] = field(default_factory=list)
    watermark: datetime | None = None


class ReplaceWindow(RuleBasedStateMachine):
    """Any windows, answers, replays and orders of fetches."""

    url = ""
    superuser_url = ""

    @initialize()
    def an_empty_warehouse(self) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            tables = "usage_moderations, dim_group, dim_model, dim_organization"
            connection.execute(f"TRUNCATE {', '.join(f'warehouse.{name}' for name in tables.split(', '))} CASCADE".encode())
        self.loading = Loading.opened(self.url)
        self.look = psycopg.connect(self.superuser_url, autocommit=True)
        self.model = Model()
        self.numbers: list[int] = []
        self.last: tuple[Window, Buckets] | None = None
        self.revision = 0

    def teardown(self) -> None:
        if hasattr(self, "loading"):
            self.loading.store.connection.close()
            self.look.close()

    def put(self, wanted: Window, buckets: Buckets, number: int, *, may_empty: bool = True, moves_watermark: bool = True) -> None:
        """Do it in the warehouse and in the model, and look at what was touched."""
        current = {start: found for start, found in buckets.items() if self.model.newest.get(start, -1) <= number}
        held = {at for at in self.model.facts if wanted.start <= at[0] < wanted.end}
        before = places(self.look)
        refused = bool(current) and not any(current.values()) and bool(held) and not may_empty
        if refused:
            with pytest.raises(ConfirmToEmpty):
                self.loading.replace(wanted, buckets, number, may_empty=False, moves_watermark=moves_watermark)
            assert places(self.look) == before
            return
        done = self.loading.replace(wanted, buckets, number, may_empty=may_empty, moves_watermark=moves_watermark)
        after = places(self.look)

        new = {(start, name): self.normal(row) for start, found in current.items() for name, row in found.items()}
        old = {at: row for at, row in self.model.facts.items() if at[0] in current}
        changed = {at for at in old if at in new and new[at] != old[at]}
        removed = old.keys() - new.keys()
        kinds = dict.fromkeys(changed, "changed") | dict.fromkeys(removed, "removed")
        self.model.revised.append({(at[0], *at[1], kind, at[0] in self.model.known, *self.worded(old[at])) for at, kind in kinds.items()})
        for at in removed:
            del self.model.facts[at]
        self.model.facts |= new
        # A fetch in which a day did not come says nothing about it, so an older answer that has it still counts.
        for start in buckets:
            self.model.newest[start] = max(number, self.model.newest.get(start, -1))
        self.model.known |= current.keys()
        self.move_watermark(wanted, buckets, moves_watermark)

        assert (done.inserted, done.updated, done.removed) == (len(new.keys() - old.keys()), len(changed), len(removed))
        assert done.unchanged == len(new.keys() & old.keys()) - len(changed)
        assert (done.buckets, done.superseded_buckets) == (len(current), len(buckets) - len(current))
        assert done.restated_buckets == len({at[0] for at in changed | removed})
        # Nothing was written again but what changed: equal rows, and rows outside of the answer, stand where they stood.
        assert {at: place for at, place in before.items() if at not in changed | removed} == {
            at: place for at, place in after.items() if at in before and at not in changed
        }
        assert all(after[at] != before[at] for at in changed)

    def move_watermark(self, wanted: Window, buckets: Buckets, moves: bool) -> None:
        reach = wanted.start
        while reach < wanted.end and reach in buckets:
            reach += timedelta(days=1)
        if not moves or not buckets:
            return
        if self.model.watermark is None or self.model.watermark >= wanted.start:
            self.model.watermark = max(reach, self.model.watermark or reach)

    @staticmethod
    def normal(row: Values) -> Values:
        return (row[0], row[1], {None: None, '{"a": 1}': '{"a": 1}'}.get(row[2], '{"a": null, "b": 1.50}'))

    @staticmethod
    def worded(row: Values) -> tuple[str | None, ...]:
        extra = '{"b": 1.50}' if row[2] and "b" in row[2] else row[2]
        return (None if row[0] is None else str(row[0]), str(row[1]), extra)

    @rule(
        span=spans,
        contents=st.lists(answers, min_size=4, max_size=4),
        absent=st.sets(st.integers(0, 3), max_size=2),
        may_empty=st.sampled_from([True, True, False]),
        moves_watermark=st.booleans(),
    )
    def a_fetch(self, span: tuple[int, int], contents: list[Any], absent: set[int], may_empty: bool, moves_watermark: bool) -> None:
        present = [number for number in range(*span) if number - span[0] not in absent]
        buckets: Buckets = {day(number): contents[number - span[0]] for number in present}
        number = self.loading.store.next_fetch_number()
        self.put(window(*span), buckets, number, may_empty=may_empty, moves_watermark=moves_watermark)
        self.last = (window(*span), buckets)

    @rule()
    def a_fetch_begins_and_is_slow(self) -> None:
        self.numbers.append(self.loading.store.next_fetch_number())

    @rule(span=spans, contents=st.lists(answers, min_size=4, max_size=4))
    def a_slow_fetch_comes_in_late(self, span: tuple[int, int], contents: list[Any]) -> None:
        if self.numbers:
            self.put(window(*span), {day(number): contents[number - span[0]] for number in range(*span)}, self.numbers.pop(0))

    @rule()
    def the_last_answer_once_more(self) -> None:
        if self.last:
            self.put(*self.last, self.loading.store.next_fetch_number())

    @invariant()
    def the_warehouse_equals_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        assert stored(self.look) == self.model.facts
        logged = [tuple(row) for row in self.look.execute(REVISED.encode())]
        assert len(logged) == sum(map(len, self.model.revised))
        for expected in self.model.revised:
            found, logged = logged[: len(expected)], logged[len(expected) :]
            assert set(found) == expected
        coverage = dict(self.look.execute("SELECT bucket_start, row_count FROM ops.coverage").fetchall())
        assert coverage == {start: sum(at[0] == start for at in self.model.facts) for start in self.model.known}
        ((watermark,),) = self.look.execute("SELECT max(watermark) FROM ops.watermarks").fetchall()
        assert watermark == self.model.watermark


def test_any_sequence_of_answers_leaves_what_the_last_ones_said(warehouse: Warehouse) -> None:
    machine = type("Machine", (ReplaceWindow,), {"url": warehouse.loader_url, "superuser_url": warehouse.superuser_url})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=14, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_partitions_appear_by_themselves_and_once(loading: Loading, warehouse: Warehouse) -> None:
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


def waiting(url: str) -> list[int]:
    """Sessions that wait for a lock."""
    return [pid for (pid,) in rows(url, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")]


def until_somebody_waits(url: str) -> int:
    for _ in range(500):
        if found := waiting(url):
            return found[0]
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits for a lock")


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


def terminate(url: str, pid: int) -> None:
    assert rows(url, "SELECT pg_terminate_backend(%s, 5000)", [pid]) == [(True,)]


class LosesItsConnection(dict[Key, Values]):
    """Rows in the middle of which the server ends the session that copies them."""

    def __init__(self, found: Mapping[Key, Values], url: str, pid: int) -> None:
        super().__init__(found)
        self.url = url
        self.pid = pid

    def items(self) -> Any:
        for position, item in enumerate(super().items()):
            if position == 1:
                terminate(self.url, self.pid)
            yield item


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
    pid = dying.store.connection.info.backend_pid
    with closing(dying.store.connection), ThreadPoolExecutor(1) as pool, psycopg.connect(url) as holder:
        broken: Buckets = new
        if moment == "between pages":
            stage = dying.store.stage(LOADS, MODERATIONS.dimensions)
            stage.copy([(day(1), new[day(1)])])
            terminate(url, pid)
            with pytest.raises(TryAgainLater, match="run again"):
                stage.copy([(day(2), new[day(2)])])
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
