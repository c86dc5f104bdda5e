"""The client's words: each refusal to the letter, as shown in a terminal, a task's log or an alert."""

from __future__ import annotations

import pytest
from requests import exceptions
from tests.faults.scripted_server import ScriptedServer, answer, close_at_once, send, unframed

from meterhouse.catalogue.endpoints import COSTS
from meterhouse.errors import BeforeHistory, FixConfiguration, RejectedAnswer, TryAgainLater, Unsupported
from meterhouse.vendors.http_client import _transport_reason
from meterhouse.vendors.request import ChainBroken, PageTooLarge

from .client_calls import asked, fetched, page, raised, refusal

PATH, LIST = "/organization/usage/completions", "/organization/users"
GAVE_UP = "; gave up after 1 attempt; nothing of this window was written, run again later"
KEY_REFUSED = "{host} refuses the admin key (HTTP %s); use an organization admin key (sk-admin-…) with the scope %s"
REDIRECTED = "{host} redirects to another address, and redirects are never followed: check OPENAI_BASE_URL"
NO_JSON = "{host}/organization/usage/completions: the answer is not the JSON that the vendor documents, or was cut off" + GAVE_UP
NOT_OFFERED = " is not offered by this organization: "


def status(number: int, body: bytes = b"", *headers: str):
    return send(answer(body, status=number, headers=headers))


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        (status(401), FixConfiguration, KEY_REFUSED % (401, "api.usage.read")),
        (status(403, refusal("No.")), FixConfiguration, KEY_REFUSED % ("403, No.", "api.usage.read")),
        (
            status(429, refusal("Pay.", code="insufficient_quota")),
            FixConfiguration,
            "{host}" + PATH + ": HTTP 429, Pay.; settle the account's quota, then run again",
        ),
        (status(429, refusal("Wait.")), TryAgainLater, "{host}" + PATH + ": HTTP 429, Wait." + GAVE_UP),
        (status(500), TryAgainLater, "{host}" + PATH + ": HTTP 500" + GAVE_UP),
        (status(300), FixConfiguration, REDIRECTED),
        (status(399), FixConfiguration, REDIRECTED),
        (
            status(404, b"<html>"),
            TryAgainLater,
            "{host}" + PATH + ": HTTP 404, and not in the vendor's words (a proxy's page, or a wrong OPENAI_BASE_URL?)" + GAVE_UP,
        ),
        (status(404, refusal("Gone.")), Unsupported, "endpoint" + NOT_OFFERED + "Gone."),
        (status(400, refusal("Bad.", param="limit")), Unsupported, "limit" + NOT_OFFERED + "Bad."),
        (status(400), Unsupported, "request" + NOT_OFFERED + "HTTP 400"),
        (status(400, refusal("Old.", code="reporting_lookback_exceeded")), BeforeHistory, "history" + NOT_OFFERED + "Old."),
        (status(418, refusal("Tea.")), RejectedAnswer, "{host}" + PATH + ": HTTP 418, Tea."),
        (send(answer(b"<html>")), TryAgainLater, NO_JSON),
        (send(answer(b"[" * 100_000)), TryAgainLater, NO_JSON),
        (
            send(answer(b"{}")),
            RejectedAnswer,
            PATH + ": the answer is not a page of buckets that says whether there is more",
        ),
        (send(answer(page(has_more=True))), ChainBroken, PATH + ": the last page says that there is more, but not where"),
        (
            send(answer(b" " * (1 << 20) + b"{}")),
            PageTooLarge,
            PATH + ": a page is larger than METERHOUSE_PAGE_MAX_MEGABYTES (1)",
        ),
        (close_at_once, TryAgainLater, "{host}" + PATH + ": cannot be reached, or the connection broke" + GAVE_UP),
        (
            send(unframed(b"{", "Content-Length: 9")),
            TryAgainLater,
            "{host}" + PATH + ": the answer was cut off or damaged on the way" + GAVE_UP,
        ),
    ],
)
def test_each_refusal_of_a_window_says_what_to_do(connect, step, kind, words):
    with ScriptedServer(step) as server, raised(kind) as caught:
        fetched(connect(server.url, retries=0))
    assert str(caught.value) == words.format(host=f"127.0.0.1:{server.port}")


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        (status(401, refusal("No.")), FixConfiguration, KEY_REFUSED % ("401, No.", "api.management.read")),
        (status(404, refusal("Gone.")), Unsupported, "endpoint" + NOT_OFFERED + "Gone."),
        (
            send(answer(b'{"data":[{}],"has_more":true}')),
            RejectedAnswer,
            LIST + ": the list says there is more, but not where it goes on",
        ),
    ],
)
def test_each_refusal_of_a_list_says_what_to_do(connect, step, kind, words):
    with ScriptedServer(step) as server, raised(kind) as caught:
        list(connect(server.url, retries=0).entries(LIST))
    assert str(caught.value) == words.format(host=f"127.0.0.1:{server.port}")


def test_a_list_is_no_costs_and_is_not_waited_for_when_it_is_not_there(connect):
    with ScriptedServer(status(404, refusal("Away."))) as server:
        with raised(TryAgainLater):
            fetched(connect(server.url, retries=1), asked(COSTS))
        assert server.connections == 2
        with raised(Unsupported):
            list(connect(server.url, retries=1).entries(LIST))
        assert server.connections == 3


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        (["a", "a"], RejectedAnswer, "the page token 'a' came twice, so the chain has no end"),
        (list("abcdefghijklmnop"), RejectedAnswer, "the chain goes on after 12 pages, more than the window can have"),
        (["a", None], ChainBroken, "the vendor refused its own page token (HTTP 400, no)"),
    ],
)
def test_each_refusal_of_a_chain_says_why(connect, script, kind, words):
    steps = [send(answer(page(has_more=True, next_page=token))) if token else status(400, refusal()) for token in script]
    with ScriptedServer(*steps) as server, raised(kind) as caught:
        fetched(connect(server.url))
    assert str(caught.value) == f"{PATH}: {words}"


def test_a_long_wait_and_a_used_up_budget_are_left_to_the_next_run_in_words(connect):
    with ScriptedServer(status(503, refusal(), "Retry-After: 121")) as server, raised(TryAgainLater) as caught:
        fetched(connect(server.url))
    where = f"127.0.0.1:{server.port}{PATH}: HTTP 503, no"
    assert str(caught.value) == f"{where}; the vendor asks to wait 121 s, so run again later"
    with ScriptedServer(status(503, refusal())) as server, raised(TryAgainLater) as caught:
        fetched(connect(server.url, retries=20))
    where = f"127.0.0.1:{server.port}{PATH}: HTTP 503, no"
    assert str(caught.value) == f"{where}; too many requests of this run failed, so run again later"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (exceptions.ConnectTimeout, "no connection in time"),
        (exceptions.ReadTimeout, "no answer in time"),
        (exceptions.ChunkedEncodingError, "the answer was cut off or damaged on the way"),
        (exceptions.ContentDecodingError, "the answer was cut off or damaged on the way"),
        (exceptions.ConnectionError, "cannot be reached, or the connection broke"),
        (ConnectionResetError, "cannot be reached, or the connection broke"),
        (exceptions.RequestException, "cannot be reached, or the connection broke"),
    ],
)
def test_what_broke_on_the_way_is_named_without_the_library_s_words(kind, words):
    assert _transport_reason(kind("with a header in it")) == words
