"""Teams: whose keys, users and projects are whose, read from a file with the whole list, which takes the place of the old one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from pathlib import Path
from typing import Any

from meterhouse.accounting.teams import UNASSIGNED, AssignedBy, Assignment, overlap
from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.imports import cells
from meterhouse.imports.records import Record, read_records
from meterhouse.imports.storing import one_transaction, organization_keys
from meterhouse.imports.unknown_owners import unknown_owners
from meterhouse.load.followed import followed
from meterhouse.settings import Settings
from meterhouse.warehouse.database import Connection

COLUMNS = ("kind", "value", "organization", "team", "cost_centre", "valid_from", "valid_to")
_LIST = (
    "SELECT a.kind, a.value, o.label, a.team, a.cost_centre, a.valid_from, a.valid_to FROM warehouse.owner_assignments a"
    " LEFT JOIN warehouse.dim_organization o ON o.organization_id = a.organization_id"
    " ORDER BY array_position(%s::text[], a.kind), a.value, o.label NULLS LAST, a.valid_from NULLS FIRST"
)
_INSERT = (
    "INSERT INTO warehouse.owner_assignments (kind, value, organization_id, team, cost_centre, valid_from, valid_to, imported_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)


def read_teams(path: Path) -> list[Assignment]:
    """Return the assignments of a file. Raises `FixConfiguration` for a line that is wrong, and for two that contradict each other."""
    file = read_records(path)
    cells.require_columns(file, ("kind", "value", "team"), [column for column in COLUMNS if column not in {"kind", "value", "team"}])
    assignments = [_assignment(record) for record in file.records]
    if not assignments:
        raise FixConfiguration(f"{file.name} has no lines: give a record for every assignment")
    if found := overlap(assignments):
        first, second = found
        what = f"{first.kind} {visible(first.value)}".strip()
        raise FixConfiguration(
            f"{second.place}: {what} is given to {visible(second.team)} for days on which {first.place} gives it to {visible(first.team)}:"
            " end one with valid_to before the other begins"
        )
    return assignments


def _assignment(record: Record) -> Assignment:
    kind = AssignedBy(cells.choice(record, "kind", list(AssignedBy)))
    value = "" if kind is AssignedBy.DEFAULT else cells.text(record, "value")
    if kind is AssignedBy.DEFAULT and "value" in record.values:
        raise FixConfiguration(f"{record.place}: value is {visible(record.values['value'])!r}: leave it empty for the default")
    if kind is AssignedBy.MAIL_DOMAIN:
        value = value.lower().removeprefix("@")
    if kind is AssignedBy.USER and "@" in value:
        value = value.lower()
    team = cells.text(record, "team")
    if team == UNASSIGNED:
        raise FixConfiguration(f"{record.place}: team is {UNASSIGNED!r}, the name for what is left over: choose another name")
    valid_from, valid_to = cells.optional_day(record, "valid_from"), cells.optional_day(record, "valid_to")
    if valid_from and valid_to and valid_to < valid_from:
        raise FixConfiguration(
            f"{record.place}: valid_to {valid_to} is before valid_from {valid_from}: write the last day that it is valid"
        )
    organization, cost_centre = record.values.get("organization"), record.values.get("cost_centre")
    return Assignment(record.place, kind, value, organization, team, cost_centre, valid_from, valid_to)


def import_teams(settings: Settings, path: Path, now: datetime, *, dry_run: bool = False) -> list[str]:
    """Make the list of assignments that of a file; return lines that say what changed, or would.

    Raises `FixConfiguration`, and stores nothing, for a file that is wrong.
    """
    assignments = read_teams(path)
    with followed(settings, "teams", keeps=not dry_run) as connection:
        keys = organization_keys(connection, {one.organization: one.place for one in reversed(assignments) if one.organization})
        connection.execute("LOCK TABLE warehouse.owner_assignments IN SHARE ROW EXCLUSIVE MODE")
        before = Counter(tuple(row) for row in _stored(connection))
        wanted = Counter((str(one.kind), *astuple(one)[2:]) for one in assignments)
        if wanted != before:
            connection.execute("DELETE FROM warehouse.owner_assignments")
            with connection.cursor() as cursor:
                cursor.executemany(
                    _INSERT,
                    [
                        (
                            one.kind,
                            one.value,
                            keys.get(one.organization or ""),
                            one.team,
                            one.cost_centre,
                            one.valid_from,
                            one.valid_to,
                            now,
                        )
                        for one in assignments
                    ],
                )
        unknown = unknown_owners(connection, assignments)
    new, gone = (wanted - before).total(), (before - wanted).total()
    found = ", ".join(
        f"{count} {what}" for count, what in ((new, "new"), (len(assignments) - new, "unchanged"), (gone, "removed")) if count
    )
    end = "nothing was stored, as this was a dry run" if dry_run else "stored" if new or gone else "nothing had changed"
    teams = counted(len({one.team for one in assignments}), "team")
    return [f"{counted(len(assignments), 'assignment')} ({found}) of {teams}: {end}", *unknown]


def list_teams(settings: Settings) -> list[Sequence[Any]]:
    """Return every assignment as `COLUMNS` name its values, the most specific kind first."""
    with one_transaction(settings.require_warehouse(), "teams") as connection:
        return _stored(connection)


def _stored(connection: Connection) -> list[Sequence[Any]]:
    return [tuple(row) for row in connection.execute(_LIST, (list(AssignedBy),))]
