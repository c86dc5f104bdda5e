"""Storing: one transaction for all files of an import, and the keys of the organizations that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration
from meterhouse.load.followed import transaction_of
from meterhouse.load.store import Store
from meterhouse.warehouse.database import Connection


@contextmanager
def one_transaction(url: str, what: str, *, keeps: bool = True) -> Iterator[Connection]:
    """Open the warehouse as the loader for one transaction; nothing of it stays when it fails, or when it is only a trial."""
    with Store(url) as store, transaction_of(store, what, keeps=keeps) as connection:
        yield connection


def organization_keys(connection: Connection, places: Mapping[str, str]) -> dict[str, int]:
    """Return the key of every organization that files name, given where each is named first.

    Raises `FixConfiguration` for one that was never loaded.
    """
    known: dict[str, int] = dict(connection.execute("SELECT label, organization_id FROM warehouse.dim_organization ORDER BY 1").fetchall())
    for label, place in places.items():
        if label not in known:
            raise FixConfiguration(
                f"{place}: organization is {visible(label)!r}, and loaded are: {', '.join(known) or 'none'}: write one of these labels"
            )
    return {label: known[label] for label in places}
