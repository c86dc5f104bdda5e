"""Prices of two months of the invented organization: exact where the bill separates them, and found when they move."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from meterhouse.accounting.price_classes import price_class
from meterhouse.accounting.price_subjects import price_feature
from meterhouse.accounting.price_units import PRICE_UNITS, UNIT_OF_CATEGORY
from meterhouse.checks.warehouse_checks import run_warehouse_checks
from meterhouse.labels import DEMO_LABEL
from meterhouse.load.store import Store
from meterhouse.vendors.words import words_of
from meterhouse.warehouse.derived_names import derive_again
from meterhouse.warehouse.list_prices_kept import keep_list_prices

from .conftest import MakeOrganization, MakeWarehouse
from .loaded_organization import NOW, LoadedOrganization

LINE_ITEMS = Path(__file__).resolve().parents[1] / "unit" / "line_items.csv"
END = NOW.date() + timedelta(days=1)
FIRST = END - timedelta(days=60)
LINE = "text-embedding-3-small, input"


@pytest.fixture(scope="module")
def loaded(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> LoadedOrganization:
    made = make_organization(make_warehouse(), DEMO_LABEL, scale=0.3)
    made.backfill(FIRST, END).raise_first()
    return made


@pytest.fixture
def planted(loaded: LoadedOrganization) -> Iterator[LoadedOrganization]:
    """The same, for a test that changes amounts of the embeddings' line: they are put back, with their sums, when it ends."""
    amounts = "SELECT f.bucket_start, f.group_id, f.amount FROM warehouse.costs f JOIN warehouse.dim_cost_group g USING (group_id)"
    before = loaded.query(f"{amounts} WHERE g.line_item = %s", [LINE])
    yield loaded
    with psycopg.connect(loaded.warehouse.superuser_url) as connection:
        statement = b"UPDATE warehouse.costs SET amount = %s WHERE bucket_start = %s AND group_id = %s"
        connection.cursor().executemany(statement, [(amount, start, group) for start, group, amount in before])
    add_up(loaded)


def add_up(loaded: LoadedOrganization) -> None:
    with Store(loaded.warehouse.loader_url) as store:
        store.rebuild_totals()


def test_what_the_bill_separates_has_the_invented_price_on_every_day(loaded: LoadedOrganization) -> None:
    found = loaded.read(
        "SELECT line_item, min(effective_price), max(effective_price), count(*) FROM bi.effective_prices_daily"
        " WHERE NOT is_mixed AND effective_price IS NOT NULL GROUP BY 1"
    )
    prices = {line: low for line, low, high, days in found if low == high and days > 1}
    assert {line for line, low, high, _ in found if low != high} == set()
    assert prices.items() >= {
        LINE: Decimal("0.02"),
        "text-embedding-3-large, input": Decimal("0.13"),
        "tts-1": Decimal(15),
        "whisper": Decimal("0.36"),
        "web search tool calls": Decimal(10),
        "file search tool calls": Decimal("2.5"),
        "assistants api | file search": Decimal("0.00417"),
    }.items()  # fmt: skip


def test_every_billed_cent_is_in_the_comparison_with_the_estimate(loaded: LoadedOrganization) -> None:
    billed = dict(loaded.read("SELECT usage_date, sum(cost) FROM bi.costs_daily GROUP BY 1"))
    compared = dict(loaded.read("SELECT usage_date, sum(billed_cost) FROM bi.billed_and_estimated_daily GROUP BY 1"))
    assert len(billed) > 50
    assert {day: compared[day] for day in billed} == billed
    by_caller = dict(loaded.read("SELECT usage_date, sum(estimated_cost) FROM bi.usage_estimated_cost_daily GROUP BY 1"))
    by_project = dict(loaded.read("SELECT usage_date, sum(estimated_cost) FROM bi.billed_and_estimated_daily GROUP BY 1"))
    assert by_caller.keys() == by_project.keys()
    # Both round each row to twelve decimals.
    assert all(abs(by_caller[day] - by_project[day]) < Decimal("1e-8") for day in by_caller)


def test_where_nothing_is_mixed_the_estimate_of_a_settled_day_is_the_bill(loaded: LoadedOrganization) -> None:
    gaps = loaded.read(
        "SELECT count(*), max(abs(cost_gap)) FROM bi.billed_and_estimated_daily"
        " WHERE is_complete AND price_source = 'effective' AND unpriced_share = 0 AND model LIKE 'text-embedding%%'"
    )
    assert gaps[0][0] > 50
    assert gaps[0][1] == 0


def test_a_day_whose_bill_is_not_in_yet_has_an_estimate(loaded: LoadedOrganization) -> None:
    today = NOW.date()
    ((billed, estimated),) = loaded.read(
        "SELECT sum(billed_cost), sum(estimated_cost) FROM bi.billed_and_estimated_daily WHERE usage_date = %s", [today]
    )
    assert estimated > billed > 0
    sources = {
        source
        for (source,) in loaded.read("SELECT DISTINCT price_source FROM bi.usage_estimated_cost_daily WHERE usage_date = %s", [today])
    }
    assert {"effective", "effective_mixed"} <= sources


def test_steady_prices_are_no_drift_and_the_check_finds_nothing(loaded: LoadedOrganization) -> None:
    assert loaded.read("SELECT * FROM bi.price_drift") == []
    (result,) = [one for one in run_warehouse_checks(loaded.settings(), clock=loaded.fake.clock.now) if one.check.name == "price_drift"]
    assert result.is_ok


def test_a_price_that_moves_is_found_once_it_held_for_two_settled_days(planted: LoadedOrganization) -> None:
    change = (
        "UPDATE warehouse.costs f SET amount = f.amount * 1.01 FROM warehouse.dim_cost_group g"
        " WHERE g.group_id = f.group_id AND g.line_item = %s AND f.bucket_start >= %s AND f.bucket_start < %s"
    )
    third = NOW.date() - timedelta(days=4)
    planted.query(change, [LINE, third, third + timedelta(days=1)])
    add_up(planted)
    assert planted.read("SELECT * FROM bi.price_drift") == []
    # The invented organization is compared with its contract and its own days, and never with the list.
    planted.query(
        "INSERT INTO warehouse.contract_price (organization_id, line_item, model, is_batch, direction, modality, unit, subject,"
        " price_class, price, currency, valid_from, source) SELECT organization_id, %s, 'text-embedding-3-small', false, 'input', 'text',"
        " 'million tokens', 'text-embedding-3-small', 'input_text', 0.02, 'usd', %s, 'test' FROM warehouse.dim_organization",
        [LINE, FIRST],
    )
    assert planted.read("SELECT * FROM bi.price_drift") == []
    planted.query(change, [LINE, third + timedelta(days=1), third + timedelta(days=2)])
    add_up(planted)
    found = planted.read(
        "SELECT line_item, compared_with, first_date, last_date, expected_price, effective_price, drift_percent FROM bi.price_drift"
    )
    assert found == [
        (LINE, "contract", third, third + timedelta(days=1), Decimal("0.02"), Decimal("0.0202"), 1),
    ]
    (result,) = [one for one in run_warehouse_checks(planted.settings(), clock=planted.fake.clock.now) if one.check.name == "price_drift"]
    assert result.findings == 1
    assert result.detail is not None
    assert f"{LINE!r} cost 0.0202 usd per million tokens" in result.detail.replace('"', "'")
    assert "the contract says 0.02: ask the vendor, or import the new contract price" in result.detail
    planted.query("DELETE FROM warehouse.contract_price")


def test_list_prices_that_are_as_in_the_file_are_not_written_and_others_are_put_right(loaded: LoadedOrganization) -> None:
    with psycopg.connect(loaded.warehouse.superuser_url) as connection:
        assert keep_list_prices(connection) == 0
        connection.execute("DELETE FROM warehouse.list_price WHERE model = 'o3' AND direction = 'output'")
        connection.execute("UPDATE warehouse.list_price SET price = 7 WHERE model = 'gpt-5' AND direction = 'input'")
        written = keep_list_prices(connection)
        assert written > 2
        assert keep_list_prices(connection) == 0
        wrong = connection.execute("SELECT count(*) FROM warehouse.list_price WHERE model = 'gpt-5' AND direction = 'input' AND price = 7")
        assert wrong.fetchone() == (0,)


def test_sql_and_python_price_every_known_line_of_the_bill_by_the_same_key(make_warehouse: MakeWarehouse) -> None:
    with LINE_ITEMS.open(encoding="utf-8") as file:
        lines = [(row["line_item"], row["quantity_unit"] or None) for row in csv.DictReader(file)]
    expected = {}
    warehouse = make_warehouse()
    with psycopg.connect(warehouse.superuser_url, autocommit=True) as connection:
        connection.execute("INSERT INTO warehouse.dim_organization (label, vendor) VALUES ('acme', 'openai')")
        for text, unit in lines:
            item = words_of("openai").line_item(text, unit)
            said = unit or UNIT_OF_CATEGORY.get(item.category)
            price_unit = next((one.name for one in PRICE_UNITS if any(name == said for name, _ in one.quantity_units)), None)
            feature = price_feature(item.category, item.feature)
            model = words_of("openai").canonical_model(item.model) if item.model else None
            subject = feature or (model if item.surface is None else None)
            expected[text] = (subject, price_unit, price_class(price_unit, item.direction, item.modality))
            connection.execute("INSERT INTO warehouse.dim_line_item (line_item, quantity_unit) VALUES (%s, %s)", [text, unit])
            connection.execute(
                "INSERT INTO warehouse.rollup_costs_by_line_item (usage_date, organization_id, project_id, line_item, currency, row_count,"
                " rows_without_cost, amount, cost, rows_without_quantity, quantity, quantity_unit)"
                " VALUES ('2026-11-01', 1, 'p', %s, 'usd', 1, 0, 1, 1, 0, 1, %s)",
                [text, unit],
            )
        derive_again(connection)
        found = connection.execute("SELECT line_item, subject, unit, price_class FROM warehouse.line_prices_daily").fetchall()
    assert {line: tuple(rest) for line, *rest in found} == expected
    assert len(expected) > 80
