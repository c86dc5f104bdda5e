"""The same battery on PostgreSQL 15, the oldest server that is supported, where the system has it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.conftest import LOADER, OWNER, PASSWORDS, READER, TEMPLATE, OtherServer, create_database, create_owner
from tests.postgres.teams_of_projects import filled, mine

from meterhouse.local.roles import give_login
from meterhouse.warehouse.migrate import migrate

from .installed_postgres import installed_postgres, programs_of
from .test_battery import (
    prepared,
    test_what_somebody_in_a_team_tries_has_no_effect,
    test_what_the_loader_tries_has_no_effect,
    test_what_the_reader_tries_has_no_effect,
)

# Fixtures and tests, which pytest finds by their names; here they meet another server.
__all__ = [
    "filled",
    "mine",
    "prepared",
    "test_what_somebody_in_a_team_tries_has_no_effect",
    "test_what_the_loader_tries_has_no_effect",
    "test_what_the_reader_tries_has_no_effect",
]
pytestmark = pytest.mark.soak
OLDEST = 15


@pytest.fixture(scope="module")
def server() -> Iterator[OtherServer]:
    programs = programs_of(OLDEST)
    if programs is None:
        pytest.skip(f"PostgreSQL {OLDEST} is not installed")
    with installed_postgres(programs) as running:
        create_owner(running)
        yield running


@pytest.fixture(scope="module")
def template(server: OtherServer) -> str:
    create_database(server, TEMPLATE)
    migrate(server.url(TEMPLATE, OWNER, PASSWORDS[OWNER]))
    for role in (LOADER, READER):
        give_login(server.url(), role, PASSWORDS[role])
    return TEMPLATE


def test_it_is_the_oldest_that_is_supported(server: OtherServer) -> None:
    with psycopg.connect(server.url()) as connection:
        assert connection.info.server_version // 10_000 == OLDEST
