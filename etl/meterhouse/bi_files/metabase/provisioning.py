"""Provisioning: a Metabase brought over its REST to what this version ships.

Safe to repeat: everything is found by its name first. What it made is brought back to what this version ships; what people added to
the collection or to the dashboard stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from meterhouse.bi_files.metabase.content import (
    COLLECTION,
    COLLECTION_DESCRIPTION,
    DASHBOARD,
    DASHBOARD_DESCRIPTION,
    DATABASE,
    Card,
    cards,
    layout,
    mappings,
    parameters,
    projects_model,
    template_tags,
)
from meterhouse.bi_files.metabase.server import Metabase, as_mapping, as_number, as_rows
from meterhouse.errors import FixConfiguration, RejectedAnswer, TryAgainLater

USER_VARIABLE, PASSWORD_VARIABLE = "METERHOUSE_METABASE_USER", "METERHOUSE_METABASE_PASSWORD"
READER_VARIABLE = "METERHOUSE_READER_URL"
_SYNC_SECONDS = 180


@dataclass(frozen=True)
class Outcome:
    """What one run of `provision` created and what it updated, by name."""

    created: tuple[str, ...]
    updated: tuple[str, ...]


def provision(url: str, environment: Mapping[str, str], *, pause: Callable[[float], None] = time.sleep) -> Outcome:
    """Bring a Metabase at `url` to what this version ships, as the administrator and with the reader that `environment` names.

    A Metabase that nobody has set up gets this administrator. Raises as `Metabase.call` does, and `FixConfiguration` for a variable
    that is missing.
    """
    user, password, reader = (_required(environment, name) for name in (USER_VARIABLE, PASSWORD_VARIABLE, READER_VARIABLE))
    details = _connection(reader)
    metabase = Metabase(url, password)
    metabase.hide(details["password"])
    run = _Run(metabase, pause)
    run.set_up_or_log_in(user, password)
    database = run.database(details)
    collection = run.collection()
    numbers = run.cards(collection, database)
    run.dashboard(collection, numbers)
    return Outcome(tuple(run.created), tuple(run.updated))


def _required(environment: Mapping[str, str], name: str) -> str:
    if value := environment.get(name, ""):
        return value
    raise FixConfiguration(f"{name} is not set: see docs/bi/metabase.md")


def _connection(url: str) -> dict[str, Any]:
    """The reader's address as Metabase's PostgreSQL driver wants it; only the schema bi is shown."""
    parts = urlsplit(url)
    try:
        port = parts.port or 5432
    except ValueError:
        port = 0
    database = parts.path.strip("/")
    if parts.scheme not in {"postgresql", "postgres"} or not (parts.hostname and parts.username and parts.password and database and port):
        raise FixConfiguration(
            f"{READER_VARIABLE} is not an address of the warehouse: write it as postgresql://reader:password@host:5432/name"
        )
    needs_tls = "sslmode=require" in parts.query or "sslmode=verify" in parts.query
    return {
        "host": parts.hostname,
        "port": port,
        "dbname": unquote(database),
        "user": unquote(parts.username),
        "password": unquote(parts.password),
        "ssl": needs_tls,
        "schema-filters-type": "inclusion",
        "schema-filters-patterns": "bi",
    }


class _Run:
    """One run over one server; notes what it made."""

    def __init__(self, metabase: Metabase, pause: Callable[[float], None]) -> None:
        self._metabase = metabase
        self._pause = pause
        self.created: list[str] = []
        self.updated: list[str] = []

    def set_up_or_log_in(self, user: str, password: str) -> None:
        """Make the first administrator where there is none, and log in as it."""
        properties = as_mapping(self._metabase.call("GET", "/api/session/properties"), "/api/session/properties")
        token = properties.get("setup-token")
        if token and not properties.get("has-user-setup"):
            self._metabase.hide(str(token))
            person = {"first_name": "Meterhouse", "last_name": "Admin", "email": user, "password": password, "site_name": "Meterhouse"}
            wanted = {"token": token, "user": person, "prefs": {"site_name": "Meterhouse", "site_locale": "en", "allow_tracking": False}}
            refused = f"Metabase does not take {USER_VARIABLE} and {PASSWORD_VARIABLE} for its first administrator"
            session = self._metabase.call("POST", "/api/setup", wanted, refused=refused)
            self.created.append(f"administrator {user}")
        else:
            refused = f"Metabase refuses {USER_VARIABLE} and {PASSWORD_VARIABLE}: set them to an administrator of it"
            session = self._metabase.call("POST", "/api/session", {"username": user, "password": password}, refused=refused)
        session_token = as_mapping(session, "the login").get("id")
        if not isinstance(session_token, str) or not session_token:
            raise RejectedAnswer("Metabase gave no session for the login: is the address that of a Metabase?")
        self._metabase.hide(session_token)
        self._metabase.log_in(session_token)

    def database(self, details: Mapping[str, Any]) -> int:
        """Connect the warehouse, or bring the connection's details up to date, and wait until Metabase has read the schema."""
        listed = self._metabase.call("GET", "/api/database")
        wanted = {"name": DATABASE, "engine": "postgres", "details": dict(details)}
        refused = f"Metabase cannot connect to the warehouse with {READER_VARIABLE}, as seen from Metabase's machine"
        number = self._put_or_post("/api/database", DATABASE, as_rows(listed, "/api/database"), wanted, refused=refused)
        self._metabase.call("POST", f"/api/database/{number}/sync_schema")
        for _ in range(_SYNC_SECONDS):
            state = as_mapping(self._metabase.call("GET", f"/api/database/{number}"), "/api/database").get("initial_sync_status")
            if state == "complete":
                return number
            self._pause(1)
        raise TryAgainLater(f"Metabase has not read the schema bi after {_SYNC_SECONDS} seconds: run this again once it has")

    def collection(self) -> int:
        """Make the collection that holds everything."""
        listed = [row for row in as_rows(self._metabase.call("GET", "/api/collection"), "/api/collection") if not row.get("archived")]
        wanted = {"name": COLLECTION, "description": COLLECTION_DESCRIPTION, "parent_id": None}
        return self._put_or_post("/api/collection", COLLECTION, listed, wanted)

    def cards(self, collection: int, database: int) -> dict[str, int]:
        """Save every model and question; return their numbers by name."""
        listed = self._items(collection, {"card", "dataset"})
        return {card.name: self._put_or_post("/api/card", card.name, listed, _card_body(card, collection, database)) for card in cards()}

    def dashboard(self, collection: int, numbers: Mapping[str, int]) -> None:
        """Save the dashboard with its filters; cards that people put on it stay where they are."""
        wanted: dict[str, Any] = {
            "name": DASHBOARD,
            "description": DASHBOARD_DESCRIPTION,
            "collection_id": collection,
            "parameters": parameters(numbers[projects_model().name]),
        }
        number = self._put_or_post("/api/dashboard", DASHBOARD, self._items(collection, {"dashboard"}), wanted, update=False)
        present = as_mapping(self._metabase.call("GET", f"/api/dashboard/{number}"), "/api/dashboard").get("dashcards")
        places = {place.get("card_id"): place for place in reversed(as_rows(present, "/api/dashboard"))}
        ours: list[dict[str, Any]] = []
        for index, (card, place) in enumerate(layout(), start=1):
            card_number = numbers[card.name]
            # A negative number asks for a new place.
            identifier = places[card_number]["id"] if card_number in places else -index
            filled = mappings(card, card_number)
            ours.append({"id": identifier, "card_id": card_number, **place, "parameter_mappings": filled, "visualization_settings": {}})
        shipped = {place["id"] for place in ours}
        theirs = [place for place in as_rows(present, "/api/dashboard") if place.get("id") not in shipped]
        self._metabase.call("PUT", f"/api/dashboard/{number}", {**wanted, "dashcards": [*ours, *theirs]})

    def _items(self, collection: int, models: set[str]) -> list[dict[str, Any]]:
        path = f"/api/collection/{collection}/items"
        return [item for item in as_rows(self._metabase.call("GET", path), path) if item.get("model") in models]

    def _put_or_post(
        self,
        path: str,
        name: str,
        listed: list[dict[str, Any]],
        wanted: Mapping[str, Any],
        *,
        refused: str | None = None,
        update: bool = True,
    ) -> int:
        """Update what has this name, or make it; return its number."""
        numbers = [row.get("id") for row in listed if row.get("name") == name]
        if numbers:
            self.updated.append(name)
            if update:
                self._metabase.call("PUT", f"{path}/{numbers[0]}", wanted, refused=refused)
            return as_number(numbers[0], path)
        made = as_mapping(self._metabase.call("POST", path, wanted, refused=refused), path)
        self.created.append(name)
        return as_number(made.get("id"), path)


def _card_body(card: Card, collection: int, database: int) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": card.name,
        "description": card.description,
        "type": "model" if card.is_model else "question",
        "display": card.display,
        "visualization_settings": card.settings,
        "collection_id": collection,
        "dataset_query": {
            "type": "native",
            "database": database,
            "native": {"query": card.sql, "template-tags": {tag["name"]: tag for tag in template_tags(card)}},
        },
    }
    if card.metadata:
        body["result_metadata"] = list(card.metadata)
    return body
