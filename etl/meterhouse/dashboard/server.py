"""The dashboard's server: a Dash app under waitress on this machine's loopback, and plain addresses for tables, files and health."""

from __future__ import annotations

import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import waitress  # type: ignore[import-untyped]
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from meterhouse.dashboard import page
from meterhouse.dashboard.chart import Chart
from meterhouse.dashboard.charts import all_charts
from meterhouse.dashboard.chosen import choice_in_words
from meterhouse.dashboard.download import CSV_TYPE, csv_bytes, csv_name
from meterhouse.dashboard.filters import DIMENSIONS, Filters, today_utc
from meterhouse.dashboard.notices import freshness
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.static_report import body, strip
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.ports import LOOPBACK

logger = logging.getLogger(__name__)
THREADS = 6
# The app behind the first paint has the same ones; patterns are named by their own picture alone.
_ID = re.compile(r'(?<!<pattern) id="[^"]*"')
KEPT = 24
MAX_AGE_SECONDS = 600
_HOSTS = {LOOPBACK, "localhost"}
# Everything comes from this server; the renderer needs inline scripts and styles.
_POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:"
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
        self._lock = threading.Lock()

    def get(self, filters: Filters) -> Snapshot:
        """Return the snapshot of `filters`, read anew when something was loaded since or it is ten minutes old."""
        version = self._reader.version()
        with self._lock:
            kept = self._kept.get(filters)
            if kept and kept[1].version == version and monotonic() - kept[0] < MAX_AGE_SECONDS:
                self._kept.move_to_end(filters)
                return kept[1]
        snapshot = self._reader.snapshot(filters)
        with self._lock:
            self._kept[filters] = (monotonic(), snapshot)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return snapshot

    def version(self) -> str:
        """Return what changes with every load."""
        return self._reader.version()

    def ping(self) -> None:
        """Raise unless the warehouse can be read."""
        self._reader.ping()


def make_app(url: str, today: Callable[[], date] = today_utc) -> Dash:
    """Return the app that reads the warehouse at `url`; `today` is the current UTC day."""
    app = _App(
        "meterhouse.dashboard", assets_folder=str(Path(__file__).parent / "assets"), serve_locally=True, title="meterhouse",
        update_title="", index_string=_INDEX, compress=False,
    )  # fmt: skip
    snapshots = Snapshots(Reader(url))
    app.first_paint = lambda: _first_paint(snapshots, today())
    app.layout = lambda: _first_page(snapshots, today())
    _add_routes(app.server, snapshots, today)
    _add_callbacks(app, snapshots, today)
    return app


def serve(url: str, port: int) -> None:
    """Serve the dashboard on the loopback's `port` until the process is stopped."""
    app = make_app(url)
    # The first reader should not wait for statements that a thread could have run.
    threading.Thread(target=_warm, args=(app,), daemon=True).start()
    waitress.serve(app.server, host=LOOPBACK, port=port, threads=THREADS, ident=None)


def _warm(app: Dash) -> None:
    app.server.test_client().get("/_dash-layout", headers={"Host": LOOPBACK})


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
    lines = "".join(f"<li>{line}</li>" for line in freshness(snapshot))
    # Only for the eye: what assistive technology reads is the app behind it.
    return (
        f'<div id="first-paint" aria-hidden="true" inert><div class="page">{strip(snapshot)}<header><div class="brand"><h1>meterhouse</h1>'
        f'<p class="tagline">OpenAI usage and billed cost</p></div><ul class="freshness">{lines}</ul><div class="switches"></div></header>'
        f'<div class="filters">Filters</div>{_ID.sub("", body(snapshot, with_tables=False))}</div></div>'
    )


def _filters(query: str, today: date) -> Filters:
    return Filters.of_query(parse_qs(query, keep_blank_values=True), today)


def _add_routes(server: flask.Flask, snapshots: Snapshots, today: Callable[[], date]) -> None:
    def chart(key: str) -> tuple[Chart, Snapshot]:
        snapshot = snapshots.get(_filters(flask.request.query_string.decode(errors="replace"), today()))
        found = next((one for one in all_charts(snapshot) if one.key == key), None)
        return found or flask.abort(404), snapshot

    def table(key: str) -> flask.Response:
        return flask.Response(chart(key)[0].table.to_html(), mimetype="text/html")

    def csv(key: str) -> flask.Response:
        found, snapshot = chart(key)
        headers = {"Content-Disposition": f'attachment; filename="{csv_name(found, snapshot)}"'}
        return flask.Response(csv_bytes(found), content_type=CSV_TYPE, headers=headers)

    def health() -> flask.Response:
        snapshots.ping()
        return flask.jsonify(status="ok")

    def refused(error: MeterhouseError) -> tuple[flask.Response, int]:
        return flask.jsonify(status="failed", reason=str(error)), 400 if isinstance(error, FixConfiguration) else 503

    def unhealthy_host() -> None:
        # A page of somebody else's, opened in a browser on this machine, must not reach the figures by a name of its own.
        if urlsplit(f"//{flask.request.host}").hostname not in _HOSTS:
            flask.abort(403)

    def guarded(response: flask.Response) -> flask.Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        if not flask.request.path.startswith(("/_dash-component-suites/", "/assets/")):
            response.headers["Cache-Control"] = "no-store"
        return response

    server.add_url_rule("/table/<key>", "table", table)
    server.add_url_rule("/csv/<key>", "csv", csv)
    server.add_url_rule("/healthz", "healthz", health)
    server.register_error_handler(MeterhouseError, refused)
    server.before_request(unhealthy_host)
    server.after_request(guarded)


def _add_callbacks(app: Any, snapshots: Snapshots, today: Callable[[], date]) -> None:
    def show(first: str, last: str, width: str, *rest: Any) -> Any:
        *chosen, currency, _, refresh, shown = rest
        count = len(page.CHART_KEYS) + 7
        if ctx.triggered_id == "tick" and "on" not in (refresh or []):
            return [no_update] * count
        values = {name: tuple(value or ()) for name, value in zip(DIMENSIONS, chosen, strict=True)}
        try:
            filters = Filters(date.fromisoformat(first[:10]), date.fromisoformat(last[:10]), width, **values, currency=currency or "")
            if ctx.triggered_id == "tick" and snapshots.version() == shown["version"]:
                return [no_update] * count
            snapshot = snapshots.get(filters)
        except MeterhouseError as error:
            message = [page.warning(f"The figures below are older than the choice: {error}.")]
            return [message, *[no_update] * (count - 1)]
        panels = page.chart_cards(snapshot)
        return [
            page.notice_lines(snapshot), page.freshness_lines(snapshot), page.cards(snapshot), page.currency_options(snapshot),
            page.strip(snapshot), choice_in_words(snapshot), page.shown(snapshot), *(panels[key] for key in page.CHART_KEYS),
        ]  # fmt: skip

    def draw(key: str, query: str) -> Any:
        return page.graph(next(chart for chart in all_charts(snapshots.get(_filters(query, today()))) if chart.key == key))

    def span(*_: Any) -> tuple[str, str]:
        return preset(str(ctx.triggered_id), today())

    outputs = [Output("notices", "children"), Output("freshness", "children"), Output("cards", "children"), Output("currency", "options")]
    outputs += [Output("invented", "children"), Output("choice", "children"), Output("shown", "data")]
    outputs += [*(Output(f"panel-{key}", "children") for key in page.CHART_KEYS)]
    inputs = [
        Input("days", "start_date"),
        Input("days", "end_date"),
        Input("width", "value"),
        *(Input(name, "value") for name in DIMENSIONS),
    ]
    inputs += [Input("currency", "value"), Input("tick", "n_intervals")]
    app.callback(outputs, inputs, State("refresh", "value"), State("shown", "data"), prevent_initial_call=True)(show)
    app.callback(
        Output("days", "start_date"), Output("days", "end_date"), [Input(key, "n_clicks") for key in page.PRESETS],
        prevent_initial_call=True,
    )(span)  # fmt: skip
    for key in page.CHART_KEYS:
        app.callback(
            Output(f"{key}-picture", "children"), Input(f"soon-{key}", "data"), State("shown", "data"), prevent_initial_call=True
        )(lambda _, shown, key=key: draw(key, shown["query"]))  # fmt: skip
    app.clientside_callback(ClientsideFunction("meterhouse", "theme"), Output("theme", "className"), Input("theme", "value"))
    app.clientside_callback(ClientsideFunction("meterhouse", "address"), Output("address", "title"), Input("shown", "data"))


def preset(name: str, today: date) -> tuple[str, str]:
    """Return the first and the last day of a span that a button names."""
    if name == "this-month":
        return str(today.replace(day=1)), str(today)
    if name == "last-month":
        last = today.replace(day=1) - timedelta(days=1)
        return str(last.replace(day=1)), str(last)
    return str(today - timedelta(days=int(name.removeprefix("days-")) - 1)), str(today)
