"""Formulas: text that a spreadsheet would run when it opens a CSV file, as somebody chose to call a project, and how it stays text."""

from __future__ import annotations

import re

_BEGINNINGS = "=+-@\t\r"
_NUMBER = r"-[0-9]+(\.[0-9]+)?"
# The same for PostgreSQL, around a column of text: `{0}`.
AS_TEXT_SQL = r"CASE WHEN {0} ~ '^[-=+@\t\r]' AND {0} !~ '^" + _NUMBER + "$' THEN '''' || {0} ELSE {0} END"


def as_text(cell: str) -> str:
    """Return the cell with an apostrophe in front if a spreadsheet would take it for a formula; a number such as -1.5 stays one."""
    return f"'{cell}" if cell.startswith(tuple(_BEGINNINGS)) and not re.fullmatch(_NUMBER, cell) else cell
