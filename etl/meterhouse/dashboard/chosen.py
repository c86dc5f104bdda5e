"""The choice in words, for print, where the filters are not visible. Pure."""

from __future__ import annotations

from meterhouse import formats
from meterhouse.dashboard.filters import DIMENSIONS
from meterhouse.dashboard.snapshot import Snapshot


def choice_in_words(snapshot: Snapshot) -> str:
    """Return the days and the members of each dimension that were chosen, by the names that people read."""
    filters = snapshot.filters
    only = [
        f"{label} {', '.join(snapshot.names(name).get(value, value) for value in getattr(filters, name))}"
        for name, label in DIMENSIONS.items()
        if getattr(filters, name)
    ]
    days = f"{formats.span(filters.first, filters.last)}, UTC days"
    return f"{days}. {'Filters: ' + '; '.join(only) if only else 'No filters'}."


def is_filtered(snapshot: Snapshot) -> bool:
    """Whether some of what is loaded for the days was left out by choice."""
    return any(getattr(snapshot.filters, name) for name in DIMENSIONS)
