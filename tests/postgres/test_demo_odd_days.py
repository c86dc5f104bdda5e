"""The odd days that somebody sees who tries meterhouse out with the invented organization: its large batches, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import psycopg
from tests.conftest import Warehouse

from meterhouse.answers.odd_days import odd_days
from meterhouse.answers.reading import read_answers
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.large_batches import large_batch_day
from meterhouse.labels import DEMO_LABEL
from meterhouse.load.directory import sync_directory

from .loaded_organization import midnight, served

NOW = datetime(2026, 11, 29, 10, 9, tzinfo=UTC)
# Enough for the bundle and the credit of each month to have been seen twice before the days that are judged.
HISTORY_DAYS = 200
BATCHES = [large_batch_day(date(2026, month, 1)) for month in (11, 10, 9)]


def test_each_large_batch_is_odd_with_its_key_as_the_cause_and_the_dashboard_names_the_last_one(warehouse: Warehouse) -> None:
    with served(FakeOrganization(NOW), warehouse, DEMO_LABEL) as demo:
        demo.defaults |= {"history_start": midnight(NOW.date() - timedelta(days=HISTORY_DAYS)), "endpoints": ("costs",)}
        demo.sync().raise_first()
        sync_directory(demo.settings(), clock=demo.fake.clock.now)
        found = demo.read(
            "SELECT usage_date, series_kind, series_name, project_name, explained_by, kind, is_shown FROM bi.cost_anomalies"
            " ORDER BY usage_date DESC"
        )
    assert [row for row in found if row[-1]] == [
        (day, "api_key", "batch jobs 43", "Data Labelling", None, "spike", True) for day in BATCHES
    ]
    explained = {row[:5] for row in found if not row[-1]}
    assert {(day, "project", "Data Labelling", "Data Labelling", "batch jobs 43") for day in BATCHES} <= explained
    assert {row[0] for row in explained} == set(BATCHES)
    with psycopg.connect(warehouse.reader_url, options="-c search_path=bi") as reader:
        said = odd_days(read_answers(reader), "usd")
    assert said.value == "1 day"
    assert "; 23 Nov 2026: API key “batch jobs 43” with $41.91 instead of the usual $1." in said.detail
    assert "; part of project “Data Labelling”, whose whole change is " in said.detail
