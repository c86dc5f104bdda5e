"""Followed: a change of what costs are read by, such as a list of teams, with all that is worked out from them again once it is stored."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from meterhouse.errors import MeterhouseError
from meterhouse.load.last_steps import work_out_all
from meterhouse.load.store import Store
from meterhouse.settings import Settings
from meterhouse.warehouse.database import Connection, translated

log = logging.getLogger(__name__)


@contextmanager
def transaction_of(store: Store, what: str, *, keeps: bool = True) -> Iterator[Connection]:
    """One transaction of a store; nothing of it stays when it fails, or when it is only a trial."""
    with translated(what), store.connection.transaction() as transaction:
        yield store.connection
        if not keeps:
            raise psycopg.Rollback(transaction)


@contextmanager
def followed(settings: Settings, what: str, *, keeps: bool = True) -> Iterator[Connection]:
    """Open the warehouse as the loader for one transaction, after which the last steps of a load are done for every organization.

    A trial is not followed. An error of the steps says that `what`, a plural, is stored all the same: the next load does them again, and
    so does the same command.
    """
    with Store(settings.require_warehouse()) as store:
        with transaction_of(store, what, keeps=keeps) as connection:
            yield connection
        if keeps:
            follow(settings, store, what)


def follow(settings: Settings, store: Store, what: str) -> None:
    """Do the last steps of a load for every organization, after `what` was stored."""
    try:
        work_out_all(store, store.organizations.all_labels(), settings.anomaly_floor)
    except MeterhouseError as error:
        error.args = (f"the {what} are stored, and the next load works out what follows from them: {error}",)
        raise


def follow_upgrade(owner_url: str) -> None:
    """Work out for all loaded days what a new version adds or does otherwise, so that no view waits for a load to be filled.

    Only odd days wait for it: which amount is worth a look is a setting of the loads, which who migrates may not have. The upgrade is done,
    so a failure is a warning.
    """
    try:
        with Store(owner_url) as store:
            work_out_all(store, store.organizations.all_labels(), None)
    except MeterhouseError as error:
        log.warning("the migration is done, but not all that comes from costs is up to date (%s): the next load works it out", error)
