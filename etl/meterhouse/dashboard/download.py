"""The table under a chart as a file: its name, and its CSV with every digit."""

from __future__ import annotations

from meterhouse.dashboard.chart import Chart
from meterhouse.dashboard.filters import Filters

CSV_TYPE = "text/csv; charset=utf-8"


def csv_bytes(chart: Chart) -> bytes:
    """Return the chart's table as CSV; the mark in front lets Excel read UTF-8."""
    return b"\xef\xbb\xbf" + chart.table.to_csv().encode()


def csv_name(chart: Chart, filters: Filters) -> str:
    """Return the name that a browser saves it under."""
    return f"meterhouse-{chart.key.replace('_', '-')}-{filters.first}-to-{filters.last}.csv"
