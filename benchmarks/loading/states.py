"""States of statistics: the same load where the server knows nothing, or the wrong thing, of its tables, and where it has just looked.

Every state is prepared, a change of a twentieth of the rows is loaded (or all of them once more), the statistics are gathered, and then
the change is loaded back: the same work twice. Automatic statistics are off meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from tests.conftest import Warehouse
from tests.postgres.test_stale_statistics import FORGET

from .contenders import backfill, require_ours
from .figures import CHANGED, FIRST, State
from .page_server import Serving
from .pages import Expected, Shape
from .processes import TookTooLong
from .rounds import Bench, say, served

MOST_SECONDS = 120
AT_ONCE, AT_ONCE_CHANGED = "same window again at once (--force)", "changed at once"
RESTORED, NEW_MONTH, SECOND = "after a restore without statistics", "new month", "second organization"
STATES = (AT_ONCE, AT_ONCE_CHANGED, RESTORED, NEW_MONTH, SECOND)
DAYS = 7
NEXT_MONTH = date(2026, 11, 1)


class States:
    """Prepares each state in a fresh warehouse and measures it."""

    def __init__(self, bench: Bench, shape: Shape) -> None:
        self._bench = bench
        self._shape = shape
        self._warehouse: Warehouse = bench.grounds.fresh("states")
        self._held: dict[tuple[date, str], Expected] = {}
        self._ways: dict[str, Callable[[], tuple[Shape, str, bool]]] = {
            AT_ONCE: self._at_once,
            AT_ONCE_CHANGED: self._at_once_changed,
            RESTORED: self._restored,
            NEW_MONTH: self._new_month,
            SECOND: self._second_organization,
        }

    def measured(self, count: int, only: Sequence[str] = STATES) -> Iterator[State]:
        """Yield the states `count` times, round by round."""
        grounds = self._bench.grounds
        grounds.let_autovacuum(run=False)
        try:
            for _ in range(count):
                for what in only:
                    found = self._one(what)
                    seconds = [f"over {MOST_SECONDS}" if one is None else f"{one:.2f}" for one in (found.seconds, found.fresh_seconds)]
                    say(f"  PostgreSQL {grounds.version}  {what:38} {seconds[0]:>8} s, with fresh statistics {seconds[1]:>8} s")
                    yield found
        finally:
            grounds.let_autovacuum(run=True)

    def _one(self, what: str) -> State:
        self._warehouse = self._bench.grounds.fresh("states")
        self._held.clear()
        self._load(self._shape)
        shape, label, forced = self._ways[what]()
        seconds = self._load(shape, label, changed=not forced, force=forced)
        self._gather()
        fresh = self._load(shape, label, force=forced)
        return State(self._bench.grounds.version, what, seconds, fresh)

    def _load(self, shape: Shape, label: str = "", *, changed: bool = False, force: bool = False) -> float | None:
        pages = served(self._bench, shape)[CHANGED if changed else FIRST]
        load = backfill(self._bench.home, self._bench.pages.base_url, self._warehouse, shape, label=label, force=force)
        try:
            done = self._bench.timed(load, Serving(pages.folder), timeout_seconds=MOST_SECONDS)
        except TookTooLong:
            return None
        self._held[shape.first_day, shape.owner] = pages.expected
        held = self._held.values()
        require_ours(self._bench.grounds, self._warehouse, Expected(sum(one.rows for one in held), sum(one.output_tokens for one in held)))
        return round(done.work_seconds, 3)

    def _gather(self) -> None:
        self._bench.grounds.execute("ANALYZE", self._warehouse.superuser_url)

    def _at_once(self) -> tuple[Shape, str, bool]:
        return self._shape, "", True

    def _at_once_changed(self) -> tuple[Shape, str, bool]:
        return self._shape, "", False

    def _restored(self) -> tuple[Shape, str, bool]:
        self._bench.grounds.execute(FORGET, self._warehouse.superuser_url)
        return self._shape, "", False

    def _new_month(self) -> tuple[Shape, str, bool]:
        self._gather()
        shape = replace(self._shape, first_day=NEXT_MONTH)
        self._load(shape)
        return shape, "", False

    def _second_organization(self) -> tuple[Shape, str, bool]:
        self._gather()
        shape = replace(self._shape, owner="-second")
        self._load(shape, "SECOND")
        return shape, "SECOND", False
