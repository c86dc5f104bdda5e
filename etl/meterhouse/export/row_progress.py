"""Progress of an export: a bar of its rows on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from meterhouse.counts import counted
from meterhouse.export.source import Report

_LINE_EVERY_SECONDS = 5.0


@contextmanager
def shown(view: str) -> Iterator[Report]:
    """Yield a report function that shows the rows on standard error: a bar on a terminal, elsewhere a line every few seconds."""
    if not sys.stderr.isatty():
        yield _Lines(view)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(view, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


class _Lines:
    def __init__(self, view: str) -> None:
        self._view = view
        self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._last > _LINE_EVERY_SECONDS:
            self._last = time.monotonic()
            sys.stderr.write(f"{self._view}: {done:,} of {counted(total, 'row')}\n")
            sys.stderr.flush()
