"""Names of a year of the invented organization: no money is nameless, and usage and the bill call a model the same."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from meterhouse.checks.warehouse_checks import run_warehouse_checks
from meterhouse.vendors.openai.features import Category
from meterhouse.warehouse.derived_names import derive_again
from meterhouse.warehouse.migrate import migrate

from .conftest import MakeOrganization, MakeWarehouse
from .fingerprints import places
from .loaded_organization import NOW, LoadedOrganization

END = NOW.date() + timedelta(days=1)
LOADED = ["costs", "completions", "audio_transcriptions", "images"]
DIMENSIONS = ("warehouse.dim_model", "warehouse.dim_line_item")
# Of these at most two percent of the money may be.
REST = "SELECT line_item, sum(cost) FROM bi.costs_daily WHERE model IS NULL AND (feature IS NULL OR category = 'unknown') GROUP BY 1"


@pytest.fixture(scope="module")
def year(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> LoadedOrganization:
    loaded = make_organization(make_warehouse(), scale=0.3)
    loaded.backfill(END - timedelta(days=365), END, LOADED).raise_first()
    return loaded


def test_all_money_of_a_year_has_a_category_and_nearly_all_a_model_or_a_known_feature(year: LoadedOrganization) -> None:
    by_category = dict(year.read("SELECT category, sum(cost) FROM bi.costs_daily GROUP BY 1"))
    ((total,),) = year.read("SELECT sum(cost) FROM bi.costs_daily")
    assert set(by_category) <= {str(category) for category in Category} - {"unknown"}
    assert year.read("SELECT DISTINCT line_item FROM bi.costs_daily WHERE category = 'other'") == [("Scale Tier bundle",)]
    assert sum(by_category.values()) == total > 0
    # By its unit: the line is called file search.
    assert year.read("SELECT DISTINCT category FROM bi.costs_daily WHERE quantity_unit = 'gibibyte_hours'") == [("storage",)]
    rest = year.read(REST)
    assert sum((cost for _, cost in rest), Decimal(0)) <= total * Decimal("0.02"), rest


def test_whatever_has_no_model_says_why(year: LoadedOrganization) -> None:
    silent = (
        "SELECT c.line_item FROM bi.costs_daily c JOIN bi.dim_line_item l ON l.line_item = c.line_item WHERE l.category_note IS NULL"
        " GROUP BY c.line_item, l.line_item_model HAVING l.line_item_model IS NULL OR count(c.api_key_id) = 0"
    )
    assert year.read(silent) == []


def test_usage_and_the_bill_have_one_name_for_a_model(year: LoadedOrganization) -> None:
    used = {model for (model,) in year.read("SELECT DISTINCT model FROM bi.usage_daily WHERE model IS NOT NULL")}
    billed = {model for (model,) in year.read("SELECT DISTINCT model FROM bi.costs_daily WHERE model IS NOT NULL")}
    assert used >= {"whisper-1", "gpt-image-1", "gpt-image-2", "gpt-5"}
    assert used <= billed
    reported = {model for (model,) in year.read("SELECT DISTINCT model_reported FROM bi.usage_daily WHERE model IS NOT NULL")}
    assert reported & {"gpt-image-1-2025-04-23", "gpt-5-2025-08-07"}
    for model in ("whisper-1", "gpt-image-2"):
        ((requests, cost),) = year.read(
            "SELECT (SELECT sum(requests) FROM bi.usage_daily WHERE model = %s), (SELECT sum(cost) FROM bi.costs_daily WHERE model = %s)",
            [model, model],
        )
        assert requests > 0
        assert cost > 0


def test_every_line_of_the_year_is_taken_apart(year: LoadedOrganization) -> None:
    assert year.read("SELECT line_item FROM bi.dim_line_item WHERE NOT is_parsed") == [("(none)",)]
    (found,) = [result for result in run_warehouse_checks(year.settings()) if result.check.name == "unknown_line_items"]
    assert found.is_ok


def test_a_second_load_leaves_the_dimensions_alone(year: LoadedOrganization) -> None:
    before = places(year.warehouse.superuser_url, DIMENSIONS)
    year.backfill(END - timedelta(days=3), END, LOADED).raise_first()
    assert places(year.warehouse.superuser_url, DIMENSIONS) == before


def test_migrate_reads_the_words_again_and_touches_only_what_was_read_otherwise(year: LoadedOrganization) -> None:
    facts = ("warehouse.dim_cost_group", "warehouse.dim_group")
    stored = year.query("SELECT l::text FROM warehouse.dim_line_item l UNION ALL SELECT m::text FROM warehouse.dim_model m ORDER BY 1")
    before = places(year.warehouse.superuser_url, facts)
    year.query("UPDATE warehouse.dim_line_item SET model = NULL, category = 'of another version', tier = 'x' WHERE line_item LIKE 'gpt-5%'")
    year.query("UPDATE warehouse.dim_model SET canonical_model = NULL WHERE model = 'whisper'")
    year.query("DELETE FROM warehouse.dim_model WHERE model = 'tts-1'")
    assert migrate(year.warehouse.owner_url) == []
    again = year.query("SELECT l::text FROM warehouse.dim_line_item l UNION ALL SELECT m::text FROM warehouse.dim_model m ORDER BY 1")
    assert again == stored
    assert places(year.warehouse.superuser_url, facts) == before
    with psycopg.connect(year.warehouse.owner_url) as owner:
        assert derive_again(owner) == 0
