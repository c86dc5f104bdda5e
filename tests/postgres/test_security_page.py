"""The page on security against the server: who may do what with which objects, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import LOADER, READER, Warehouse

from meterhouse.load.store import Store
from meterhouse.warehouse.migrate import migrate
from meterhouse.warehouse.schema import TEAM_ROLE

from .granted import granted

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"
ROLES = (LOADER, READER, TEAM_ROLE, "PUBLIC")
# Objects that have a row of their own.
NAMED = {"ops.alembic_version", "ops.team_access"}
# Not the owner's: test_schema_my compares it.
OF_THE_CUSTOMER = "schema `my`"
# Beside the schemas of ours, rights that are given in advance to what will be made; those are tried by what is made.
IN_ADVANCE = "default for"


def rows_of_the_page() -> dict[str, list[set[str]]]:
    """By what a row is about: the rights of each role."""
    table = PAGE.read_text().partition("| what | ")[2].partition("\n\n")[0]
    found = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", table, re.MULTILINE)
    return {what: [set() if cell == "nothing" else set(cell.split(", ")) for cell in cells] for what, *cells in found if what[0] != "-"}


def row_about(kind: str, name: str) -> str:
    """Which row of the page is about an object."""
    if kind == "database":
        return "the database"
    if kind == "schema":
        return f"schema `{name}`"
    if name in NAMED:
        return f"`{name}`"
    schema = name.partition(".")[0]
    kinds = "tables and views" if schema == "warehouse" and kind in {"table", "view"} else f"{kind}s"
    return f"{kinds} of `{schema}`"


def test_the_table_of_rights_is_what_the_server_has_of_every_object(warehouse: Warehouse) -> None:
    with Store(warehouse.loader_url) as store:
        store.connection.execute("SELECT warehouse.ensure_partition('costs', '2026-11-01')")
    migrate(warehouse.owner_url)
    rights: dict[tuple[str, str], list[set[str]]] = {}
    for kind, name, _, role, privilege, grantable in granted(warehouse.superuser_url):
        if kind.startswith(IN_ADVANCE):
            continue
        of_object = rights.setdefault((kind, name), [set() for _ in ROLES])
        if role is not None:
            assert role in ROLES, (name, role)
            assert not grantable, (name, role)
            of_object[ROLES.index(role)].add(privilege)
    page = rows_of_the_page()
    assert {row_about(*key) for key in rights} == set(page) - {OF_THE_CUSTOMER}
    for key, found in rights.items():
        assert found == page[row_about(*key)], key
