"""The client and a vendor that refuses: each refusal ends in the error that says what to do, and shows no key."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime

import pytest
from tests.faults.scripted_server import ScriptedServer, answer, send

from meterhouse.catalogue.endpoints import COSTS, USAGE
from meterhouse.errors import BeforeHistory, FixConfiguration, MeterhouseError, RejectedAnswer, TryAgainLater, Unsupported

from .client_calls import KEY, PAGE, asked, fetched, page, raised, refusal


@pytest.mark.fault(23)
@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_not_tried_again(connect, vendor, status):
    vendor.fail_next(5, status=status)
    client = connect(vendor.base_url)
    with raised(FixConfiguration, f"refuses the admin key .HTTP {status}.*api.usage.read"):
        fetched(client)
    assert (len(vendor.requests), client.sleeps) == (1, [])


def test_a_wrong_key_is_said_to_be_wrong(connect, vendor):
    vendor.admin_key = "sk-admin-another-key-0123456789"
    with raised(FixConfiguration, "HTTP 401"):
        fetched(connect(vendor.base_url))


@pytest.mark.fault(23)
def test_a_key_that_is_revoked_between_two_pages_ends_the_chain(connect, vendor):
    with ScriptedServer(send(answer(page(has_more=True, next_page="a"))), send(answer(refusal(), status=401))) as server:
        pages = connect(server.url).pages(asked())
        next(pages)
        with raised(FixConfiguration, "HTTP 401"):
            next(pages)
        assert server.connections == 2


@pytest.mark.fault(21)
@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached"])
def test_a_quota_that_is_used_up_is_not_waited_for(connect, vendor, code):
    vendor.fail_next(5, status=429, body=json.loads(refusal("You exceeded your current quota.", code=code)))
    with raised(FixConfiguration, "exceeded your current quota.*settle"):
        fetched(connect(vendor.base_url))
    assert len(vendor.requests) == 1


@pytest.mark.fault(24)
@pytest.mark.parametrize("endpoint", USAGE, ids=lambda endpoint: endpoint.name)
def test_a_usage_endpoint_that_is_not_there_is_not_offered(connect, vendor, endpoint):
    vendor.fail_next(1, status=404)
    with raised(Unsupported) as caught:
        fetched(connect(vendor.base_url), asked(endpoint))
    assert caught.value.capability == "endpoint"
    assert len(vendor.requests) == 1


def test_costs_that_are_not_there_are_away_for_a_while(connect, vendor):
    vendor.fail_next(2, status=404)
    client = connect(vendor.base_url)
    assert fetched(client, asked(COSTS)) == [PAGE]
    assert client.sleeps == [1.5, 3.0]
    vendor.fail_next(9, status=404)
    with raised(TryAgainLater, "HTTP 404"):
        fetched(client, asked(COSTS))


@pytest.mark.fault(24)
@pytest.mark.parametrize(("param", "capability"), [("group_by", "group_by"), ("start_time", "start_time"), (None, "request")])
def test_a_request_that_is_refused_names_the_parameter_and_is_not_tried_again(connect, vendor, param, capability):
    vendor.fail_next(3, status=400, body=json.loads(refusal("Invalid value.", param=param)))
    with raised(Unsupported, "Invalid value") as caught:
        fetched(connect(vendor.base_url))
    assert caught.value.capability == capability
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("status", [402, 405, 410, 418, 422, 451, 204, 206])
def test_an_answer_of_an_unexpected_kind_is_rejected_and_not_tried_again(connect, vendor, status):
    vendor.fail_next(3, status=status, body="" if status == 204 else PAGE)
    with raised(RejectedAnswer, f"HTTP {status}"):
        fetched(connect(vendor.base_url))
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    ("message", "earliest"),
    [
        ("start_time must be at or after 1764979200.", datetime(2025, 12, 6, tzinfo=UTC)),
        ("Too far back.", None),
        ("Only 365 days are kept.", None),
        ("Ids of 176497920012 are no times.", None),
    ],
)
def test_a_start_before_history_names_the_vendor_s_floor_if_there_is_one(connect, vendor, message, earliest):
    vendor.fail_next(1, status=400, body=json.loads(refusal(message, code="reporting_lookback_exceeded", param="start_time")))
    with raised(BeforeHistory) as caught:
        fetched(connect(vendor.base_url))
    assert caught.value.earliest == earliest
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    "message",
    [
        f"Incorrect API key provided: {KEY}. You can find your API key at https://platform.openai.com.",
        f"Incorrect API key provided: '{KEY}'.",
        f'key="{KEY}"\nand {KEY}',
        "x" * 290 + KEY,
    ],
)
@pytest.mark.parametrize("status", [401, 400, 404, 422, 503])
def test_a_key_that_the_vendor_repeats_is_masked(connect, vendor, status, message):
    vendor.fail_next(9, status=status, body=json.loads(refusal(message, code=KEY, param=KEY)))
    client = connect(vendor.base_url, retries=1)
    with pytest.raises(MeterhouseError) as caught:
        fetched(client)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY[3:15] not in shown
    assert "sk-…" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":"bare words"}', "bare words"),
        (b'{"error":{"message":"two\\nlines\\tof   words"}}', "two lines of words"),
        (b'{"error":{"message":{"nested":1}}}', "HTTP 500"),
        (b'{"error":null}', "HTTP 500"),
        (b'{"error":["x"]}', "HTTP 500"),
        (b"[]", "HTTP 500"),
        (b"null", "HTTP 500"),
        (b"", "HTTP 500"),
        (b"\xff\xfe", "HTTP 500"),
        (b"<html>", "HTTP 500"),
        (b"[" * 100_000, "HTTP 500"),
        (b'{"error":' + b"9" * 5000 + b"}", "HTTP 500"),
        (json.dumps({"error": {"message": "y" * 5000}}).encode(), "y" * 300),
    ],
    # pytest finds no test by a name with a backslash.
    ids=lambda value: ascii(value[:30]).replace("\\", ""),
)
def test_a_refusal_of_any_shape_is_quoted_in_one_short_line(connect, body, said):
    with ScriptedServer(send(answer(body, status=500))) as server, raised(TryAgainLater, said) as caught:
        fetched(connect(server.url, retries=0))
    assert len(str(caught.value)) < 500
