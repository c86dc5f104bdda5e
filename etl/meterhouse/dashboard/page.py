"""The page and its layout, with labels for keyboards and screen readers. Its figures come from one snapshot."""

from __future__ import annotations

from datetime import date
from typing import Any

import dash

from meterhouse.counts import counted
from meterhouse.dashboard.chart import Chart
from meterhouse.dashboard.charts import all_charts
from meterhouse.dashboard.controls import driver_switch, filter_panel, header, trail
from meterhouse.dashboard.figures import CONFIG, figure, height
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.first_row import PANELS, clauses, first_row, scope_words, state_words, task_lines, tasks_words
from meterhouse.dashboard.invented import marked
from meterhouse.dashboard.invented import warning as invented
from meterhouse.dashboard.key_figures import key_figures
from meterhouse.dashboard.legends import legend
from meterhouse.dashboard.notices import freshness, notices
from meterhouse.dashboard.presets import chosen_preset, spans
from meterhouse.dashboard.sections import FOOTNOTE, SECTIONS
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.words import WORDS, WORDS_TITLE

# Their own types know no aria- and data- attributes.
html: Any = dash.html
dcc: Any = dash.dcc
REFRESH_SECONDS = 60
CHART_KEYS = tuple(key for _, _, keys in SECTIONS for key in keys)
# Takes as long to read as all others together, and comes after them.
SAVINGS = "savings"
READY_KEYS = tuple(key for key in CHART_KEYS if key != SAVINGS)


def layout(snapshot: Snapshot, today: date) -> Any:
    """Return the whole page."""
    return html.Div(
        className="page",
        children=[
            html.A("Skip to the figures", href="#answers", className="skip"),
            dcc.Interval(id="tick", interval=REFRESH_SECONDS * 1000),
            # Drawn one after the other when the filters work; until then the pictures are those of the first paint.
            *(dcc.Store(id=f"soon-{key}") for key in READY_KEYS),
            dcc.Store(id="shown", data=shown(snapshot, today)),
            html.Div(id="address", hidden=True),
            html.Div(strip(snapshot), id="invented", role="status"),
            header(snapshot),
            html.Section(answers(snapshot), id="answers", tabIndex=-1, **{"aria-label": "The answers"}),
            html.Ul(freshness_lines(snapshot), id="freshness", className="freshness", **{"aria-label": "How far the figures are loaded"}),
            filter_panel(snapshot, today),
            html.Nav(trail(snapshot), id="trail", **{"aria-label": "What is chosen"}),
            html.Div(notice_lines(snapshot), id="notices", className="notices", role="status"),
            html.Main(
                id="figures",
                tabIndex=-1,
                children=[
                    _contents(),
                    html.Section(html.Dl(cards(snapshot), id="cards", className="cards"), **{"aria-label": "Key figures"}),
                    *_sections(snapshot),
                ],
            ),
            html.Footer([html.P(FOOTNOTE), _words()]),
        ],
    )


def _contents() -> Any:
    """The ways to the sections."""
    places = [html.Li(html.A(name, href=f"#section-{key}")) for key, name, _ in SECTIONS]
    words = html.Li(html.A(WORDS_TITLE, href="#words"))
    return html.Nav(html.Ul([*places, words]), className="contents", **{"aria-label": "Contents"})


def _words() -> Any:
    entries = [part for word, meaning in WORDS.items() for part in (html.Dt(word), html.Dd(meaning))]
    return html.Section([html.H2(WORDS_TITLE, id="words"), html.Dl(entries, className="words")], **{"aria-labelledby": "words"})


def failure(reason: str) -> Any:
    """Return the page for when the warehouse cannot be read."""
    return html.Div(
        className="page",
        children=[
            html.Main(
                [html.H1("meterhouse"), html.P(f"No figures to show: {reason}.", role="alert"), html.P("Reload this page to try again.")],
                className="failure",
            )
        ],
    )


def warning(text: str) -> Any:
    """Return a line that is read out at once."""
    return html.P(text, role="alert")


def answers(snapshot: Snapshot) -> list[Any]:
    """Return the first row: five answers, each with the way to the figures behind it, what is to be done, and which filters it follows."""
    return [
        html.Dl(
            [
                html.Div(
                    [
                        html.Dt(html.A(one.label, href=f"#panel-{PANELS[one.key]}")),
                        html.Dd(
                            [one.value, *([html.Span(f" ({told})", className="unseen")] if (told := state_words(one)) else [])],
                            className="value",
                            id=f"answer-{one.key}",
                        ),
                        html.Dd([html.Span(line) for line in clauses(one)], className="detail"),
                    ],
                    className=f"answer {one.state}",
                )
                for one in first_row(snapshot)
            ],
            className="answers",
        ),
        _to_do(snapshot),
        html.P(scope_words(snapshot), className="scope"),
    ]


def _to_do(snapshot: Snapshot) -> Any:
    """What is to be done, in a line that opens into how."""
    lines = [html.Li([before, html.Code(command), behind] if command else before) for before, command, behind in task_lines(snapshot)]
    if not lines:
        return html.P(tasks_words(snapshot), className="to-do", id="to-do")
    return html.Details([html.Summary(tasks_words(snapshot)), html.Ol(lines)], className="to-do", id="to-do")


def cards(snapshot: Snapshot) -> list[Any]:
    """Return the key figures."""
    return [
        html.Div(
            [
                html.Dt([f"{one.label} ", html.Span(one.days, className="days")]),
                html.Dd(one.value, className="value", id=f"card-{one.key}"),
                *(html.Dd(text, className="detail") for text in (one.detail, one.coverage) if text),
            ],
            className=f"card card-{one.key}",
        )
        for one in key_figures(snapshot)
    ]


def card(chart: Chart, filters: Filters, *, draw: bool = True) -> list[Any]:
    """Return the contents of a chart's panel: what stands above the picture, the picture, which may come later, and what stands below."""
    above, is_hidden, words, style, below = around(chart, filters)
    has_picks = any(chart.picks) or any(one.pick for one in chart.series)
    return [
        html.Div(above, id=f"{chart.key}-above", className="above"),
        html.Div(
            graph(chart, filters) if draw else None,
            id=f"{chart.key}-picture",
            style=style,
            role="img",
            className="picture picks" if has_picks else "picture",
            hidden=is_hidden,
            **{"aria-label": words},
        ),
        html.Div(below, id=f"{chart.key}-below", className="below"),
    ]


# The places of a panel that `around` fills: the picture itself is drawn after them.
AROUND = (("above", "children"), ("picture", "hidden"), ("picture", "aria-label"), ("picture", "style"), ("below", "children"))


def around(chart: Chart, filters: Filters) -> list[Any]:
    """Return everything of a panel but its picture, for the places in `AROUND`."""
    query = filters.to_query()
    above = [
        html.Div(
            [
                html.H3(chart.title, id=f"{chart.key}-title"),
                html.P("—" if chart.empty else chart.total, className="total", id=f"{chart.key}-total"),
            ],
            className="head",
        ),
        html.P(chart.about, className="about"),
        html.Ul([_entry(*one) for one in legend(chart)], className="legend"),
        html.P(chart.empty, className="empty", hidden=not chart.empty),
    ]
    below = [
        html.P(" ".join(chart.notes), className="notes", hidden=not chart.notes),
        html.Div(
            [
                html.Details(
                    [
                        html.Summary(
                            [f"Table, {counted(len(chart.table.rows), 'row')}", html.Span(f" of {chart.title}", className="unseen")]
                        )
                    ],
                    id=f"{chart.key}-table",
                    **{"data-src": f"/table/{chart.key}?{query}", "data-label": chart.title},
                ),
                html.A(
                    ["CSV", html.Span(f" of {chart.title}", className="unseen")],
                    href=f"/csv/{chart.key}?{query}",
                    id=f"{chart.key}-csv",
                    className="csv",
                    download="",
                ),
            ],
            className="under",
        ),
    ]
    return [above, bool(chart.empty), chart.alternative, {"minHeight": height(chart)}, below]


def graph(chart: Chart, filters: Filters) -> Any:
    """Return the picture of a chart, with the choice that it is of."""
    drawn = dcc.Graph(id=f"{chart.key}-graph", figure=figure(chart), config=CONFIG, responsive=True, style={"height": height(chart)})
    return html.Div(drawn, **{"data-of": filters.to_query()})


def freshness_lines(snapshot: Snapshot) -> list[Any]:
    """Return how fresh the figures are."""
    return [html.Li(line) for line in freshness(snapshot)]


def notice_lines(snapshot: Snapshot) -> list[Any]:
    """Return what limits the figures."""
    return [html.P(line) for line in notices(snapshot)]


def strip(snapshot: Snapshot) -> list[Any]:
    """Return what stands above everything else where figures are invented."""
    text = invented(snapshot.organizations)
    return [html.P(text, className="invented")] if text else []


def shown(snapshot: Snapshot, today: date, only: str = "") -> dict[str, Any]:
    """Return what the browser keeps of a snapshot: which one it is, its address, the title of the window, what the buttons for days mean.

    `only` names the chart that changed, if it was the only one.
    """
    filters = snapshot.filters
    preset = chosen_preset(filters.first, filters.last, today)
    kept = {"version": snapshot.version, "query": filters.to_query(), "title": title(snapshot), "only": only}
    return kept | {"preset": preset, "spans": spans(today)}


def title(snapshot: Snapshot) -> str:
    """Return the title of the window, which browsers print on every sheet too."""
    return marked("meterhouse", snapshot.organizations)


def _entry(colour: str, is_dotted: bool, name: str, text: str) -> Any:
    swatch = html.Span(className="swatch dotted" if is_dotted else "swatch", style={"backgroundColor": colour})
    return html.Li([swatch, html.Span(name), html.B(text)])


def _sections(snapshot: Snapshot) -> list[Any]:
    charts = {chart.key: chart for chart in all_charts(snapshot)}
    return [
        html.Section(
            [
                html.H2(title, id=f"section-{name}"),
                *([driver_switch(snapshot.filters)] if name == "changed" else []),
                html.Div(
                    [
                        html.Article(
                            card(charts[key], snapshot.filters, draw=False),
                            id=f"panel-{key}",
                            className="panel wide" if charts[key].wide else "panel",
                            **{"aria-labelledby": f"{key}-title"},
                        )
                        for key in keys
                    ],
                    className="grid",
                ),
            ],
            **{"aria-labelledby": f"section-{name}"},
        )
        for name, title, keys in SECTIONS
    ]
