"""What every view of schema bi promises to a BI tool, present and future: asked of the catalogue, not of a list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from tests.bi.public_columns import public_columns
from tests.conftest import Warehouse

from meterhouse.catalogue.dictionary import COLUMNS, MEASURES, TEAM_COLUMNS
from meterhouse.warehouse.migrate import owner_engine
from meterhouse.warehouse.view_reach import REACH, TEAM_VIEW_NAMES, VIEW_NAMES, Reach
from meterhouse.warehouse.views import views

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
MONEY = (
    "cost", "cost_usd", "previous_month_cost", "previous_day_cost", "settled_cost", "compared_cost", "previous_compared_cost", "month_cost",
    "billed", "invoiced", "tax", "credit", "bundle", "adjustment", "restatement", "period_shift", "rounding", "unexplained", "tolerance",
    "amount", "correction", "corrections", "bought", "drawn", "lapsed", "credits_left", "cost_not_covered", "burn_per_day",
    "next_expiry_credits", "cost_converted", "billed_cost", "effective_cost", "contracted_cost", "list_cost",
    "estimated_cost", "cost_gap", "cache_saved", "cache_write_premium", "cache_saved_net", "batch_saved", "cache_unused",
    "actual_cost", "expected_cost", "low_cost", "high_cost", "forecast_rest_cost", "error_cost", "excess_cost",
    "batch_unused", "previous_cost", "change_cost", "days_effect", "volume_effect", "model_mix_effect", "tier_mix_effect",
    "direction_mix_effect", "cache_effect", "price_effect", "new_cost", "gone_cost", "restatement_effect", "credit_effect", "other_effect",
    "budget_cost", "spent_cost", "vendor_limit_cost",
    "price", "effective_price", "contract_price", "list_price", "expected_price",
)  # fmt: skip


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
    folder = Path(__file__).resolve().parents[2] / "etl" / "meterhouse" / "warehouse" / "sql" / "views"
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
        # Measures that were added later come after the promised ones, before is_complete.
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
            assert (kind == "timestamp with time zone") == name.endswith("_at"), f"{view}.{name}"
            assert (kind == "date") == name.endswith(("_date", "_start", "_date_local")), f"{view}.{name}"


def test_names_need_no_quotes(columns, reader) -> None:
    reserved = {word for (word,) in reader.execute("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")}
    for view, found in columns.items():
        for name in (view, *(column[0] for column in found)):
            assert re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name), name
            assert name not in reserved, name


def test_views_by_day_begin_with_the_day(columns) -> None:
    for view, found in columns.items():
        names = [column[0] for column in found]
        for day in {"usage_date", "usage_date_local"} & set(names):
            assert names[0] == day, view


def test_a_view_of_buckets_has_the_day_the_clock_time_and_the_instant_of_each(columns) -> None:
    clocks = {"usage_date", "bucket_start_utc", "bucket_at"}
    of_buckets = {view: clocks & {column[0] for column in found} for view, found in columns.items()}
    assert {view for view, has in of_buckets.items() if has & {"bucket_start_utc", "bucket_at"}} >= {
        "usage_hourly",
        "coverage",
        "revisions",
    }
    assert all(has == clocks for has in of_buckets.values() if has & {"bucket_start_utc", "bucket_at"})


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


def test_a_column_is_in_only_one_table_of_the_star_unless_it_is_a_key(columns) -> None:
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
    internal = {view.name for view in views() if not view.is_public}
    assert "usage_named" in internal
    assert not internal & set(columns)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("view", VIEW_NAMES)
def test_every_view_says_the_same_to_a_client_in_another_time_zone(loaded_warehouse: Warehouse, columns, view: str, zone: str) -> None:
    # As JSON an instant is text in the session's zone: only these may differ.
    instants = [name for name, kind, *_ in columns[view] if kind == "timestamp with time zone"]
    with psycopg.connect(loaded_warehouse.reader_url, autocommit=True) as connection:

        def rows(session_zone: str) -> list[tuple[object, ...]]:
            connection.execute("SELECT set_config('timezone', %s, false)", [session_zone])
            query = f"SELECT to_jsonb(v) - %s::text [] FROM bi.{view} v ORDER BY to_jsonb(v)::text"
            return connection.execute(query.encode(), [instants]).fetchall()

        shown = rows("UTC")
        if view not in {"checks", "revisions", "usage_minutely", "settle_curve", "cost_corrections", "forecast_accuracy"}:
            assert shown, "nothing to compare"
        key = repr
        assert sorted(rows(zone), key=key) == sorted(shown, key=key)


def test_every_key_of_every_fact_is_never_null_and_finds_its_one_member(loaded_warehouse: Warehouse, columns) -> None:
    facts = [
        (view, column[0]) for view, found in columns.items() if view.startswith("fact_") for column in found if column[0].endswith("_key")
    ]
    assert len(facts) >= 10
    with psycopg.connect(loaded_warehouse.reader_url, autocommit=True) as connection:
        for fact, key in facts:
            (dimension,) = [view for view, found in columns.items() if view.startswith("dim_") and key in {column[0] for column in found}]
            query = (
                f"SELECT count(*), count(f.{key}), count(d.{key}), (SELECT count(*) FROM bi.{fact}) FROM bi.{fact} f"
                f" LEFT JOIN bi.{dimension} d ON d.{key} = f.{key}"
            )
            rows, keys, members, facts_alone = connection.execute(query.encode()).fetchone()
            assert rows > 0
            assert rows == keys == members == facts_alone, f"{fact}.{key}"


def test_an_amount_that_power_bi_could_not_read_is_not_stored(module_warehouse: Warehouse) -> None:
    with psycopg.connect(module_warehouse.owner_url, autocommit=True) as owner:
        owner.execute("SELECT warehouse.ensure_partition('costs', '2026-11-01')")
        for amount in ("NaN", "Infinity"):
            with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NumericValueOutOfRange)):
                owner.execute(
                    "INSERT INTO warehouse.costs (bucket_start, bucket_width, group_id, amount) VALUES ('2026-11-01Z', 1440, 1, %s)"
                    " RETURNING amount::numeric(28, 12)",
                    [amount],
                )


def test_a_team_finds_the_same_views_and_columns_under_another_schema(module_warehouse: Warehouse) -> None:
    public, teams = (public_columns(module_warehouse.owner_url, schema) for schema in ("bi", "bi_team"))
    assert set(teams) == set(TEAM_VIEW_NAMES)
    assert {view: public[view] for view in teams} == teams
    # Findings, and what is about whole organizations.
    assert {name for name, reach in REACH.items() if reach is Reach.NOTHING} == {
        "checks", "settle_curve", "invoice_lines", "invoice_tie_out", "prepaid_purchases", "prepaid_balance", "team_assignments",
        "dim_team", "budget_status",
    }  # fmt: skip


def test_every_view_of_a_team_keeps_conditions_from_rows_that_it_hides_and_says_what_it_is_about(module_warehouse: Warehouse) -> None:
    with psycopg.connect(module_warehouse.owner_url) as connection:
        found = connection.execute(
            "SELECT relname, relkind, 'security_barrier=true' = ANY (reloptions), obj_description(oid, 'pg_class') FROM pg_class"
            " WHERE relnamespace = 'bi_team'::regnamespace"
        ).fetchall()
        words = connection.execute("SELECT view_name, column_name, description, unit FROM bi_team.data_dictionary").fetchall()
    assert {name for name, kind, barrier, _ in found if kind == "v" and barrier} == set(TEAM_VIEW_NAMES)
    for name, _, _, comment in found:
        assert comment.startswith("One row per "), name
        assert ("only the projects that were granted to you" in comment) == (REACH[name] is Reach.PROJECTS), name
    assert {name for name, *_ in words} == set(TEAM_VIEW_NAMES)
    for _, column, description, unit in words:
        meaning = (COLUMNS | TEAM_COLUMNS)[column]
        assert (description, unit) == (meaning.comment(), meaning.unit)


def test_the_views_of_teams_read_no_table_of_names_or_of_groups_that_is_not_scoped(module_warehouse: Warehouse) -> None:
    with psycopg.connect(module_warehouse.owner_url) as connection:
        read = connection.execute(
            "SELECT DISTINCT c.oid::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid"
            " AND d.classid = 'pg_rewrite'::regclass JOIN pg_class v ON v.oid = r.ev_class"
            " JOIN pg_class c ON c.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass"
            " WHERE v.relnamespace = 'bi_team'::regnamespace OR v.oid = 'warehouse.team_usage_named'::regclass"
        ).fetchall()
    unscoped = {name for (name,) in read if not name.startswith(("bi_team.", "warehouse.team_"))}
    # Facts have neither names nor projects but through their group; the calendar, exchange rates and a vendor's price list are nobody's;
    # coverage of the facts says what is complete.
    known = {"warehouse.costs", "warehouse.costs_by_user", "warehouse.dim_date", "warehouse.exchange_rates", "warehouse.list_price"}
    assert {name for name in unscoped if not name.startswith("warehouse.usage_")} == known
