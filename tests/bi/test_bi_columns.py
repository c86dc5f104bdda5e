"""The list of columns that every file for a BI tool is made of says what the warehouse says."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.bi_files.columns import columns_of, main, public_columns, types_in, view_comments
from meterhouse.catalogue.dictionary import COLUMNS
from meterhouse.warehouse import shipped_columns
from meterhouse.warehouse.view_reach import VIEW_NAMES

REMEDY = "run make bi-files"


def test_the_list_holds_every_column_of_every_view_with_its_type_in_order(module_warehouse: Warehouse) -> None:
    listed: dict[str, dict[str, str]] = {}
    for column in public_columns():
        listed.setdefault(column.view, {})[column.name] = column.type
    there = types_in(module_warehouse.reader_url)
    assert {view: list(columns.items()) for view, columns in listed.items()} == {
        view: list(columns.items()) for view, columns in there.items()
    }, REMEDY
    assert list(listed) == list(VIEW_NAMES)


def test_files_that_are_written_after_the_list_are_made_from_the_new_list(
    module_warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shipped_columns.types()
    old = {view: dict(list(columns.items())[:-1]) for view, columns in whole.items()}
    monkeypatch.setattr(shipped_columns, "FILE", tmp_path / "columns.json")
    shipped_columns.FILE.write_text(json.dumps(old))
    shipped_columns.types.cache_clear()
    try:
        assert shipped_columns.types() == old
        main([module_warehouse.reader_url])
        assert shipped_columns.types() == whole
    finally:
        monkeypatch.undo()
        shipped_columns.types.cache_clear()


def test_information_schema_which_tools_ask_says_the_same_types(module_warehouse: Warehouse) -> None:
    with psycopg.connect(module_warehouse.reader_url) as connection:
        asked = connection.execute(
            "SELECT table_name, column_name, CASE data_type"
            "  WHEN 'character varying' THEN 'varchar(' || character_maximum_length || ')'"
            "  WHEN 'numeric' THEN 'numeric(' || numeric_precision || ',' || numeric_scale || ')' ELSE data_type END"
            " FROM information_schema.columns WHERE table_schema = 'bi'"
        ).fetchall()
    assert sorted(asked) == sorted((column.view, column.name, column.type) for column in public_columns()), REMEDY


def test_comments_and_units_are_those_of_the_warehouse(module_warehouse: Warehouse) -> None:
    with psycopg.connect(module_warehouse.reader_url) as connection:
        rows = connection.execute("SELECT view_name, column_name, unit, description, view_description FROM bi.data_dictionary").fetchall()
    comments = view_comments()
    assert {(view, name, unit, said, comments[view]) for view, name, unit, said, _ in rows} == {
        (column.view, column.name, column.unit, column.description, comments[column.view]) for column in public_columns()
    }
    assert {(view, said) for view, *_, said in rows} == set(comments.items())


def test_what_is_no_number_is_no_measure_and_levels_shares_and_earlier_figures_are_not_added_up() -> None:
    for column in public_columns():
        if column.role == "measure":
            assert column.base_type in {"bigint", "numeric"}, column
            assert column.unit, column
        assert not column.additive or column.role == "measure", column
    never = {column.name for column in public_columns() if column.role == "measure" and not column.additive}
    assert never == {"storage_bytes", "cached_share", "batch_share", "share_of_month", "share_of_day", "previous_month_cost",
                     "previous_day_cost", "finding_count", "known_share", "least_known_share", "age_hours", "day_count", "final_day_count",
                     "days", "previous_days", "days_in_month", "loaded_days", "settled_days", "compared_days", "previous_compared_days",
                     "quantity_ratio",
                     "tolerance", "invoiced_days", "burn_per_day", "burn_days", "days_left", "rate",
                     "price", "effective_price", "contract_price", "list_price", "expected_price", "difference_percent", "drift_percent",
                     "gap_percent", "unpriced_share", "drift_days", "unused_days", "contracted_unit_price", "list_unit_price",
                     "expected_cost", "low_cost", "high_cost", "actual_cost", "error_cost", "error_share",
                     "origins", "mean_error_share", "bias_share", "inside_share", "z_score",
                     "budget_cost", "spent_cost", "used_share", "highest_threshold_share", "next_threshold_share", "vendor_limit_cost",
                     "unknown_days"}  # fmt: skip
    # Who adds a measure decides here whether it adds up.
    assert {name for name, meaning in COLUMNS.items() if meaning.unit} - {"cost_exact", "quantity_reported", "x_billed_cost_exact"} == {
        column.name for column in public_columns() if column.role == "measure"
    }


@pytest.mark.parametrize(
    ("view", "name", "role", "caption"),
    [
        ("costs_daily", "usage_date", "date", "Usage date"),
        ("costs_daily", "api_key_id", "id", "API key ID"),
        ("costs_daily", "project_name", "name", "Project name"),
        ("costs_daily", "cost_usd", "measure", "Cost USD"),
        ("costs_daily", "cost_exact", "attribute", "Cost exact"),
        ("usage_hourly", "bucket_start_utc", "date", "Bucket start UTC"),
        ("usage_daily", "is_batch", "flag", "Is batch"),
        ("dim_date", "iso_week", "attribute", "ISO week"),
        ("fact_usage_daily", "api_key_key", "key", "API key key"),
    ],
)
def test_roles_and_captions(view: str, name: str, role: str, caption: str) -> None:
    (column,) = [column for column in columns_of(view) if column.name == name]
    assert (column.role, column.caption) == (role, caption)


def test_an_unknown_view_has_no_columns() -> None:
    with pytest.raises(LookupError, match=r"bi\.costs_hourly"):
        columns_of("costs_hourly")
