"""Organizations: which of the vendor's organizations each label holds. One organization has one label, because two would count it twice.

It is identified by the vendor's identifier, in rows of costs, and by its projects, which no two organizations share.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg

from meterhouse.catalogue.vendors import VENDORS, Vendor
from meterhouse.errors import FixConfiguration
from meterhouse.labels import DEMO_LABEL
from meterhouse.warehouse.database import MIGRATE_REMEDY, Connection, translated

_HOLDERS = """
SELECT o.label, o.vendor_organization_id, min(h.project_id)
FROM warehouse.dim_organization o
JOIN (
    SELECT g.organization_id, g.project_id FROM warehouse.dim_group g WHERE g.project_id = ANY(%(projects)s)
    UNION
    SELECT g.organization_id, g.project_id FROM warehouse.dim_cost_group g WHERE g.project_id = ANY(%(projects)s)
    UNION
    SELECT g.organization_id, g.project_id FROM warehouse.dim_cost_by_user_group g WHERE g.project_id = ANY(%(projects)s)
    UNION
    SELECT p.organization_id, p.project_id FROM warehouse.dim_project p WHERE p.project_id = ANY(%(projects)s)
) h ON h.organization_id = o.organization_id
WHERE o.vendor = %(vendor)s
GROUP BY o.organization_id
ORDER BY o.organization_id
"""


@contextmanager
def _as_of_this_version() -> Iterator[None]:
    """Say what to do when the tables were taken back to an older version under an open connection."""
    try:
        yield
    except psycopg.errors.UndefinedColumn:
        raise FixConfiguration(f"the warehouse has meanwhile been taken back to an older migration: {MIGRATE_REMEDY}") from None


class Organizations:
    """The labels of one warehouse, through a connection of the loader."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _value(self, query: LiteralString, parameters: Sequence[Any] = ()) -> Any:
        row = self._connection.execute(query, parameters).fetchone()
        return row[0] if row else None

    def key(self, label: str, *, create_for: Vendor | None = None) -> int | None:
        """Return the key of an organization, None when it was never loaded and is not to be created for a vendor."""
        with translated("organization"):
            if create_for is not None:
                self._connection.execute(
                    "INSERT INTO warehouse.dim_organization (label, vendor) SELECT %s, %s"
                    " WHERE NOT EXISTS (SELECT FROM warehouse.dim_organization WHERE label = %s) ON CONFLICT DO NOTHING",
                    (label, create_for.name, label),
                )
                self.require_vendor(label, create_for)
            found = self._value("SELECT organization_id FROM warehouse.dim_organization WHERE label = %s", (label,))
        return None if found is None else int(found)

    def vendor(self, label: str) -> Vendor:
        """Return the vendor of a loaded organization."""
        with translated("organization"):
            name = str(self._value("SELECT vendor FROM warehouse.dim_organization WHERE label = %s", (label,)))
        if name not in VENDORS:
            raise FixConfiguration(f"{label} is an organization of {name}, which this version does not know: install a newer one")
        return VENDORS[name]

    def require_vendor(self, label: str, vendor: Vendor) -> None:
        """Raise `FixConfiguration` when a label holds an organization of another vendor."""
        with translated("organization"):
            held = self._value("SELECT vendor FROM warehouse.dim_organization WHERE label = %s", (label,))
        if held is not None and held != vendor.name:
            raise FixConfiguration(
                f"the label {label} holds an organization of {held}: give the key of {vendor.name} a label of its own"
                f" ({vendor.key_variable}_<LABEL>), or run meterhouse purge --organization {label}"
            )

    def all_labels(self, vendor: Vendor | None = None) -> list[str]:
        """Return the labels of all organizations, or those of one vendor, in order."""
        query: LiteralString = "SELECT label FROM warehouse.dim_organization WHERE vendor = coalesce(%s::text, vendor) ORDER BY 1"
        with translated("organizations"):
            return [str(row[0]) for row in self._connection.execute(query, (vendor and vendor.name,))]

    def all_keys(self) -> list[int]:
        """Return the keys of all organizations, in order."""
        with translated("organizations"):
            return [int(row[0]) for row in self._connection.execute("SELECT organization_id FROM warehouse.dim_organization ORDER BY 1")]

    def labels(self) -> list[str]:
        """Return the labels of all organizations; the demo one only while there is no other."""
        found = self.all_labels()
        return [label for label in found if label != DEMO_LABEL] or found

    def lock(self) -> None:
        """Let no other run add an organization before the caller's transaction ends: what it is about to add, nobody sees before."""
        self._connection.execute("LOCK TABLE warehouse.dim_organization IN SHARE ROW EXCLUSIVE MODE")

    def enter_alone(self, label: str, vendor: Vendor) -> bool:
        """Add the first organization of a warehouse; False, and nothing is written, when another one is there or is first."""
        with translated("organization"), self._connection.transaction():
            self.lock()
            if set(self.all_labels()) - {label}:
                return False
            self.key(label, create_for=vendor)
        return True

    def is_another_entering(self, known: Collection[str], vendor: Vendor) -> bool:
        """Whether a label of the vendor that is not one of these came in a moment ago, without an identifier or project to know it by."""
        with translated("organization"), _as_of_this_version():
            fresh = self._connection.execute(
                "SELECT label FROM warehouse.dim_organization WHERE vendor_organization_id IS NULL AND label <> ALL(%s)"
                " AND vendor = %s AND created_at > now() - interval '1 minute'",
                (list(known), vendor.name),
            ).fetchall()
        return not all(self.holds_projects(str(row[0])) for row in fresh)

    def vendor_id(self, label: str) -> str | None:
        """Return the vendor's identifier of the organization that a label holds, None if no row of costs has shown it yet."""
        with translated("organization"), _as_of_this_version():
            found = self._value("SELECT vendor_organization_id FROM warehouse.dim_organization WHERE label = %s", (label,))
        return None if found is None else str(found)

    def is_any_unknown(self) -> bool:
        """Whether a label holds an organization whose identifier no row of costs has shown yet."""
        with translated("organization"), _as_of_this_version():
            return bool(self._value("SELECT EXISTS (SELECT FROM warehouse.dim_organization WHERE vendor_organization_id IS NULL)"))

    def claim(self, label: str, vendor_id: str, vendor: Vendor) -> str:
        """Remember the vendor's identifier with a label, unless another run was first; return the one that is remembered.

        Raises `FixConfiguration`, and writes nothing, when another label holds that organization: of two runs at once, one is first.
        """
        with translated("organization"), _as_of_this_version(), self._connection.transaction():
            self.lock()
            holder = self._value(
                "SELECT label FROM warehouse.dim_organization WHERE vendor = %s AND vendor_organization_id = %s AND label <> %s"
                " ORDER BY organization_id LIMIT 1",
                (vendor.name, vendor_id, label),
            )
            if holder is not None:
                raise FixConfiguration(held_twice(label, str(holder), vendor_id))
            self.key(label, create_for=vendor)
            self._connection.execute(
                "UPDATE warehouse.dim_organization SET vendor_organization_id = %s WHERE label = %s AND vendor_organization_id IS NULL",
                (vendor_id, label),
            )
            return self.vendor_id(label) or vendor_id

    def holds_projects(self, label: str) -> bool:
        """Whether rows of any project were loaded under a label."""
        with translated("organization"):
            return bool(
                self._value(
                    "SELECT EXISTS (SELECT FROM warehouse.dim_group WHERE organization_id = o.organization_id AND project_id IS NOT NULL)"
                    " OR EXISTS"
                    " (SELECT FROM warehouse.dim_cost_group WHERE organization_id = o.organization_id AND project_id IS NOT NULL)"
                    " FROM warehouse.dim_organization o WHERE label = %s",
                    (label,),
                )
            )

    def holds_project_of(self, label: str, projects: Iterable[str]) -> bool:
        """Whether rows of one of these projects were loaded under a label."""
        with translated("organization"):
            return bool(
                self._value(
                    "SELECT EXISTS (SELECT FROM warehouse.dim_group WHERE organization_id = o.organization_id AND project_id = ANY(%s))"
                    " OR EXISTS (SELECT FROM warehouse.dim_cost_group WHERE organization_id = o.organization_id AND project_id = ANY(%s))"
                    " FROM warehouse.dim_organization o WHERE label = %s",
                    (listed := list(projects), listed, label),
                )
            )

    def holders(self, projects: Collection[str], vendor: Vendor) -> list[tuple[str, str | None, str]]:
        """Return the labels under which any of these projects of a vendor is known: label, the vendor's identifier, one such project."""
        if not projects:
            return []
        with translated("organization"), _as_of_this_version():
            found = self._connection.execute(_HOLDERS, {"projects": list(projects), "vendor": vendor.name}).fetchall()
        return [(str(label), vendor_id, str(project)) for label, vendor_id, project in found]

    def holder_of(self, vendor_id: str, vendor: Vendor) -> str | None:
        """Return the label that holds the organization with this identifier, None if none does."""
        query: LiteralString = "SELECT min(label) FROM warehouse.dim_organization WHERE vendor = %s AND vendor_organization_id = %s"
        with translated("organization"), _as_of_this_version():
            found = self._value(query, (vendor.name, vendor_id))
        return None if found is None else str(found)

    def require_free(self, label: str, projects: Collection[str], vendor_id: str | None = None, *, vendor: Vendor) -> None:
        """Raise `FixConfiguration` when one of these projects of a vendor is stored under another label, and none of them under this one.

        `vendor_id` is what the vendor calls the organization of these projects, if it has said so.
        """
        holders = self.holders(projects, vendor)
        if holders and label not in {holder for holder, _, _ in holders}:
            holder, held_id, project = holders[0]
            raise FixConfiguration(held_twice(label, holder, vendor_id or held_id or f"of the project {project}"))


def held_twice(label: str, holder: str, organization: str) -> str:
    """Return the line that refuses a second label of one organization, and what to do about it."""
    rename = f"if its label has changed, run meterhouse rename-organization {holder} {label}; "
    return (
        f"the key of {label} opens the organization {organization}, which the warehouse already holds under the label {holder}, so it would"
        f" be counted twice: {'' if DEMO_LABEL in {label, holder} else rename}if two keys open the same organization, leave one out;"
        f" to load it from the start as {label}, run meterhouse purge --organization {holder}"
    )
