"""Errors of the store: each says what was being done, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import DAY, MODERATIONS
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.load.store import Capability, Store
from meterhouse.warehouse.database import MIGRATE_REMEDY
from meterhouse.warehouse.schema import SCHEMA_REVISION

from .opened_store import HELD, place, store
from .test_replace_window import NOW, window

__all__ = ["place", "store"]  # fixtures, which pytest finds by their names

# What is done, as the words of an error have it, and how it is called.
CALLS: dict[str, Callable[[Store], Any]] = {
    "fetch number": lambda store: store.next_fetch_number(),
    "capabilities": lambda store: store.capabilities("held", MODERATIONS),
    "load log": lambda store: store.loaded_windows(1, HELD),
    "held/names": lambda store: store.replace_names("held", [], 1, NOW, OPENAI),
    "check results": lambda store: store.keep_check_results([]),
    "coverage": lambda store: store.coverage_counts("held", "moderations", DAY, window(0, 1)),
    "bi.freshness": lambda store: store.freshness(),
    "totals": lambda store: store.rebuild_totals(),
    "purge": lambda store: store.purge("held"),
}
SAME_WORDS: dict[str, list[Callable[[Store], Any]]] = {
    **{what: [call] for what, call in CALLS.items()},
    "held/moderations/1d": [lambda store: store.watermark(HELD), lambda store: store.stage(HELD, ())],
    "run log": [
        lambda store: store.start_run("sync", {}, NOW),
        lambda store: store.resume_run("sync", {}, NOW, NOW),
        lambda store: store.finish_run(1, "done", NOW),
    ],
    "alerts": [lambda store: store.alerts.claim(["x"], NOW), lambda store: store.alerts.give_back(["x"], NOW)],
}
SAME_WORDS["capabilities"].append(lambda store: store.remember_capability("held", MODERATIONS, "x", Capability(True, None, NOW)))


@pytest.mark.parametrize("what", SAME_WORDS)
def test_when_the_warehouse_goes_away_the_error_says_what_was_being_done(store: Store, what: str) -> None:
    store.organization_id("held", create_for=OPENAI)
    store.connection.close()
    for call in SAME_WORDS[what]:
        with pytest.raises(TryAgainLater) as told:
            call(store)
        assert str(told.value) == f"{what}: the warehouse went away; run again, nothing is half-written"


def test_an_error_of_the_caller_s_own_statement_is_translated_when_the_store_is_closed(place: Warehouse) -> None:
    with (
        pytest.raises(FixConfiguration, match=r"^the warehouse: the server does not take a statement") as told,
        Store(place.loader_url) as store,
    ):
        store.connection.execute("SELEC 1")
    assert store.connection.closed
    assert told.value.__suppress_context__


def test_an_empty_database_a_foreign_version_and_a_role_without_rights_are_refused_by_name(
    place: Warehouse, empty_database: Warehouse
) -> None:
    with pytest.raises(FixConfiguration) as told:
        Store(empty_database.superuser_url)
    assert str(told.value) == f"the warehouse is empty: {MIGRATE_REMEDY}"
    with psycopg.connect(place.superuser_url, autocommit=True) as connection:
        connection.execute("UPDATE ops.alembic_version SET version_num = 'of-next-year'")
        try:
            with pytest.raises(FixConfiguration) as told:
                Store(place.loader_url)
        finally:
            connection.execute("UPDATE ops.alembic_version SET version_num = %s", [SCHEMA_REVISION])
    assert str(told.value) == f"the warehouse is at migration of-next-year, this version needs {SCHEMA_REVISION}: {MIGRATE_REMEDY}"
    with pytest.raises(FixConfiguration) as told:
        Store(place.reader_url)
    assert str(told.value) == "the role of WAREHOUSE_URL may not read the warehouse: grant it meterhouse_loader"
