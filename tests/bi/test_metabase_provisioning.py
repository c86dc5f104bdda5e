"""Provisioning of Metabase: run twice against a recording server that answers as Metabase's API reference says; Metabase was not run."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from meterhouse.bi_files.metabase.content import COLLECTION, DASHBOARD, DATABASE, TAGS, cards, layout, projects_model
from meterhouse.bi_files.metabase.provisioning import Outcome, provision
from meterhouse.command_line.cli import main
from meterhouse.errors import FixConfiguration, MeterhouseError, RejectedAnswer, TryAgainLater

from .metabase_server import PASSWORD, SESSION, TOKEN, USER, MetabaseServer

READER = "postgresql://meterhouse_reader:reader%2Fof-a-test@db.example.com:6432/bills?sslmode=require"
ENVIRONMENT = {"METERHOUSE_METABASE_USER": USER, "METERHOUSE_METABASE_PASSWORD": PASSWORD, "METERHOUSE_READER_URL": READER}


@pytest.fixture
def server() -> Iterator[MetabaseServer]:
    """A Metabase that nobody has set up."""
    with MetabaseServer() as running:
        yield running


def run(server: MetabaseServer, **environment: str) -> Outcome:
    return provision(server.address, ENVIRONMENT | environment, pause=lambda _: None)


def test_an_empty_metabase_gets_its_administrator_the_warehouse_and_all_that_is_shipped(server: MetabaseServer) -> None:
    outcome = run(server)
    assert server.administrator == (USER, PASSWORD)
    assert server.names("database") == [DATABASE]
    assert server.names("collection") == [COLLECTION]
    assert server.names("card") == [card.name for card in cards()]
    assert server.names("dashboard") == [DASHBOARD]
    assert outcome.created == (f"administrator {USER}", DATABASE, COLLECTION, *(card.name for card in cards()), DASHBOARD)
    assert outcome.updated == ()


def test_a_second_run_creates_nothing_and_leaves_the_same_behind(server: MetabaseServer) -> None:
    run(server)
    before = json.dumps(server.kept, sort_keys=True)
    server.requests.clear()
    outcome = run(server)
    assert outcome.created == ()
    assert len(outcome.updated) == len(cards()) + 3
    made = [path for method, path in server.written() if method == "POST"]
    assert made == ["/api/session", "/api/database/1/sync_schema"]
    assert not [method for method, _ in server.written() if method == "DELETE"]
    assert json.dumps(server.kept, sort_keys=True) == before


def test_the_connection_is_the_readers_shows_only_the_schema_bi_and_asks_for_tls(server: MetabaseServer) -> None:
    run(server)
    (database,) = server.kept["database"].values()
    assert database["engine"] == "postgres"
    assert database["details"] == {
        "host": "db.example.com",
        "port": 6432,
        "dbname": "bills",
        "user": "meterhouse_reader",
        "password": "reader/of-a-test",
        "ssl": True,
        "schema-filters-type": "inclusion",
        "schema-filters-patterns": "bi",
    }


def test_a_new_password_of_the_reader_reaches_the_connection_that_is_there(server: MetabaseServer) -> None:
    run(server)
    run(server, METERHOUSE_READER_URL="postgresql://meterhouse_reader:another-one@db.example.com/bills")
    (database,) = server.kept["database"].values()
    assert (database["details"]["password"], database["details"]["port"], database["details"]["ssl"]) == ("another-one", 5432, False)


def test_every_place_on_the_dashboard_has_its_card_and_its_filters(server: MetabaseServer) -> None:
    run(server)
    (dashboard,) = server.kept["dashboard"].values()
    numbers = {row["name"]: number for number, row in server.kept["card"].items()}
    assert [place["card_id"] for place in dashboard["dashcards"]] == [numbers[card.name] for card, _ in layout()]
    assert [parameter["slug"] for parameter in dashboard["parameters"]] == ["from", "to", "project"]
    assert dashboard["parameters"][2]["values_source_config"]["card_id"] == numbers[projects_model().name]
    known = {tag.identifier: tag.name for tag in TAGS}
    for place, (card, _) in zip(dashboard["dashcards"], layout(), strict=True):
        query = server.kept["card"][place["card_id"]]["dataset_query"]
        mapped = [(known[mapping["parameter_id"]], mapping["target"][1][1]) for mapping in place["parameter_mappings"]]
        assert mapped == [(tag.name, tag.name) for tag in card.tags]
        assert set(query["native"]["template-tags"]) == {tag.name for tag in card.tags}
        assert query["database"] in server.kept["database"]


def test_what_people_added_stays_and_what_they_changed_in_ours_is_undone(server: MetabaseServer) -> None:
    run(server)
    (collection,) = server.kept["collection"]
    (dashboard,) = server.kept["dashboard"].values()
    theirs = {"id": 900, "name": "Of my own", "type": "question", "collection_id": collection}
    server.kept["card"][900] = theirs
    place = {"id": 901, "card_id": 900, "row": 99, "col": 0, "size_x": 4, "size_y": 4, "parameter_mappings": []}
    text = {"id": 902, "card_id": None, "row": 103, "col": 0, "size_x": 4, "size_y": 1, "parameter_mappings": []}
    dashboard["dashcards"] = [*dashboard["dashcards"], place, text]
    changed = next(row for row in server.kept["card"].values() if row["name"] == "Cost per day")
    wanted, changed["dataset_query"] = changed["dataset_query"], {"type": "native"}
    run(server)
    assert changed["dataset_query"] == wanted
    assert server.kept["card"][900] is theirs
    assert [one for one in dashboard["dashcards"] if one["id"] in {901, 902}] == [place, text]
    assert len(dashboard["dashcards"]) == len(layout()) + 2


def test_an_archived_collection_of_the_same_name_is_left_alone(server: MetabaseServer) -> None:
    run(server)
    (first,) = server.kept["collection"]
    server.kept["collection"][first]["archived"] = True
    run(server)
    assert server.names("collection") == [COLLECTION, COLLECTION]


def test_a_run_that_broke_off_is_finished_by_the_next(server: MetabaseServer) -> None:
    server.instead["/api/dashboard"] = (500, b"out of memory")
    with pytest.raises(RejectedAnswer, match="500"):
        run(server)
    del server.instead["/api/dashboard"]
    outcome = run(server)
    assert outcome.created == (DASHBOARD,)
    assert server.names("card") == [card.name for card in cards()]


def test_no_secret_is_in_an_address_and_none_outside_of_the_request_that_needs_it(server: MetabaseServer) -> None:
    run(server)
    for secret, paths in ((PASSWORD, {"/api/setup"}), ("reader/of-a-test", {"/api/database"}), (TOKEN, {"/api/setup"})):
        assert {path for _, path, body in server.requests if secret in json.dumps(body)} == paths
        assert not [path for _, path, _ in server.requests if secret in path]


# What goes wrong, and the one line that says so.


def test_a_wrong_password_is_one_line_and_nothing_is_written(server: MetabaseServer) -> None:
    run(server)
    server.requests.clear()
    with pytest.raises(FixConfiguration, match="METERHOUSE_METABASE_PASSWORD: set them to an administrator") as refused:
        run(server, METERHOUSE_METABASE_PASSWORD="another-horse-battery-8")
    assert "another-horse-battery-8" not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert server.written() == [("POST", "/api/session")]


def test_a_password_that_metabase_finds_too_common_says_so(server: MetabaseServer) -> None:
    with pytest.raises(FixConfiguration, match=r"first administrator .*too common"):
        run(server, METERHOUSE_METABASE_PASSWORD="password")


def test_a_metabase_that_is_away_may_be_asked_again_later() -> None:
    with MetabaseServer() as gone:
        address = gone.address
    with pytest.raises(TryAgainLater, match=r"does not answer .*is it running"):
        provision(address, ENVIRONMENT)


def test_a_schema_that_is_never_read_to_the_end_is_given_up(server: MetabaseServer) -> None:
    server.syncs_until_complete = 10_000
    with pytest.raises(TryAgainLater, match="has not read the schema bi after 180 seconds"):
        run(server)


@pytest.mark.parametrize(
    ("path", "status", "body", "kind", "said"),
    [
        ("/api/session/properties", 200, b"<html>a proxy</html>", RejectedAnswer, "not like Metabase: <html>a proxy"),
        ("/api/session/properties", 200, b"[]", RejectedAnswer, "is not an object"),
        ("/api/session/properties", 404, b"not here", RejectedAnswer, "404 to GET /api/session/properties: not here"),
        ("/api/session/properties", 503, b"", TryAgainLater, "busy .503"),
        ("/api/session/properties", 302, b"", RejectedAnswer, "302"),
        ("/api/setup", 200, b"{}", RejectedAnswer, "no session"),
        ("/api/database", 200, b'{"data": 7}', RejectedAnswer, "is not a list"),
        ("/api/database", 400, b'{"message": "reader/of-a-test refused"}', FixConfiguration, r"METERHOUSE_READER_URL, .*\*\*\* refused"),
        ("/api/collection", 200, b'["a"]', RejectedAnswer, "is not a list"),
        ("/api/card", 200, b'{"name": "no number"}', RejectedAnswer, "has no id"),
        ("/api/card", 200, b"", RejectedAnswer, "is not an object"),
    ],
)
def test_an_unexpected_answer_is_one_line_without_a_secret(
    server: MetabaseServer, path: str, status: int, body: bytes, kind: type[MeterhouseError], said: str
) -> None:
    # The warehouse is listed before it is connected, and what cannot be connected is refused only then.
    (server.refuse_posts if status == 400 else server.instead)[path] = (status, body)
    with pytest.raises(kind, match=said) as raised:
        run(server)
    for secret in (PASSWORD, "reader/of-a-test", TOKEN, SESSION):
        assert secret not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("missing", list(ENVIRONMENT))
def test_a_variable_that_is_not_set_is_named_before_anything_is_asked(server: MetabaseServer, missing: str) -> None:
    with pytest.raises(FixConfiguration, match=f"{missing} is not set"):
        run(server, **{missing: ""})
    assert server.requests == []


@pytest.mark.parametrize("address", ["127.0.0.1:3000", "ftp://metabase", "http://"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(FixConfiguration, match="is not an address of Metabase"):
        provision(address, ENVIRONMENT)


@pytest.mark.parametrize("reader", ["mysql://a:b@h/d", "postgresql://h/d", "postgresql://a:b@h:x/d", "postgresql://a:b@h/"])
def test_an_address_of_the_warehouse_that_is_none_is_refused_without_its_password(server: MetabaseServer, reader: str) -> None:
    with pytest.raises(FixConfiguration, match="METERHOUSE_READER_URL is not an address") as refused:
        run(server, METERHOUSE_READER_URL=reader)
    assert reader not in str(refused.value)


def test_the_command_says_what_it_made(server: MetabaseServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    server.syncs_until_complete = 0
    assert main(["provision-metabase", "--url", server.address]) == 0
    shown = capsys.readouterr().out
    assert shown.strip() == f"{server.address}: {len(cards()) + 4} created, 0 updated"
    assert main(["provision-metabase", "--url", server.address]) == 0
    assert capsys.readouterr().out.strip() == f"{server.address}: 0 created, {len(cards()) + 3} updated"
    monkeypatch.setenv("METERHOUSE_METABASE_PASSWORD", "another-horse-battery-8")
    assert main(["provision-metabase", "--url", server.address]) == 2
    refused = capsys.readouterr().err.splitlines()
    assert len(refused) == 1
    assert refused[0].startswith("meterhouse: Metabase refuses METERHOUSE_METABASE_USER")
