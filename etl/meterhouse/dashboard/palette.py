"""The colours of series: told apart by colour-blind people, at least 3:1 against the light and the dark ground. Pure."""

from __future__ import annotations

from meterhouse.dashboard.charts import OTHER

SERIES = ("#3d7bd1", "#cc7722", "#15937f", "#9568cc", "#cc5285", "#7d8a1f")
REST = "#7f8997"
MORE, LESS = SERIES[1], SERIES[2]


def is_dotted(slot: int) -> bool:
    """Tell whether a slot repeats a colour, and is told apart by dots."""
    return slot >= len(SERIES)


def colour(slot: int) -> str:
    """Return the colour of a slot; the rest is grey."""
    return REST if slot == OTHER else SERIES[slot % len(SERIES)]
