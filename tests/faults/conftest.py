"""Fixtures of the rig: hooks at the kill points, and a place for schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
from tests.conftest import Server
from tests.postgres.conftest import acme
from tests.postgres.loaded_organization import fresh_warehouse

from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.load.stream import window_cuts

from .kill_points import installed
from .schedules import CUTS, Place

__all__ = ["acme"]  # a fixture, which pytest finds by its name
MakePlace = Callable[[tuple[str, ...], float], Place]


@pytest.fixture(scope="module")
def make_place(server: Server, template: str) -> Iterator[MakePlace]:
    """Makes places for schedules: `make_place(endpoints, scale)`; nobody waits before another attempt."""
    with ExitStack() as opened, pytest.MonkeyPatch.context() as patched:
        patched.setattr("meterhouse.vendors.http_client.pause", lambda _: None)
        patched.setattr("meterhouse.vendors.read_ahead.pause", lambda *_: None)
        patched.setattr("meterhouse.load.loader.window_cuts", lambda endpoint: (*window_cuts(endpoint), *CUTS))
        opened.enter_context(installed())

        def make(endpoints: tuple[str, ...], scale: float) -> Place:
            warehouse = opened.enter_context(fresh_warehouse(server, template, f"schedules_{uuid4().hex[:12]}"))
            first, second = (opened.enter_context(FakeServer(FakeOrganization(scale=scale))) for _ in range(2))
            place = Place(warehouse, (first, second), endpoints, scale)
            opened.callback(place.close)
            return place

        yield make
