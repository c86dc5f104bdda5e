"""What `meterhouse up` shows: one line a step with its seconds, a moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console as RichConsole
from rich.markup import escape

Progress = Callable[[str], None]
QUIET_SECONDS = 10


class Console:
    """The one place of the local stack that prints."""

    def __init__(self) -> None:
        self._rich = RichConsole(highlight=False, soft_wrap=True)
        self._terminal = sys.stdout.isatty()
        self._begun = time.monotonic()

    def line(self, text: str = "") -> None:
        """Print one line at once, even into a pipe."""
        self._rich.print(text, markup=False)

    @contextmanager
    def step(self, title: str) -> Iterator[Progress]:
        """Time the block and print one line when it is done; it may report progress in between and add a result at the end."""
        begun = time.monotonic()
        shown = begun
        last = ""

        if self._terminal:
            with self._rich.status(title) as status:

                def moving(text: str) -> None:
                    nonlocal last
                    last = text
                    status.update(escape(f"{title}: {text}"))

                yield moving
        else:

            def plain(text: str) -> None:
                nonlocal shown, last
                # A log file needs a sign of life, not every step of the way.
                if text != last and time.monotonic() - shown >= QUIET_SECONDS:
                    shown = time.monotonic()
                    self.line(f"         {title}: {text}")
                last = text

            yield plain
        self.line(f"{time.monotonic() - begun:6.1f} s {title}")

    def total(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._begun
