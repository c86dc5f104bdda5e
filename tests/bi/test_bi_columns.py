"""The list of columns that every file for a BI tool is made of says what the warehouse says."""

from __future__ import annotations

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.bi_files.columns import columns_of, public_columns, types_in, view_comments
from meterhouse.catalogue.dictionary import COLUMNS
from meterhouse.warehouse.views import VIEW_NAMES

REMEDY = "run python -m meterhouse.bi_files.columns, then the commands that write the files"


def test_the_list_holds_every_column_of_every_view_with_its_type_in_order(module_warehouse: Warehouse) -> None:
    listed: dict[str, dict[str, str]] = {}
    for column in public_columns():
        listed.setdefault(column.view, {})[column.name] = column.type
    there = types_in(module_warehouse.reader_url)
    assert {view: list(columns.items()) for view, columns in listed.items()} == {
        view: list(columns.items()) for view, columns in there.items()
    }, REMEDY
    assert list(listed) == list(VIEW_NAMES)


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
                     "days_in_month", "loaded_days", "settled_days", "compared_days", "previous_compared_days"}  # fmt: skip
    # Who adds a measure decides here whether it adds up.
    assert {name for name, meaning in COLUMNS.items() if meaning.unit} - {"cost_exact", "quantity_reported"} == {
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
