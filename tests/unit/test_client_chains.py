"""The client and chains of pages: followed to their end, and broken off when they go nowhere."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.faults.scripted_server import ScriptedServer, answer, send

from meterhouse.catalogue.endpoints import HOUR
from meterhouse.errors import RejectedAnswer
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.vendors.request import ChainBroken

from .client_calls import FIRST, KEY, OK, asked, fetched, page, raised, refusal


def scripted_chain(*tokens: str | None, data: bool = True) -> list:
    return [send(answer(page(data=data, has_more=True, next_page=token))) for token in tokens]


@pytest.mark.fault(33)
def test_a_page_that_says_it_is_the_last_is_the_last_even_with_a_token(connect):
    with ScriptedServer(send(answer(page(has_more=False, next_page="more")))) as server:
        assert len(fetched(connect(server.url))) == 1
        assert server.connections == 1


@pytest.mark.fault(31)
@pytest.mark.parametrize(("tokens", "requests"), [(("a", "a"), 2), (("a", "b", "a"), 3), (("a", "b", "c", "b"), 4)], ids=str)
def test_a_chain_that_comes_back_to_where_it_was_is_rejected(connect, tokens, requests):
    with ScriptedServer(*scripted_chain(*tokens)) as server, raised(RejectedAnswer, f"'{tokens[-1]}' came twice"):
        fetched(connect(server.url))
    assert server.connections == requests


def test_the_stand_ins_endless_chain_is_rejected(connect):
    with FakeServer(FakeOrganization(FIRST + timedelta(days=3)), admin_key=KEY) as server:
        server.fail_next(50, kind="endless")
        with raised(RejectedAnswer, "came twice"):
            fetched(connect(server.base_url))
        assert len(server.requests) == 2


@pytest.mark.fault(34)
def test_ten_empty_pages_in_a_row_are_enough(connect):
    tokens = [f"token-{number}" for number in range(50)]
    with ScriptedServer(*scripted_chain(*tokens, data=False)) as server, raised(RejectedAnswer, "the chain goes on after 10 pages"):
        fetched(connect(server.url), asked(days=31))
    assert server.connections == 10


def test_more_pages_than_the_window_has_buckets_are_rejected(connect):
    tokens = [f"token-{number}" for number in range(100)]
    with ScriptedServer(*scripted_chain(*tokens)) as server, raised(RejectedAnswer, "more than the window can have"):
        fetched(connect(server.url), asked(days=1, width=HOUR))
    assert server.connections <= 24 + 11


def test_one_bucket_a_page_is_slow_but_right(connect):
    tokens = [f"token-{number}" for number in range(23)]
    with ScriptedServer(*scripted_chain(*tokens), OK) as server:
        assert len(fetched(connect(server.url), asked(days=1, width=HOUR))) == 24


def test_more_to_come_without_a_token_breaks_the_chain_after_the_page_was_given(connect, vendor):
    with ScriptedServer(*scripted_chain(None)) as server:
        pages = connect(server.url).pages(asked())
        assert next(pages)
        with raised(ChainBroken, "says that there is more, but not where"):
            next(pages)
        assert server.connections == 1


@pytest.mark.fault(25)
def test_a_token_that_the_vendor_itself_refuses_breaks_the_chain(connect):
    script = [*scripted_chain("a"), send(answer(refusal("page token is invalid", param="page"), status=400))]
    with ScriptedServer(*script) as server:
        pages = connect(server.url).pages(asked())
        next(pages)
        with raised(ChainBroken, "refused its own page token.*page token is invalid"):
            next(pages)
        assert server.connections == 2


def test_a_fault_in_the_middle_of_a_chain_is_asked_for_again_with_the_same_token(connect):
    script = [*scripted_chain("a"), send(answer(refusal(), status=500)), OK]
    with ScriptedServer(*script) as server:
        assert len(fetched(connect(server.url))) == 2
        assert server.targets[1] == server.targets[2]
        assert server.targets[1].endswith("&page=a")


@pytest.mark.parametrize("body", [b"{}", b'{"object":"list","data":[]}', b'{"object":"bucket","data":[]}'])
def test_json_that_is_no_page_is_rejected(connect, body):
    with ScriptedServer(send(answer(body))) as server, raised(RejectedAnswer, "not a page of buckets"):
        fetched(connect(server.url))
    assert server.connections == 1
