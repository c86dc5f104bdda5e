"""Groups: the integer keys of combinations of dimensions, and the models and line items that come with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg.sql import SQL, Identifier

from meterhouse.catalogue.endpoints import Endpoint, Key
from meterhouse.warehouse.database import Connection
from meterhouse.warehouse.derived_names import keep_line_items, keep_models
from meterhouse.warehouse.schema import WAREHOUSE, group_table


class Groups:
    """Ids of the combinations of dimensions, kept in memory: a look-up on the client costs less than a null-safe join."""

    def __init__(self, connection: Connection, endpoint: Endpoint, organization_id: int, columns: Sequence[str]) -> None:
        self._connection = connection
        self._endpoint = endpoint
        self._organization_id = organization_id
        self._columns = list(columns)
        self._table = group_table(endpoint)
        owned = {"organization_id": organization_id} | ({} if endpoint.is_costs else {"endpoint": endpoint.name})
        self._owned = owned
        self._others = [name for name in self._table.columns if name not in self._columns]
        self._known: dict[Key, int] = {}
        self._units: dict[str, str | None] | None = None

    def ids(self, keys: Iterable[Key]) -> dict[Key, int]:
        """Return the ids of all known combinations, `keys` among them; those that are new are stored first."""
        wanted = set(keys)
        if wanted - self._known.keys():
            self._read()
        if missing := wanted - self._known.keys():
            self._insert(sorted(missing, key=repr))
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
                keep_line_items(cursor, found)
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
        self._known = {tuple(key): group_id for group_id, *key in self._connection.execute(query, list(self._owned.values()))}

    def _insert(self, keys: Sequence[Key]) -> None:
        names = [*self._owned, *self._columns]
        query = SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
            Identifier(WAREHOUSE, self._table.name),
            SQL(", ").join(map(Identifier, names)),
            SQL(", ").join(SQL("%s") for _ in names),
        )
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(query, [(*self._owned.values(), *key) for key in keys])
            if "model" in self._columns:
                keep_models(cursor, {str(model) for key in keys if (model := key[self._columns.index("model")]) is not None})
