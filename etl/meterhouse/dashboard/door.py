"""The door of the dashboard's server: who is let in, under which name, and what a browser may do with its pages."""

from __future__ import annotations

import time
from html import escape
from urllib.parse import urlsplit

import flask

from meterhouse.dashboard.sharing import COOKIE, SESSION_SECONDS, Sharing

LOGIN = "/login"
# What the page that asks for the token needs, and what says whether the server lives.
_OPEN = {LOGIN, "/healthz", "/assets/base.css", "/assets/icon.svg"}
_MOST_BYTES = 1_000_000
# Everything comes from this server; the renderer needs inline scripts and styles.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; base-uri 'none';"
    " form-action 'self'; frame-ancestors {ancestors}"
)
_EMBEDDED = "/chart/"
_ASK = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>meterhouse</title><link rel="icon" href="/assets/icon.svg">
<link rel="stylesheet" href="/assets/base.css"></head><body><div class="page"><header><div class="brand"><h1>meterhouse</h1>
<p class="tagline">OpenAI usage and billed cost</p></div></header><main><form method="post" action="/login">
<input type="hidden" name="to" value="{to}"><p><label for="token">{words}</label></p>
<p><input id="token" name="token" type="password" autocomplete="current-password" required autofocus> <button>Show the figures</button></p>
</form></main></div></body></html>"""


def add_door(server: flask.Flask, sharing: Sharing) -> None:
    """Let in only whom `sharing` admits, to every route of `server`."""
    server.config["MAX_CONTENT_LENGTH"] = _MOST_BYTES

    def stop() -> flask.Response | None:
        # A page of another site, opened in a browser here, must not reach the figures under its own host name.
        if urlsplit(f"//{flask.request.host}").hostname not in sharing.names:
            flask.abort(403)
        if flask.request.path in _OPEN or is_admitted(sharing):
            return None
        if sharing.token is None:
            flask.abort(flask.Response("The proxy in front of the dashboard did not say who you are.", 401, mimetype="text/plain"))
        return _asked("Enter the token of this dashboard", flask.request.full_path.rstrip("?"))

    def login() -> flask.Response:
        to = flask.request.form.get("to", "/")
        if not sharing.is_token(flask.request.form.get("token", "")):
            return _asked("That is not the token of this dashboard. Enter it again", to)
        # Only to a place on this server.
        answer = flask.Response("", 303, headers={"Location": to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"})
        is_secure = flask.request.headers.get("Origin", "").startswith("https://")
        answer.set_cookie(COOKIE, sharing.session(time.time()), SESSION_SECONDS, httponly=True, samesite="Lax", secure=is_secure)
        return answer

    def guarded(response: flask.Response) -> flask.Response:
        is_embedded = flask.request.path.startswith(_EMBEDDED) and sharing.frame_ancestors
        response.headers["Content-Security-Policy"] = _POLICY.format(
            ancestors=" ".join(("'self'", *sharing.frame_ancestors)) if is_embedded else "'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        if not flask.request.path.startswith(("/_dash-component-suites/", "/assets/")):
            response.headers["Cache-Control"] = "no-store"
        return response

    server.before_request(stop)
    server.after_request(guarded)
    if sharing.token is not None:
        server.add_url_rule(LOGIN, "login", login, methods=["POST"])


def is_admitted(sharing: Sharing) -> bool:
    """Return whether the request at hand may see figures."""
    request = flask.request
    return sharing.admits(request.headers.get, request.cookies.get(COOKIE, ""), request.remote_addr or "", time.time())


def _asked(words: str, to: str) -> flask.Response:
    return flask.Response(_ASK.format(words=words, to=escape(to)), 401, mimetype="text/html")
