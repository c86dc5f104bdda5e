"""The stand-in's lists of who exists: both paging styles, what they leave out, and changes at run time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.answers import Request

NOW = datetime(2026, 11, 20, 10, 7, 33, tzinfo=UTC)


@pytest.fixture
def organization() -> FakeOrganization:
    return FakeOrganization(NOW)


def ask(organization: FakeOrganization, path: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
    answer = organization.answer(Request("GET", f"/organization/{path}", urlencode(parameters, doseq=True)))
    return answer.status, msgspec.json.decode(answer.body)


def listed(organization: FakeOrganization, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """Every entry of a list, page by page, with the paging style that the answer has."""
    found: list[dict[str, Any]] = []
    while True:
        status, body = ask(organization, path, **parameters)
        assert status == 200, body
        found += body["data"]
        if not body["has_more"]:
            return found
        if "last_id" in body:
            assert (body["first_id"], body["last_id"]) == (body["data"][0]["id"], body["data"][-1]["id"])
        parameters["after"] = body["next"] if "next" in body else body["last_id"]


def keys_of(organization: FakeOrganization, **parameters: Any) -> list[dict[str, Any]]:
    projects = listed(organization, "projects")
    return [key for project in projects for key in listed(organization, f"projects/{project['id']}/api_keys", **parameters)]


def test_everybody_is_listed_once(organization: FakeOrganization) -> None:
    users = listed(organization, "users", limit=7)
    assert len(users) == len({user["id"] for user in users}) == 57
    assert all(user["email"].endswith("@example.com") for user in users)
    assert len(listed(organization, "projects")) == 10
    everything = listed(organization, "projects", include_archived="true", limit=5)
    assert len(everything) == 12
    assert [bool(project["archived_at"]) for project in everything] == [project["status"] == "archived" for project in everything]
    assert listed(organization, "users", emails=[users[3]["email"]]) == [users[3]]


def test_lists_paged_by_next(organization: FakeOrganization) -> None:
    status, body = ask(organization, "groups", limit=3)
    assert (status, len(body["data"]), body["has_more"], body["next"]) == (200, 3, True, body["data"][-1]["id"])
    assert len(listed(organization, "groups", limit=3)) == 4
    assert len(listed(organization, "roles", limit=1)) == 3


@pytest.mark.parametrize(("path", "limit"), [("users", 101), ("users", 0), ("users", "x"), ("roles", 1001)])
def test_limits_of_lists(organization: FakeOrganization, path: str, limit: int | str) -> None:
    status, body = ask(organization, path, limit=limit)
    assert (status, body["error"]["param"]) == (400, "limit")


def test_pages_after_something_unknown_are_refused(organization: FakeOrganization) -> None:
    status, body = ask(organization, "users", after="user-nobody")
    assert (status, body["error"]["param"]) == (400, "after")


def test_keys_of_former_members_are_listed_only_on_request(organization: FakeOrganization) -> None:
    counts = {access: len(keys_of(organization, owner_project_access=access)) for access in ("active", "inactive", "any")}
    assert counts["any"] == counts["active"] + counts["inactive"]
    assert counts["inactive"] > 0
    assert len(keys_of(organization)) == counts["active"]
    owners = {key["owner"]["type"] for key in keys_of(organization)}
    assert owners == {"user", "service_account"}
    project_id = next(iter(organization.roster.projects))
    status, _ = ask(organization, f"projects/{project_id}/api_keys", owner_project_access="all")
    assert status == 400


def test_there_are_90_keys_of_which_5_are_gone(organization: FakeOrganization) -> None:
    keys = organization.roster.api_keys.values()
    archived = {project.id for project in organization.roster.projects.values() if project.archived_at}
    gone = [key for key in keys if key.deleted_at]
    assert (len(keys), len(gone)) == (90, 5)
    shown = {key["id"] for key in keys_of(organization, owner_project_access="any")}
    assert shown == {key.id for key in keys if not key.deleted_at and key.project_id not in archived}


@pytest.mark.parametrize("name", ["users", "service_accounts", "api_keys"])
def test_archived_projects_refuse_their_lists(organization: FakeOrganization, name: str) -> None:
    archived = next(project for project in listed(organization, "projects", include_archived="true") if project["archived_at"])
    status, body = ask(organization, f"projects/{archived['id']}/{name}")
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("path", ["projects/proj_none", "projects/proj_none/users", "audit_logs", "nonsense/deeper/still"])
def test_what_is_not_there_is_not_found(organization: FakeOrganization, path: str) -> None:
    status, body = ask(organization, path)
    assert (status, set(body["error"])) == (404, {"message", "type", "param", "code"})


def test_names_can_change_and_entities_come_and_go(organization: FakeOrganization) -> None:
    project, user = listed(organization, "projects")[0], listed(organization, "users")[0]
    key = listed(organization, f"projects/{project['id']}/api_keys")[0]
    organization.rename_project(project["id"], "Renamed project")
    organization.rename_user(user["id"], "Renamed Person", "renamed@example.com")
    organization.rename_api_key(key["id"], "renamed key")
    assert listed(organization, "projects")[0]["name"] == "Renamed project"
    assert [listed(organization, "users")[0][name] for name in ("name", "email")] == ["Renamed Person", "renamed@example.com"]
    assert listed(organization, f"projects/{project['id']}/api_keys")[0]["name"] == "renamed key"

    def present() -> tuple[bool, bool]:
        keys = listed(organization, f"projects/{project['id']}/api_keys", owner_project_access="any")
        return user["id"] in {row["id"] for row in listed(organization, "users")}, key["id"] in {row["id"] for row in keys}

    organization.delete(user["id"])
    organization.delete(key["id"])
    assert present() == (False, False)
    organization.recreate(user["id"])
    organization.recreate(key["id"])
    assert present() == (True, True)
    organization.archive_project(project["id"])
    assert project["id"] not in {row["id"] for row in listed(organization, "projects")}
    organization.recreate(project["id"])
    organization.delete(project["id"])
    assert project["id"] not in {row["id"] for row in listed(organization, "projects", include_archived="true")}


def test_keys_of_a_deleted_service_account_become_inactive(organization: FakeOrganization) -> None:
    key = next(key for key in keys_of(organization) if key["owner"]["type"] == "service_account")
    organization.delete(key["owner"]["service_account"]["id"])
    assert key["id"] in {row["id"] for row in keys_of(organization, owner_project_access="inactive")}


def test_a_new_project_name_shows_in_cost_rows(organization: FakeOrganization) -> None:
    project_id = next(iter(organization.roster.projects))

    def names() -> set[str]:
        start = int(NOW.timestamp()) - 5 * 86400
        _, body = ask(organization, "costs", start_time=start, group_by="project_id", project_ids=project_id)
        return {row["project_name"] for bucket in body["data"] for row in bucket["results"]}

    before = names()
    organization.rename_project(project_id, "Another name")
    assert names() == {"Another name"} != before


def test_who_had_not_arrived_yet_is_not_listed() -> None:
    early = FakeOrganization(datetime(2025, 10, 1, tzinfo=UTC))
    assert 20 < len(listed(early, "users")) < 57
