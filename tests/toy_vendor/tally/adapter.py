"""Tally, as the loader sees it."""

from __future__ import annotations

from collections.abc import Collection

from meterhouse.vendors.tally.client import Client
from meterhouse.vendors.tally.rows import decode_page

from meterhouse.vendors.adapter import Adapter
from meterhouse.vendors.listing import Directory, Listed, ListRead, Named, Report


def _read_directory(client: Client, organization: str, excluded: Collection[str], report: Report) -> Directory:
    if "project_id" in excluded:
        return Directory()
    found = client.workspaces()
    report(ListRead(organization, "/workspaces", 1, 1))
    return Directory(
        {Named.PROJECTS: Listed({one["key"]: {"project_name": one["title"]} for one in found}, lambda _: bool(found))}, lists=1
    )


ADAPTER = Adapter(
    client=Client,
    decode_page=decode_page,
    names_a_project=lambda text: b'"workspace":"' in bytes(text),
    read_directory=_read_directory,
    listed_projects=lambda client: {one["key"] for one in client.workspaces()},
)
