"""A loader of the first version that is still at work while the warehouse is upgraded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import DAY, MODERATIONS
from meterhouse.load import groups, staging
from meterhouse.load import store as stores
from meterhouse.load.stream import Stream
from meterhouse.vendors.openai.names import model_family

from .loaded_organization import LoadedOrganization
from .revisions import FIRST_REVISION
from .test_replace_window import Loading, day, key, window

# A stream that is loaded by nobody else.
OLD_STREAM = Stream("of-the-old-version", MODERATIONS, DAY)

_START_RUN_AS_OF_0001 = "INSERT INTO ops.run_log (command, parameters, status, started_at) VALUES (%s, %s, 'running', %s) RETURNING run_id"


@contextmanager
def old_load(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loading]:
    """A loader as of 0001: it replaces windows with the statements of all versions, and knows no column or table of the later ones."""
    with monkeypatch.context() as patch:
        patch.setattr(stores, "SCHEMA_REVISION", FIRST_REVISION)
        patch.setattr(stores, "_START_RUN", _START_RUN_AS_OF_0001)
        loading = Loading.opened(warehouse.loader_url)
    with loading.store, monkeypatch.context() as patch:
        patch.setattr(groups, "keep_models", _keep_models_as_of_0001)
        patch.setattr(staging, "replace_sums", lambda *_: 0)
        patch.setattr(staging, "keep_set_aside", lambda *_: None)
        patch.setattr(staging.Stage, "_log_load", _log_load_as_of_0001)
        patch.setattr(staging.Stage, "_write_coverage", _write_coverage_as_of_0001)
        patch.setattr(staging, "keep_totals", lambda *_: None)
        yield loading


def _keep_models_as_of_0001(cursor: Any, models: Any, _: str) -> None:
    for model in sorted(models):
        cursor.execute("INSERT INTO warehouse.dim_model VALUES (%s, %s) ON CONFLICT DO NOTHING", (model, model_family(model)))


def _log_load_as_of_0001(stage: Any, window: Any, fetch: Any, replaced: Any, run_id: int, _: Any) -> None:
    stage._connection.execute(
        "INSERT INTO ops.load_log (run_id, organization_id, endpoint, bucket_width, window_start, window_end, fetch_number,"
        " source_grouping, pages, buckets, rows_inserted, rows_updated, rows_removed, rows_unchanged, fetch_seconds, load_seconds)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, '', 1, 1, %s, 0, 0, 0, 0, 0)",
        (run_id, *stage._identity, window.start, window.end, fetch.number, replaced.inserted),
    )


def _write_coverage_as_of_0001(stage: Any, buckets: Any, fetch: Any, now: Any) -> None:
    for bucket in buckets:
        stage._connection.execute(
            "INSERT INTO ops.coverage (organization_id, endpoint, bucket_width, bucket_start, reported_start, reported_end, is_complete,"
            " row_count, source_grouping, changed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *stage._identity, bucket.start, bucket.reported_start, bucket.reported_end, bucket.finality.is_over,
                bucket.row_count, fetch.grouping, now,
            ),
        )  # fmt: skip


def put(loading: Loading, number: int) -> int:
    return loading.replace(window(number, number + 1), {day(number): {key("a"): (number, 1, None)}}, stream=OLD_STREAM).inserted


def loaded_by_the_old(old: LoadedOrganization) -> list[tuple[Any, ...]]:
    return old.query(
        "SELECT f.input_tokens::int FROM warehouse.usage_moderations f JOIN warehouse.dim_group USING (group_id)"
        " JOIN warehouse.dim_organization USING (organization_id) WHERE label = %s ORDER BY 1",
        [OLD_STREAM.organization],
    )
