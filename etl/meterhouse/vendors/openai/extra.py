"""Extra: the unknown fields of the rows that share one combination, as one JSON text. Pure; its work grows with the number of rows."""

from __future__ import annotations

from typing import Any

from meterhouse.vendors.openai.odd_rows import REENCODE


class Extra:
    """Collects unknown fields. Where rows differ, a list holds all values, as nobody knows how to add them."""

    def __init__(self) -> None:
        # By field, the different values under their JSON text.
        self._values: dict[str, dict[bytes, Any]] = {}

    def add(self, fields: dict[str, Any]) -> None:
        """Add the unknown fields of one row."""
        for name, value in fields.items():
            self._values.setdefault(name, {}).setdefault(REENCODE.encode(value), value)

    def text(self) -> str:
        """Return all fields as JSON."""
        return REENCODE.encode({name: _together(values) for name, values in self._values.items()}).decode()


def _together(values: dict[bytes, Any]) -> Any:
    if len(values) == 1:
        return next(iter(values.values()))
    parts = {REENCODE.encode(part): part for whole in values.values() for part in (whole if isinstance(whole, list) else [whole])}
    # Sorted and without repeats, so that the order of the rows cannot look like a restatement.
    together = [parts[text] for text in sorted(parts)]
    return together if len(together) > 1 else together[0] if together else []
