"""Answers as Tally would, on a port of this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "tk_0123456789ab"
WORKSPACES = [{"key": "ws-1", "title": "Kitchen"}, {"key": "ws-2", "title": "Cellar"}]
# By day: the rows of messages, and those of the bill.
Days = dict[date, tuple[list[dict[str, Any]], list[dict[str, Any]]]]


@contextmanager
def tally(days: Days) -> Iterator[str]:
    """Serve the figures of `days`; yield the base URL. What is not in it is a day without rows."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if self.headers["X-Tally-Key"] != KEY:
                self.answer(401, {"what": "no such key"})
            elif asked.path == "/v2/workspaces":
                self.answer(200, {"workspaces": WORKSPACES})
            else:
                self.answer(200, page(days, asked.path == "/v2/bills", {name: text for name, (text,) in parse_qs(asked.query).items()}))

        def answer(self, status: int, content: Any) -> None:
            body = json.dumps(content, separators=(",", ":")).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v2"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def page(days: Days, is_bill: bool, asked: dict[str, str]) -> dict[str, Any]:
    """Return the page from the cursor on; columns that were not asked for are left out of its rows."""
    start = datetime.fromisoformat(asked.get("cursor", asked["from"]))
    end = datetime.fromisoformat(asked["to"])
    shown = {"messages", "tokens_in", "cents", *asked.get("by", "").split(",")}
    items = []
    while start < end and len(items) < int(asked["days_per_page"]):
        rows = days.get(start.date(), ([], []))[is_bill]
        items.append({"from": _text(start), "to": _text(start + timedelta(days=1)), "rows": [_only(row, shown) for row in rows]})
        start += timedelta(days=1)
    return {"items": items} | ({"cursor": _text(start)} if start < end else {})


def _only(row: dict[str, Any], shown: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in shown}


def _text(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
