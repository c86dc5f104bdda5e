"""The controls of the page: its head, the filters and the switches, with labels for keyboards and screen readers."""

from __future__ import annotations

from datetime import date
from typing import Any

import dash

from meterhouse.dashboard.chosen import choice_in_words
from meterhouse.dashboard.filters import COMPARISONS, DIMENSIONS, MEMBERS, Filters
from meterhouse.dashboard.presets import PRESETS, chosen_preset
from meterhouse.dashboard.snapshot import UNNAMED, Snapshot

# Their own types know no aria- and data- attributes.
html: Any = dash.html
dcc: Any = dash.dcc
_EVERY = {
    "organizations": "All organizations",
    "projects": "All projects",
    "models": "All models",
    "api_keys": "All keys",
    "users": "All users",
}


def currency_options(snapshot: Snapshot) -> list[Any]:
    """Return the currencies to choose from."""
    return [{"label": code.upper() or UNNAMED, "value": code} for code in snapshot.currencies or [snapshot.currency]]


def _members(snapshot: Snapshot, name: str) -> list[Any]:
    """Return what can be chosen of a dimension, and what the address has chosen that is not there.

    A drop-down drops what it does not offer, and the page would then show everything under an address that asks for less.
    """
    not_found = {value: f"{value or UNNAMED} (not found)" for value in snapshot.not_found(name)}
    return [{"label": text, "value": value} for value, text in (snapshot.names(name) | not_found).items()]


def header(snapshot: Snapshot) -> Any:
    """Return the head of the page: its name, and the choice in words."""
    return html.Header(
        [
            html.Div([html.H1("meterhouse"), html.P("OpenAI usage and billed cost", className="tagline")], className="brand"),
            html.P(choice_in_words(snapshot), id="choice", className="chosen"),
        ]
    )


def _switches() -> Any:
    """The switches of the page itself, which choose no figures."""
    themes = [{"label": "System", "value": "auto"}, {"label": "Light", "value": "light"}, {"label": "Dark", "value": "dark"}]
    refresh = [{"label": "Auto-refresh", "value": "on"}]
    return html.Div(
        [
            dcc.Checklist(id="refresh", options=refresh, value=["on"], persistence=True, className="switch"),
            html.Div(
                [
                    html.Span("Colours", id="theme-label", className="label"),
                    dcc.RadioItems(id="theme", options=themes, value="auto", persistence=True, inline=True, className="segments"),
                ],
                role="radiogroup",
                **{"aria-labelledby": "theme-label"},
            ),
        ],
        className="filter switches",
    )


def filter_panel(snapshot: Snapshot, today: date) -> Any:
    """Return the filters."""
    filters = snapshot.filters
    widths = [{"label": "Day", "value": "day"}, {"label": "Hour", "value": "hour"}]
    return html.Section(
        className="filters",
        id="filters",
        **{"aria-label": "Filters"},
        children=[
            _days(filters, today),
            _switches(),
            html.Button("More filters", id="more", type="button", **{"aria-expanded": "false", "aria-controls": "filters"}),
            html.Div(
                [
                    html.Span("Group by", className="label", id="width-label"),
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
                            options=_members(snapshot, name),
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


def _days(filters: Filters, today: date) -> Any:
    """The days: two of a calendar, or a span that a button names."""
    return html.Div(
        [
            html.Span("Days, UTC", className="label", id="days-label"),
            dcc.DatePickerRange(
                id="days",
                start_date=str(filters.first),
                end_date=str(filters.last),
                start_date_id="first-day",
                end_date_id="last-day",
                max_date_allowed=str(max(today, filters.last)),
                display_format="D MMM YYYY",
                first_day_of_week=1,
                minimum_nights=0,
                number_of_months_shown=1,
            ),
            html.Div(
                _preset_buttons(chosen_preset(filters.first, filters.last, today)),
                className="presets",
                role="group",
                **{"aria-label": "Spans of days"},
            ),
        ],
        className="filter days",
        role="group",
        **{"aria-labelledby": "days-label"},
    )


def _preset_buttons(chosen: str) -> list[Any]:
    pressed = {key: {"aria-pressed": str(key == chosen).lower()} for key in PRESETS}
    return [html.Button(name, id=key, type="button", **pressed[key]) for key, name in PRESETS.items()]


def driver_switch(filters: Filters) -> Any:
    """Return the switches of the drivers: what is compared, and by what."""
    switches = (("compare", "Compared", COMPARISONS, filters.compare), ("by", "By", MEMBERS, filters.by))
    return html.Div(
        [
            html.Div(
                [
                    html.Span(label, className="label", id=f"{name}-label"),
                    dcc.RadioItems(
                        id=name, options=[{"label": text, "value": value} for value, text in options.items()], value=chosen, inline=True,
                        className="segments",
                    ),
                ],
                role="radiogroup",
                **{"aria-labelledby": f"{name}-label"},
            )
            for name, label, options, chosen in switches
        ],
        className="driver-switch",
    )  # fmt: skip


def trail(snapshot: Snapshot) -> list[Any]:
    """Return what is chosen, each with the way back; or how to choose."""
    chosen = [
        html.Button(
            [f"{label}: {snapshot.names(name).get(value, value)}", html.Span(" \N{MULTIPLICATION SIGN}", **{"aria-hidden": "true"})],
            type="button", title="Show all again", **{"data-pick": f"{name}:{value}"},
        )
        for name, label in DIMENSIONS.items()
        for value in getattr(snapshot.filters, name)
    ]  # fmt: skip
    if not chosen:
        return [html.Span("Click a bar, a slice or the name of a row to see only that; click again to see everything.", className="hint")]
    return [html.Span("Only", className="hint"), *chosen]
