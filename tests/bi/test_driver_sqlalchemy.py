"""The schema as SQLAlchemy and psycopg show it: Superset, the dashboard, notebooks."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa
from tests.bi.driver_contract import (  # fmt: skip
    AMOUNTS,
    DAYS,
    INSUFFICIENT_PRIVILEGE,
    METABASE,
    POWER_BI,
    SECRET,
    UNKNOWN,
    WRITES,
    ZONES,
    Contract,
    base,
    size_and_scale,
)
from tests.conftest import Warehouse

# The server's types, and SQLAlchemy's generic ones, from which tools choose their controls.
TYPES: dict[str, type[sa.types.TypeEngine[object]]] = {
    "bigint": sa.BigInteger, "boolean": sa.Boolean, "character varying": sa.String, "date": sa.Date, "numeric": sa.Numeric,
    "timestamp with time zone": sa.DateTime, "timestamp without time zone": sa.DateTime, "integer": sa.Integer,
    "double precision": sa.Double,
}  # fmt: skip


def opened(warehouse: Warehouse, dialect: str, zone: str = "UTC") -> sa.Engine:
    address = sa.make_url(warehouse.reader_url).set(drivername=f"postgresql+{dialect}")
    return sa.create_engine(address, connect_args={"options": f"-c timezone={zone}"}, poolclass=sa.NullPool)


@pytest.fixture(params=["psycopg", "psycopg2"])
def engine(request: pytest.FixtureRequest, loaded_warehouse: Warehouse) -> sa.Engine:
    if request.param == "psycopg2":
        pytest.importorskip("psycopg2", reason="the older psycopg comes with Airflow's provider")
    return opened(loaded_warehouse, request.param)


def test_every_way_to_list_the_schema_finds_the_same_views(engine: sa.Engine, contract: Contract) -> None:
    inspector = sa.inspect(engine)
    assert sorted(inspector.get_view_names("bi")) == sorted(contract.columns)
    assert inspector.get_table_names("bi") == inspector.get_materialized_view_names("bi") == []
    with engine.connect() as connection:
        for query in (POWER_BI, METABASE):
            assert sorted(connection.exec_driver_sql(query).scalars()) == sorted(contract.columns)


def test_columns_have_their_comments_types_sizes_and_scales(engine: sa.Engine, contract: Contract) -> None:
    inspector = sa.inspect(engine)
    for view, columns in contract.columns.items():
        found = inspector.get_columns(view, schema="bi")
        assert [(column["name"], column["comment"]) for column in found] == [(name, comment) for name, _, comment in columns]
        for (name, kind, _), column in zip(columns, found, strict=True):
            type_ = column["type"]
            assert isinstance(type_.as_generic(), TYPES[base(kind)]), f"{view}.{name} has no generic type"
            if isinstance(type_, sa.Numeric) and base(kind) == "numeric":
                assert (type_.precision, type_.scale) == size_and_scale(kind), f"{view}.{name}"
            if isinstance(type_, sa.String):
                assert type_.length == size_and_scale(kind)[0], f"{view}.{name}"
            if isinstance(type_, sa.DateTime):
                assert type_.timezone == (base(kind) == "timestamp with time zone"), f"{view}.{name}"
        assert inspector.get_table_comment(view, schema="bi")["text"] == contract.comments[view]


def test_amounts_are_exact_and_unknown_is_null(engine: sa.Engine, contract: Contract) -> None:
    with engine.connect() as connection:
        amounts = [amount for amount in connection.exec_driver_sql(AMOUNTS).scalars() if amount is not None]
        assert {type(amount) for amount in amounts} == {Decimal}
        assert (len(amounts), sum(amounts)) == (contract.amounts, contract.total)
        assert connection.exec_driver_sql(UNKNOWN).scalar_one() is None


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_is_the_vendors_day_in_another_zone(loaded_warehouse: Warehouse, contract: Contract, zone: str) -> None:
    with opened(loaded_warehouse, "psycopg", zone).connect() as connection:
        assert connection.exec_driver_sql("SHOW timezone").scalar_one() == zone, "otherwise this test would show nothing"
        for query in DAYS:
            assert [[str(day), tokens] for day, tokens in connection.exec_driver_sql(query)] == contract.days


def test_the_reader_is_refused_whatever_is_not_reading_bi(engine: sa.Engine, contract: Contract) -> None:
    for statement in (SECRET, *WRITES):
        with engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError) as refused:
            connection.exec_driver_sql(statement)
        state = getattr(refused.value.orig, "sqlstate", None) or getattr(refused.value.orig, "pgcode", None)
        assert state == INSUFFICIENT_PRIVILEGE, statement
    # The catalogue is open to every role: the inspector lists the tables behind the views by name, and not one row of them.
    inspector = sa.inspect(engine)
    assert {*inspector.get_table_names("warehouse"), *inspector.get_view_names("warehouse")} == contract.hidden
    # Power BI asks information_schema, which keeps to what a role may read.
    with engine.connect() as connection:
        seen = connection.exec_driver_sql("SELECT DISTINCT table_schema FROM information_schema.columns").scalars()
        assert set(seen) == {"bi", "pg_catalog", "information_schema"}
