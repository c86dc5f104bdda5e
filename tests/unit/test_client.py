"""The client against real servers on this machine: what is asked for, of streams and of lists, and what the vendor's clock says."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.faults.scripted_server import ScriptedServer, answer, close_at_once, send

from meterhouse import __version__
from meterhouse.catalogue.endpoints import API_KEY, COMPLETIONS, COSTS, ENDPOINTS, MODEL, PROJECT
from meterhouse.errors import RejectedAnswer, TryAgainLater, Unsupported
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.vendors.openai.rows import decode_page
from meterhouse.vendors.openai.wire import path_of

from .client_calls import FIRST, KEY, OK, PAGE, asked, fetched, page, raised, refusal

# -- what is asked for ----------------------------------------------------------------------------------------------------------------


def test_all_pages_of_an_organization_come_in_order_and_hold_the_truth(connect):
    organization = FakeOrganization(FIRST + timedelta(days=10))
    with FakeServer(organization, admin_key=KEY) as server:
        pages = fetched(connect(server.base_url), asked(days=5, dimensions=(PROJECT, MODEL), page_buckets=2))
        assert len(pages) == len(server.requests) == 3
        found = [bucket for body in pages for bucket in decode_page(COMPLETIONS, body, (PROJECT, MODEL)).buckets]
        assert [bucket.start for bucket in found] == [int(FIRST.timestamp()) + 86400 * day for day in range(5)]
        truth = organization.truth("completions", FIRST.date(), (FIRST + timedelta(days=5)).date())
        total = sum(values[0] for bucket in found for values in bucket.rows.values())
        assert total == sum(figures["input_tokens"] for figures in truth.values()) > 0


def test_the_token_of_a_page_goes_out_with_otherwise_identical_parameters(connect):
    organization = FakeOrganization(FIRST + timedelta(days=10))
    with FakeServer(organization, admin_key=KEY) as server:
        fetched(connect(server.base_url), asked(days=4, dimensions=(PROJECT, MODEL), page_buckets=1))
        plain = [tuple(pair for pair in request.pairs if pair[0] != "page") for request in server.requests]
        assert len(plain) == 4
        assert len(set(plain)) == 1
        tokens = [request.values("page") for request in server.requests]
        assert tokens[0] == []
        assert all(len(token) == 1 for token in tokens[1:])
        assert len({token[0] for token in tokens[1:]}) == 3


def test_arrays_are_repeated_bare_keys_and_instants_are_unix_seconds(connect):
    with ScriptedServer(OK) as server:
        fetched(connect(server.url + "/v1"), asked(COSTS, days=2, dimensions=(PROJECT, API_KEY), page_buckets=31))
        parts = urlsplit(server.targets[0])
    assert parts.path == "/v1/organization/costs"
    assert parts.query == "start_time=1772323200&end_time=1772496000&bucket_width=1d&limit=31&group_by=project_id&group_by=api_key_id"


def test_a_token_of_any_characters_comes_back_as_it_was(connect):
    token = "page_AA+/= &?%✓#"
    with ScriptedServer(send(answer(page(has_more=True, next_page=token))), OK) as server:
        fetched(connect(server.url))
        assert ("page", token) in parse_qsl(urlsplit(server.targets[1]).query)
        assert not any(character in server.targets[1] for character in " ✓#")


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=lambda endpoint: endpoint.name)
def test_each_endpoint_is_asked_at_its_own_path_with_the_key_as_bearer(connect, endpoint):
    with ScriptedServer(OK) as server:
        fetched(connect(server.url + "/v1"), asked(endpoint))
        head = server.heads[0].decode()
    assert head.startswith(f"GET /v1{path_of(endpoint)}?")
    assert head.count("Authorization:") == 1
    assert f"Authorization: Bearer {KEY}\r\n" in head
    assert f"User-Agent: meterhouse/{__version__}\r\n" in head
    assert "Accept: application/json\r\n" in head
    assert KEY not in head.split("\r\n")[0]


# -- directory lists ------------------------------------------------------------------------------------------------------------------


def entries_of(*identifiers: str, has_more: bool = False, last_id: str | None = None) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": name} for name in identifiers], "has_more": has_more, "last_id": last_id}).encode()


def test_a_directory_list_is_followed_by_its_last_id_or_by_its_last_entry(connect):
    script = [entries_of("a", "b", has_more=True, last_id="b"), entries_of("c", has_more=True), entries_of("d")]
    with ScriptedServer(*(send(answer(body)) for body in script)) as server:
        found = list(connect(server.url).entries("/organization/users", include_archived="true"))
        assert [entry["id"] for entry in found] == ["a", "b", "c", "d"]
        queries = [urlsplit(target).query for target in server.targets]
    assert queries == [f"limit=100&include_archived=true{after}" for after in ("", "&after=b", "&after=c")]


@pytest.mark.parametrize("body", [entries_of("a", has_more=True, last_id="a"), entries_of(has_more=True)])
def test_a_directory_list_that_goes_nowhere_is_rejected(connect, body):
    with ScriptedServer(send(answer(body))) as server, raised(RejectedAnswer, "says there is more, but not where"):
        list(connect(server.url).entries("/organization/users"))
    assert server.connections <= 2


@pytest.mark.parametrize("status", [400, 404])
def test_a_directory_list_that_is_refused_is_not_offered(connect, vendor, status):
    vendor.fail_next(1, status=status)
    with raised(Unsupported):
        list(connect(vendor.base_url).entries("/organization/users"))
    assert len(vendor.requests) == 1


def test_a_directory_list_is_asked_for_again_after_a_fault(connect, vendor):
    with ScriptedServer(send(answer(refusal(), status=503)), send(answer(entries_of("a")))) as server:
        assert list(connect(server.url).entries("/organization/users")) == [{"id": "a"}]


# -- the vendor's clock ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "instant"),
    [
        ("Date: Sun, 01 Mar 2026 10:07:33 GMT", datetime(2026, 3, 1, 10, 7, 33, tzinfo=UTC)),
        ("date: Sun, 01 Mar 2026 12:07:33 +0200", datetime(2026, 3, 1, 10, 7, 33, tzinfo=UTC)),
        ("Date: Sun, 01 Mar 2026 10:07:33 -0000", datetime(2026, 3, 1, 10, 7, 33, tzinfo=UTC)),
        ("Date: yesterday", None),
        ("Date: Sun, 99 Mar 2026 10:07:33 GMT", None),
        ("Date: Fri, 31 Dec 9999 23:59:59 -2300", None),
        ("Date:", None),
        ("X-Nothing: here", None),
    ],
)
def test_the_vendor_s_clock_is_what_its_date_header_says(connect, header, instant):
    with ScriptedServer(send(answer(PAGE, headers=[header]))) as server:
        client = connect(server.url)
        assert client.answered_at is None
        fetched(client)
    assert client.answered_at == instant


def test_a_date_without_a_zone_is_utc_wherever_the_machine_stands(connect, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        with ScriptedServer(send(answer(PAGE, headers=["Date: Sun, 01 Mar 2026 10:07:33 -0000"]))) as server:
            client = connect(server.url)
            fetched(client)
    time.tzset()
    assert client.answered_at == datetime(2026, 3, 1, 10, 7, 33, tzinfo=UTC)


def test_the_clock_of_the_newest_answer_is_kept_and_refusals_have_one_too(connect):
    first, second = ("Date: Sun, 01 Mar 2026 10:07:33 GMT", "Date: Sun, 01 Mar 2026 10:08:00 GMT")
    script = [
        send(answer(PAGE, headers=[first])),
        send(answer(refusal("away"), status=404, headers=[second])),
        send(answer(PAGE)),
        close_at_once,
    ]
    with ScriptedServer(*script) as server:
        client = connect(server.url, retries=0)
        fetched(client)
        with pytest.raises(Unsupported):
            fetched(client)
        assert client.answered_at == datetime(2026, 3, 1, 10, 8, tzinfo=UTC)
        known = client.answered_at
        fetched(client)
        with pytest.raises(TryAgainLater):
            fetched(client)
        # The very same object: it shows that no newer answer named a time.
        assert client.answered_at is known
