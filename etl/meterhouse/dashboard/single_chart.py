"""One chart as a page of its own, to be embedded elsewhere: a static picture with its total, without scripts. Pure."""

from __future__ import annotations

from html import escape

from meterhouse.dashboard.chart import Chart
from meterhouse.dashboard.chosen import choice_in_words
from meterhouse.dashboard.invented import marked
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.static_report import STYLES, panel, strip

REFRESH_SECONDS = 600


def chart_page(chart: Chart, snapshot: Snapshot) -> str:
    """Return the page; it is read again every ten minutes, and its title leads to the dashboard with the same choice."""
    style = "".join(sheet.read_text() for sheet in STYLES)
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(marked(chart.title, snapshot.organizations))}</title>"
        f"<style>{style} body .page {{ max-width: none; padding: 0; }} .chosen {{ font-size: 12px; padding: 4px 18px; }}</style></head>"
        f'<body><div class="page">{strip(snapshot)}{panel(chart, with_table=False)}'
        f'<p class="chosen">{escape(choice_in_words(snapshot))} '
        f'<a href="/?{escape(snapshot.filters.to_query())}#panel-{chart.key}" target="_blank" rel="noopener">Open the dashboard</a></p>'
        "</div></body></html>"
    )
