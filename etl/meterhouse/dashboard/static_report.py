"""The same figures, charts and tables as one file: no script, nothing from outside, small enough to mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from meterhouse import formats
from meterhouse.counts import counted
from meterhouse.dashboard.charts import Chart, all_charts
from meterhouse.dashboard.chosen import choice_in_words, is_filtered
from meterhouse.dashboard.head_page import head_page
from meterhouse.dashboard.invented import OrganizationRow, marked, warning
from meterhouse.dashboard.key_figures import key_figures
from meterhouse.dashboard.legends import legend
from meterhouse.dashboard.notices import OF_A_TEAM, freshness, notices
from meterhouse.dashboard.sections import FOOTNOTE, SECTIONS
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.svg import picture

# Not dashboard.css: its rules are for controls and charts that a file without scripts does not have.
_FOLDER = Path(__file__).parent
STYLES = (*(_FOLDER / "assets" / name for name in ("base.css", "charts.css", "print.css")), _FOLDER / "head.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def report(snapshot: Snapshot, now: datetime) -> str:
    """Return the page of a snapshot: the answers of now on a sheet of their own, then the figures of the chosen days."""
    title = f"OpenAI usage and billed cost, {formats.span(snapshot.filters.first, snapshot.filters.last)}"
    choice = f'<p class="chosen">{escape(choice_in_words(snapshot))}</p>' if is_filtered(snapshot) else ""
    lines = [f"Written {formats.moment(now)}"]
    return framed(title, snapshot.organizations, lines, body(snapshot, head=head_page(snapshot.answers, snapshot.currency)), choice)


def framed(title: str, organizations: Sequence[OrganizationRow], lines: Sequence[str], content: str, choice: str = "") -> str:
    """Return a whole page: the styles, the mark of invented figures, a head with some lines about the figures, and its content."""
    style = "".join(sheet.read_text() for sheet in STYLES)
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(marked(title, organizations))}</title><style>{style}</style></head>"
        f"<body><div class='page'>{_strip(organizations)}"
        f"<header><div class='brand'><h1>meterhouse</h1><p class='tagline'>{escape(title)}</p></div>"
        f"<ul class='freshness'>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>{choice}</header>{content}</div></body></html>"
    )


def strip(snapshot: Snapshot) -> str:
    """Return what stands above everything else where figures are invented; nothing where they are not."""
    return _strip(snapshot.organizations)


def _strip(organizations: Sequence[OrganizationRow]) -> str:
    text = warning(organizations)
    return f'<p class="invented">{escape(text)}</p>' if text else ""


def body(snapshot: Snapshot, *, with_tables: bool = True, head: str = "", places: str = "") -> str:
    """Return key figures and charts, with the tables under them unless they are left out.

    The answers of `head` come first, then how fresh the figures of the chosen days are and what limits them, then the ways to the sections.
    """
    charts = {chart.key: chart for chart in all_charts(snapshot)}
    lines = notices(snapshot)
    # Whose figures these are has to be known before the answers.
    early = [line for line in lines if line == OF_A_TEAM and head]
    lines = [line for line in lines if line not in early]
    fresh = "".join(f"<li>{escape(line)}</li>" for line in freshness(snapshot))
    # On the page, the first row says it.
    read = f'<ul class="freshness">{fresh}</ul>' if head else ""
    cards = "".join(
        f'<div class="card card-{one.key}"><dt>{escape(one.label)} <span class="days">{escape(one.days)}</span></dt>'
        f'<dd class="value" id="card-{one.key}">{escape(one.value)}</dd>'
        f"{''.join(_detail(text) for text in (one.detail, one.coverage) if text)}</div>"
        for one in key_figures(snapshot)
    )
    sections = "".join(
        f'<section><h2>{escape(title)}</h2><div class="grid">{_panels(charts, keys, with_tables)}</div></section>'
        for _, title, keys in SECTIONS
    )
    return (
        f"{_lines(early) if early else ''}<main>{head}{read}{_lines(lines)}{places}"
        f'<section aria-label="Key figures"><dl class="cards">{cards}</dl></section>'
        f"{sections}</main>"
        f"<footer>{escape(FOOTNOTE)}</footer>"
    )


def _lines(lines: Sequence[str]) -> str:
    return f'<div class="notices">{"".join(f"<p>{escape(line)}</p>" for line in lines)}</div>'


def _panels(charts: Mapping[str, Chart], keys: tuple[str, ...], with_tables: bool) -> str:
    return "".join(panel(charts[key], with_table=with_tables) for key in keys)


def _detail(text: str) -> str:
    return f'<dd class="detail">{escape(text)}</dd>'


def panel(chart: Chart, *, with_table: bool) -> str:
    """Return a chart with everything that stands around it."""
    entries = "".join(
        f'<li><span class="swatch{" dotted" if dotted else ""}" style="background-color:{colour}"></span><span>{escape(name)}</span>'
        f"<b>{escape(text)}</b></li>"
        for colour, dotted, name, text in legend(chart)
    )
    shown = f'<p class="empty">{escape(chart.empty)}</p>' if chart.empty else f'<div class="picture">{picture(chart)}</div>'
    notes = f'<p class="notes">{escape(" ".join(chart.notes))}</p>' if chart.notes else ""
    return (
        f'<article class="panel{" wide" if chart.wide else ""}" id="panel-{chart.key}"><div class="head"><h3>{escape(chart.title)}</h3>'
        f'<p class="total" id="{chart.key}-total">{escape("—" if chart.empty else chart.total)}</p></div>'
        f'<p class="about">{escape(chart.about)}</p><ul class="legend">{entries}</ul>{shown}{notes}'
        f"{_table(chart) if with_table else ''}</article>"
    )


def _table(chart: Chart) -> str:
    return (
        f'<div class="under"><details id="{chart.key}-table"><summary>Table, {counted(len(chart.table.rows), "row")}</summary></details>'
        f'<div class="slot folded" tabindex="0" role="region" aria-label="Table of {escape(chart.title)}">{chart.table.to_html()}</div>'
        "</div>"
    )
