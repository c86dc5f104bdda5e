"""The same figures, charts and tables as one file: no script, nothing from outside, small enough to mail."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from pathlib import Path

from meterhouse.counts import counted
from meterhouse.dashboard import formats
from meterhouse.dashboard.charts import Chart, all_charts
from meterhouse.dashboard.chosen import choice_in_words, is_filtered
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.invented import marked, warning
from meterhouse.dashboard.key_figures import key_figures
from meterhouse.dashboard.legends import legend
from meterhouse.dashboard.notices import freshness, notices
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.sections import FOOTNOTE, SECTIONS
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.svg import picture
from meterhouse.errors import FixConfiguration
from meterhouse.export.output import HANDED_ON, draft_of

# Not dashboard.css: its rules are for controls and charts that a file without scripts does not have.
STYLES = tuple(Path(__file__).parent / "assets" / name for name in ("base.css", "charts.css", "print.css"))
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_report(url: str, filters: Filters, out: Path, now: datetime | None = None) -> int:
    """Write the report to `out`, whole or not at all, and return its size in bytes. A new file may be read by everybody on the machine.

    Raises as `draft_of`, and `FixConfiguration` for days of which nothing is loaded.
    """
    with draft_of(out, HANDED_ON) as draft:
        return draft.write_bytes(_loaded_page(url, filters, now or datetime.now(UTC)).encode())


def _loaded_page(url: str, filters: Filters, now: datetime) -> str:
    snapshot = Reader(url).snapshot(filters)
    if snapshot.cost_coverage.is_none and snapshot.usage_coverage.is_none:
        days = f"{filters.first} to {filters.last}"
        load = f"meterhouse backfill --from {filters.first} --to {filters.last}"
        raise FixConfiguration(f"nothing is loaded for {days}: choose other days with --from and --to, or load them with {load}")
    return report(snapshot, now)


def report(snapshot: Snapshot, now: datetime) -> str:
    """Return the page of a snapshot."""
    style = "".join(sheet.read_text() for sheet in STYLES)
    title = f"OpenAI usage and billed cost, {formats.day(snapshot.filters.first)} to {formats.day(snapshot.filters.last)}"
    choice = f'<p class="chosen">{escape(choice_in_words(snapshot))}</p>' if is_filtered(snapshot) else ""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(marked(title, snapshot.organizations))}</title><style>{style}</style></head>"
        f"<body><div class='page'>{strip(snapshot)}"
        f"<header><div class='brand'><h1>meterhouse</h1><p class='tagline'>{escape(title)}</p></div>"
        f"<ul class='freshness'>{''.join(f'<li>{escape(line)}</li>' for line in freshness(snapshot))}"
        f"<li>Written {escape(formats.moment(now))}</li></ul>{choice}</header>{body(snapshot)}</div></body></html>"
    )


def strip(snapshot: Snapshot) -> str:
    """Return what stands above everything else where figures are invented; nothing where they are not."""
    text = warning(snapshot.organizations)
    return f'<p class="invented">{escape(text)}</p>' if text else ""


def body(snapshot: Snapshot, *, with_tables: bool = True) -> str:
    """Return key figures and charts, with the tables under them unless they are left out."""
    charts = {chart.key: chart for chart in all_charts(snapshot)}
    lines = "".join(f"<p>{escape(line)}</p>" for line in notices(snapshot))
    cards = "".join(
        f'<div class="card card-{one.key}"><dt>{escape(one.label)}</dt><dd class="value" id="card-{one.key}">{escape(one.value)}</dd>'
        f"{''.join(_detail(text) for text in (one.detail, one.coverage) if text)}{_rule(one.rule)}</div>"
        for one in key_figures(snapshot)
    )
    sections = "".join(
        f'<section><h2>{escape(title)}</h2><div class="grid">{"".join(_panel(charts[key], with_tables) for key in keys)}</div></section>'
        for _, title, keys in SECTIONS
    )
    return (
        f'<div class="notices">{lines}</div><main><section aria-label="Key figures"><dl class="cards">{cards}</dl></section>'
        f"{sections}</main>"
        f"<footer>{escape(FOOTNOTE)}</footer>"
    )


def _detail(text: str) -> str:
    return f'<dd class="detail">{escape(text)}</dd>'


def _rule(rule: str) -> str:
    return f'<dd class="rule"><details><summary>How</summary></details><span class="folded">{escape(rule)}</span></dd>' if rule else ""


def _panel(chart: Chart, with_tables: bool) -> str:
    entries = "".join(
        f'<li><span class="swatch{" dotted" if dotted else ""}" style="background-color:{colour}"></span><span>{escape(name)}</span>'
        f"<b>{escape(text)}</b></li>"
        for colour, dotted, name, text in legend(chart)
    )
    shown = f'<p class="empty">{escape(chart.empty)}</p>' if chart.empty else f'<div class="picture">{picture(chart)}</div>'
    notes = f'<p class="notes">{escape(" ".join(chart.notes))}</p>' if chart.notes else ""
    table = (
        f'<div class="under"><details id="{chart.key}-table"><summary>Table, {counted(len(chart.table.rows), "row")}</summary></details>'
        f'<div class="slot folded" tabindex="0" role="region" aria-label="Table of {escape(chart.title)}">{chart.table.to_html()}</div>'
        "</div>"
    )
    return (
        f'<article class="panel{" wide" if chart.wide else ""}" id="panel-{chart.key}"><div class="head"><h3>{escape(chart.title)}</h3>'
        f'<p class="total" id="{chart.key}-total">{escape("—" if chart.empty else chart.total)}</p></div>'
        f'<p class="about">{escape(chart.about)}</p><ul class="legend">{entries}</ul>{shown}{notes}{table if with_tables else ""}</article>'
    )
