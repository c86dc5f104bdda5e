"""Progress: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.load.run import Progress as Step
from meterhouse.load.run import Report

_LINE_EVERY_SECONDS = 5.0


@contextmanager
def shown() -> Iterator[Report]:
    """Yield a report function that shows the windows of each stream on standard error."""
    if sys.stderr.isatty():
        with _bars() as report:
            yield report
    else:
        yield _Lines()


@contextmanager
def _bars() -> Iterator[Report]:
    # Only a terminal is worth a fifteenth of a second.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description:44}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("windows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def report(step: Step) -> None:
            name = visible(str(step.stream))
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=step.total)
            bars.update(tasks[name], completed=step.done, total=step.total)

        yield report


class _Lines:
    """One line when a stream is done, and every few seconds while it goes on."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, step: Step) -> None:
        if step.done == step.total or time.monotonic() - self._last > _LINE_EVERY_SECONDS:
            self._last = time.monotonic()
            done = "nothing could be loaded" if step.window is None else f"{step.done} of {counted(step.total, 'window')}"
            sys.stderr.write(f"{visible(str(step.stream))}: {done}\n")
            sys.stderr.flush()
