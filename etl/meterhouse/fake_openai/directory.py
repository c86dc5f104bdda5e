"""The lists of who exists, as the vendor serves them: two paging styles, and what is left out unless requested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from meterhouse.fake_openai.errors import Refusal, not_found
from meterhouse.fake_openai.roster import ROLES, ApiKey, Project, Roster, User
from meterhouse.fake_openai.spend_limits import spend_alerts, spend_limit

Rows = list[dict[str, Any]]
_DAY = 86400
_RATE_LIMITED_MODELS = ("gpt-4.1-2025-04-14", "gpt-5.4-mini-2026-03-17", "gpt-5.5-2026-04-23", "text-embedding-3-small")


def directory_answer(roster: Roster, path: str, pairs: Sequence[tuple[str, str]], now: int) -> bytes:
    """Return the JSON of one list or single object at `now` (Unix seconds); raise `Refusal` for anything else."""
    asked = dict(pairs)
    match path.removeprefix("/organization/").split("/"):
        case ["users"]:
            emails = [text for name, text in pairs if name in ("emails", "emails[]")]
            return by_last_id(_users(roster, now, emails), asked)
        case [name] if name in _BY_LAST_ID:
            return by_last_id(_BY_LAST_ID[name](roster, asked, now), asked)
        case [name] if name in _BY_NEXT:
            rows, default = _BY_NEXT[name]
            return by_next(rows(roster), asked, default)
        case ["spend_limit"] | ["projects", _] | ["projects", _, "spend_limit"]:
            return msgspec.json.encode(_single(roster, path.removeprefix("/organization/").split("/"), now))
        case ["projects", project_id, name] if name in _OF_A_PROJECT:
            project = _project(roster, project_id, now)
            if _archived(project, now) and name != "rate_limits":
                raise Refusal(400, f"Project '{project_id}' is archived.", "project_id", "project_archived")
            return by_last_id(_OF_A_PROJECT[name](roster, project, asked, now), asked, 100 if name == "rate_limits" else 20)
    raise not_found("GET", f"/v1{path}")


def _single(roster: Roster, words: Sequence[str], now: int) -> dict[str, Any]:
    project = _project(roster, words[1], now) if len(words) > 1 else None
    if words[-1] == "spend_limit":
        return spend_limit(roster, project.id if project else None)
    return _project_row(_project(roster, words[1], now), now)


def by_last_id(rows: Rows, asked: Mapping[str, str], default: int = 20) -> bytes:
    """Page by `after=<last id>`; `limit` from 1 to 100."""
    limit = _limit(asked, default, 100)
    rows = _after(rows, asked.get("after"))
    shown = rows[:limit]
    return msgspec.json.encode(
        {
            "object": "list",
            "data": shown,
            "first_id": shown[0]["id"] if shown else None,
            "last_id": shown[-1]["id"] if shown else None,
            "has_more": len(rows) > limit,
        }
    )


def by_next(rows: Rows, asked: Mapping[str, str], default: int) -> bytes:
    """Page by `after=<next>`; `limit` from 1 to 1000."""
    limit = _limit(asked, default, 1000)
    rows = _after(rows, asked.get("after"))
    more = len(rows) > limit
    return msgspec.json.encode({"object": "list", "data": rows[:limit], "has_more": more, "next": rows[limit - 1]["id"] if more else None})


def _limit(asked: Mapping[str, str], default: int, most: int) -> int:
    text = asked.get("limit", str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise Refusal(400, f"Invalid 'limit': must be between 1 and {most}, but got {text} instead.", "limit", "invalid_type")
    return int(text)


def _after(rows: Rows, last_id: str | None) -> Rows:
    if not last_id:
        return rows
    for position, row in enumerate(rows):
        if row["id"] == last_id:
            return rows[position + 1 :]
    raise Refusal(400, f"No entry with id '{last_id}' was found.", "after", "invalid_request_error")


def _here(created_at: int, deleted_at: int | None, now: int) -> bool:
    return created_at <= now and (deleted_at is None or now < deleted_at)


def _archived(project: Project, now: int) -> bool:
    return project.archived_at is not None and project.archived_at <= now


def _project(roster: Roster, project_id: str, now: int) -> Project:
    project = roster.projects.get(project_id)
    if project is None or not _here(project.created_at, project.deleted_at, now):
        raise Refusal(404, f"No project with id '{project_id}' was found.", "project_id", "not_found")
    return project


def _project_row(project: Project, now: int) -> dict[str, Any]:
    archived = _archived(project, now)
    return {
        "id": project.id,
        "object": "organization.project",
        "name": project.name,
        "created_at": project.created_at,
        "archived_at": project.archived_at if archived else None,
        "status": "archived" if archived else "active",
        "external_key_id": None,
        "residency": "GLOBAL",
    }


def _projects(roster: Roster, asked: Mapping[str, str], now: int) -> Rows:
    include_archived = asked.get("include_archived") == "true"
    return [
        _project_row(project, now)
        for project in roster.projects.values()
        if _here(project.created_at, project.deleted_at, now) and (include_archived or not _archived(project, now))
    ]


def _users(roster: Roster, now: int, emails: Sequence[str]) -> Rows:
    return [
        {
            "object": "organization.user", "id": user.id, "name": user.name, "email": user.email, "role": user.role,
            "added_at": user.added_at, "is_service_account": False,
        }
        for user in roster.users.values()
        if _here(user.added_at, user.deleted_at, now) and (not emails or user.email in emails)
    ]  # fmt: skip


def _admin_api_keys(roster: Roster, asked: Mapping[str, str], now: int) -> Rows:
    owners = [user for user in roster.users.values() if user.role == "owner" and _here(user.added_at, user.deleted_at, now)]
    rows: Rows = [
        {
            "object": "organization.admin_api_key", "id": f"key_admin_{position}", "name": f"admin key {position}",
            "redacted_value": f"sk-admin-****{position}", "created_at": owner.added_at + _DAY, "expires_at": None,
            "last_used_at": None,
            "owner": {
                "type": "user", "object": "organization.user", "id": owner.id, "name": owner.name, "created_at": owner.added_at,
                "role": "owner",
            },
        }
        for position, owner in enumerate(owners)
    ]  # fmt: skip
    return rows[::-1] if asked.get("order") == "desc" else rows


def _invites(roster: Roster, _asked: Mapping[str, str], now: int) -> Rows:
    project_id = next(iter(roster.projects))
    return [
        {
            "object": "organization.invite", "id": f"invite-{position}", "email": f"newcomer{position}@example.com", "role": "reader",
            "status": status, "created_at": now // _DAY * _DAY - 10 * _DAY, "expires_at": now // _DAY * _DAY + 20 * _DAY,
            "accepted_at": None, "projects": [{"id": project_id, "role": "member"}],
        }
        for position, status in enumerate(("pending", "expired", "pending"))
    ]  # fmt: skip


def _groups(roster: Roster) -> Rows:
    first = min(project.created_at for project in roster.projects.values())
    names = ("Platform", "Research", "Customer Care", "Finance")
    return [
        {"id": f"group_{position}", "name": name, "created_at": first, "group_type": "group", "is_scim_managed": position == 0}
        for position, name in enumerate(names)
    ]


def _roles(_roster: Roster) -> Rows:
    return [
        {
            "object": "role", "id": role_id, "name": name, "description": text, "permissions": list(permissions),
            "predefined_role": name in ("owner", "reader"), "resource_type": "api.organization",
        }
        for role_id, name, text, permissions in ROLES
    ]  # fmt: skip


def _project_users(roster: Roster, project: Project, _asked: Mapping[str, str], now: int) -> Rows:
    members = ((roster.users[user_id], role) for user_id, role in roster.members[project.id].items())
    return [
        {
            "object": "organization.project.user", "id": user.id, "name": user.name, "email": user.email, "role": role,
            "added_at": max(user.added_at, project.created_at),
        }
        for user, role in members
        if _here(user.added_at, user.deleted_at, now)
    ]  # fmt: skip


def _service_accounts(roster: Roster, project: Project, _asked: Mapping[str, str], now: int) -> Rows:
    return [
        {
            "object": "organization.project.service_account", "id": account.id, "name": account.name, "role": account.role,
            "created_at": account.created_at,
        }
        for account in roster.service_accounts.values()
        if account.project_id == project.id and _here(account.created_at, account.deleted_at, now)
    ]  # fmt: skip


def _api_keys(roster: Roster, project: Project, asked: Mapping[str, str], now: int) -> Rows:
    wanted = asked.get("owner_project_access", "active")
    if wanted not in ("active", "inactive", "any"):
        message = f"Invalid value: '{wanted}'. Supported values are: 'active', 'inactive', 'any'."
        raise Refusal(400, message, "owner_project_access", "invalid_value")
    rows = []
    for key in roster.api_keys.values():
        access = "active" if roster.has_access(key, now) else "inactive"
        if key.project_id == project.id and _here(key.created_at, key.deleted_at, now) and wanted in (access, "any"):
            rows.append(_api_key_row(roster, key, access, now))
    return rows


def _api_key_row(roster: Roster, key: ApiKey, access: str, now: int) -> dict[str, Any]:
    owner: dict[str, Any]
    if key.user_id is not None:
        user: User = roster.users[key.user_id]
        owner = {
            "type": "user",
            "user": {"id": user.id, "email": user.email, "name": user.name, "created_at": user.added_at, "role": "member"},
        }
    else:
        account = roster.service_accounts[str(key.service_account_id)]
        owner = {
            "type": "service_account",
            "service_account": {
                "id": account.id, "name": account.name, "created_at": account.created_at, "role": account.role,
            },
        }  # fmt: skip
    return {
        "object": "organization.project.api_key", "id": key.id, "name": key.name, "redacted_value": key.redacted_value,
        "created_at": key.created_at, "last_used_at": max(key.created_at, now // _DAY * _DAY - _DAY), "expires_at": None,
        "owner_project_access": access, "owner": owner,
    }  # fmt: skip


def _rate_limits(_roster: Roster, _project: Project, _asked: Mapping[str, str], _now: int) -> Rows:
    return [
        {
            "object": "project.rate_limit", "id": f"rl-{model}", "model": model, "max_requests_per_1_minute": 5000,
            "max_tokens_per_1_minute": 2_000_000,
        }
        for model in _RATE_LIMITED_MODELS
    ]  # fmt: skip


_OF_A_PROJECT: dict[str, Callable[[Roster, Project, Mapping[str, str], int], Rows]] = {
    "users": _project_users,
    "service_accounts": _service_accounts,
    "api_keys": _api_keys,
    "rate_limits": _rate_limits,
    "spend_alerts": lambda roster, project, _asked, _now: spend_alerts(roster, project.id),
}
_BY_LAST_ID: dict[str, Callable[[Roster, Mapping[str, str], int], Rows]] = {
    "projects": _projects,
    "admin_api_keys": _admin_api_keys,
    "spend_alerts": lambda roster, _asked, _now: spend_alerts(roster, None),
    "invites": _invites,
}
_BY_NEXT: dict[str, tuple[Callable[[Roster], Rows], int]] = {"groups": (_groups, 100), "roles": (_roles, 1000)}
