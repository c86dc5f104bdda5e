"""What is chosen stays a value: nothing gets past a parameter, an address holds the whole choice, and figures and files read the same."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from importlib import resources
from urllib.parse import parse_qs

import psycopg
import pytest
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import rows

from meterhouse.dashboard.charts import usage_total
from meterhouse.dashboard.filters import DIMENSIONS, Filters
from meterhouse.dashboard.queries import Reader, statement
from meterhouse.dashboard.tables import Column, Table
from meterhouse.errors import FixConfiguration
from meterhouse.formats import money, percent, short
from meterhouse.warehouse.view_reach import VIEW_NAMES

from .conftest import EVERYTHING, FIRST, LAST


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_a_filter_is_only_ever_a_value(loaded: Warehouse, reader: Reader, dimension: str) -> None:
    attacks = ("' OR 1=1 --", "'; DROP SCHEMA bi CASCADE; --", '") OR true', "{acme}", "%(first)s", "%s", "\\", "a\0b", "a' UNION SELECT 1")
    for chosen in (attacks, attacks[:1], ("\0",)):
        query = replace(EVERYTHING, **{dimension: chosen}).to_query()
        filters = Filters.of_query(parse_qs(query, keep_blank_values=True), LAST)
        assert getattr(filters, dimension) == chosen
        snapshot = reader.snapshot(filters)
        assert usage_total(snapshot) is None
        assert [row.row_count for row in snapshot.costs if row.grain == "total"] == []
    assert rows(loaded.superuser_url, "SELECT count(*) > 0 FROM bi.usage_daily") == [(True,)]


@pytest.mark.parametrize(
    "query",
    [
        "first=yesterday",
        "last=2026-13-01",
        "first=2026-11-20&last=2026-11-01",
        "width=1h",
        "first=0001-01-01",
        "last=0001-01-01",
        "last=9999-12-31",
        "first='",
    ],
)
def test_days_and_widths_that_make_no_sense_are_refused_in_words(query: str) -> None:
    with pytest.raises(FixConfiguration):
        Filters.of_query(parse_qs(query), LAST)


def test_an_address_holds_the_whole_choice() -> None:
    filters = Filters(FIRST, LAST, "hour", ("acme",), ("proj_1", ""), ("gpt-5",), ("key & co",), ("üser",), "eur")
    assert Filters.of_query(parse_qs(filters.to_query(), keep_blank_values=True), LAST) == filters


def test_every_statement_reads_only_schema_bi_and_the_session_cannot_write(loaded: Warehouse) -> None:
    folder = resources.files("meterhouse.warehouse").joinpath("sql", "dashboard")
    names = sorted(path.name.removesuffix(".sql") for path in folder.iterdir())
    assert len(names) > 7
    for name in names:
        text = re.sub(r"--.*", "", statement(name).decode())
        sources = re.findall(r"\b(?:FROM|JOIN)\s+(?!date_trunc|coalesce)([a-z_.]+)", text)
        assert sources, name
        own = set(re.findall(r"\b([a-z_]+) AS (?:MATERIALIZED )?\(", text))
        # Without a schema: which of the two is read is for the session to say.
        assert all(source in VIEW_NAMES or source in own for source in sources), (name, sources)
        assert "bi." not in text
        assert "place." not in text
    with (
        Reader(loaded.owner_url)._session() as (session, _),
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        session.execute("DELETE FROM warehouse.costs")


def test_numbers_read_the_same_everywhere() -> None:
    assert [money(Decimal(text), "usd") for text in ("1234.565", "-0.5", "0.001", "0", "-0.001")] == [
        "$1,234.56", "\u2212$0.50", "<$0.01", "$0.00", ">\u2212$0.01",
    ]  # fmt: skip
    assert money(Decimal("12.345"), "eur") == "12.34 EUR"
    assert [short(value) for value in (None, 0, 999, 12_345, 1_234_567_890)] == ["—", "0", "999", "12.3 k", "1.23 B"]
    assert [percent(value) for value in (None, Decimal(0), Decimal("0.0001"), Decimal("0.125"))] == ["—", "0.0%", "<0.1%", "12.5%"]


def test_a_name_that_a_spreadsheet_would_run_is_text_in_the_csv() -> None:
    table = Table(
        "t", (Column("project", "text"), Column("cost, usd", "money", "usd")), (("=1+1", Decimal("-0.000000000001")), ("<b>", None))
    )
    assert table.to_csv() == 'project,"cost, usd"\r\n\'=1+1,-0.000000000001\r\n<b>,\r\n'
    assert "<b>" not in table.to_html()
    assert table.total() == ("Total", Decimal("-0.000000000001"))
