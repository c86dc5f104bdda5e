"""Clients that do not sleep, and a vendor that answers one empty page."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from meterhouse.admin_keys import AdminKey, Organization
from meterhouse.fake_openai import FakeServer
from meterhouse.fake_openai.answers import Answer
from meterhouse.settings import Settings
from meterhouse.vendors.openai.client import Client

from .client_calls import KEY, PAGE


class Sleeps(list):
    """The waits that were asked for; none of them is slept."""

    __call__ = list.append


@pytest.fixture
def connect(caplog):
    """Make clients that do not sleep, with jitter at its most; `client.sleeps` are the waits. All are closed in the end.

    No log line holds the key.
    """
    caplog.set_level(0)
    made = []

    def make(base_url: str, **settings) -> Client:
        sleeps = Sleeps()
        chosen = Settings(**{"http_timeout_seconds": 5, "retries": 4, "page_max_megabytes": 1} | settings)
        client = Client(Organization("test", AdminKey(KEY), base_url), chosen, sleep=sleeps, jitter=lambda: 1.0)
        client.sleeps = sleeps
        made.append(client)
        return client

    yield make
    for client in made:
        client.__exit__(None, None, None)
    # Not caplog.text, which is cleared after the test itself.
    assert not any(KEY in logging.Formatter().format(record) for record in caplog.get_records("call"))


@pytest.fixture
def vendor() -> Iterator[FakeServer]:
    """A server that answers every request with one empty page, behind the stand-in's queue of faults."""

    class OnePage:
        def answer(self, _):
            return Answer(200, PAGE)

    with FakeServer(OnePage(), admin_key=KEY) as server:
        yield server
