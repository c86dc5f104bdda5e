"""The words of a task that fails as expected, in Airflow's terms: it tries again automatically, and nobody has to read frames of code."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

_A_COMMAND = re.compile(r"[;:,]? (?:so )?run (?:it )?again(?: later)?\b")


def tried_again_in_words(text: str, *, is_last: bool) -> str:
    """Return the text of an error that time cures, without the command to run again: Airflow does that, or has done it often enough."""
    what = _A_COMMAND.sub("", text)
    if is_last:
        return f"{what}; no try is left: the next scheduled run reads what is missing, a backfill goes on when its failed tasks are cleared"
    return f"{what}; Airflow will try again automatically"


def show_without_frames(*expected: type[BaseException]) -> None:
    """Let the log of this process show errors of these classes as their one line, where Airflow would add frames of its code.

    Loggers that are in use already hold the list of processors, so it is extended and not replaced.
    """
    processors = structlog.get_config()["processors"]
    if not any(isinstance(one, _OneLine) for one in processors):
        processors.insert(0, _OneLine(expected))


class _OneLine:
    """A processor that puts an expected error's own text in the place of its traceback."""

    def __init__(self, expected: tuple[type[BaseException], ...]) -> None:
        self._expected = expected

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        found = event.get("exc_info")
        error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
        if isinstance(error, self._expected):
            del event["exc_info"]
            event["event"] = str(error)
        return event
