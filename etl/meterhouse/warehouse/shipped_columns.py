"""Shipped columns: the columns of every public view in their order. New ones are only ever appended.

`columns.json` holds view, column and type. `python -m meterhouse.bi_files.columns` writes it from a migrated warehouse; a test compares it
with `information_schema`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("columns.json")


@cache
def types() -> dict[str, dict[str, str]]:
    """Return name and type of every column by view, in order."""
    found: dict[str, dict[str, str]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def in_place(query: str, names: Sequence[str], before: Sequence[str]) -> str:
    """Return a query whose columns, called `names`, stand as in `before`, and those that are new behind them."""
    kept = [name for name in before if name in names]
    wanted = [*kept, *(name for name in names if name not in kept)]
    if wanted == list(names):
        return query
    columns = ", ".join(f'q."{name}"' for name in wanted)
    return f"SELECT {columns} FROM (\n{query}\n) q"  # noqa: S608  # names of the catalogue
