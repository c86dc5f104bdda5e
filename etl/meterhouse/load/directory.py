"""Directory: the use case that reads who exists in an organization, and keeps the names with their history.

Every list is read before anything is written. A list that the vendor refuses (400 for an archived project, 404 where it is not
offered) says nothing, so what is known of it stays as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from meterhouse.catalogue.endpoints import API_KEY, PROJECT, PROJECTS_PATH, USER
from meterhouse.clock import Clock, utc_now
from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration, MeterhouseError, RejectedAnswer, Unsupported
from meterhouse.load.names_history import Listing, NamesReplaced, Values
from meterhouse.load.outcome import Outcome
from meterhouse.load.store import Store
from meterhouse.settings import Organization, Settings
from meterhouse.vendors.openai.client import Client
from meterhouse.warehouse.schema import API_KEY_NAMES, PROJECT_NAMES, USER_NAMES
from meterhouse.windows import from_epoch

log = logging.getLogger(__name__)

USERS_PATH = "/organization/users"
_USER = "user"
_SERVICE_ACCOUNT = "service_account"
_NOTHING = NamesReplaced()


@dataclass(frozen=True)
class DirectorySummary:
    """What reading one organization's directory did; a dimension that is excluded has only zeros.

    `lists` were read whole and `lists_refused` were not, as the vendor does not offer them. `superseded`: a run that began later had
    already written, so this one wrote nothing.
    """

    organization: str
    projects: NamesReplaced = _NOTHING
    users: NamesReplaced = _NOTHING
    api_keys: NamesReplaced = _NOTHING
    lists: int = 0
    lists_refused: int = 0
    superseded: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return the fields with the counts nested, for a log line or a task's result."""
        return asdict(self)

    @property
    def nothing_read(self) -> str | None:
        """Why no list was read, None when one was."""
        if self.lists or self.superseded or {self.projects, self.users, self.api_keys} != {_NOTHING}:
            return None
        return "the vendor offers none of the lists" if self.lists_refused else "all dimensions with names are excluded"

    def __str__(self) -> str:
        """Say in one line what changed, without the organization."""
        if self.nothing_read:
            return f"names: {self.nothing_read}"
        if self.superseded:
            return "names were written by a later run meanwhile"
        parts = []
        for what, done in (("projects", self.projects), ("users", self.users), ("API keys", self.api_keys)):
            counts = [f"{count} {name}" for name, count in asdict(done).items() if count and name != "unchanged"]
            parts += [f"{what} {', '.join(counts)}"] if counts else []
        return f"names: {'; '.join(parts) or 'nothing changed'}"


def require_something_read(summaries: Iterable[DirectorySummary]) -> None:
    """Raise `FixConfiguration` when no list of any organization was read."""
    reasons = {summary.organization: summary.nothing_read for summary in summaries}
    if all(reasons.values()):
        raise FixConfiguration(f"no names were read: {'; '.join(f'{reason} ({label})' for label, reason in reasons.items())}")


@dataclass(frozen=True)
class ListRead:
    """One finished step: list number `done` of `total` of an organization; the total is known once the projects are."""

    organization: str
    path: str
    done: int
    total: int | None


Report = Callable[[ListRead], None]


def _silent(_: ListRead) -> None:
    """Report nothing."""


def sync_directory(settings: Settings, *, clock: Clock = utc_now, report: Report = _silent) -> tuple[DirectorySummary, ...]:
    """Read every organization's projects, users, service accounts and API keys, and bring the names in the warehouse up to date.

    Dimensions in METERHOUSE_EXCLUDE_DIMENSIONS are not read; without user_id no owner of a key is stored either. What was stored before
    the exclusion stays until the organization is purged. An organization's fault leaves its own names untouched and the others are still
    loaded before it is raised, one that only people can cure before one that time cures.
    """
    summaries: list[DirectorySummary] = []
    failed: list[MeterhouseError] = []
    with Store(settings.require_warehouse()) as store:
        for organization in settings.require_organizations():
            try:
                summaries.append(_sync_organization(settings, organization, store, clock, report))
            except MeterhouseError as error:
                failed.append(error)
    Outcome((), tuple(failed)).raise_first()
    return tuple(summaries)


def _sync_organization(settings: Settings, organization: Organization, store: Store, clock: Clock, report: Report) -> DirectorySummary:
    # Drawn before the first list, so that of two runs at once the answers of the later one stand.
    fetch_number = store.next_fetch_number()
    with Client(organization, settings) as client:
        lists = _Lists(client, organization.label, report)
        listings = _read_listings(lists, settings.exclude_dimensions)
    replaced = store.replace_names(organization.label, list(listings.values()), fetch_number, clock()) if listings else []
    superseded = replaced is None
    if superseded:
        log.info("%s/directory: a run that began later has written the names meanwhile; they stay", organization.label)
    done = dict(zip(listings, replaced or [], strict=False))
    return DirectorySummary(
        organization.label,
        projects=done.get("projects", _NOTHING),
        users=done.get("users", _NOTHING),
        api_keys=done.get("api_keys", _NOTHING),
        lists=lists.done - lists.refused,
        lists_refused=lists.refused,
        superseded=superseded,
    )


class Entry:
    """One entry of a list, or a part of one, read with tolerance: what is missing or empty is None, unknown fields are ignored.

    A field of another type than the vendor documents raises `RejectedAnswer`, which names the list.
    """

    def __init__(self, fields: Mapping[str, Any], path: str) -> None:
        self._fields = fields
        self._path = path

    def identifier(self) -> str:
        """Return the id, which every entry must have."""
        found = self.text("id")
        if found is None:
            raise RejectedAnswer(f"{self._path}: an entry has no id")
        return found

    def text(self, name: str) -> str | None:
        """Return a text; an empty one is None."""
        found = self._fields.get(name)
        if found is not None and not isinstance(found, str):
            raise self._wrong(name, "a text")
        return found or None

    def flag(self, name: str) -> bool:
        """Return whether a flag is set."""
        return self._fields.get(name) is True

    def instant(self, name: str) -> datetime | None:
        """Return an instant that the vendor writes in whole Unix seconds."""
        found = self._fields.get(name)
        if found is None:
            return None
        if not isinstance(found, int | float) or isinstance(found, bool):
            raise self._wrong(name, "Unix seconds")
        try:
            return from_epoch(int(found))
        except (ValueError, OverflowError):
            raise self._wrong(name, "Unix seconds") from None

    def part(self, name: str) -> Entry:
        """Return a nested object; a missing one has no fields."""
        found = self._fields.get(name)
        if found is not None and not isinstance(found, dict):
            raise self._wrong(name, "an object")
        return Entry(found or {}, self._path)

    def _wrong(self, name: str, expected: str) -> RejectedAnswer:
        return RejectedAnswer(f"{self._path}: the field {name} of an entry is not {expected}")


def project_values(entry: Entry) -> Values:
    """Return the columns of a project."""
    return {
        "project_name": entry.text("name"),
        "status": entry.text("status"),
        "created_at": entry.instant("created_at"),
        "archived_at": entry.instant("archived_at"),
    }


def user_values(entry: Entry) -> Values:
    """Return the columns of an entry of the organization's users, which may be flagged as a service account."""
    is_service_account = entry.flag("is_service_account")
    return {
        "user_name": entry.text("name"),
        "user_email": None if is_service_account else entry.text("email"),
        "role": entry.text("role"),
        "user_kind": _SERVICE_ACCOUNT if is_service_account else _USER,
        "created_at": entry.instant("added_at"),
    }


def service_account_values(entry: Entry, project_id: str) -> Values:
    """Return the columns of a service account of a project."""
    return {
        "user_name": entry.text("name"),
        "role": entry.text("role"),
        "user_kind": _SERVICE_ACCOUNT,
        "project_id": project_id,
        "created_at": entry.instant("created_at"),
    }


def api_key_values(entry: Entry, project_id: str, *, with_owner: bool) -> Values:
    """Return the columns of a key of a project; never when it was last used, which changes from read to read and is no name."""
    owner = entry.part("owner")
    owner_kind = owner.text("type")
    person = owner.part(owner_kind) if owner_kind and with_owner else Entry({}, "")
    return {
        "api_key_name": entry.text("name"),
        "project_id": project_id,
        "owner_id": person.text("id"),
        "owner_name": person.text("name"),
        "owner_kind": owner_kind,
        "redacted_value": entry.text("redacted_value"),
        "created_at": entry.instant("created_at"),
    }


def keyed(entries: Iterable[Mapping[str, Any]], path: str, values: Callable[[Entry], Values]) -> dict[str, Values]:
    """Return the columns of a list's entries by id; of an id that comes twice the last entry counts."""
    found: dict[str, Values] = {}
    for fields in entries:
        entry = Entry(fields, path)
        entry_id = entry.identifier()
        if entry_id in found:
            log.warning("%s: the id %s is listed twice; the last entry counts", path, visible(entry_id))
        found[entry_id] = values(entry)
    return found


class _Lists:
    """Reads one list after the other and counts them."""

    def __init__(self, client: Client, organization: str, report: Report) -> None:
        self._client = client
        self._organization = organization
        self._report = report
        self.done = 0
        self.refused = 0
        self.total: int | None = None

    def read(self, path: str, values: Callable[[Entry], Values], **parameters: str) -> dict[str, Values] | None:
        """Return a whole list by id, None when the vendor refuses it."""
        found = None
        try:
            found = keyed(self._client.entries(path, **parameters), path, values)
        except Unsupported as refusal:
            self.refused += 1
            log.info("%s%s is skipped, what is known of it stays: %s", self._organization, path, refusal.detail)
        self.done += 1
        self._report(ListRead(self._organization, path, self.done, self.total))
        return found

    def read_of_projects(
        self, projects: Collection[str], name: str, values: Callable[..., Values], **parameters: str
    ) -> tuple[dict[str, Values], set[str]]:
        """Return the entries of one list of every project by id, and the projects whose list was refused.

        `values` is called with an entry and, by name, its `project_id`.
        """
        found: dict[str, Values] = {}
        refused = set()
        for project_id in projects:
            path = f"{PROJECTS_PATH}/{quote(project_id, safe='')}/{name}"
            entries = self.read(path, partial(values, project_id=project_id), **parameters)
            if entries is None:
                refused.add(project_id)
            else:
                found |= entries
        return found, refused


def _read_listings(lists: _Lists, excluded: Collection[str]) -> dict[str, Listing]:
    """Return what is listed, by the summary's names of the dimensions; excluded ones are left out."""
    with_users, with_keys = USER.name not in excluded, API_KEY.name not in excluded
    listings: dict[str, Listing] = {}
    if not (with_users or with_keys or PROJECT.name not in excluded):
        return listings
    projects = lists.read(PROJECTS_PATH, project_values, include_archived="true") or {}
    lists.total = 1 + with_users * (1 + len(projects)) + with_keys * len(projects)

    def was_read(refused: Collection[str | None], project_id: str | None) -> bool:
        # No organization is without a project, so an empty list says nothing; what belonged to a project that is gone is gone with it.
        return project_id not in refused and (project_id is None or bool(projects))

    if PROJECT.name not in excluded:
        listings["projects"] = Listing(PROJECT_NAMES, projects, partial(was_read, ()))
    if with_users:
        users = lists.read(USERS_PATH, user_values) or {}
        accounts, refused = lists.read_of_projects(projects, "service_accounts", service_account_values)
        # Entries without a project stand in the organization's own list, which is never empty: it has an owner.
        listings["users"] = Listing(USER_NAMES, users | accounts, partial(was_read, refused if users else {None, *refused}))
    if with_keys:
        values = partial(api_key_values, with_owner=with_users)
        keys, refused = lists.read_of_projects(projects, "api_keys", values, owner_project_access="any")
        listings["api_keys"] = Listing(API_KEY_NAMES, keys, partial(was_read, refused))
    return listings
