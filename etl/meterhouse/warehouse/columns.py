"""Columns: the building blocks of the warehouse's tables, and the MetaData that holds them all."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from meterhouse.accounting.finality import Finality
from meterhouse.catalogue.endpoints import Dimension, Kind
from meterhouse.warehouse.schema import WAREHOUSE

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)
BUCKET_START = "Start of the bucket in UTC, aligned to its width."
BUCKET_WIDTH = "Width of the bucket in minutes: 1, 60 or 1440."
INSTANT = sa.DateTime(timezone=True)
FINALITY = sa.Enum(*Finality, name="finality", schema=WAREHOUSE, metadata=metadata, values_callable=list)
SQL_TYPES: dict[Kind, Any] = {
    Kind.COUNT: sa.BigInteger(),
    Kind.DECIMAL: sa.Numeric(),
    Kind.TEXT: sa.Text(),
    Kind.FLAG: sa.Boolean(),
}


def column(name: str, type_: Any, comment: str, **options: Any) -> sa.Column[Any]:
    """A column, which always says what it holds."""
    return sa.Column(name, type_, comment=comment, **options)


def identity(name: str, comment: str, type_: Any = sa.BigInteger) -> sa.Column[Any]:
    """A key that the server numbers."""
    return sa.Column(name, type_, sa.Identity(always=True), primary_key=True, comment=comment)


def organization_column(*, primary_key: bool = False) -> sa.Column[Any]:
    """The organization that a row belongs to: a row with it goes when the organization is purged."""
    return sa.Column(
        "organization_id",
        sa.Integer,
        sa.ForeignKey(f"{WAREHOUSE}.dim_organization.organization_id"),
        primary_key=primary_key,
        nullable=False,
        autoincrement=False,
        comment="Organization that the row belongs to.",
    )


def stream_columns(*, primary_key: bool = False) -> list[sa.Column[Any]]:
    """The columns that name a stream: organization, endpoint and bucket width."""
    return [
        organization_column(primary_key=primary_key),
        column("endpoint", sa.Text, "Endpoint of the stream.", primary_key=primary_key, nullable=False),
        column("bucket_width", sa.SmallInteger, BUCKET_WIDTH, primary_key=primary_key, nullable=False, autoincrement=False),
    ]


def dimension_column(dimension: Dimension) -> sa.Column[Any]:
    """A dimension of the catalogue under its own name; null where the vendor does not say."""
    return column(dimension.name, SQL_TYPES[dimension.kind], dimension.help)
