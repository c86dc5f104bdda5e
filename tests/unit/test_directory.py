"""The entries of the vendor's lists as columns: tolerant of what is missing, strict about what is wrong."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from meterhouse.errors import RejectedAnswer
from meterhouse.load.directory import DirectorySummary
from meterhouse.load.names_history import NamesReplaced
from meterhouse.vendors.openai.directory import Entry, api_key_values, keyed, project_values, service_account_values, user_values

PATH = "/organization/projects/proj_1/api_keys"
CREATED = datetime(2024, 3, 26, 16, 52, 13, tzinfo=UTC)
CREATED_EPOCH_SECONDS = 1711471933


def entry(**fields: Any) -> Entry:
    return Entry(fields, PATH)


def api_key(**owner: Any) -> Entry:
    return entry(
        id="key_1", name="nightly", redacted_value="sk-abc...def", created_at=CREATED_EPOCH_SECONDS, last_used_at=1711471999, owner=owner
    )


def test_a_project_has_its_name_status_and_instants() -> None:
    values = project_values(
        entry(id="proj_1", name="Search", status="archived", created_at=CREATED_EPOCH_SECONDS, archived_at=CREATED_EPOCH_SECONDS, new=1)
    )
    assert values == {"project_name": "Search", "status": "archived", "created_at": CREATED, "archived_at": CREATED}


@pytest.mark.parametrize("values", [project_values, user_values])
def test_only_the_id_is_needed(values: Any) -> None:
    assert {value for name, value in values(entry(id="x")).items() if name != "user_kind"} == {None}


def test_empty_text_is_null() -> None:
    assert project_values(entry(id="x", name="", status=""))["project_name"] is None


def test_a_user_was_created_when_added() -> None:
    values = user_values(entry(id="user-1", name="Ada", email="ada@example.com", role="owner", added_at=CREATED_EPOCH_SECONDS))
    assert values == {"user_name": "Ada", "user_email": "ada@example.com", "role": "owner", "user_kind": "user", "created_at": CREATED}


def test_a_user_flagged_as_service_account_is_one() -> None:
    values = user_values(entry(id="user-1", name="bot", email="bot@example.com", is_service_account=True))
    assert (values["user_kind"], values["user_email"]) == ("service_account", None)


def test_a_service_account_belongs_to_its_project_and_has_no_address() -> None:
    values = service_account_values(entry(id="svc_1", name="bot", role="member", created_at=CREATED_EPOCH_SECONDS, email="x@y"), "proj_1")
    assert values == {"user_name": "bot", "role": "member", "user_kind": "service_account", "project_id": "proj_1", "created_at": CREATED}


@pytest.mark.parametrize("kind", ["user", "service_account"])
def test_a_key_names_its_owner_and_never_its_last_use(kind: str) -> None:
    values = api_key_values(api_key(type=kind, **{kind: {"id": "o_1", "name": "Ada", "role": "owner"}}), "proj_1", with_owner=True)
    assert values == {
        "api_key_name": "nightly",
        "project_id": "proj_1",
        "owner_id": "o_1",
        "owner_name": "Ada",
        "owner_kind": kind,
        "redacted_value": "sk-abc...def",
        "created_at": CREATED,
    }


def test_a_key_without_its_owner_keeps_only_the_kind() -> None:
    values = api_key_values(api_key(type="user", user={"id": "user-1", "name": "Ada"}), "proj_1", with_owner=False)
    assert (values["owner_id"], values["owner_name"], values["owner_kind"]) == (None, None, "user")


@pytest.mark.parametrize("owner", [{}, {"type": "user"}, {"type": "user", "user": None}, {"type": "robot"}])
def test_an_owner_may_be_unknown(owner: dict[str, Any]) -> None:
    values = api_key_values(api_key(**owner), "proj_1", with_owner=True)
    assert (values["owner_id"], values["owner_name"]) == (None, None)


@pytest.mark.parametrize("fields", [{}, {"id": None}, {"id": ""}, {"id": 7}])
def test_an_entry_without_an_id_is_rejected_with_the_name_of_the_list(fields: dict[str, Any]) -> None:
    with pytest.raises(RejectedAnswer, match=PATH):
        keyed([{"id": "proj_1"}, fields], PATH, project_values)


@pytest.mark.parametrize(
    "fields",
    [{"name": 7}, {"created_at": "2024-01-01"}, {"created_at": True}, {"created_at": 1e30}, {"created_at": float("inf")}],
)
def test_a_field_of_another_type_is_rejected_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(RejectedAnswer, match=f"{PATH}.*{next(iter(fields))}"):
        project_values(entry(id="x", **fields))


def test_an_owner_that_is_no_object_is_rejected() -> None:
    with pytest.raises(RejectedAnswer, match="owner"):
        api_key_values(entry(id="key_1", owner="Ada"), "proj_1", with_owner=True)


def test_of_an_id_that_comes_twice_the_last_entry_counts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = keyed([{"id": "a", "name": "first"}, {"id": "b"}, {"id": "a", "name": "last"}], PATH, project_values)
    assert list(found) == ["a", "b"]
    assert found["a"]["project_name"] == "last"
    assert "the id a is listed twice" in caplog.text


def test_the_summary_is_plain_data() -> None:
    summary = DirectorySummary("acme", users=NamesReplaced(added=2, unchanged=1), lists=5)
    assert summary.as_dict()["users"] == {"added": 2, "changed": 0, "returned": 0, "deleted": 0, "unchanged": 1}
    assert summary.as_dict()["organization"] == "acme"


@pytest.mark.parametrize(
    ("summary", "line"),
    [
        (DirectorySummary("acme", users=NamesReplaced(unchanged=3)), "names: nothing changed"),
        (
            DirectorySummary("acme", users=NamesReplaced(added=2, deleted=1), api_keys=NamesReplaced(changed=1)),
            "names: users 2 added, 1 deleted; API keys 1 changed",
        ),
        (DirectorySummary("acme", superseded=True), "names were written by a later run meanwhile"),
    ],
)
def test_the_summary_is_one_line(summary: DirectorySummary, line: str) -> None:
    assert str(summary) == line
