"""OpenAI's directory: the lists of projects, users, service accounts and API keys, read one after the other.

A list that the vendor refuses (400 for an archived project, 404 where it is not offered) says nothing, so what is known of it stays as
it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from meterhouse.catalogue.endpoints import API_KEY, PROJECT, USER
from meterhouse.control_characters import visible
from meterhouse.errors import RejectedAnswer, Unsupported
from meterhouse.vendors.listing import Directory, Listed, ListRead, Named, Report, Values
from meterhouse.vendors.openai.client import Client
from meterhouse.vendors.openai.wire import PROJECTS_PATH, USERS_PATH
from meterhouse.windows import from_epoch

log = logging.getLogger(__name__)

_USER = "user"
_SERVICE_ACCOUNT = "service_account"


def read_directory(client: Client, organization: str, excluded: Collection[str], report: Report) -> Directory:
    """Read every list of an organization; dimensions in `excluded` are left out, and without users no owner of a key is read either."""
    lists = _Lists(client, organization, report)
    listed = _read_lists(lists, excluded)
    return Directory(listed, lists.done - lists.refused, lists.refused)


def listed_projects(client: Client) -> set[str]:
    """Return the ids of all projects that the key sees, archived ones too."""
    listed = client.entries(PROJECTS_PATH, include_archived="true")
    return {project for entry in listed if isinstance(project := entry.get("id"), str)}


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
    """Return the columns of a list's entries by id; if an id is listed twice, the last entry counts."""
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


def _read_lists(lists: _Lists, excluded: Collection[str]) -> dict[Named, Listed]:
    with_users, with_keys = USER.name not in excluded, API_KEY.name not in excluded
    listed: dict[Named, Listed] = {}
    if not (with_users or with_keys or PROJECT.name not in excluded):
        return listed
    projects = lists.read(PROJECTS_PATH, project_values, include_archived="true") or {}
    lists.total = 1 + with_users * (1 + len(projects)) + with_keys * len(projects)

    def was_read(refused: Collection[str | None], project_id: str | None) -> bool:
        # No organization is without a project, so an empty list says nothing; what belonged to a project that is gone is gone with it.
        return project_id not in refused and (project_id is None or bool(projects))

    if PROJECT.name not in excluded:
        listed[Named.PROJECTS] = Listed(projects, partial(was_read, ()))
    if with_users:
        users = lists.read(USERS_PATH, user_values) or {}
        accounts, refused = lists.read_of_projects(projects, "service_accounts", service_account_values)
        # Entries without a project are in the organization's own list, which is never empty: it has an owner.
        listed[Named.USERS] = Listed(users | accounts, partial(was_read, refused if users else {None, *refused}))
    if with_keys:
        values = partial(api_key_values, with_owner=with_users)
        keys, refused = lists.read_of_projects(projects, "api_keys", values, owner_project_access="any")
        listed[Named.API_KEYS] = Listed(keys, partial(was_read, refused))
    return listed
