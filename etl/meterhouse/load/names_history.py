"""Names with history: what the vendor lists of projects, users and keys, as versions of rows. `Store.replace_names` is the door to it.

A new entry is inserted, a changed one gets a new version, one that is missing from a list that was read whole keeps its last version
and gets `deleted_at`, one that came back loses it, and an equal one is not touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from psycopg.sql import SQL, Composed, Identifier

from meterhouse.vendors.listing import Value, Values
from meterhouse.warehouse.database import Connection
from meterhouse.warehouse.schema import PROJECT_NAMES, WAREHOUSE, NamesTable

RUN_COMMAND = "directory"


@dataclass(frozen=True)
class Listing:
    """What was read for one dimension: its entries by id, each as values by column of `table`; a column left out is null.

    `was_read` tells whether the list of a project (None: of the organization itself) was read whole, so that absence means deletion.
    """

    table: NamesTable
    entries: Mapping[str, Values]
    was_read: Callable[[str | None], bool]

    def projects(self) -> set[str]:
        """Return the projects that its entries are, or belong to."""
        if self.table is PROJECT_NAMES:
            return set(self.entries)
        return {str(project) for values in self.entries.values() if (project := values.get("project_id"))}


@dataclass(frozen=True)
class NamesReplaced:
    """What became of one dimension's entries, as counts; an entry that came back with other attributes counts as changed."""

    added: int = 0
    changed: int = 0
    returned: int = 0
    deleted: int = 0
    unchanged: int = 0

    @property
    def written(self) -> int:
        """Entries for which something was written."""
        return self.added + self.changed + self.returned + self.deleted


@dataclass(frozen=True)
class _Version:
    """The newest stored version of an entry; `project_id` says which list it is in."""

    version_id: int
    valid_from: datetime
    deleted_at: datetime | None
    project_id: str | None
    attributes: tuple[Value, ...]


@dataclass
class _Plan:
    """What to write: rows to insert as (id, valid_from, *attributes), and keys of the versions to close, mark or clear."""

    added: list[tuple[Value, ...]] = field(default_factory=list)
    changed: list[tuple[Value, ...]] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    unchanged: int = 0

    @classmethod
    def of(cls, stored: Mapping[str, _Version], listing: Listing, columns: list[str], now: datetime) -> _Plan:
        plan = cls()
        for entry_id, values in listing.entries.items():
            attributes = tuple(values.get(column) for column in columns)
            version = stored.get(entry_id)
            if version is None:
                plan.added.append((entry_id, now, *attributes))
            elif version.attributes != attributes:
                plan.closed.append(version.version_id)
                # Clocks of two machines differ; a version never ends before it began.
                plan.changed.append((entry_id, max(now, version.valid_from), *attributes))
            elif version.deleted_at is not None:
                plan.returned.append(version.version_id)
            else:
                plan.unchanged += 1
        plan.deleted = [
            version.version_id
            for entry_id, version in stored.items()
            if entry_id not in listing.entries and version.deleted_at is None and listing.was_read(version.project_id)
        ]
        return plan


class NamesHistory:
    """The names of one organization, inside a transaction of the caller."""

    def __init__(self, connection: Connection, organization_id: int) -> None:
        self._connection = connection
        self._organization_id = organization_id

    def lock(self) -> None:
        """Wait for another run that writes names of this organization; rows that refer to the organization are not held up."""
        self._connection.execute(
            "SELECT FROM warehouse.dim_organization WHERE organization_id = %s FOR NO KEY UPDATE", (self._organization_id,)
        )

    def is_superseded(self, organization: str, fetch_number: int) -> bool:
        """Tell whether a run that began to read later has already written names."""
        row = self._connection.execute(
            "SELECT EXISTS (SELECT FROM ops.run_log WHERE command = %s AND parameters ->> 'organization' = %s"
            " AND (parameters ->> 'fetch_number')::bigint > %s)",
            (RUN_COMMAND, organization, fetch_number),
        ).fetchone()
        return bool(row and row[0])

    def replace(self, listing: Listing, now: datetime) -> NamesReplaced:
        """Bring one dimension up to date; `now` stamps what changes."""
        version_column = listing.table.version_column
        id_column, *columns = (column.name for column in listing.table.columns)
        table = Identifier(WAREHOUSE, listing.table.name)
        plan = _Plan.of(self._stored(table, version_column, id_column, columns), listing, columns, now)
        where = SQL("WHERE {} = ANY(%s)").format(Identifier(version_column))
        closing = SQL("UPDATE {} SET valid_to = greatest(valid_from, %s), deleted_at = NULL {}").format(table, where)
        marking = SQL("UPDATE {} SET deleted_at = %s {}").format(table, where)
        self._update(closing, now, plan.closed)
        self._update(marking, now, plan.deleted)
        self._update(marking, None, plan.returned)
        self._insert(table, [id_column, "valid_from", *columns], plan.added + plan.changed)
        return NamesReplaced(len(plan.added), len(plan.changed), len(plan.returned), len(plan.deleted), plan.unchanged)

    def _stored(self, table: Identifier, version_column: str, id_column: str, columns: list[str]) -> dict[str, _Version]:
        names = [id_column, version_column, "valid_from", "deleted_at", "project_id", *columns]
        query = SQL("SELECT {} FROM {} WHERE organization_id = %s AND valid_to IS NULL").format(_joined(names), table)
        rows = self._connection.execute(query, (self._organization_id,))
        return {row[0]: _Version(row[1], row[2], row[3], row[4], row[5:]) for row in rows}

    def _update(self, statement: Composed, instant: datetime | None, version_ids: list[int]) -> None:
        if version_ids:
            self._connection.execute(statement, (instant, version_ids))

    def _insert(self, table: Identifier, columns: list[str], rows: list[tuple[Value, ...]]) -> None:
        if not rows:
            return
        statement = SQL("COPY {} ({}) FROM STDIN").format(table, _joined(["organization_id", *columns]))
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row((self._organization_id, *row))


def _joined(names: list[str]) -> Composed:
    return SQL(", ").join(map(Identifier, names))
