"""Loads caught in their middle: the first of two windows is committed, the answer about the second one is kept back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tests.postgres.comparison import assert_equals_source, days_without_rows

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.vendors.openai.wire import path_of

from .held_vendor import Gate
from .stack import BACKFILL, Stack, midnight

# One maximal page of days: what a load commits at a time.
WINDOW_DAYS = 31


@dataclass(frozen=True)
class HeldLoad:
    """A backfill of 62 days, its tasks that wait for the vendor, and the gates that let them go on."""

    stack: Stack
    run: str
    first: date
    endpoints: Sequence[str]
    gates: dict[str, Gate]
    tasks: list[dict[str, Any]]

    @property
    def last(self) -> date:
        """The last day of the range."""
        return self.first + timedelta(days=2 * WINDOW_DAYS - 1)

    @property
    def second(self) -> date:
        """The first day of the second window."""
        return self.first + timedelta(days=WINDOW_DAYS)

    @property
    def host(self) -> str:
        """The component that works on the only held task."""
        (task,) = self.tasks
        return str(task["hostname"])

    def newest(self) -> dict[str, Any]:
        """The only held task as it is now."""
        (task,) = self.tasks
        shown = (task["task_id"], task["map_index"])
        return next(one for one in self.stack.rest.tasks(BACKFILL, self.run) if (one["task_id"], one["map_index"]) == shown)

    def tries(self) -> list[tuple[int, str, str]]:
        """(try, state, host) of every try of the held tasks, as the UI shows them."""
        found = [one for task in self.tasks for one in self.stack.rest.tries(BACKFILL, self.run, task)]
        return [(one["try_number"], one["state"], one["hostname"]) for one in found]

    def is_loaded(self, endpoint: str) -> bool:
        """Tell whether both windows are committed."""
        return self.stack.windows_loaded(endpoint, self.first, self.last) == [self.first, self.second]

    def is_in_its_middle(self, endpoint: str) -> bool:
        """Tell whether one window is committed and of the other nothing is there, neither for the loader nor for a reader."""
        days = [self.second + timedelta(days=number) for number in range(WINDOW_DAYS)]
        return (
            self.stack.windows_loaded(endpoint, self.first, self.last) == [self.first]
            and days_without_rows(self.stack.loaded, endpoint, days) == days
        )

    def times_asked(self, endpoint: str) -> tuple[int, int]:
        """How often the vendor was asked for each of the two windows."""
        path = path_of(ENDPOINTS[endpoint])
        return self.stack.times_asked(path, self.first), self.stack.times_asked(path, self.second)

    def assert_equals_source(self) -> int:
        """Require that the range equals the source for all endpoints of the run; return the number of compared totals."""
        assert all(self.is_loaded(endpoint) for endpoint in self.gates)
        return assert_equals_source(self.stack.loaded, self.first, self.last + timedelta(days=1), self.endpoints, when=f"after {self.run}")


@contextmanager
def held_load(stack: Stack, first: date, held: Sequence[str], also: Sequence[str] = ()) -> Iterator[HeldLoad]:
    """Backfill 62 days from `first` and yield as soon as the loads of `held` are in their middle and those of `also` are done."""
    second = midnight(first + timedelta(days=WINDOW_DAYS))
    last = first + timedelta(days=2 * WINDOW_DAYS - 1)
    with ExitStack() as closed:
        gates = {endpoint: closed.enter_context(stack.vendor.gate(endpoint, second)) for endpoint in held}
        for endpoint in held:
            assert days_without_rows(stack.loaded, endpoint, [first, last]) == [first, last]
        run = stack.backfill(first, last, [*held, *also])
        stack.until(f"the vendor is asked for {second:%Y-%m-%d}", 120, lambda: all(gate.asked.is_set() for gate in gates.values()))

        def held_tasks() -> list[dict[str, Any]] | None:
            tasks = [task for task in stack.rest.tasks(BACKFILL, run) if task["map_index"] >= 0]
            running = [task for task in tasks if task["state"] == "running"]
            done = [task for task in tasks if task["state"] == "success"]
            return running if (len(running), len(done)) == (len(held), len(also)) else None

        tasks = stack.until("no task but the held ones runs", 120, held_tasks)
        load = HeldLoad(stack, run, first, [*held, *also], gates, tasks)
        # The second window is asked for while the first one is still being put in place.
        stack.until("the first window is committed", 120, lambda: all(load.is_in_its_middle(endpoint) for endpoint in held))
        assert load.tries() == [(1, "running", task["hostname"]) for task in tasks]
        yield load
