"""The words of a task that fails as expected, in Airflow's terms: it tries again by itself."""

from __future__ import annotations

import re

_A_COMMAND = re.compile(r"[;:,]? (?:so )?run (?:it )?again(?: later)?\b")


def tried_again_in_words(text: str, *, is_last: bool) -> str:
    """Return the text of an error that time cures, without the command to run again: Airflow does that, or has done it often enough."""
    what = _A_COMMAND.sub("", text)
    if is_last:
        return f"{what}; no try is left: the next scheduled run reads what is missing, a backfill goes on when its failed tasks are cleared"
    return f"{what}; Airflow tries again by itself"
