"""Who exists: the invented organization's projects, users, service accounts, API keys, groups and roles, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_GIVEN = (
    "Ada", "Bela", "Cem", "Dina", "Emre", "Fadi", "Gita", "Hana", "Ivo", "Juno", "Kaya", "Lior", "Mina", "Nils", "Oona",
    "Pia", "Qadir", "Runa", "Sami", "Tove", "Uma", "Vito", "Wren", "Yara", "Zeno",
)  # fmt: skip
_FAMILY = (
    "Abendrot", "Birkwood", "Calder", "Dunmore", "Eastlake", "Fernhill", "Graves", "Holt", "Ironside", "Juniper", "Kestrel",
    "Larkin", "Marsh", "Northway", "Oakes",
)  # fmt: skip
_PROJECTS = (
    "Support Assistant", "Search Ranking", "Document Intake", "Sales Copilot", "Voice Line", "Content Studio",
    "Data Labelling", "Code Review", "Risk Scoring", "Internal Tools", "Spring Hackathon", "Chatbot Pilot",
)  # fmt: skip
_KEY_USES = ("production", "staging", "batch jobs", "notebook", "nightly", "evaluation", "web app", "ci", "prototype", "worker")
ROLES = (
    ("role-api-organization-owner", "owner", "Manages the organization", ("api.*",)),
    ("role-api-organization-reader", "reader", "Reads the organization", ("api.organization.read",)),
    ("role-usage-analyst", "usage analyst", "Reads usage and costs", ("api.usage.read",)),
)


def _epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


OPENED = _epoch("2024-09-02")
_YEAR_BEFORE = _epoch("2025-10-01")
_LAST_ARRIVAL = _epoch("2026-10-15")


@dataclass(frozen=True)
class Project:
    """A project; instants in Unix seconds, None for what has not happened."""

    id: str
    name: str
    created_at: int
    archived_at: int | None = None
    deleted_at: int | None = None


@dataclass(frozen=True)
class User:
    """A member of the organization; `deleted_at` in Unix seconds, None while they are a member."""

    id: str
    name: str
    email: str
    role: str
    added_at: int
    deleted_at: int | None = None


@dataclass(frozen=True)
class ServiceAccount:
    """A bot of one project; instants in Unix seconds."""

    id: str
    project_id: str
    name: str
    role: str
    created_at: int
    deleted_at: int | None = None


@dataclass(frozen=True)
class ApiKey:
    """A key of one project, owned by a user or by a service account (exactly one of the two ids is set)."""

    id: str
    project_id: str
    name: str
    redacted_value: str
    created_at: int
    user_id: str | None
    service_account_id: str | None
    deleted_at: int | None = None


@dataclass
class Roster:
    """Everybody and everything by id. `members` maps a project to its users and their role there."""

    organization_id: str
    organization_name: str
    projects: dict[str, Project] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    service_accounts: dict[str, ServiceAccount] = field(default_factory=dict)
    api_keys: dict[str, ApiKey] = field(default_factory=dict)
    members: dict[str, dict[str, str]] = field(default_factory=dict)
    vector_stores: dict[str, str] = field(default_factory=dict)

    def has_access(self, key: ApiKey, now: int) -> bool:
        """Whether the key's owner still has access to the key's project."""
        if key.user_id is None:
            account = self.service_accounts[str(key.service_account_id)]
            return account.deleted_at is None or account.deleted_at > now
        owner = self.users[key.user_id]
        return (owner.deleted_at is None or owner.deleted_at > now) and key.user_id in self.members[key.project_id]

    def rename_project(self, project_id: str, name: str) -> None:
        """Give a project another name."""
        self.projects[project_id] = replace(self.projects[project_id], name=name)

    def archive_project(self, project_id: str, instant: int) -> None:
        """Archive a project at `instant` (Unix seconds)."""
        self.projects[project_id] = replace(self.projects[project_id], archived_at=instant)

    def rename_user(self, user_id: str, name: str, email: str | None = None) -> None:
        """Give a user another name, and perhaps another address."""
        user = self.users[user_id]
        self.users[user_id] = replace(user, name=name, email=email or user.email)

    def rename_api_key(self, api_key_id: str, name: str) -> None:
        """Give a key another name."""
        self.api_keys[api_key_id] = replace(self.api_keys[api_key_id], name=name)

    def delete(self, entity_id: str, instant: int) -> None:
        """Take a project, user, service account or key out of the lists from `instant` (Unix seconds) on."""
        self._replace(entity_id, deleted_at=instant)

    def recreate(self, entity_id: str) -> None:
        """Bring a deleted entity, or an archived project, back under its id."""
        self._replace(entity_id, deleted_at=None)
        if entity_id in self.projects:
            self.projects[entity_id] = replace(self.projects[entity_id], archived_at=None)

    def _replace(self, entity_id: str, deleted_at: int | None) -> None:
        if entity_id in self.projects:
            self.projects[entity_id] = replace(self.projects[entity_id], deleted_at=deleted_at)
        elif entity_id in self.users:
            self.users[entity_id] = replace(self.users[entity_id], deleted_at=deleted_at)
        elif entity_id in self.service_accounts:
            self.service_accounts[entity_id] = replace(self.service_accounts[entity_id], deleted_at=deleted_at)
        else:
            self.api_keys[entity_id] = replace(self.api_keys[entity_id], deleted_at=deleted_at)


def build_roster(seed: int, scale: float) -> Roster:
    """Return the organization of `seed`: 12 projects, 60 users, 10 service accounts and 90 keys at scale 1."""
    rng = Random(f"{seed}:roster")
    roster = Roster(f"org-{_token(rng, 24)}", "Northwind Meadow (invented)")
    for position, name in enumerate(_PROJECTS):
        project_id = f"proj_{_token(rng, 24)}"
        created = OPENED + position * 20 * 86400 + rng.randrange(86400)
        archived = {10: _epoch("2026-03-31T16:20:00"), 11: _epoch("2026-09-15T09:05:00")}.get(position)
        roster.projects[project_id] = Project(project_id, name, created, archived)
        roster.members[project_id] = {}
        if position % 2 == 0:
            roster.vector_stores[f"vs_{_token(rng, 24)}"] = project_id
    projects = list(roster.projects.values())
    _add_users(roster, rng, max(3, round(60 * scale)))
    for position in range(max(2, round(10 * scale))):
        project = projects[position % 10]
        account_id = f"svc_acct_{_token(rng, 20)}"
        roster.service_accounts[account_id] = ServiceAccount(
            account_id, project.id, f"{project.name.lower().replace(' ', '-')}-bot-{position + 1}",
            rng.choice(("member", "member", "owner")), project.created_at + rng.randrange(30 * 86400),
        )  # fmt: skip
    _add_api_keys(roster, rng, max(6, round(90 * scale)))
    return roster


def _add_users(roster: Roster, rng: Random, count: int) -> None:
    projects = list(roster.projects)
    leavers = {position * count // 4: f"2026-0{position * 2 + 2}-1{position}T15:00:00" for position in (1, 2, 3)}
    for position in range(count):
        user_id = f"user-{_token(rng, 24)}"
        given, family = _GIVEN[position % len(_GIVEN)], _FAMILY[(position * 7 + position // 25) % len(_FAMILY)]
        suffix = "" if position < 60 else str(position)
        email = f"{given}.{family}{suffix}@example.com".lower()
        leaves = _epoch(leavers[position]) if position in leavers else None
        arrives = _arrival(rng) if leaves is None else OPENED + rng.randrange(90 * 86400)
        roster.users[user_id] = User(user_id, f"{given} {family}{suffix}", email, "owner" if position < 4 else "reader", arrives, leaves)
        for project_id in rng.sample(projects, rng.randint(1, 3)):
            roster.members[project_id][user_id] = rng.choice(("member", "member", "member", "owner"))


def _add_api_keys(roster: Roster, rng: Random, count: int) -> None:
    projects = list(roster.projects.values())
    accounts = list(roster.service_accounts.values())
    lost = {position * count // 6: f"2026-{position * 2:02d}-20T10:30:00" for position in range(1, 6)}
    for position in range(count):
        if position % 9 in (4, 8):
            account = accounts[(position // 4) % len(accounts)]
            project, owner, created = roster.projects[account.project_id], None, account.created_at
        else:
            account = None
            project = projects[position % len(projects)]
            members = sorted(roster.members[project.id]) or sorted(roster.users)
            owner = roster.users[members[rng.randrange(len(members))]]
            created = max(owner.added_at, project.created_at)
            roster.members[project.id].setdefault(owner.id, "member")
        if project.archived_at is not None:
            created = min(created, project.archived_at - 60 * 86400)
        gone = _epoch(lost[position]) if position in lost else None
        if gone is not None:
            created = min(created, gone - 90 * 86400)
        key_id = f"key_{_token(rng, 16)}"
        roster.api_keys[key_id] = ApiKey(
            key_id,
            project.id,
            f"{_KEY_USES[position % len(_KEY_USES)]} {position + 1}",
            f"sk-{'svcacct' if account else 'proj'}-{_token(rng, 4)}********{_token(rng, 4)}",
            created + rng.randrange(5 * 86400),
            owner.id if owner else None,
            account.id if account else None,
            gone,
        )
    # A few owners have left the project while their key is still enabled: such keys are listed only on request.
    for key in list(roster.api_keys.values())[5::29]:
        if key.user_id is not None:
            roster.members[key.project_id].pop(key.user_id, None)


def _arrival(rng: Random) -> int:
    """Most people were there before the history starts; the others arrive through the year."""
    if rng.random() < 0.6:
        return rng.randrange(OPENED, _YEAR_BEFORE)
    return rng.randrange(_YEAR_BEFORE, _LAST_ARRIVAL)


def _token(rng: Random, length: int) -> str:
    return "".join(rng.choices(_LETTERS, k=length))
