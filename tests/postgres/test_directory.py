"""The directory against the stand-in and a real server: names with history, and nothing written for nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from meterhouse.catalogue.vendors import OPENAI
from meterhouse.errors import FixConfiguration, RejectedAnswer
from meterhouse.fake_openai import FakeOrganization
from meterhouse.load.directory import DirectorySummary, sync_directory
from meterhouse.load.names_history import Listing, NamesReplaced
from meterhouse.load.store import Store
from meterhouse.vendors.listing import ListRead
from meterhouse.warehouse.schema import PROJECT_NAMES

from .listed_names import NOW, Directory, served


@pytest.fixture
def directory(warehouse_url: str) -> Iterator[Directory]:
    yield from served(FakeOrganization(NOW), warehouse_url)


def test_the_first_run_stores_everybody_who_is_listed(directory: Directory) -> None:
    summary = directory.sync()
    roster = directory.fake.roster
    archived = {project.id for project in roster.projects.values() if project.archived_at is not None}
    here = [user for user in roster.users.values() if user.deleted_at is None]
    keys = [key for key in roster.api_keys.values() if key.deleted_at is None and key.project_id not in archived]
    assert archived
    assert len(keys) > 50
    assert summary.projects == NamesReplaced(added=len(roster.projects))
    assert summary.users == NamesReplaced(added=len(here) + len(roster.service_accounts))
    assert summary.api_keys == NamesReplaced(added=len(keys))
    # Projects, users, and two lists of every project, which are refused where it is archived.
    assert (summary.lists, summary.lists_refused) == (2 + 2 * (12 - len(archived)), 2 * len(archived))
    assert directory.query(
        "SELECT user_kind, count(*), count(user_email), count(project_id) FROM warehouse.dim_user GROUP BY 1 ORDER BY 1"
    ) == [("service_account", len(roster.service_accounts), 0, len(roster.service_accounts)), ("user", len(here), len(here), 0)]
    key = next(key for key in keys if key.user_id)
    owner = roster.users[str(key.user_id)]
    assert directory.query(
        "SELECT api_key_name, project_id, owner_id, owner_name, owner_kind, redacted_value, extract(epoch FROM created_at)::bigint,"
        " valid_from, valid_to, deleted_at FROM warehouse.dim_api_key WHERE api_key_id = %s",
        key.id,
    ) == [
        (key.name, key.project_id, owner.id, owner.name, "user", key.redacted_value, key.created_at, directory.now, None, None)
    ]  # fmt: skip
    assert directory.query("SELECT command, status, parameters ->> 'organization' FROM ops.run_log") == [("directory", "done", "acme")]


def test_keys_whose_owner_has_lost_access_are_asked_for(directory: Directory) -> None:
    directory.sync()
    asked = [request for request in directory.server.requests if request.path.endswith("/api_keys")]
    assert {tuple(request.values("owner_project_access")) for request in asked} == {("any",)}


def test_a_second_run_writes_nothing(directory: Directory) -> None:
    first = directory.sync()
    before = directory.written()
    # Keys are used every day; that is no news about their names.
    directory.fake.clock.set(NOW + timedelta(days=3))
    second = directory.sync()
    assert directory.written() == before
    assert second.projects == NamesReplaced(unchanged=first.projects.added)
    assert second.users == NamesReplaced(unchanged=first.users.added)
    assert second.api_keys == NamesReplaced(unchanged=first.api_keys.added)


@pytest.mark.fault(86)
def test_a_rename_is_a_new_version(directory: Directory) -> None:
    directory.sync()
    project_id = directory.active_project_with_keys()
    old = directory.fake.roster.projects[project_id].name
    first = directory.now
    directory.fake.rename_project(project_id, "Renamed")
    summary = directory.sync()
    assert (summary.projects.changed, summary.projects.unchanged) == (1, 11)
    assert directory.versions("dim_project", project_id) == [
        (old, first, directory.now, None),
        ("Renamed", directory.now, None, None),
    ]
    assert directory.query("SELECT count(*) FROM warehouse.dim_project") == [(13,)]


def test_a_renamed_user_renames_the_owner_of_their_keys(directory: Directory) -> None:
    directory.sync()
    key = next(key for key in directory.fake.roster.api_keys.values() if key.user_id and key.deleted_at is None)
    directory.fake.rename_user(str(key.user_id), "New Name", "new@example.com")
    directory.sync()
    assert directory.versions("dim_user", str(key.user_id))[-1] == ("New Name", directory.now, None, None)
    assert directory.query(
        "SELECT DISTINCT owner_name FROM warehouse.dim_api_key WHERE owner_id = %s AND valid_to IS NULL", key.user_id
    ) == [("New Name",)]


@pytest.mark.fault(86)
@pytest.mark.parametrize("table", ["dim_user", "dim_api_key"])
def test_what_vanishes_keeps_its_last_name_and_may_return(directory: Directory, table: str) -> None:
    directory.sync()
    first = directory.now
    project_id = directory.active_project_with_keys()
    roster = directory.fake.roster
    entities: Any = roster.service_accounts if table == "dim_user" else roster.api_keys
    entity = next(entity for entity in entities.values() if entity.project_id == project_id and entity.deleted_at is None)
    directory.fake.delete(entity.id)
    summary = directory.sync()
    gone = directory.now
    assert (summary.users.deleted, summary.api_keys.deleted) == ((1, 0) if table == "dim_user" else (0, 1))
    assert directory.versions(table, entity.id) == [(entity.name, first, None, gone)]
    before = directory.written()
    directory.sync()
    assert directory.written() == before, "the day of the deletion is kept"
    directory.fake.recreate(entity.id)
    summary = directory.sync()
    assert (summary.users.returned, summary.api_keys.returned) == ((1, 0) if table == "dim_user" else (0, 1))
    assert directory.versions(table, entity.id) == [(entity.name, first, None, None)]


def test_what_returns_under_another_name_is_a_new_version(directory: Directory) -> None:
    directory.sync()
    first = directory.now
    user = next(user for user in directory.fake.roster.users.values() if user.deleted_at is None)
    directory.fake.delete(user.id)
    directory.sync()
    directory.fake.recreate(user.id)
    directory.fake.rename_user(user.id, "Came Back")
    summary = directory.sync()
    assert (summary.users.changed, summary.users.returned) == (1, 0)
    assert directory.versions("dim_user", user.id) == [
        (user.name, first, directory.now, None),
        ("Came Back", directory.now, None, None),
    ]


def test_an_archived_project_keeps_its_keys_and_service_accounts(directory: Directory) -> None:
    directory.sync()
    project_id = directory.active_project_with_keys()
    before = directory.deleted("dim_api_key"), directory.deleted("dim_user")
    directory.fake.archive_project(project_id)
    summary = directory.sync()
    assert summary.projects.changed == 1
    assert (directory.deleted("dim_api_key"), directory.deleted("dim_user")) == before == (set(), set())
    assert directory.query("SELECT status FROM warehouse.dim_project WHERE project_id = %s AND valid_to IS NULL", project_id) == [
        ("archived",)
    ]


def test_the_keys_of_a_project_that_is_gone_are_gone_with_it(directory: Directory) -> None:
    directory.sync()
    project_id = directory.active_project_with_keys()
    keys = {row[0] for row in directory.query("SELECT api_key_id FROM warehouse.dim_api_key WHERE project_id = %s", project_id)}
    directory.fake.delete(project_id)
    directory.sync()
    assert directory.deleted("dim_project") == {project_id}
    assert keys
    assert directory.deleted("dim_api_key") == keys
    directory.fake.recreate(project_id)
    directory.sync()
    assert not directory.deleted("dim_api_key") | directory.deleted("dim_project") | directory.deleted("dim_user")


@pytest.mark.parametrize("path", ["/organization/projects", "/organization/users", "/service_accounts", "/api_keys"])
def test_a_list_that_is_not_offered_deletes_nobody(directory: Directory, path: str) -> None:
    directory.sync()
    before = directory.written()
    directory.server.fail_next(12, status=404, path_contains=path)
    summary = directory.sync()
    assert summary.lists_refused >= 1
    assert directory.written() == before


@pytest.mark.parametrize("path", ["/organization/projects", "/organization/users"])
def test_an_empty_list_of_the_organization_deletes_nobody(directory: Directory, path: str) -> None:
    directory.sync()
    before = directory.written()
    directory.server.fail_next(1, status=200, body={"object": "list", "data": [], "has_more": False}, path_contains=path)
    directory.sync()
    assert directory.written() == before


def test_a_refusal_in_the_middle_of_a_list_deletes_nobody(warehouse_url: str) -> None:
    for directory in served(FakeOrganization(NOW, scale=2), warehouse_url):
        directory.sync()
        before = directory.written()
        # The first page of users is fine, the second is refused.
        first_page = {"object": "list", "data": [{"id": "user-x", "name": "X"}], "has_more": True, "last_id": "user-unknown"}
        directory.server.fail_next(1, status=200, body=first_page, path_contains="/organization/users")
        directory.sync()
        assert directory.written() == before


def test_an_error_in_the_middle_writes_nothing(directory: Directory) -> None:
    # The third list, behind projects and users.
    directory.server.fail_next(1, status=401, path_contains="/service_accounts")
    with pytest.raises(FixConfiguration):
        directory.sync()
    assert directory.written() == []
    directory.sync()
    before = directory.written()
    directory.fake.rename_project(directory.active_project_with_keys(), "Renamed")
    directory.server.fail_next(1, status=401, path_contains="/service_accounts")
    with pytest.raises(FixConfiguration):
        directory.sync()
    assert directory.written() == before


def test_a_name_that_cannot_be_stored_unchanged_is_shown_and_holds_up_no_other_name(directory: Directory) -> None:
    directory.sync()
    project = directory.active_project_with_keys()
    directory.fake.rename_project(project, "Renamed")
    key = next(key for key in directory.fake.roster.api_keys.values() if key.deleted_at is None)
    directory.fake.rename_api_key(key.id, "with a \0 in it")
    directory.sync()
    newest = "SELECT {0}_name FROM warehouse.dim_{0} WHERE {0}_id = '{1}' AND valid_to IS NULL"
    assert directory.query(newest.format("api_key", key.id)) == [("with a ␀ in it",)]
    assert directory.query(newest.format("project", project)) == [("Renamed",)]


def test_one_organization_in_trouble_leaves_the_others_alone(directory: Directory) -> None:
    (acme,) = directory.settings.organizations
    directory.settings = replace(directory.settings, organizations=(acme, replace(acme, label="other")))
    directory.server.fail_next(1, status=200, body={"data": [{"name": "no id"}]}, path_contains="/organization/projects")
    with pytest.raises(RejectedAnswer, match="/organization/projects"):
        directory.sync()
    assert directory.query(
        "SELECT label, count(*) FROM warehouse.dim_project JOIN warehouse.dim_organization USING (organization_id) GROUP BY 1"
    ) == [("other", 12)]


def test_lists_of_more_than_a_page_are_read_whole(warehouse_url: str) -> None:
    for directory in served(FakeOrganization(NOW, scale=4), warehouse_url):
        steps: list[ListRead] = []
        (summary,) = sync_directory(directory.settings, clock=lambda: NOW, report=steps.append)
        here = sum(user.deleted_at is None for user in directory.fake.roster.users.values())
        assert here > 200
        assert summary.users.added == here + len(directory.fake.roster.service_accounts)
        pages = [request for request in directory.server.requests if request.path == "/v1/organization/users"]
        assert [len(request.values("after")) for request in pages] == [0, 1, 1]
        assert {tuple(request.values("limit")) for request in pages} == {("100",)}
        assert [step.done for step in steps] == list(range(1, 27))
        assert steps[-1].total == 26


def test_without_user_id_no_person_is_asked_for_or_stored(directory: Directory) -> None:
    directory.settings = replace(directory.settings, exclude_dimensions=("user_id",))
    summary = directory.sync()
    assert summary.users == NamesReplaced()
    assert summary.api_keys.added > 50
    assert not [request for request in directory.server.requests if request.path.endswith(("/users", "/service_accounts"))]
    assert directory.query("SELECT count(*) FROM warehouse.dim_user") == [(0,)]
    assert directory.query("SELECT count(owner_id), count(owner_name) FROM warehouse.dim_api_key") == [(0, 0)]
    stored = str(directory.written())
    assert not [user.email for user in directory.fake.roster.users.values() if user.email in stored or user.name in stored]


def test_excluded_dimensions_are_not_read(directory: Directory) -> None:
    directory.settings = replace(directory.settings, exclude_dimensions=("api_key_id", "user_id"))
    assert directory.sync().lists == 1
    directory.settings = replace(directory.settings, exclude_dimensions=("api_key_id", "user_id", "project_id"))
    before = directory.written()
    assert directory.sync().lists == 0
    assert directory.written() == before


def test_two_runs_at_once_do_not_double_a_version(directory: Directory) -> None:
    summaries: list[DirectorySummary] = []
    together = threading.Barrier(2)

    def sync_together() -> None:
        def clock() -> datetime:
            # Called between reading and writing.
            together.wait(timeout=30)
            return NOW

        summaries.extend(sync_directory(directory.settings, clock=clock))

    threads = [threading.Thread(target=sync_together) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(summaries) == 2
    assert sorted(summary.projects.added for summary in summaries) == [0, 12]
    assert directory.query("SELECT count(*), count(DISTINCT project_id) FROM warehouse.dim_project") == [(12, 12)]


def listing(name: str, project: str = "proj_1") -> Listing:
    return Listing(PROJECT_NAMES, {project: {"project_name": name}}, lambda _: True)


def test_an_older_fetch_does_not_replace_a_newer_one(warehouse_url: str) -> None:
    with Store(warehouse_url) as store:
        older, newer = store.next_fetch_number(), store.next_fetch_number()
        assert store.replace_names("acme", [listing("new")], newer, NOW, OPENAI) == [NamesReplaced(added=1)]
        assert store.replace_names("acme", [listing("old")], older, NOW, OPENAI) is None
        assert store.replace_names("other", [listing("old", "proj_2")], older, NOW, OPENAI) == [NamesReplaced(added=1)]


def test_a_clock_that_runs_behind_never_turns_history_round(warehouse_url: str) -> None:
    with Store(warehouse_url) as store:
        store.replace_names("acme", [listing("old")], store.next_fetch_number(), NOW, OPENAI)
        store.replace_names("acme", [listing("new")], store.next_fetch_number(), NOW - timedelta(minutes=5), OPENAI)
        rows = store.connection.execute("SELECT project_name, valid_from, valid_to FROM warehouse.dim_project ORDER BY 1 DESC").fetchall()
    assert rows == [("old", NOW, NOW), ("new", NOW, None)]


def test_a_load_that_refers_to_the_organization_does_not_hold_names_up(warehouse_url: str) -> None:
    with Store(warehouse_url) as store, psycopg.connect(warehouse_url) as loading:
        organization_id = store.organization_id("acme", create_for=OPENAI)
        # An open transaction of a loader: its new row locks the organization's key.
        loading.execute(
            "INSERT INTO ops.watermarks (organization_id, endpoint, bucket_width) VALUES (%s, 'costs', 1440)", (organization_id,)
        )
        store.connection.execute("SET lock_timeout = '2s'")
        assert store.replace_names("acme", [listing("name")], store.next_fetch_number(), NOW, OPENAI) == [NamesReplaced(added=1)]
        loading.rollback()
