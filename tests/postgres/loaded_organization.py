"""An invented organization whose clock stands still, its server, and a warehouse that loads it with the real code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from tests.conftest import Warehouse, create_database, drop_database, warehouse_addresses

from meterhouse.admin_keys import AdminKey, Organization
from meterhouse.catalogue.endpoints import DAY, BucketWidth
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.load.outcome import Outcome
from meterhouse.load.run import Report, silent
from meterhouse.load.sync import backfill, sync
from meterhouse.settings import Settings
from meterhouse.windows import Window

# Nine minutes into an hour: day, hour and cost buckets of this moment are all unfinished.
NOW = datetime(2026, 11, 20, 12, 9, tzinfo=UTC)
LABEL = "acme"
# Of each kind one: many rows, few rows, a level, whole sessions, and money.
FEW = ("completions", "images", "vector_stores", "code_interpreter_sessions", "costs")


def midnight(day: date) -> datetime:
    """The start of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def organization(server: FakeServer, label: str = LABEL) -> Organization:
    """The settings' entry of a server."""
    return Organization(label, AdminKey(server.admin_key), server.base_url)


class LoadedOrganization:
    """Loads `fake` through its `server` into `warehouse`, always as of the organization's own clock."""

    def __init__(self, fake: FakeOrganization, server: FakeServer, warehouse: Warehouse, label: str = LABEL) -> None:
        self.fake = fake
        self.server = server
        self.warehouse = warehouse
        self.label = label
        # What the tests of small loads change; a test sets more with keywords.
        self.defaults: dict[str, Any] = {"retries": 0}

    @property
    def now(self) -> datetime:
        return self.fake.clock.now()

    @property
    def today(self) -> date:
        return self.now.date()

    def settings(self, **changes: Any) -> Settings:
        given = {"organizations": (organization(self.server, self.label),), "warehouse_url": self.warehouse.loader_url}
        return Settings(**{**given, **self.defaults, **changes})

    def sync(
        self, only: Iterable[str] | None = None, *, report: Report = silent, interval: Window | None = None, **changes: Any
    ) -> Outcome:
        """Sync and return the outcome, with errors in it if there were any."""
        return sync(self.settings(**changes), only, interval=interval, clock=self.fake.clock.now, report=report)

    def backfill(
        self,
        first: date,
        end: date,
        only: Iterable[str] | None = None,
        *,
        width: BucketWidth = DAY,
        force: bool = False,
        report: Report = silent,
        **changes: Any,
    ) -> Outcome:
        """Backfill the days from `first` to before `end`."""
        window = Window(midnight(first), midnight(end))
        return backfill(self.settings(**changes), window, only, width=width, force=force, clock=self.fake.clock.now, report=report)

    def advance(self, **span: float) -> None:
        """Move the clock, as `timedelta(**span)`."""
        self.fake.clock.advance(timedelta(**span).total_seconds())

    def query(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows as the superuser, who may look at and plant anything."""
        return rows(self.warehouse.superuser_url, query, parameters)

    def read(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows as the role of BI users."""
        return rows(self.warehouse.reader_url, query, parameters)

    def paths_asked(self) -> list[str]:
        """The paths of all requests since the last `forget_requests`."""
        return [request.path for request in self.server.requests]

    def windows_asked(self) -> list[tuple[str, datetime, datetime]]:
        """(path, start, end) of all first pages since the last `forget_requests`."""
        return [
            (request.path, *(datetime.fromtimestamp(int(request.values(name)[0]), UTC) for name in ("start_time", "end_time")))
            for request in self.server.requests
            if request.values("start_time") and not request.values("page")
        ]

    def forget_requests(self) -> None:
        self.server.requests.clear()


def rows(url: str, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows, none for a statement without any."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(query.encode(), parameters or None)
        return found.fetchall() if found.description else []


@contextmanager
def served(fake: FakeOrganization, warehouse: Warehouse, label: str = LABEL) -> Iterator[LoadedOrganization]:
    """Serve an organization for as long as the context lasts."""
    with FakeServer(fake) as server:
        yield LoadedOrganization(fake, server, warehouse, label)


@contextmanager
def fresh_warehouse(server: Any, template: str, name: str) -> Iterator[Warehouse]:
    """A migrated, empty warehouse for longer than one test."""
    create_database(server, name, template)
    try:
        yield warehouse_addresses(server, name)
    finally:
        drop_database(server, name)
