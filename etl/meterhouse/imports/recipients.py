"""Recipients: who gets which team's reports by mail, read from a file with the whole list, which takes the place of the old one."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.imports import cells
from meterhouse.imports.records import Record, read_records
from meterhouse.imports.storing import one_transaction
from meterhouse.load.report_recipients import recipients
from meterhouse.settings import Settings
from meterhouse.warehouse.database import Connection
from meterhouse.warehouse.schema import LOADER_ROLE, TEAM_ROLE

# One plain address: several in one cell, a name beside it or a line break could send a report to somebody else.
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,188}[A-Za-z0-9])?")
_TEAMS = """
SELECT r.rolname, pg_has_role(%s, r.oid, 'MEMBER')
FROM pg_catalog.pg_auth_members m
JOIN pg_catalog.pg_roles r ON r.oid = m.member
JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
WHERE g.rolname = %s
ORDER BY 1
"""


def read_recipients(path: Path) -> dict[tuple[str, str], str]:
    """Return team and address of every line, with its place. Raises `FixConfiguration` for a line that is wrong."""
    file = read_records(path)
    cells.require_columns(file, ("team", "mail"), ())
    if not file.records:
        raise FixConfiguration(f"{file.name} has no lines: give a record for every team and address")
    found: dict[tuple[str, str], str] = {}
    for record in file.records:
        found.setdefault((cells.text(record, "team"), _mail(record)), record.place)
    return found


def _mail(record: Record) -> str:
    mail = cells.text(record, "mail")
    if not _MAIL.fullmatch(mail):
        raise FixConfiguration(
            f"{record.place}: mail is {visible(mail)!r}: write one address, such as anna@example.com, and a line for each"
        )
    return mail


def import_recipients(settings: Settings, path: Path, now: datetime, *, dry_run: bool = False) -> list[str]:
    """Make the list of recipients that of a file; return lines that say what changed, or would.

    Raises `FixConfiguration`, and stores nothing, for a file that is wrong, and for a team that was granted nothing.
    """
    wanted = read_recipients(path)
    with one_transaction(settings.require_warehouse(), "recipients", keeps=not dry_run) as connection:
        connection.execute("LOCK TABLE warehouse.report_recipients IN SHARE ROW EXCLUSIVE MODE")
        _require_teams(connection, wanted)
        before = {(team, mail) for team, mails in recipients(connection).items() for mail in mails}
        if set(wanted) != before:
            connection.execute("DELETE FROM warehouse.report_recipients")
            with connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO warehouse.report_recipients (team, mail, imported_at) VALUES (%s, %s, %s)",
                    [(team, mail, now) for team, mail in wanted],
                )
    new, gone = len(set(wanted) - before), len(before - set(wanted))
    counts = ((new, "new"), (len(wanted) - new, "unchanged"), (gone, "removed"))
    end = "nothing was stored, as this was a dry run" if dry_run else "stored" if new or gone else "nothing had changed"
    teams = counted(len({team for team, _ in wanted}), "team")
    return [f"{counted(len(wanted), 'recipient')} ({', '.join(f'{count} {what}' for count, what in counts if count)}) of {teams}: {end}"]


def _require_teams(connection: Connection, wanted: dict[tuple[str, str], str]) -> None:
    lent = {str(team): bool(is_lent) for team, is_lent in connection.execute(_TEAMS, (LOADER_ROLE, TEAM_ROLE))}
    for (team, _), place in wanted.items():
        if team not in lent:
            raise FixConfiguration(
                f"{place}: team is {visible(team)!r}, and these may see projects: {', '.join(lent) or 'none'}:"
                " run meterhouse grant-team first"
            )
        if not lent[team]:
            raise FixConfiguration(
                f"{place}: reports may not be written as {team}: run meterhouse grant-team {team} again; if it logs in or may do anything"
                " else, make a role for its reports with grant-team, under another name"
            )
