"""The colours of series: distinguishable for colour-blind people, at least 3:1 against the light and the dark ground. Pure."""

from __future__ import annotations

from meterhouse.dashboard.chart import OTHER, Chart

SERIES = ("#7184dd", "#ba6c15", "#30936b", "#7a47e2", "#dd4d8b", "#8b8245")
REST = "#7f8997"
# What marks buckets that are not loaded: dashes on the ground line.
ABSENT = "#7b8593"
MORE, LESS = SERIES[1], SERIES[2]
# White and black are equally far from a ground of this luminance.
_MIDDLE = 0.179
# What repeats the colour of each series of a stack, by its place in the legend; the slash is kept for what is not complete.
TEXTURES = ("", "\\", ".", "-", "|", "x", "+")


def is_dotted(slot: int) -> bool:
    """Return whether a slot repeats a colour, and is distinguished by dots."""
    return slot >= len(SERIES)


def colour(slot: int) -> str:
    """Return the colour of a slot; the rest is grey."""
    return REST if slot == OTHER else SERIES[slot % len(SERIES)]


def ink(slot: int) -> str:
    """Return the colour of text that stands on a slot's colour: black or white, at least 4.5:1."""
    return "#000" if luminance(colour(slot)) > _MIDDLE else "#fff"


def luminance(hexadecimal: str) -> float:
    """Return the relative luminance of a colour, 0 to 1, as WCAG defines it."""
    parts = [int(hexadecimal[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def texture(chart: Chart, place: int) -> str:
    """Return the pattern of a series of a stack; slices and lines are labelled."""
    return TEXTURES[place] if chart.kind in {"bars", "ranks"} else ""
