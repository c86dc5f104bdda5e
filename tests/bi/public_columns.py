"""The public columns of a warehouse as lines of text, and the ones that the last release had."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden" / "columns.txt"
Columns = dict[str, list[tuple[str, str]]]


def public_columns(url: str, schema: str = "bi") -> Columns:
    """(name, type) of each column of each view of a schema, in order."""
    found: Columns = {}
    with psycopg.connect(url) as connection:
        for view, column, kind in connection.execute(
            "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = 'v' AND a.attnum > 0 ORDER BY c.relname, a.attnum",
            [schema],
        ):
            found.setdefault(view, []).append((column, kind))
    return found


def as_text(columns: Columns, version: str) -> str:
    """The golden file of a release: a line per column, of view, position, name and type."""
    lines = [
        f"{view} {position} {name} {kind}"
        for view, found in sorted(columns.items())
        for position, (name, kind) in enumerate(found, start=1)
    ]
    return "\n".join([f"# {version}: view, position, column, type", *lines, ""])


def released() -> tuple[str, Columns]:
    """The version of the golden file and its columns."""
    first, *lines = GOLDEN.read_text().splitlines()
    columns: Columns = {}
    for line in lines:
        view, _, name, kind = line.split(" ", 3)
        columns.setdefault(view, []).append((name, kind))
    matched = re.match(r"# ([0-9.]+):", first)
    assert matched, "the first line of the golden file names its version"
    return matched[1], columns
