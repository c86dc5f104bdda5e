"""Groups: the integer keys of combinations of dimensions, and the models and line items that come with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg.sql import SQL, Identifier

from meterhouse.catalogue.endpoints import USAGE_DIMENSIONS, Endpoint, Key, Kind
from meterhouse.warehouse.database import Connection
from meterhouse.warehouse.derived_names import keep_line_items, keep_models
from meterhouse.warehouse.schema import WAREHOUSE, group_table

_FLAGS = {dimension.name for dimension in USAGE_DIMENSIONS if dimension.kind is Kind.FLAG}


class Groups:
    """Ids of the combinations of dimensions, kept in memory: a look-up on the client costs less than a null-safe join."""

    def __init__(self, connection: Connection, endpoint: Endpoint, organization_id: int, columns: Sequence[str]) -> None:
        self._connection = connection
        self._endpoint = endpoint
        self._organization_id = organization_id
        self._columns = list(columns)
        self._table = group_table(endpoint)
        owned = {name: {"organization_id": organization_id, "endpoint": endpoint.name}[name] for name in endpoint.family.owner}
        self._owned = owned
        self._others = [name for name in self._table.columns if name not in self._columns]
        self._known: dict[Key, int] = {}
        self._is_read = False
        self._models: set[str] = set()
        self._units: dict[str, str | None] | None = None

    def ids(self, keys: Iterable[Key]) -> dict[Key, int]:
        """Return the ids of all known combinations, `keys` among them; those that are new are stored first."""
        wanted = set(keys)
        if not self._is_read and wanted:
            self._read()
        if missing := wanted.difference(self._known):
            self._insert(sorted(missing, key=repr))
        # Combinations that another loader stored first are not returned.
        if wanted.difference(self._known):
            self._read()
        return self._known

    def name_line_items(self, rows: Iterable[tuple[Key, str | None]]) -> None:
        """Keep the dimension of line items in step with rows of costs, given as key and unit of the quantity."""
        if "line_item" not in self._columns:
            return
        if self._units is None:
            self._units = dict(self._connection.execute("SELECT line_item, quantity_unit FROM warehouse.dim_line_item").fetchall())
        units, found = self._units, dict[str, str | None]()
        for key, unit in rows:
            item = key[self._columns.index("line_item")]
            if isinstance(item, str) and (item not in units or (units[item] is None and unit is not None)):
                found[item] = found.get(item) or unit
        if found:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                keep_line_items(cursor, found, self._endpoint.vendor.name)
            units |= found

    def _read(self) -> None:
        """Read the combinations in which every dimension that was not asked for is null."""
        conditions = [SQL("{} = %s").format(Identifier(name)) for name in self._owned]
        conditions += [SQL("{} IS NULL").format(Identifier(name)) for name in self._others]
        query = SQL("SELECT group_id{} FROM {} WHERE {}").format(
            SQL("").join(SQL(", {}").format(Identifier(name)) for name in self._columns),
            Identifier(WAREHOUSE, self._table.name),
            SQL(" AND ").join(conditions),
        )
        self._is_read = True
        self._known = {tuple(key): group_id for group_id, *key in self._connection.execute(query, list(self._owned.values()))}

    def _insert(self, keys: Sequence[Key]) -> None:
        """Store combinations, all in one statement, and remember the ids of those that were new."""
        names = [*self._owned, *self._columns]
        query = SQL(
            "INSERT INTO {table} ({names}) SELECT {owned}, v.* FROM unnest({arrays}) v ON CONFLICT DO NOTHING RETURNING group_id{columns}"
            if self._columns
            else "INSERT INTO {table} ({names}) SELECT {owned} ON CONFLICT DO NOTHING RETURNING group_id{columns}"
        ).format(
            table=Identifier(WAREHOUSE, self._table.name),
            names=SQL(", ").join(map(Identifier, names)),
            owned=SQL(", ").join(SQL("%s") for _ in self._owned),
            arrays=SQL(", ").join(SQL("%s::boolean[]") if name in _FLAGS else SQL("%s::text[]") for name in self._columns),
            columns=SQL("").join(SQL(", {}").format(Identifier(name)) for name in self._columns),
        )
        arrays = [[key[position] for key in keys] for position in range(len(self._columns))]
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(query, [*self._owned.values(), *arrays])
            self._known |= {tuple(key): group_id for group_id, *key in cursor}
            if "model" in self._columns:
                models = {str(model) for key in keys if (model := key[self._columns.index("model")]) is not None}
                if new := models - self._models:
                    keep_models(cursor, new, self._endpoint.vendor.name)
                self._models |= models
