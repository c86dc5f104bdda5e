"""Speech: what a command says, line by line, its answer on standard output and remarks on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from meterhouse.control_characters import visible
from meterhouse.errors import TryAgainLater


def say(line: str) -> None:
    """Say one line of the answer."""
    sys.stdout.write(f"{visible(line)}\n")


def remark(line: str) -> None:
    """Say one line that is no part of the answer."""
    sys.stderr.write(f"meterhouse: {visible(line)}\n")


def say_where(done: str, out: Path) -> None:
    """Say what was written where; on standard error if it was written to standard output."""
    from meterhouse.export.output import in_words, is_standard_output  # noqa: PLC0415  # only those who write files pay for it

    (remark if is_standard_output(out) else say)(f"{done} to {in_words(out)}")


def say_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Say a table, a line per row."""
    texts = [["" if value is None else visible(str(value)) for value in row] for row in rows]
    widths = [max(len(name), *(len(row[index]) for row in texts)) for index, name in enumerate(columns)]
    for row in [list(columns), *texts]:
        say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def finish() -> None:
    """Have the answer reach its reader. Raises `TryAgainLater` where that fails: at the interpreter's end it would be a traceback."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise TryAgainLater(f"standard output cannot be written ({error.strerror}), but the work itself is done") from None
