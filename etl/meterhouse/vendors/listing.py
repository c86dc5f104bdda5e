"""Listing: the names that a vendor lists of projects, users and keys, as its directory is read, and the limits set there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

Value = str | datetime | None
Values = Mapping[str, Value]
"""What is known of one entry, by the columns of its table of names; a column left out is null."""


class Named(StrEnum):
    """What has names."""

    PROJECTS = "projects"
    USERS = "users"
    API_KEYS = "api_keys"


@dataclass(frozen=True)
class Listed:
    """The entries of one kind by id.

    `was_read` says whether the list of a project (None: of the organization itself) was read whole, so that absence means deletion.
    """

    entries: Mapping[str, Values]
    was_read: Callable[[str | None], bool]


@dataclass(frozen=True)
class Directory:
    """What one organization lists. `lists` were read whole and `lists_refused` were not, as the vendor does not offer them."""

    listed: Mapping[Named, Listed] = field(default_factory=dict)
    lists: int = 0
    lists_refused: int = 0


@dataclass(frozen=True)
class SpendLimit:
    """An amount of money that is set at the vendor for an organization (`project_id` None) or a project, in units of currency.

    `kind` is `limit`, for which `enforcement` is what the vendor says of it, or `alert`.
    """

    project_id: str | None
    kind: str
    vendor_limit_id: str | None
    amount: Decimal
    currency: str
    period: str
    enforcement: str | None


@dataclass(frozen=True)
class ListRead:
    """One finished step: list number `done` of `total` of an organization; the total is known once the projects are."""

    organization: str
    path: str
    done: int
    total: int | None


Report = Callable[[ListRead], None]


def silent(_: ListRead) -> None:
    """Report nothing."""
