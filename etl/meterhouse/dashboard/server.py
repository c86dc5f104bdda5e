"""The dashboard's server: a Dash app under waitress, and plain routes for tables, files, single charts and health."""

from __future__ import annotations

import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import waitress  # type: ignore[import-untyped]
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from meterhouse.dashboard import controls, page
from meterhouse.dashboard.chart import Chart
from meterhouse.dashboard.charts import all_charts
from meterhouse.dashboard.chosen import choice_in_words
from meterhouse.dashboard.door import add_door, is_admitted
from meterhouse.dashboard.download import CSV_TYPE, csv_bytes, csv_name
from meterhouse.dashboard.driver_chart import drivers
from meterhouse.dashboard.filters import DIMENSIONS, Filters, today_utc
from meterhouse.dashboard.first_row import first_row_html, places_html
from meterhouse.dashboard.notices import freshness
from meterhouse.dashboard.presets import chosen_preset, spans
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.savings_chart import savings
from meterhouse.dashboard.sharing import Sharing
from meterhouse.dashboard.single_chart import chart_page
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.static_report import body, strip
from meterhouse.errors import FixConfiguration, MeterhouseError

logger = logging.getLogger(__name__)
THREADS = 6
# The app behind the first paint has the same ones; patterns are used only by their own picture.
_ID = re.compile(r'(?<!<pattern) id="[^"]*"')
KEPT = 24
KEPT_CHARTS = 6
MAX_AGE_SECONDS = 600
_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="/assets/icon.svg">
<link rel="preload" href="/_dash-layout" as="fetch" crossorigin>
<link rel="preload" href="/_dash-dependencies" as="fetch" crossorigin>
<title>{%title%}</title>
{%css%}
<script>try{const t=localStorage.getItem('meterhouse-theme');if(t&&t!=='auto')document.documentElement.dataset.theme=t}catch(e){}</script>
</head>
<body><!--first-paint-->{%app_entry%}<footer class="machinery">{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""


class _App(Dash):
    """A Dash app whose page comes with its figures and pictures in it, so that nobody waits for scripts to see them."""

    first_paint: Callable[[], str] = staticmethod(lambda: "")

    def interpolate_index(self, *_: Any, **parts: Any) -> Any:
        """Return the page, with the picture of it in front."""
        page_text = str(super().interpolate_index(**parts))  # type: ignore[no-untyped-call]
        return page_text.replace("<!--first-paint-->", self.first_paint())


class Snapshots:
    """The newest snapshots by choice: a page, its tables and its files are made of the same one until something is loaded."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._kept: OrderedDict[Filters, tuple[float, Snapshot]] = OrderedDict()
        self._charts: list[tuple[Snapshot, list[Chart]]] = []
        self._lock = threading.Lock()

    def get(self, filters: Filters, version: str | None = None) -> Snapshot:
        """Return the snapshot of `filters`, read again if something was loaded since or it is ten minutes old.

        A part of a page that shows `version` is made of the same snapshot as the rest of it, without a question to the warehouse.
        """
        kept = next((one for one in self._current(version) if one.filters == filters), None) if version else None
        snapshot = kept or self._reader.snapshot(filters, self._current)
        with self._lock:
            # Parts of it may be as old as what they were taken from.
            now = monotonic()
            times = [read_at for read_at, one in self._kept.values() if one.version == snapshot.version and now - read_at < MAX_AGE_SECONDS]
            self._kept[filters] = (min(times, default=now), snapshot)
            self._kept.move_to_end(filters)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return snapshot

    def _current(self, version: str) -> list[Snapshot]:
        """What is kept of a version of the warehouse, the newest first."""
        with self._lock:
            found = [one for read_at, one in self._kept.values() if one.version == version and monotonic() - read_at < MAX_AGE_SECONDS]
        return found[::-1]

    def saved(self, filters: Filters, version: str | None = None) -> Snapshot:
        """Return the snapshot of `filters` with what was saved, which is kept with it."""
        snapshot = self.get(filters, version)
        if snapshot.savings is None:
            snapshot = self._reader.saved(snapshot)
            with self._lock:
                if filters in self._kept:
                    self._kept[filters] = (self._kept[filters][0], snapshot)
        return snapshot

    def charts(self, snapshot: Snapshot) -> list[Chart]:
        """Return the charts of a snapshot, which the pictures of a page ask for one by one."""
        with self._lock:
            known = next((charts for one, charts in self._charts if one is snapshot), None)
        charts = known or all_charts(snapshot)
        with self._lock:
            self._charts = [(snapshot, charts), *(pair for pair in self._charts if pair[0] is not snapshot)][:KEPT_CHARTS]
        return charts

    def version(self) -> str:
        """Return what changes with every load."""
        return self._reader.version()

    def ping(self) -> None:
        """Raise unless the warehouse can be read."""
        self._reader.ping()


def make_app(url: str, sharing: Sharing | None = None, today: Callable[[], date] = today_utc) -> _App:
    """Return the app that reads the warehouse at `url`; `today` is the current UTC day."""
    sharing = sharing or Sharing()
    app = _App(
        "meterhouse.dashboard", assets_folder=str(Path(__file__).parent / "assets"), serve_locally=True, title="meterhouse",
        update_title="", index_string=_INDEX, compress=False,
    )  # fmt: skip
    snapshots = Snapshots(Reader(url, keeps_sessions=True))
    app.first_paint = lambda: _first_paint(snapshots, today())
    app.layout = lambda: _first_page(snapshots, today())
    add_door(app.server, sharing)
    _add_routes(app.server, snapshots, today, sharing)
    _add_callbacks(app, snapshots, today)
    return app


def serve(url: str, port: int, sharing: Sharing) -> None:
    """Serve the dashboard on `port` of the address that it is shared on, until the process is stopped."""
    app = make_app(url, sharing)
    # The first reader should not wait for statements that a thread could have run.
    threading.Thread(target=_warm, args=(app,), daemon=True).start()
    waitress.serve(app.server, host=sharing.host, port=port, threads=THREADS, ident=None)


def _warm(app: _App) -> None:
    with app.server.test_request_context():
        app.first_paint()


def _first_page(snapshots: Snapshots, today: date) -> Any:
    # The layout is asked for by the page, whose own address is the referrer.
    query = urlsplit(flask.request.headers.get("Referer", "") if flask.has_request_context() else "").query
    try:
        return page.layout(snapshots.get(_filters(query, today)), today)
    except MeterhouseError as error:
        return page.failure(str(error))


def _first_paint(snapshots: Snapshots, today: date) -> str:
    try:
        snapshot = snapshots.get(_filters(flask.request.query_string.decode(errors="replace"), today))
    except MeterhouseError:
        return ""
    # Only for the eye: what assistive technology reads is the app behind it.
    return (
        f'<div id="first-paint" aria-hidden="true" inert><div class="page">{strip(snapshot)}<header><div class="brand"><h1>meterhouse</h1>'
        f'<p class="tagline">OpenAI usage and billed cost</p></div></header>{first_row_html(snapshot, freshness(snapshot))}'
        f'<div class="filters">Filters</div>{_ID.sub("", body(snapshot, with_tables=False, places=places_html()))}'
        "</div></div>"
    )


def _filters(query: str, today: date) -> Filters:
    return Filters.of_query(parse_qs(query, keep_blank_values=True), today)


def _add_routes(server: flask.Flask, snapshots: Snapshots, today: Callable[[], date], sharing: Sharing) -> None:
    def chart(key: str) -> tuple[Chart, Snapshot]:
        filters = _filters(flask.request.query_string.decode(errors="replace"), today())
        snapshot = snapshots.saved(filters) if key == page.SAVINGS else snapshots.get(filters)
        found = next((one for one in snapshots.charts(snapshot) if one.key == key), None)
        return found or flask.abort(404), snapshot

    def table(key: str) -> flask.Response:
        return flask.Response(chart(key)[0].table.to_html(), mimetype="text/html")

    def csv(key: str) -> flask.Response:
        found, snapshot = chart(key)
        headers = {"Content-Disposition": f'attachment; filename="{csv_name(found, snapshot)}"'}
        return flask.Response(csv_bytes(found), content_type=CSV_TYPE, headers=headers)

    def single(key: str) -> flask.Response:
        return flask.Response(chart_page(*chart(key)), mimetype="text/html")

    def health() -> flask.Response:
        snapshots.ping()
        return flask.jsonify(status="ok")

    def refused(error: MeterhouseError) -> tuple[flask.Response, int]:
        # A request without the token learns only that something fails.
        reason = str(error) if is_admitted(sharing) else "sign in to see it"
        return flask.jsonify(status="failed", reason=reason), 400 if isinstance(error, FixConfiguration) else 503

    server.add_url_rule("/table/<key>", "table", table)
    server.add_url_rule("/csv/<key>", "csv", csv)
    server.add_url_rule("/chart/<key>", "chart", single)
    server.add_url_rule("/healthz", "healthz", health)
    server.register_error_handler(MeterhouseError, refused)


def _add_callbacks(app: Any, snapshots: Snapshots, today: Callable[[], date]) -> None:
    def show(first: str, last: str, width: str, *rest: Any) -> Any:
        *chosen, currency, _, compare, by, refresh, shown = rest
        count, place = len(page.READY_KEYS) * len(page.AROUND) + 9, 8
        if ctx.triggered_id == "tick" and "on" not in (refresh or []):
            return [*[no_update] * place, _of_today(shown, today()), *[no_update] * (count - place - 1)]
        values = {name: tuple(value or ()) for name, value in zip(DIMENSIONS, chosen, strict=True)}
        try:
            filters = Filters(
                date.fromisoformat(first[:10]),
                date.fromisoformat(last[:10]),
                width,
                **values,
                currency=currency or "",
                compare=compare,
                by=by,
            )
            if ctx.triggered_id == "tick" and snapshots.version() == shown["version"]:
                return [*[no_update] * place, _of_today(shown, today()), *[no_update] * (count - place - 1)]
            snapshot = snapshots.get(filters)
        except MeterhouseError as error:
            message = [page.warning(f"The figures below are older than the choice: {error}.")]
            return [message, *[no_update] * (count - 1)]
        # The pictures follow one by one, those in sight first.
        places = {chart.key: page.around(chart, filters) for chart in snapshots.charts(snapshot)}
        return [
            page.notice_lines(snapshot), page.freshness_lines(snapshot), page.cards(snapshot), controls.currency_options(snapshot),
            page.strip(snapshot), choice_in_words(snapshot), controls.trail(snapshot), page.answers(snapshot),
            page.shown(snapshot, today()), *(part for key in page.READY_KEYS for part in places[key]),
        ]  # fmt: skip

    outputs = [Output("notices", "children"), Output("freshness", "children"), Output("cards", "children"), Output("currency", "options")]
    outputs += [Output("invented", "children"), Output("choice", "children"), Output("trail", "children"), Output("answers", "children")]
    outputs += [Output("shown", "data")]
    outputs += [Output(f"{key}-{place}", name) for key in page.READY_KEYS for place, name in page.AROUND]
    inputs = [
        Input("days", "start_date"),
        Input("days", "end_date"),
        Input("width", "value"),
        *(Input(name, "value") for name in DIMENSIONS),
    ]
    inputs += [Input("currency", "value"), Input("tick", "n_intervals")]
    states = [State("compare", "value"), State("by", "value"), State("refresh", "value"), State("shown", "data")]
    app.callback(outputs, inputs, states, prevent_initial_call=True)(show)
    _add_small_callbacks(app, snapshots, today)
    _add_scripts(app)


def _add_small_callbacks(app: Any, snapshots: Snapshots, today: Callable[[], date]) -> None:
    """Add those of single parts of the page."""

    def turn(compare: str, by: str, shown: dict[str, str]) -> Any:
        snapshot = snapshots.get(replace(_filters(shown["query"], today()), compare=compare, by=by))
        chart = drivers(snapshot)
        return [*page.around(chart, snapshot.filters), page.shown(snapshot, today(), only=chart.key)]

    def save(shown: dict[str, str]) -> Any:
        filters = _filters(shown["query"], today())
        try:
            return page.card(savings(snapshots.saved(filters, shown["version"])), filters)
        except MeterhouseError as error:
            return page.card(replace(savings(Snapshot(filters, "")), empty=f"What was saved could not be read: {error}."), filters)

    def draw(key: str, shown: dict[str, str]) -> Any:
        snapshot = snapshots.get(_filters(shown["query"], today()), shown["version"])
        return page.graph(next(chart for chart in snapshots.charts(snapshot) if chart.key == key), snapshot.filters)

    app.callback(
        [*(Output(f"drivers-{place}", name, allow_duplicate=True) for place, name in page.AROUND),
         Output("shown", "data", allow_duplicate=True)],
        Input("compare", "value"), Input("by", "value"), State("shown", "data"), prevent_initial_call=True,
    )(turn)  # fmt: skip
    # Last, and without keeping anybody waiting.
    app.callback(Output(f"panel-{page.SAVINGS}", "children"), Input("shown", "data"))(save)
    for key in page.READY_KEYS:
        app.callback(
            Output(f"{key}-picture", "children"), Input(f"soon-{key}", "data"), State("shown", "data"), prevent_initial_call=True
        )(lambda _, shown, key=key: draw(key, shown))  # fmt: skip


def _of_today(shown: dict[str, Any], today: date) -> Any:
    """What the browser keeps, with the buttons' days of today; nothing new on the same day."""
    if shown["spans"] == spans(today):
        return no_update
    filters = _filters(shown["query"], today)
    return shown | {"spans": spans(today), "preset": chosen_preset(filters.first, filters.last, today)}


def _add_scripts(app: Any) -> None:
    """Add what the browser does without asking."""
    app.clientside_callback(ClientsideFunction("meterhouse", "theme"), Output("theme", "className"), Input("theme", "value"))
    app.clientside_callback(ClientsideFunction("meterhouse", "address"), Output("address", "title"), Input("shown", "data"))
