"""The view that somebody meant by a name that does not exist: one without its schema, or one spelled much like it. Pure."""

from __future__ import annotations

import re
from difflib import get_close_matches

from meterhouse.warehouse.view_reach import VIEW_NAMES

_NAME = re.compile(r'(?:"?(?P<schema>\w+)"?\s*\.\s*)?"?(?P<name>\w+)')


def views_meant(statement: str, place: int) -> tuple[str, ...]:
    """Return the views of `bi` that the name at `place` (an index into the statement) may stand for, the likeliest first.

    It is empty for a name that looks like none of them, and for one in a schema of its own.
    """
    found = _NAME.match(statement, place)
    if found is None or (found["schema"] or "bi").lower() != "bi":
        return ()
    name = found["name"].lower()
    alike = [name] if name in VIEW_NAMES else get_close_matches(name, VIEW_NAMES)
    return tuple(f"bi.{view}" for view in sorted(alike, key=lambda view: not view.startswith(name)))
