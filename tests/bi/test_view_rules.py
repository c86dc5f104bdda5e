"""What every view of schema bi promises to a BI tool, present and future: asked of the catalogue, not of a list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from tests.conftest import Warehouse

from meterhouse.dictionary import COLUMNS, MEASURES
from meterhouse.migrate import owner_engine
from meterhouse.views import VIEW_NAMES, views

TYPES = {
    "bigint", "integer", "boolean", "date", "timestamp without time zone", "timestamp with time zone", "character varying", "numeric",
    "double precision",
}  # fmt: skip
DIMENSIONS = "project_id, project_name, user_id, user_email, api_key_id, api_key_name, model, is_batch, service_tier"
FIGURES = (
    "requests, input_tokens, input_cached_tokens, output_tokens, input_audio_tokens, output_audio_tokens, images, characters, seconds,"
    " sessions, tool_calls, storage_bytes, is_complete"
)
# The columns that other people's dashboards rely on, in this order.
PROMISED = {
    "usage_daily": f"usage_date, organization, endpoint, {DIMENSIONS}, {FIGURES}",
    "usage_hourly": f"usage_date, bucket_start_utc, bucket_at, organization, endpoint, {DIMENSIONS}, {FIGURES}",
    "costs_daily": "usage_date, organization, project_id, project_name, api_key_id, api_key_name, line_item, model, cost, currency,"
    " cost_usd, quantity, quantity_unit, source_grouping, is_complete",
}
MONEY = ("cost", "cost_usd", "previous_month_cost", "previous_day_cost")


@pytest.fixture(scope="module")
def columns(module_warehouse: Warehouse) -> dict[str, list[tuple[str, str, int | None, int | None, int | None]]]:
    """(name, type, length, precision, scale) of each column of each view, in order."""
    found: dict[str, list[tuple[str, str, int | None, int | None, int | None]]] = {}
    with psycopg.connect(module_warehouse.owner_url) as connection:
        for view, *column in connection.execute(
            "SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision, numeric_scale"
            " FROM information_schema.columns WHERE table_schema = 'bi' ORDER BY table_name, ordinal_position"
        ):
            found.setdefault(view, []).append(tuple(column))
    return found


@pytest.fixture(scope="module")
def reader(module_warehouse: Warehouse) -> Iterator[psycopg.Connection]:
    with psycopg.connect(module_warehouse.reader_url, autocommit=True) as connection:
        yield connection


def test_the_files_on_disk_are_the_views_that_are_built(columns) -> None:
    folder = Path(__file__).resolve().parents[2] / "etl" / "meterhouse" / "sql" / "views"
    assert {path.stem for path in folder.glob("*.sql")} == set(VIEW_NAMES) == set(columns)


def test_bi_holds_plain_views_only_and_every_route_of_discovery_lists_the_same(module_warehouse: Warehouse, reader) -> None:
    kinds = dict(reader.execute("SELECT relname, relkind FROM pg_class WHERE relnamespace = 'bi'::regnamespace").fetchall())
    assert set(kinds.values()) == {"v"}
    listed = {name for (name,) in reader.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'bi'")}
    with owner_engine(module_warehouse.reader_url).connect() as connection:
        inspected = set(sa.inspect(connection).get_view_names("bi"))
    assert set(kinds) == listed == inspected == set(VIEW_NAMES)


@pytest.mark.parametrize("view", sorted(PROMISED))
def test_promised_columns_stand_first_and_in_order_and_new_ones_behind(columns, view: str) -> None:
    wanted = PROMISED[view].split(", ")
    named = [column[0] for column in columns[view]]
    if "cost" in wanted:
        assert named[: len(wanted)] == wanted
    else:
        # The measures that came later stand behind the promised ones, before is_complete.
        assert [name for name in named if name in wanted] == wanted
        assert named[: len(wanted) - 1] == wanted[:-1]


def test_every_type_is_one_that_all_tools_read_and_says_its_size(columns) -> None:
    for view, found in columns.items():
        for name, kind, length, precision, scale in found:
            assert kind in TYPES, f"{view}.{name} is {kind}"
            assert kind != "character varying" or length, f"{view}.{name} has no length"
            assert kind != "numeric" or scale is not None, f"{view}.{name} has no scale"
            assert kind != "numeric" or precision <= 28, f"{view}.{name} has more digits than Power BI reads"


def test_money_has_twelve_decimals_and_counts_are_bigint(columns) -> None:
    for view, found in columns.items():
        for name, kind, _, precision, scale in found:
            if name in MONEY:
                assert (kind, precision, scale) == ("numeric", 28, 12), f"{view}.{name}"
            if name in MEASURES or name.endswith(("_count", "_tokens")):
                assert kind == "bigint", f"{view}.{name}"
            if name.startswith("is_"):
                assert kind == "boolean", f"{view}.{name}"


def test_instants_say_by_their_name_and_type_which_clock_they_are_on(columns) -> None:
    for view, found in columns.items():
        for name, kind, *_ in found:
            assert (kind == "timestamp without time zone") == name.endswith("_utc"), f"{view}.{name}"
            assert (kind == "timestamp with time zone") == (name == "bucket_at"), f"{view}.{name}"
            assert (kind == "date") == name.endswith(("_date", "_start")), f"{view}.{name}"


def test_names_need_no_quotes(columns, reader) -> None:
    reserved = {word for (word,) in reader.execute("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")}
    for view, found in columns.items():
        for name in (view, *(column[0] for column in found)):
            assert re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name), name
            assert name not in reserved, name


def test_views_by_day_begin_with_the_day(columns) -> None:
    for view, found in columns.items():
        names = [column[0] for column in found]
        if "usage_date" in names:
            assert names[0] == "usage_date", view


def test_every_view_says_its_grain_and_refresh_and_every_column_its_meaning(reader, columns) -> None:
    for view, found in columns.items():
        (comment,) = reader.execute("SELECT obj_description(%s::regclass, 'pg_class')", (f"bi.{view}",)).fetchone()
        assert comment.startswith("One row per "), view
        assert "Refreshed by" in comment, view
        assert re.search(r"can(not)? be added up|no figures to add up", comment), view
        for position, (name, *_) in enumerate(found, start=1):
            (said,) = reader.execute("SELECT col_description(%s::regclass, %s)", (f"bi.{view}", position)).fetchone()
            assert said == COLUMNS[name].comment(), f"{view}.{name}"


def test_every_measure_has_a_unit() -> None:
    for name in (*MEASURES, *MONEY, "quantity", "row_count", "cached_share", "batch_share"):
        assert COLUMNS[name].unit, name


def test_a_column_has_the_same_type_in_every_view(columns) -> None:
    types: dict[str, set[tuple[object, ...]]] = {}
    for found in columns.values():
        for name, *kind in found:
            types.setdefault(name, set()).add(tuple(kind))
    assert {name: kinds for name, kinds in types.items() if len(kinds) > 1} == {}


def test_no_word_of_the_dictionary_is_about_a_column_that_is_gone(columns) -> None:
    assert set(COLUMNS) - {"batch"} == {column[0] for found in columns.values() for column in found}


def test_the_data_dictionary_holds_the_comments_row_by_row(reader, columns) -> None:
    rows = reader.execute("SELECT view_name, column_name, unit, description FROM bi.data_dictionary").fetchall()
    assert {(view, name) for view, name, *_ in rows} == {(view, column[0]) for view, found in columns.items() for column in found}
    for _, name, unit, description in rows:
        assert (unit, description) == (COLUMNS[name].unit, COLUMNS[name].comment())


def test_a_column_stands_in_one_table_of_the_star_alone_unless_it_is_a_key(columns) -> None:
    seen: dict[str, set[str]] = {}
    for view, found in columns.items():
        if view.startswith("dim_"):
            for name, *_ in found:
                seen.setdefault(name, set()).add(view)
    facts = {column[0] for view, found in columns.items() if view.startswith("fact_") for column in found}
    for name, where in seen.items():
        if not name.endswith("_key") and name != "usage_date":
            assert len(where) == 1, name
            assert name not in facts, name
    for key in [name for name in facts if name.endswith("_key")]:
        assert len(seen[key]) == 1, key


def test_the_internal_view_is_no_public_one(columns) -> None:
    assert [view.name for view in views() if view.schema != "bi"] == ["usage_named"]
    assert "usage_named" not in columns
