"""The page: what stands where, with labels for keyboards and screen readers. Its figures are those of one snapshot."""

from __future__ import annotations

from datetime import date
from typing import Any

import dash

from meterhouse.counts import counted
from meterhouse.dashboard.chart import Chart
from meterhouse.dashboard.charts import all_charts
from meterhouse.dashboard.chosen import choice_in_words
from meterhouse.dashboard.figures import CONFIG, figure, height
from meterhouse.dashboard.filters import DIMENSIONS, Filters
from meterhouse.dashboard.invented import marked
from meterhouse.dashboard.invented import warning as invented
from meterhouse.dashboard.key_figures import key_figures
from meterhouse.dashboard.legends import legend
from meterhouse.dashboard.notices import freshness, notices
from meterhouse.dashboard.sections import FOOTNOTE, SECTIONS
from meterhouse.dashboard.snapshot import UNNAMED, Snapshot

# Their own types know no aria- and data- attributes.
html: Any = dash.html
dcc: Any = dash.dcc
REFRESH_SECONDS = 60
PRESETS = {"days-7": "7 days", "days-30": "30 days", "this-month": "This month", "last-month": "Last month", "days-365": "12 months"}
CHART_KEYS = tuple(key for _, _, keys in SECTIONS for key in keys)
_EVERY = {
    "organizations": "All organizations",
    "projects": "All projects",
    "models": "All models",
    "api_keys": "All keys",
    "users": "All users",
}


def layout(snapshot: Snapshot, today: date) -> Any:
    """Return the whole page."""
    return html.Div(
        className="page",
        children=[
            html.A("Skip to the figures", href="#figures", className="skip"),
            dcc.Interval(id="tick", interval=REFRESH_SECONDS * 1000),
            # Drawn one after the other when the filters work; until then the pictures are those of the first paint.
            *(dcc.Store(id=f"soon-{key}") for key in CHART_KEYS),
            dcc.Store(id="shown", data=shown(snapshot)),
            html.Div(id="address", hidden=True),
            html.Div(strip(snapshot), id="invented", role="status"),
            _header(snapshot),
            _filters(snapshot, today),
            html.Div(notice_lines(snapshot), id="notices", className="notices", role="status"),
            html.Main(
                id="figures",
                tabIndex=-1,
                children=[
                    html.Section(html.Dl(cards(snapshot), id="cards", className="cards"), **{"aria-label": "Key figures"}),
                    *_sections(snapshot),
                ],
            ),
            html.Footer(FOOTNOTE),
        ],
    )


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


def cards(snapshot: Snapshot) -> list[Any]:
    """Return the key figures."""
    return [
        html.Div(
            [
                html.Dt(one.label),
                html.Dd(one.value, className="value", id=f"card-{one.key}"),
                *(html.Dd(text, className="detail") for text in (one.detail, one.coverage) if text),
                *([html.Dd(_rule(one.rule), className="rule")] if one.rule else []),
            ],
            className=f"card card-{one.key}",
        )
        for one in key_figures(snapshot)
    ]


def _rule(rule: str) -> list[Any]:
    return [html.Details(html.Summary("How")), html.Span(rule, className="folded")]


def card(chart: Chart, filters: Filters, *, draw: bool = True) -> list[Any]:
    """Return what stands in a chart's panel: title, total, legend, picture, notes, table and download; the picture may come later."""
    query = filters.to_query()
    return [
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
        html.Div(
            graph(chart) if draw else None,
            id=f"{chart.key}-picture",
            style={"minHeight": height(chart)},
            role="img",
            className="picture",
            hidden=bool(chart.empty),
            **{"aria-label": chart.alternative},
        ),
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


def graph(chart: Chart) -> Any:
    """Return the picture of a chart."""
    return dcc.Graph(id=f"{chart.key}-graph", figure=figure(chart), config=CONFIG, responsive=True, style={"height": height(chart)})


def chart_cards(snapshot: Snapshot) -> dict[str, list[Any]]:
    """Return the content of every chart's panel by the chart's key."""
    return {chart.key: card(chart, snapshot.filters) for chart in all_charts(snapshot)}


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


def shown(snapshot: Snapshot) -> dict[str, str]:
    """Return what the browser keeps of a snapshot: which one it is, its address, and the title of the window."""
    return {"version": snapshot.version, "query": snapshot.filters.to_query(), "title": title(snapshot)}


def title(snapshot: Snapshot) -> str:
    """Return the title of the window, which browsers print on every sheet too."""
    return marked("meterhouse", snapshot.organizations)


def currency_options(snapshot: Snapshot) -> list[Any]:
    """Return the currencies to choose from."""
    return [{"label": code.upper() or UNNAMED, "value": code} for code in snapshot.currencies or [snapshot.currency]]


def _entry(colour: str, is_dotted: bool, name: str, text: str) -> Any:
    swatch = html.Span(className="swatch dotted" if is_dotted else "swatch", style={"backgroundColor": colour})
    return html.Li([swatch, html.Span(name), html.B(text)])


def _header(snapshot: Snapshot) -> Any:
    themes = [{"label": name, "value": name.lower()} for name in ("Auto", "Light", "Dark")]
    return html.Header(
        [
            html.Div([html.H1("meterhouse"), html.P("OpenAI usage and billed cost", className="tagline")], className="brand"),
            html.P(choice_in_words(snapshot), id="choice", className="chosen"),
            html.Ul(freshness_lines(snapshot), id="freshness", className="freshness", **{"aria-label": "How far the figures are loaded"}),
            html.Div(
                [
                    dcc.Checklist(
                        id="refresh",
                        options=[{"label": "Auto-refresh", "value": "on"}],
                        value=["on"],
                        persistence=True,
                        className="switch",
                    ),
                    html.Div(
                        [
                            html.Span("Colours", id="theme-label", className="unseen"),
                            dcc.RadioItems(id="theme", options=themes, value="auto", persistence=True, inline=True, className="segments"),
                        ],
                        role="radiogroup",
                        **{"aria-labelledby": "theme-label"},
                    ),
                ],
                className="switches",
            ),
        ]
    )  # fmt: skip


def _filters(snapshot: Snapshot, today: date) -> Any:
    filters = snapshot.filters
    widths = [{"label": "Day", "value": "day"}, {"label": "Hour", "value": "hour"}]
    return html.Section(
        className="filters",
        id="filters",
        **{"aria-label": "Filters"},
        children=[
            html.Div(
                [
                    html.Span("Days, UTC", className="label", id="days-label"),
                    dcc.DatePickerRange(
                        id="days",
                        start_date=str(filters.first),
                        end_date=str(filters.last),
                        start_date_id="first-day",
                        end_date_id="last-day",
                        max_date_allowed=str(max(today, filters.last)),
                        display_format="YYYY-MM-DD",
                        first_day_of_week=1,
                        minimum_nights=0,
                        number_of_months_shown=1,
                    ),
                    html.Div(
                        [html.Button(name, id=key, type="button") for key, name in PRESETS.items()],
                        className="presets",
                        role="group",
                        **{"aria-label": "Spans of days"},
                    ),
                ],
                className="filter days",
                role="group",
                **{"aria-labelledby": "days-label"},
            ),
            html.Button("More filters", id="more", type="button", **{"aria-expanded": "false", "aria-controls": "filters"}),
            html.Div(
                [
                    html.Span("Bucket width", className="label", id="width-label"),
                    dcc.RadioItems(id="width", options=widths, value=filters.width, inline=True, className="segments"),
                ],
                className="filter",
                role="radiogroup",
                **{"aria-labelledby": "width-label"},
            ),
            *(
                html.Div(
                    [
                        html.Label(label, htmlFor=name, className="label", id=f"{name}-label"),
                        dcc.Dropdown(
                            id=name,
                            options=[{"label": text, "value": value} for value, text in snapshot.names(name).items()],
                            value=list(getattr(filters, name)),
                            multi=True,
                            placeholder=_EVERY[name],
                            maxHeight=360,
                        ),
                    ],
                    className="filter",
                    # The drop-down names itself by what is chosen in it.
                    role="group",
                    **{"aria-labelledby": f"{name}-label"},
                )
                for name, label in DIMENSIONS.items()
            ),
            html.Div(
                [
                    html.Span("Currency", className="label", id="currency-label"),
                    dcc.RadioItems(
                        id="currency", options=currency_options(snapshot), value=snapshot.currency, inline=True, className="segments"
                    ),
                ],
                className="filter",
                id="currency-filter",
                role="radiogroup",
                hidden=len(snapshot.currencies) < 2,
                **{"aria-labelledby": "currency-label"},
            ),
        ],
    )


def _sections(snapshot: Snapshot) -> list[Any]:
    charts = {chart.key: chart for chart in all_charts(snapshot)}
    return [
        html.Section(
            [
                html.H2(title, id=f"section-{name}"),
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
