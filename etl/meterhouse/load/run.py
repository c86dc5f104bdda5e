"""A run: its entry in the run log, and the steps that it reports to observers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from meterhouse.clock import Clock
from meterhouse.load.store import Store
from meterhouse.load.stream import Stream
from meterhouse.windows import Window


@dataclass(frozen=True)
class Progress:
    """One finished step of long work: window number `done` of `total` of a stream; `window` is None when nothing could be loaded."""

    stream: Stream
    done: int
    total: int
    window: Window | None


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Report nothing."""


@dataclass
class Run:
    """The entry of the run log, opened with the first window that is written, so that a refused run writes nothing."""

    store: Store
    command: str
    parameters: Mapping[str, object]
    clock: Clock
    run_id: int | None = None

    def open(self) -> int:
        """Return the run's key, opening its entry if this is the first write."""
        if self.run_id is None:
            self.run_id = self.store.start_run(self.command, self.parameters, self.clock())
        return self.run_id

    def close(self, status: str, error: str | None = None) -> None:
        """Close the entry, if there is one."""
        if self.run_id is not None:
            self.store.finish_run(self.run_id, status, self.clock(), error)
