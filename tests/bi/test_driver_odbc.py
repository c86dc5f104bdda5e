"""The schema as psqlODBC shows it, the driver of Excel and of Power BI by ODBC."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.bi.driver_contract import (  # fmt: skip
    AMOUNTS,
    DAYS,
    INSUFFICIENT_PRIVILEGE,
    METABASE,
    POWER_BI,
    SECRET,
    SHORT_TYPES,
    UNKNOWN,
    WRITES,
    ZONES,
    Contract,
    Server,
    base,
    size_and_scale,
)
from tests.conftest import Warehouse

DRIVERS = sorted(Path("/usr/lib").glob("*/odbc/psqlodbcw.so"))
PACKAGES = "apt-get install odbc-postgresql unixodbc"
pytestmark = pytest.mark.skipif(not DRIVERS, reason=f"no psqlODBC: {PACKAGES}")
SQL_BIT, SQL_VARCHAR, SQL_WVARCHAR = -7, 12, -9


def connect(warehouse: Warehouse, **options: str) -> Any:
    pyodbc = importlib.import_module("pyodbc")
    pyodbc.pooling = False
    server = Server.of(warehouse.reader_url)
    given = {
        "DRIVER": str(DRIVERS[0]), "SERVER": server.host, "PORT": str(server.port), "DATABASE": server.database, "UID": server.user,
        "PWD": server.password, "UseDeclareFetch": "1", "Fetch": "100", **options,
    }  # fmt: skip
    return pyodbc.connect(";".join(f"{name}={value}" for name, value in given.items()), autocommit=True)


@pytest.fixture
def connection(loaded_warehouse: Warehouse) -> Iterator[Any]:
    opened = connect(loaded_warehouse, BoolsAsChar="0")
    yield opened
    opened.close()


def refusal(connection: Any, statement: str) -> str:
    """The SQLSTATE that a statement is refused with, or an empty text."""
    try:
        connection.execute(statement).fetchall()
    except importlib.import_module("pyodbc").Error as error:
        return str(error.args[0])
    return ""


def test_every_way_to_list_the_schema_finds_the_same_views(connection: Any, contract: Contract) -> None:
    wanted = sorted(contract.columns)
    for kinds in (None, "VIEW", "TABLE,VIEW"):
        assert sorted(row.table_name for row in connection.cursor().tables(schema="bi", tableType=kinds)) == wanted, kinds
    for query in (POWER_BI, METABASE):
        assert sorted(name for (name,) in connection.execute(query).fetchall()) == wanted


def test_columns_have_their_types_sizes_and_scales_and_the_driver_shows_no_comments(connection: Any, contract: Contract) -> None:
    for view, columns in contract.columns.items():
        found = connection.cursor().columns(schema="bi", table=view).fetchall()
        assert [(row.column_name, row.type_name) for row in found] == [(name, SHORT_TYPES[base(kind)]) for name, kind, _ in columns], view
        for (name, kind, _), row in zip(columns, found, strict=True):
            if base(kind) in {"numeric", "character varying"}:
                assert (row.column_size, row.decimal_digits) == size_and_scale(kind), f"{view}.{name}"
        assert {row.remarks for row in found} <= {None, ""}, "the guide says that the data dictionary is where Excel's users find the words"


def test_flags_are_flags_with_the_option_of_the_guide_and_texts_without_it(loaded_warehouse: Warehouse, contract: Contract) -> None:
    shown = {}
    for option in ("0", "1"):
        opened = connect(loaded_warehouse, BoolsAsChar=option)
        (value,) = opened.execute("SELECT is_demo FROM bi.dim_organization").fetchone()
        (row,) = [row for row in opened.cursor().columns(schema="bi", table="dim_organization") if row.column_name == "is_demo"]
        shown[option] = (value, row.data_type)
        opened.close()
    assert shown["0"] == (False, SQL_BIT)
    assert shown["1"][0] == "0"
    assert shown["1"][1] in {SQL_VARCHAR, SQL_WVARCHAR}


def test_amounts_are_exact_and_unknown_is_null(connection: Any, contract: Contract) -> None:
    amounts = [amount for (amount,) in connection.execute(AMOUNTS).fetchall() if amount is not None]
    assert {type(amount) for amount in amounts} == {Decimal}
    assert (len(amounts), sum(amounts)) == (contract.amounts, contract.total)
    assert connection.execute(UNKNOWN).fetchall()[0][0] is None
    cursor = connection.execute(AMOUNTS)
    ((_, kind, _, _, precision, scale, _),) = cursor.description
    assert (kind, precision, scale) == (Decimal, 28, 12)


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_is_the_vendors_day_in_another_zone(loaded_warehouse: Warehouse, contract: Contract, zone: str) -> None:
    opened = connect(loaded_warehouse, ConnSettings=f"SET timezone = '{zone}'".replace(" ", "+").replace("'", "%27").replace("=", "%3D"))
    assert opened.execute("SHOW timezone").fetchall()[0][0] == zone, "otherwise this test would show nothing"
    for query in DAYS:
        assert [[str(day), tokens] for day, tokens in opened.execute(query).fetchall()] == contract.days
    opened.close()


def test_the_reader_is_refused_whatever_is_not_reading_bi(connection: Any, contract: Contract) -> None:
    assert refusal(connection, SECRET) == INSUFFICIENT_PRIVILEGE
    assert [refusal(connection, statement) for statement in WRITES] == [INSUFFICIENT_PRIVILEGE] * len(WRITES)
    # The catalogue is open to every role: the driver lists the tables behind the views by name, and not one row of them.
    assert {row.table_name for row in connection.cursor().tables(schema="warehouse")} == contract.hidden
