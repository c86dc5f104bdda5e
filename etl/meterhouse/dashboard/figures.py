"""Charts to plotly figures, as plain dictionaries. Pure.

Text and lines carry no colour of their own: the page's style sheet gives it, so light and dark need no second figure.
Floats are only for drawing; what the pointer shows is written from the exact figures.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from typing import Any

from meterhouse.dashboard.chart import Chart, Mark, Series
from meterhouse.dashboard.palette import ABSENT, LESS, MORE, colour, ink, is_dotted, texture
from meterhouse.dashboard.svg import axis_texts, cut, names_at, rank_text, whole_axis

Figure = dict[str, Any]
CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "showTips": False}
# What of a name fits before its figure on a phone.
ROOM = 36
MARK_ROOM = 24
TIME_HEIGHT, PIE_HEIGHT, RANK_HEIGHT = 240, 230, 38
_FONT = {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif", "size": 12}
_AXIS = {"fixedrange": True, "zeroline": False, "showline": False, "automargin": True}


def figure(chart: Chart) -> Figure:
    """Return the plotly figure of a chart; an empty one draws nothing."""
    if chart.empty:
        return {"data": [], "layout": _layout(60) | {"xaxis": {"visible": False}, "yaxis": {"visible": False}}}
    return {"bars": _bars, "lines": _lines, "ranks": _ranks, "pie": _pie}[chart.kind](chart)


def height(chart: Chart) -> int:
    """Return the height of a chart in pixels."""
    if chart.empty:
        return 60
    if chart.kind == "ranks":
        return RANK_HEIGHT * len(chart.labels) + 8
    return PIE_HEIGHT if chart.kind == "pie" else TIME_HEIGHT


def _layout(pixels: int) -> dict[str, Any]:
    return {
        "height": pixels,
        "autosize": True,
        "margin": {"l": 0, "r": 4, "t": 8, "b": 0},
        "font": _FONT,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "dragmode": False,
        "hoverlabel": {"font": _FONT, "align": "left"},
    }


def _over_time(chart: Chart, data: list[dict[str, Any]]) -> Figure:
    is_time = bool(chart.labels) and isinstance(chart.labels[0], datetime)
    whole = low, high, _ = whole_axis(chart)
    texts = axis_texts(chart, whole)
    axes: dict[str, Any] = {
        "xaxis": _AXIS
        | {
            "showgrid": False,
            "nticks": 7,
            # Room between a first day and the zero of the other axis.
            "ticks": "outside",
            "ticklen": 5,
            "tickcolor": "rgba(0,0,0,0)",
            **(
                {"type": "date", "tickformat": _tick_format(chart), "hoverformat": "%-d %b %Y, %H:%M" if chart.is_hourly else "%-d %b %Y"}
                if is_time
                else _month_names(chart)
            ),
        },
        "yaxis": _AXIS | {"tickvals": [*texts], "ticktext": [*texts.values()], "range": [low, high * 1.02], "side": "left"},
    }
    layout = _layout(TIME_HEIGHT) | axes | {"barmode": "relative", "bargap": 0.18, "hovermode": "x unified", "shapes": _gaps(chart)}
    if chart.kind == "bars" and len(chart.series) > 1:
        # Of a stack, the part under the pointer is named and not all of them.
        layout["hovermode"] = "closest"
    return {"data": data, "layout": layout}


def _month_names(chart: Chart) -> dict[str, Any]:
    """Every so many of the months, on two lines, as a phone has no room for a dozen names side by side."""
    shown = _xs(chart)[:: -(-len(chart.labels) // 7) or 1]
    return {"type": "category", "tickvals": shown, "ticktext": [one.replace(" ", "<br>") for one in shown], "tickangle": 0}


def _gaps(chart: Chart) -> list[dict[str, Any]]:
    """Marks on the ground line where nothing is loaded: no bar would say zero."""
    half = timedelta(minutes=30) if chart.is_hourly else timedelta(hours=12)

    def end(place: int, sign: int) -> str | float:
        label = chart.labels[place]
        return (label + sign * half).isoformat() if isinstance(label, datetime) else place + sign / 2

    return [
        {
            "type": "line", "xref": "x", "yref": "paper", "x0": end(first, -1), "x1": end(last, 1), "y0": 0.012, "y1": 0.012,
            "line": {"color": ABSENT, "width": 6, "dash": "2px,3px"},
        }
        for first, last in chart.gaps
    ]  # fmt: skip


def _pattern(shapes: str | list[str]) -> dict[str, Any]:
    return {"shape": shapes, "size": 6, "solidity": 0.22, "fillmode": "overlay", "fgcolor": "#fff", "fgopacity": 0.55}


def _bars(chart: Chart) -> Figure:
    # A chart of whole months says of none that it is not complete.
    late = chart.incomplete or (False,) * len(chart.labels)
    found = _over_time(
        chart,
        [
            {
                "type": "bar", "name": one.name, "x": _xs(chart), "y": _floats(one), "text": _texts(chart, one), "textposition": "none",
                "customdata": _picks(chart, one),
                "hovertemplate": f"%{{text}}<extra>{escape(one.name)}</extra>",
                "marker": {
                    "color": colour(one.slot), "pattern": _pattern(["/" if is_late else texture(chart, place) for is_late in late]),
                },
            }
            for place, one in enumerate(chart.series)
        ],
    )  # fmt: skip
    if not chart.marks:
        return found
    return {"data": [*found["data"], _marks(chart)], "layout": found["layout"] | {"annotations": _mark_names(chart)}}


def _tops(chart: Chart) -> list[float]:
    """The height of the stack at each mark."""
    return [sum(max(float(one.values[mark.place] or 0), 0) for one in chart.series) for mark in chart.marks]


def _above(chart: Chart) -> list[float]:
    """Where a mark stands free of its bar."""
    return [top + 0.03 * whole_axis(chart)[1] for top in _tops(chart)]


def _marks(chart: Chart) -> dict[str, Any]:
    xs = _xs(chart)
    return {
        "type": "scatter", "mode": "markers", "name": "unusual", "x": [xs[mark.place] for mark in chart.marks], "y": _above(chart),
        "text": [escape(mark.words) for mark in chart.marks], "hovertemplate": "%{text}<extra></extra>", "cliponaxis": False,
        "marker": {"symbol": "triangle-down", "size": 11, "color": MORE},
    }  # fmt: skip


def _mark_names(chart: Chart) -> list[dict[str, Any]]:
    xs = _xs(chart)
    return [
        {
            "x": xs[mark.place], "y": top, "yshift": 10, "xanchor": _side(chart, mark), "yanchor": "bottom",
            "text": escape(cut(mark.name, MARK_ROOM)), "showarrow": False, "font": {"size": 12},
        }
        for mark, top in zip(chart.marks, _above(chart), strict=True)
        if mark.name
    ]  # fmt: skip


def _side(chart: Chart, mark: Mark) -> str:
    """A name at an edge stands inside."""
    share = mark.place / max(len(chart.labels) - 1, 1)
    return "left" if share < 0.15 else "right" if share > 0.85 else "center"


def _lines(chart: Chart) -> Figure:
    """Lines as far as all is complete, then dots to what will still grow."""
    late = list(chart.incomplete)
    whole = len(late) - next((number for number, flag in enumerate(reversed(late)) if not flag), len(late))
    data: list[dict[str, Any]] = []
    for one in chart.series:
        common = {
            "type": "scatter", "name": one.name, "connectgaps": False, "hovertemplate": f"%{{text}}<extra>{escape(one.name)}</extra>",
        }  # fmt: skip
        xs, ys, texts, picks = _xs(chart), _floats(one), _texts(chart, one), _picks(chart, one)
        data.append(
            common
            | {
                "mode": "lines",
                "x": xs[:whole],
                "y": ys[:whole],
                "text": texts[:whole],
                "line": {"color": colour(one.slot), "width": 2},
                "customdata": picks[:whole],
            }
        )
        if whole < len(xs):
            start = max(whole - 1, 0)
            data.append(
                common
                | {
                    "mode": "lines+markers", "x": xs[start:], "y": ys[start:], "text": [f"{text}, not final" for text in texts[start:]],
                    "line": {"color": colour(one.slot), "width": 2, "dash": "dot"}, "customdata": picks[start:],
                    "marker": {"symbol": "circle-open", "size": [0] * (whole - start) + [7] * (len(xs) - whole)},
                }
            )  # fmt: skip
            # The point where both meet is listed once.
            data[-1]["text"][: whole - start] = [""] * (whole - start)
    found = _over_time(chart, data)
    return found | {"layout": found["layout"] | {"annotations": _line_names(chart)}}


def _line_names(chart: Chart) -> list[dict[str, Any]]:
    """The names of several lines, where these are farthest apart."""
    at = names_at(chart)
    if at is None:
        return []
    return [
        {
            "x": _xs(chart)[at], "y": float(value), "xanchor": "center", "yanchor": "bottom", "text": escape(one.name), "showarrow": False,
            "font": {"size": 12},
        }
        for one in chart.series
        if (value := one.values[at]) is not None
    ]  # fmt: skip


def _ranks(chart: Chart) -> Figure:
    """Bars that lie below their own label and value, so that long names need no margin on a phone."""
    rows = list(range(len(chart.labels)))
    data = [
        {
            "type": "bar", "orientation": "h", "name": one.name, "y": rows, "x": _floats(one), "text": _hinted(chart, one), "width": 0.26,
            "customdata": _picks(chart, one),
            "textposition": "none", "hovertemplate": f"{escape(one.name)}: %{{text}}<extra></extra>",
            "marker": {
                "color": [MORE if (value or 0) > 0 else LESS for value in one.values] if chart.is_change else colour(one.slot),
                "pattern": _pattern(texture(chart, place)),
            },
        }
        for place, one in enumerate(chart.series)
    ]  # fmt: skip
    notes: list[dict[str, Any]] = []
    for row, label in enumerate(chart.labels):
        text = rank_text(chart, row)
        common = {"y": row, "yref": "y", "xref": "paper", "showarrow": False, "yshift": 15, "font": {"size": 12}}
        notes += [
            common | {"x": 0, "xanchor": "left", "text": escape(cut(str(label), ROOM))},
            common | {"x": 1, "xanchor": "right", "text": text},
        ]
    axes = {
        "xaxis": _AXIS | {"visible": False, "rangemode": "tozero"},
        "yaxis": _AXIS | {"visible": False, "range": [len(rows) - 0.65, -0.85]},
    }
    layout = _layout(height(chart)) | axes | {"barmode": "relative", "annotations": notes, "hovermode": "closest"}
    return {"data": data, "layout": layout}


def _pie(chart: Chart) -> Figure:
    values = [float(one.values[index] or 0) for index, one in enumerate(chart.series)]
    colours, dots = [colour(one.slot) for one in chart.series], ["." if is_dotted(one.slot) else "" for one in chart.series]
    trace = {
        "type": "pie", "labels": [one.name for one in chart.series], "values": values, "hole": 0.58, "sort": False,
        "direction": "clockwise",
        "marker": {
            "colors": colours,
            "pattern": {"shape": dots, "size": 6, "solidity": 0.12, "fillmode": "replace", "bgcolor": colours,
                        "fgcolor": ["#fff"] * len(colours)},
        },
        # Dots leave no room for text; the legend has it.
        "texttemplate": ["" if is_dotted(one.slot) else one.legend for one in chart.series], "textposition": "inside",
        "insidetextfont": {"color": [ink(one.slot) for one in chart.series]},
        "insidetextorientation": "horizontal", "text": [chart.show(one.values[index]) for index, one in enumerate(chart.series)],
        "hovertemplate": "%{label}: %{text}<extra></extra>", "customdata": [one.pick for one in chart.series],
    }  # fmt: skip
    return {"data": [trace], "layout": _layout(PIE_HEIGHT) | {"uniformtext": {"minsize": 10, "mode": "hide"}}}


def _tick_format(chart: Chart) -> str:
    first, last = chart.labels[0], chart.labels[-1]
    assert isinstance(first, datetime)  # noqa: S101  # only called for time axes
    assert isinstance(last, datetime)  # noqa: S101
    if last - first > timedelta(days=150):
        return "%b\n%Y"
    return "%H:%M\n%-d %b" if last - first < timedelta(days=4) and chart.is_hourly else "%-d %b\n%Y"


def _xs(chart: Chart) -> list[str]:
    return [label if isinstance(label, str) else label.isoformat() for label in chart.labels]


def _floats(series: Series) -> list[float | None]:
    return [None if value is None else float(value) for value in series.values]


def _picks(chart: Chart, series: Series) -> list[str]:
    return [chart.pick_at(series, place) for place in range(len(chart.labels))]


def _hinted(chart: Chart, series: Series) -> list[str]:
    texts = _texts(chart, series)
    return [f"{text}<br>{escape(hint)}" if hint else text for text, hint in zip(texts, chart.hints or [""] * len(texts), strict=True)]


def _texts(chart: Chart, series: Series) -> list[str]:
    return [chart.show(value) for value in series.values]
