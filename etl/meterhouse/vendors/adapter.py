"""Adapter: what a vendor's folder has to offer, and how it is found: vendors/<name>/adapter.py holds an `ADAPTER`.

With a vendor and its endpoints in the catalogue, that is all that a new vendor needs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from meterhouse.admin_keys import Organization
from meterhouse.catalogue.endpoints import Dimension, Endpoint
from meterhouse.catalogue.vendors import Vendor
from meterhouse.settings import Settings
from meterhouse.vendors.answer import Page
from meterhouse.vendors.http_client import HttpClient
from meterhouse.vendors.listing import Directory, Report, SpendLimit
from meterhouse.vendors.saved_file import ReadSaved


@dataclass(frozen=True)
class Adapter:
    """One vendor, as the loader sees it; a client is only ever passed to functions of the same adapter.

    - `client` opens the way to one organization.
    - `decode_page` makes typed rows of the text of one page, grouped by the dimensions that were asked for; raises `RejectedAnswer` when it
      is no page.
    - `names_a_project` says whether the text of a bucket names any project, and so shows whose it is.
    - `read_directory` reads all names of the organization with that label, except those of the excluded dimensions.
    - `listed_projects` returns the ids of all projects that the key sees.
    - `read_saved` makes figures of a file that somebody saved; None where a vendor's files cannot be imported.
    - `read_spend_limits` reads the limits of the organization and of these projects; None where a vendor has no such thing.
    """

    client: Callable[[Organization, Settings], HttpClient]
    decode_page: Callable[[Endpoint, bytes, Iterable[Dimension]], Page]
    names_a_project: Callable[[memoryview], bool]
    read_directory: Callable[[Any, str, Collection[str], Report], Directory]
    listed_projects: Callable[[Any], set[str]]
    read_saved: ReadSaved | None = None
    read_spend_limits: Callable[[Any, Iterable[str]], list[SpendLimit]] | None = None


@cache
def adapter_of(vendor: Vendor) -> Adapter:
    """Return a vendor's adapter, which is imported when its first organization is loaded."""
    found: Adapter = import_module(f"meterhouse.vendors.{vendor.name}.adapter").ADAPTER
    return found
