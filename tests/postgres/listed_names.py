"""The directory of an invented organization, loaded into a warehouse, and the versions of names that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from meterhouse.admin_keys import AdminKey, Organization
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.load.directory import DirectorySummary, sync_directory
from meterhouse.settings import Settings

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TABLES = ("dim_project", "dim_user", "dim_api_key")


class Directory:
    """An invented organization, its server, and a warehouse that reads it; every run is an hour after the one before."""

    def __init__(self, fake: FakeOrganization, server: FakeServer, url: str) -> None:
        self.fake = fake
        self.server = server
        self.url = url
        self.now = NOW
        self.settings = Settings(
            organizations=(Organization("acme", AdminKey(server.admin_key), server.base_url),), warehouse_url=url, retries=0
        )

    def sync(self) -> DirectorySummary:
        self.now += timedelta(hours=1)
        (summary,) = sync_directory(self.settings, clock=lambda: self.now)
        return summary

    def query(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def written(self) -> list[tuple[Any, ...]]:
        """Every row of names and runs with its place and the transaction that wrote it: equal only if nothing was written."""
        tables = [*(f"warehouse.{table}" for table in TABLES), "warehouse.dim_organization", "ops.run_log"]
        return [row for table in tables for row in self.query(f"SELECT ctid::text, xmin::text, t::text FROM {table} t ORDER BY ctid")]

    def versions(self, table: str, entity_id: str) -> list[tuple[Any, ...]]:
        """(name, valid_from, valid_to, deleted_at) of every version, oldest first."""
        kind = table.removeprefix("dim_")
        return self.query(
            f"SELECT {kind}_name, valid_from, valid_to, deleted_at FROM warehouse.{table} WHERE {kind}_id = %s ORDER BY {kind}_version_id",
            entity_id,
        )

    def deleted(self, table: str) -> set[str]:
        kind = table.removeprefix("dim_")
        return {row[0] for row in self.query(f"SELECT {kind}_id FROM warehouse.{table} WHERE deleted_at IS NOT NULL")}

    def active_project_with_keys(self) -> str:
        keys = self.fake.roster.api_keys.values()
        accounts = {account.project_id for account in self.fake.roster.service_accounts.values()}
        return next(key.project_id for key in keys if key.deleted_at is None and key.project_id in accounts)


def served(fake: FakeOrganization, url: str) -> Iterator[Directory]:
    with FakeServer(fake) as server:
        yield Directory(fake, server, url)
