"""Which charts need a legend, and what they contain. Pure."""

from __future__ import annotations

from meterhouse.dashboard.chart import Chart
from meterhouse.dashboard.palette import ABSENT, LESS, MORE, colour, is_dotted


def legend(chart: Chart) -> list[tuple[str, bool, str, str]]:
    """Return (colour, whether it is dotted, name, figure) of each series; only gaps for a chart with one colour."""
    if chart.empty:
        return []
    if chart.is_change:
        return [(MORE, False, "more than before", ""), (LESS, False, "less", "")]
    gaps = [(ABSENT, True, "not loaded", f"{sum(chart.absent):,} of {len(chart.labels):,}")] if any(chart.absent) else []
    if len(chart.series) == 1 and chart.kind != "pie":
        return gaps
    return [*((colour(one.slot), is_dotted(one.slot), one.name, one.legend) for one in chart.series), *gaps]
