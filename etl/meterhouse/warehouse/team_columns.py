"""Team columns: shown so that no condition on them is planned or evaluated on other people's rows, which EXPLAIN would show. Pure.

A barrier lets PostgreSQL try a condition below it when its operator cannot fail, and plan it by the statistics of whole tables. It has no
statistics of what is computed, and tries a condition below a window function only on what the window is partitioned by. Nobody asks for
that function's value, so it is planned away and costs nothing. Days, hours and endpoints stay as they are: they choose what is read, and
how many rows each has is in `coverage` for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable

_CHOOSING = {"endpoint", "bucket_width", "bucket_at", "bucket_start_utc", "usage_date", "usage_date_local", "month_start"}
# What changes no value, by the beginning of a type's name.
_UNCHANGED = {
    "character varying": "{column} || ''",
    "text": "{column} || ''",
    "bigint": "{column} + 0",
    "integer": "{column} + 0",
    "numeric": "{column} + 0",
    "boolean": "{column}::integer + 0",
    "date": "{column} + 0",
    "timestamp": "{column} + interval '0'",
}


def shown(query: str, columns: Iterable[tuple[str, str]]) -> str:
    """Wrap a query of (name, type) `columns`; names, order, types and values stay. Raises `KeyError` for a type that it does not know."""
    listed = list(columns)
    computed = ", ".join(_shown(name, kind) for name, kind in listed)
    choosing = ", ".join(f"own.{name}" for name, _ in listed if name in _CHOOSING)
    window = f"PARTITION BY {choosing}" if choosing else ""
    names = ", ".join(f"fenced.{name}" for name, _ in listed)
    own = ("SELECT", f"{computed}, count(*) OVER ({window}) AS fence", "FROM (", query.rstrip().removesuffix(";"), ") AS own")
    return "\n".join(["SELECT", names, "FROM (", *own, ") AS fenced"])


def _shown(name: str, kind: str) -> str:
    if name in _CHOOSING:
        return f"own.{name}"
    known = {beginning: words for beginning, words in _UNCHANGED.items() if kind.startswith(beginning)}
    if not known:
        raise KeyError(kind)
    return f"({known[max(known, key=len)].format(column=f'own.{name}')})::{kind} AS {name}"
