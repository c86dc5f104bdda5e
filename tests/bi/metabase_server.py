"""A recording server that answers as Metabase's API reference says.

It checks sessions, the names of fields and references between what it keeps, and no more.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

USER, PASSWORD = "admin@example.com", "correct-horse-battery-9"
TOKEN, SESSION = "setup-token-of-a-test", "session-of-a-test"
# What a body must have, and may have, by the API's reference; another field is a mistake of ours.
CARD = {"name", "dataset_query", "display", "visualization_settings", "description", "collection_id", "type", "result_metadata"}
BOARD = {"name", "description", "collection_id", "parameters"}
FIELDS = {
    "setup": ({"token", "user", "prefs"}, set()),
    "session": ({"username", "password"}, set()),
    "database": ({"name", "engine", "details"}, {"is_full_sync"}),
    "collection": ({"name"}, {"description", "parent_id"}),
    "card": (CARD - {"result_metadata"}, {"result_metadata"}),
    "dashboard": (BOARD, {"dashcards"}),
}


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, said: Any) -> None:
        super().__init__(status)
        self.status = status
        self.said = said


class MetabaseServer:
    """Keeps databases, collections, cards and dashboards in memory; as a context it serves them on the loopback."""

    def __init__(self, *, user: str = "", password: str = "") -> None:
        self.administrator = (user, password) if user else None
        self.requests: list[tuple[str, str, Any]] = []
        self.kept: dict[str, dict[int, dict[str, Any]]] = {"database": {}, "collection": {}, "card": {}, "dashboard": {}}
        self.syncs_until_complete = 2
        # Answers given in the place of the real ones: status and body by path.
        self.instead: dict[str, tuple[int, bytes]] = {}
        self.refuse_posts: dict[str, tuple[int, bytes]] = {}
        self._number = 0

    def __enter__(self) -> MetabaseServer:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                path = self.path.partition("?")[0]
                outer.requests.append((self.command, path, body))
                status, said = outer.answer(self.command, path, body, self.headers.get("X-Metabase-Session"))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # the names that http.server calls

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, body: Any, session: str | None) -> tuple[int, bytes]:
        if path in self.instead:
            return self.instead[path]
        if method == "POST" and path in self.refuse_posts:
            return self.refuse_posts[path]
        try:
            return HTTPStatus.OK, json.dumps(self._result(method, path, body, session)).encode()
        except Refused as refused:
            return refused.status, json.dumps(refused.said).encode()

    def written(self) -> list[tuple[str, str]]:
        """Method and path of every request that could have changed something."""
        return [(method, path) for method, path, _ in self.requests if method != "GET"]

    def names(self, kind: str) -> list[str]:
        return [row["name"] for row in self.kept[kind].values()]

    def _result(self, method: str, path: str, body: Any, session: str | None) -> Any:
        if path == "/api/session/properties":
            return {"setup-token": TOKEN, "has-user-setup": self.administrator is not None}
        if (method, path) == ("POST", "/api/setup"):
            return self._set_up(body)
        if (method, path) == ("POST", "/api/session"):
            self._check("session", body)
            if (body["username"], body["password"]) != self.administrator:
                raise Refused(401, {"errors": {"password": "did not match stored password"}})
            return {"id": SESSION}
        if session != SESSION:
            raise Refused(401, "Unauthenticated")
        found = re.fullmatch(r"/api/(database|collection|card|dashboard)(?:/(\d+))?(?:/(sync_schema|items))?", path)
        if not found:
            raise Refused(404, "API endpoint does not exist.")
        kind, number, what = found[1], found[2] and int(found[2]), found[3]
        if number is not None and number not in self.kept[kind]:
            raise Refused(404, "Not found.")
        if what == "sync_schema":
            return {"status": "ok"}
        if what == "items":
            return self._items(number)
        return self._row(method, kind, number, body)

    def _set_up(self, body: Any) -> Any:
        self._check("setup", body)
        if self.administrator is not None or body["token"] != TOKEN:
            raise Refused(403, "The /api/setup route can only be used to create the first user, however a user currently exists.")
        if not re.search(r"\d", body["user"]["password"]):
            raise Refused(400, {"errors": {"user": {"password": "password is too common."}}})
        self.administrator = (body["user"]["email"], body["user"]["password"])
        return {"id": SESSION}

    def _items(self, collection: int) -> Any:
        cards = [row | {"model": "dataset" if row["type"] == "model" else "card"} for row in self.kept["card"].values()]
        dashboards = [row | {"model": "dashboard"} for row in self.kept["dashboard"].values()]
        return {"data": [row for row in [*cards, *dashboards] if row["collection_id"] == collection]}

    def _row(self, method: str, kind: str, number: int | None, body: Any) -> Any:
        if method == "GET" and number is None:
            rows = list(self.kept[kind].values())
            return {"data": rows, "total": len(rows)} if kind == "database" else [{"id": "root", "name": "Our analytics"}, *rows]
        if method == "GET":
            if kind == "database":
                self.syncs_until_complete -= 1
                state = "complete" if self.syncs_until_complete <= 0 else "incomplete"
                return self.kept[kind][number] | {"initial_sync_status": state}
            return self.kept[kind][number]
        self._check(kind, body)
        if method == "POST":
            self._number += 1
            self.kept[kind][self._number] = {"id": self._number, **({"dashcards": []} if kind == "dashboard" else {}), **body}
            return self.kept[kind][self._number]
        if kind == "dashboard":
            body = body | {"dashcards": [self._place(place) for place in body["dashcards"]]}
        self.kept[kind][number] |= body
        return self.kept[kind][number]

    def _place(self, place: dict[str, Any]) -> dict[str, Any]:
        """Places with a negative number are new ones and get a number of their own."""
        if place["card_id"] is not None and place["card_id"] not in self.kept["card"]:
            raise Refused(400, {"errors": {"dashcards": "no such card"}})
        if place["id"] >= 0:
            return place
        self._number += 1
        return place | {"id": self._number}

    def _check(self, kind: str, body: Any) -> None:
        required, allowed = FIELDS[kind]
        if not required <= set(body) <= required | allowed:
            raise Refused(400, {"errors": dict.fromkeys(set(body) ^ required, "unexpected or missing")})
