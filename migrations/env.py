"""Alembic's entry: runs the migrations on the connection that `meterhouse.warehouse.migrate` passes, or on the settings' warehouse."""

from __future__ import annotations

from typing import Any

from alembic import context

from meterhouse.settings import load_settings
from meterhouse.warehouse.migrate import VERSION_SCHEMA, owner_engine
from meterhouse.warehouse.schema import OPS, WAREHOUSE
from meterhouse.warehouse.tables import TABLES


def include_name(name: str | None, type_: str, parents: Any) -> bool:
    """Compare only our two schemas, and parents rather than their partitions."""
    if type_ == "schema":
        return name in {WAREHOUSE, OPS}
    if type_ == "table" and name:
        return f"{parents['schema_name']}.{name}" in TABLES.tables
    return True


def run(connection: Any) -> None:
    """Run the migrations in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=TABLES,
        version_table_schema=VERSION_SCHEMA,
        include_schemas=True,
        include_name=include_name,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with owner_engine(load_settings().require_migrate_url()).connect() as opened:
        run(opened)
        opened.commit()
