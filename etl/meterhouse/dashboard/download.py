"""The table under a chart as a file: its name, and its CSV with every digit."""

from __future__ import annotations

from meterhouse.dashboard.chart import Chart
from meterhouse.dashboard.invented import mark
from meterhouse.dashboard.snapshot import Snapshot

CSV_TYPE = "text/csv; charset=utf-8"


def csv_bytes(chart: Chart) -> bytes:
    """Return the chart's table as CSV; the mark in front lets Excel read UTF-8."""
    return b"\xef\xbb\xbf" + chart.table.to_csv().encode()


def csv_name(chart: Chart, snapshot: Snapshot) -> str:
    """Return the name that a browser saves it under. It says what is invented, since a line in the file would be a row to most readers."""
    parts = [mark(snapshot.organizations), chart.key, f"{snapshot.filters.first}-to-{snapshot.filters.last}"]
    return "-".join(["meterhouse", *(part.lower().replace(" ", "-").replace("_", "-") for part in parts if part)]) + ".csv"
