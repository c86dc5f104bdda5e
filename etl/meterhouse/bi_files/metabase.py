"""Metabase: the questions as models, questions and one dashboard, over Metabase's REST and as files of its serialization format.

`provision` is safe to repeat: everything is found by its name first. What it made is brought back to what this version ships; what
people added to the collection or to the dashboard stays. `python -m meterhouse.bi_files.metabase` writes `bi/metabase` anew.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import NAMESPACE_URL, uuid5

import requests

from meterhouse.bi_files import as_yaml
from meterhouse.bi_files.columns import columns_of, view_comments
from meterhouse.bi_files.questions import QUESTIONS, Question, caption, dashboard_rows
from meterhouse.errors import FixConfiguration, RejectedAnswer, TryAgainLater

USER_VARIABLE, PASSWORD_VARIABLE = "METERHOUSE_METABASE_USER", "METERHOUSE_METABASE_PASSWORD"
READER_VARIABLE = "METERHOUSE_READER_URL"
DATABASE = "OpenAI warehouse"
COLLECTION = "OpenAI usage and cost"
COLLECTION_DESCRIPTION = "Usage and billed cost of the OpenAI organization, by meterhouse. Changes to what is shipped here are undone."
DASHBOARD = "OpenAI usage and cost"
DASHBOARD_DESCRIPTION = "What OpenAI bills and what is used, by day, project, line item, model, key and user. Days are UTC days."
# Wide views that people build their own questions on.
MODELS = ("costs_daily", "usage_daily", "usage_by_api_key_daily", "spend_by_project_month", "dim_project")
FILES = Path(__file__).parents[3] / "bi" / "metabase"
# Metabase's own user, which exists in every installation.
_CREATOR = "internal@metabase.com"
_GRID_WIDTH = 24
_TIMEOUT_SECONDS = 60
_SYNC_SECONDS = 180
_DISPLAYS = {"number": "scalar", "bars": "bar", "areas": "area", "line": "line", "ranking": "row", "table": "table"}
_TYPES = {
    "date": "type/Date", "timestamp without time zone": "type/DateTime", "timestamp with time zone": "type/DateTimeWithLocalTZ",
    "bigint": "type/BigInteger", "integer": "type/Integer", "numeric": "type/Decimal", "double precision": "type/Float",
    "boolean": "type/Boolean", "varchar": "type/Text",
}  # fmt: skip


@dataclass(frozen=True)
class Tag:
    """A filter of the dashboard, and the variable of the same name in the questions' SQL."""

    name: str
    caption: str
    kind: str
    widget: str

    @property
    def identifier(self) -> str:
        """The filter's id, the same in every installation."""
        return str(uuid5(NAMESPACE_URL, f"meterhouse/metabase/filter/{self.name}"))


FROM, TO, PROJECT = (
    Tag("from", "From", "date", "date/single"),
    Tag("to", "To", "date", "date/single"),
    Tag("project", "Project", "text", "string/="),
)
TAGS = (FROM, TO, PROJECT)


@dataclass(frozen=True)
class Card:
    """One saved model or question, without what differs between the REST and the files."""

    name: str
    description: str
    sql: str
    display: str
    settings: dict[str, Any]
    tags: tuple[Tag, ...] = ()
    is_model: bool = False
    metadata: tuple[dict[str, Any], ...] = ()

    @property
    def entity_id(self) -> str:
        """The card's portable id."""
        return entity_id("card", self.name)


def entity_id(kind: str, name: str) -> str:
    """Return the 21 characters that name an entity in every installation."""
    return base64.urlsafe_b64encode(hashlib.sha256(f"meterhouse/{kind}/{name}".encode()).digest()).decode()[:21]


def cards() -> list[Card]:
    """Return the models, then the questions."""
    return [*(_model(view) for view in MODELS), *(_question(question) for question in QUESTIONS)]


def _model(view: str) -> Card:
    columns = columns_of(view)
    described = tuple(
        {"name": column.name, "display_name": column.caption, "description": column.description, "base_type": _TYPES[column.base_type]}
        for column in columns
    )
    names = ",\n    ".join(column.name for column in columns)
    return Card(
        f"{view.replace('_', ' ').capitalize()} (model)",
        view_comments()[view],
        f"SELECT\n    {names}\nFROM bi.{view}",
        "table",
        {},
        is_model=True,
        metadata=described,
    )


def _question(question: Question) -> Card:
    tags = ((FROM, TO) if question.takes_days else ()) + ((PROJECT,) if question.takes_project else ())
    return Card(question.title, question.description, tagged_sql(question), _DISPLAYS[question.chart], _settings(question), tags)


def tagged_sql(question: Question) -> str:
    """Return the question's SQL with Metabase's optional clauses: one that has no value is left out."""
    return question.sql(
        days=lambda day: f"TRUE [[AND {day} >= {{{{from}}}}]] [[AND {day} <= {{{{to}}}}]]",
        project=lambda name: f"TRUE [[AND {name} = {{{{project}}}}]]",
    )


def _settings(question: Question) -> dict[str, Any]:
    columns = [column for column in (question.time, question.series, *question.measures) if column]
    named: dict[str, Any] = {f'["name","{column}"]': {"column_title": caption(column)} for column in columns}
    for column in question.measures:
        if column == "cost_usd":
            named[f'["name","{column}"]'] |= {"number_style": "currency", "currency": "USD", "currency_in_header": False}
        elif column.endswith("_share"):
            named[f'["name","{column}"]'] |= {"number_style": "percent"}
    settings: dict[str, Any] = {"column_settings": named} if named else {}
    if question.chart == "number":
        settings["scalar.field"] = question.measures[0]
    elif question.chart != "table":
        settings["graph.dimensions"] = [column for column in (question.time, question.series) if column]
        settings["graph.metrics"] = list(question.measures)
        if question.chart == "areas" or (question.time and question.series):
            settings["stackable.stack_type"] = "stacked"
    return settings


def layout() -> list[tuple[Card, dict[str, int]]]:
    """Return each question's place on the dashboard's grid of 24 columns."""
    placed: list[tuple[Card, dict[str, int]]] = []
    top = 0
    for row in dashboard_rows():
        width, height = _GRID_WIDTH // len(row), {"number": 3, "table": 8}.get(row[0].chart, 7)
        for index, question in enumerate(row):
            placed.append((_question(question), {"row": top, "col": index * width, "size_x": width, "size_y": height}))
        top += height
    return placed


def _parameters(projects_card: int | str) -> list[dict[str, Any]]:
    """The dashboard's filters; the project is chosen from the list that the model of projects gives."""
    parameters: list[dict[str, Any]] = [
        {"id": tag.identifier, "name": tag.caption, "slug": tag.name, "type": tag.widget, "sectionId": tag.widget.partition("/")[0]}
        for tag in TAGS
    ]
    parameters[-1] |= {
        "isMultiSelect": False,
        "values_query_type": "list",
        "values_source_type": "card",
        "values_source_config": {"card_id": projects_card, "value_field": ["field", "project_name", {"base-type": "type/Text"}]},
    }
    return parameters


def _tags(card: Card) -> list[dict[str, Any]]:
    return [
        {
            "type": tag.kind,
            "name": tag.name,
            "id": str(uuid5(NAMESPACE_URL, f"meterhouse/metabase/{card.name}/{tag.name}")),
            "display-name": tag.caption,
        }
        for tag in card.tags
    ]


def _mappings(card: Card, number: int | str) -> list[dict[str, Any]]:
    return [{"parameter_id": tag.identifier, "card_id": number, "target": ["variable", ["template-tag", tag.name]]} for tag in card.tags]


def projects_model() -> Card:
    """Return the model whose names the project filter offers."""
    return _model("dim_project")


# ---- REST


@dataclass(frozen=True)
class Outcome:
    """What one run of `provision` made anew and what it brought up to date, by name."""

    created: tuple[str, ...]
    updated: tuple[str, ...]


class Metabase:
    """A Metabase server, spoken to as one of its administrators."""

    def __init__(self, url: str, password: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise FixConfiguration(f"{url!r} is no address of Metabase: write it as http://127.0.0.1:3000")
        self._url = url.rstrip("/")
        self._secrets = [password]
        self._http = requests.Session()
        # Nothing of the surroundings: no proxy, no .netrc whose password would take the place of ours.
        self._http.trust_env = False

    def hide(self, secret: str) -> None:
        """Keep a further secret out of every message."""
        self._secrets.append(secret)

    def log_in(self, token: str) -> None:
        """Send this session's token with every further request."""
        self._http.headers["X-Metabase-Session"] = token

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, refused: str | None = None) -> Any:
        """Return the JSON that Metabase answers.

        Raises `TryAgainLater` when it is away or busy, `FixConfiguration` when it refuses with 400, 401 or 403 (saying `refused` where
        it is given), and `RejectedAnswer` for anything that is not Metabase's API.
        """
        try:
            answer = self._http.request(method, self._url + path, json=body, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
        except requests.exceptions.RequestException as error:
            raise TryAgainLater(f"Metabase at {self._url} does not answer ({type(error).__name__}): is it running?") from None
        if answer.status_code in {429, 502, 503, 504}:
            raise TryAgainLater(f"Metabase at {self._url} is busy ({answer.status_code} for {method} {path}): try again in a minute")
        if answer.status_code in {400, 401, 403}:
            raise FixConfiguration(f"{refused or f'Metabase refuses {method} {path}'} ({answer.status_code}: {self._said(answer)})")
        if not 200 <= answer.status_code < 300:
            raise RejectedAnswer(f"Metabase answered {answer.status_code} to {method} {path}: {self._said(answer)}")
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise RejectedAnswer(f"{self._url}{path} answers, but not as Metabase does: {self._said(answer)}") from None

    def _said(self, answer: requests.Response) -> str:
        text = re.sub(r"\s+", " ", answer.text)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:200] or "nothing"


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
        raise FixConfiguration(f"{READER_VARIABLE} is no address of the warehouse: write it as postgresql://reader:password@host:5432/name")
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
        properties = _mapping(self._metabase.call("GET", "/api/session/properties"), "/api/session/properties")
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
        session_token = _mapping(session, "the login").get("id")
        if not isinstance(session_token, str) or not session_token:
            raise RejectedAnswer("Metabase gave no session for the login: is the address that of a Metabase?")
        self._metabase.hide(session_token)
        self._metabase.log_in(session_token)

    def database(self, details: Mapping[str, Any]) -> int:
        """Connect the warehouse, or bring the connection's details up to date, and wait until Metabase has read the schema."""
        listed = self._metabase.call("GET", "/api/database")
        wanted = {"name": DATABASE, "engine": "postgres", "details": dict(details)}
        refused = f"Metabase cannot connect to the warehouse with {READER_VARIABLE}, as seen from Metabase's machine"
        number = self._put_or_post("/api/database", DATABASE, _rows(listed, "/api/database"), wanted, refused=refused)
        self._metabase.call("POST", f"/api/database/{number}/sync_schema")
        for _ in range(_SYNC_SECONDS):
            state = _mapping(self._metabase.call("GET", f"/api/database/{number}"), "/api/database").get("initial_sync_status")
            if state == "complete":
                return number
            self._pause(1)
        raise TryAgainLater(f"Metabase has not read the schema bi after {_SYNC_SECONDS} seconds: run this again when it has")

    def collection(self) -> int:
        """Make the collection that holds everything."""
        listed = [row for row in _rows(self._metabase.call("GET", "/api/collection"), "/api/collection") if not row.get("archived")]
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
            "parameters": _parameters(numbers[projects_model().name]),
        }
        number = self._put_or_post("/api/dashboard", DASHBOARD, self._items(collection, {"dashboard"}), wanted, update=False)
        present = _mapping(self._metabase.call("GET", f"/api/dashboard/{number}"), "/api/dashboard").get("dashcards")
        places = {place.get("card_id"): place for place in reversed(_rows(present, "/api/dashboard"))}
        ours: list[dict[str, Any]] = []
        for index, (card, place) in enumerate(layout(), start=1):
            card_number = numbers[card.name]
            # A negative number asks for a new place.
            identifier = places[card_number]["id"] if card_number in places else -index
            mappings = _mappings(card, card_number)
            ours.append({"id": identifier, "card_id": card_number, **place, "parameter_mappings": mappings, "visualization_settings": {}})
        shipped = {place["id"] for place in ours}
        theirs = [place for place in _rows(present, "/api/dashboard") if place.get("id") not in shipped]
        self._metabase.call("PUT", f"/api/dashboard/{number}", {**wanted, "dashcards": [*ours, *theirs]})

    def _items(self, collection: int, models: set[str]) -> list[dict[str, Any]]:
        path = f"/api/collection/{collection}/items"
        return [item for item in _rows(self._metabase.call("GET", path), path) if item.get("model") in models]

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
            return _number(numbers[0], path)
        made = _mapping(self._metabase.call("POST", path, wanted, refused=refused), path)
        self.created.append(name)
        return _number(made.get("id"), path)


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
            "native": {"query": card.sql, "template-tags": {tag["name"]: tag for tag in _tags(card)}},
        },
    }
    if card.metadata:
        body["result_metadata"] = list(card.metadata)
    return body


def _mapping(found: Any, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise RejectedAnswer(f"Metabase's answer about {what} is no object: is the address that of a Metabase?")
    return found


def _rows(found: Any, what: str) -> list[dict[str, Any]]:
    rows = found.get("data") if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RejectedAnswer(f"Metabase's answer about {what} is no list: is the address that of a Metabase?")
    return rows


def _number(found: Any, what: str) -> int:
    if not isinstance(found, int):
        raise RejectedAnswer(f"Metabase's answer about {what} has no number: is the address that of a Metabase?")
    return found


# ---- files


def files() -> dict[str, dict[str, Any]]:
    """Return the serialization format's files: path below `bi/metabase`, and content."""
    folder = _slug(COLLECTION)
    collection = entity_id("collection", COLLECTION)
    made: dict[str, dict[str, Any]] = {
        f"collections/main/{folder}.yaml": {
            "name": COLLECTION,
            "description": COLLECTION_DESCRIPTION,
            "slug": folder,
            "entity_id": collection,
            "parent_id": None,
            "serdes/meta": _identity("Collection", COLLECTION, collection),
        }
    }
    for card in cards():
        made[f"collections/main/{folder}/{_slug(card.name)}.yaml"] = _card_file(card, collection)
    dashboard = entity_id("dashboard", DASHBOARD)
    made[f"collections/main/{folder}/dashboard.yaml"] = {
        "name": DASHBOARD,
        "description": DASHBOARD_DESCRIPTION,
        "entity_id": dashboard,
        "creator_id": _CREATOR,
        "collection_id": collection,
        "parameters": _parameters(projects_model().entity_id),
        "dashcards": [_place_file(card, place, dashboard) for card, place in layout()],
        "serdes/meta": _identity("Dashboard", DASHBOARD, dashboard),
    }
    return made


def _card_file(card: Card, collection: str) -> dict[str, Any]:
    return {
        "name": card.name,
        "description": card.description,
        "entity_id": card.entity_id,
        "creator_id": _CREATOR,
        "collection_id": collection,
        "type": "model" if card.is_model else "question",
        "display": card.display,
        "database_id": DATABASE,
        "dataset_query": {
            "lib/type": "mbql/query",
            "database": DATABASE,
            "stages": [{"lib/type": "mbql.stage/native", "native": card.sql, "template-tags": _tags(card)}],
        },
        "visualization_settings": card.settings,
        "result_metadata": list(card.metadata) or None,
        "parameters": [],
        "parameter_mappings": [],
        "serdes/meta": _identity("Card", card.name, card.entity_id),
    }


def _place_file(card: Card, place: Mapping[str, int], dashboard: str) -> dict[str, Any]:
    identifier = entity_id("dashcard", card.name)
    return {
        "entity_id": identifier,
        "card_id": card.entity_id,
        **place,
        "parameter_mappings": _mappings(card, card.entity_id),
        "visualization_settings": {},
        "serdes/meta": [{"id": dashboard, "model": "Dashboard"}, {"id": identifier, "model": "DashboardCard"}],
    }


def _identity(model: str, name: str, identifier: str) -> list[dict[str, str]]:
    return [{"id": identifier, "label": _slug(name), "model": model}]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def write(folder: Path = FILES) -> None:
    """Write every file anew, and remove those that are no longer made."""
    wanted = {folder / path: content for path, content in files().items()}
    for stale in set(folder.rglob("*.yaml")) - set(wanted):
        stale.unlink()
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_yaml(content), encoding="utf-8")


if __name__ == "__main__":
    write()
