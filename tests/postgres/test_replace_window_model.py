"""Replace this window, against a dictionary as the model: any windows, answers, replays and orders of fetches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import Key, Values
from meterhouse.errors import ConfirmToEmpty
from meterhouse.windows import Window

from .test_replace_window import DAYS, Buckets, Loading, day, key, places, stored, window

REVISED = (
    "SELECT r.bucket_start, g.project_id, g.user_id, g.api_key_id, g.model, r.change, r.was_complete, r.old_values ->> 'input_tokens',"
    " r.old_values ->> 'num_model_requests', (r.old_values -> 'extra')::text"
    " FROM ops.revisions r JOIN warehouse.dim_group g USING (group_id) ORDER BY r.revision_id"
)

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


@pytest.mark.fault(77, 84)
def test_any_sequence_of_answers_leaves_what_the_last_ones_said(warehouse: Warehouse) -> None:
    machine = type("Machine", (ReplaceWindow,), {"url": warehouse.loader_url, "superuser_url": warehouse.superuser_url})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=14, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        ),
    )
