"""Planned activity: days on which odd costs are no surprise, read from a file with all of an organization, which replaces the old list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import date, datetime
from pathlib import Path

from meterhouse.accounting.causes import KINDS
from meterhouse.accounting.daily_series import SeriesKind
from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.imports import cells
from meterhouse.imports.records import Record, read_records
from meterhouse.imports.storing import one_transaction, organization_keys
from meterhouse.settings import Settings
from meterhouse.warehouse.database import Connection

COLUMNS = ("organization", "kind", "value", "from", "to", "note")
_SHOWN_VALUES = 5
_STORED = (
    "SELECT o.label, p.series_kind, p.series_key, p.first_date, p.last_date, p.note FROM warehouse.planned_activity p"
    " JOIN warehouse.dim_organization o ON o.organization_id = p.organization_id WHERE p.organization_id = ANY(%s)"
)
_INSERT = (
    "INSERT INTO warehouse.planned_activity (organization_id, series_kind, series_key, first_date, last_date, note, imported_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s)"
)
_UNKNOWN = """
SELECT p.series_kind || ' ' || p.series_key
FROM warehouse.planned_activity p
WHERE p.organization_id = ANY(%s) AND NOT CASE p.series_kind
    WHEN 'project' THEN EXISTS (SELECT FROM warehouse.dim_project d WHERE d.project_id = p.series_key)
    WHEN 'model' THEN EXISTS (SELECT FROM warehouse.model_names m WHERE m.model_name = p.series_key)
    WHEN 'api_key' THEN EXISTS (SELECT FROM warehouse.dim_api_key k WHERE k.api_key_id = p.series_key)
    ELSE true
END
ORDER BY 1
"""


@dataclass(frozen=True)
class Planned:
    """What is planned for a series of costs and all below it, from the first to the last UTC day."""

    organization: str
    kind: str
    value: str
    first: date
    last: date
    note: str | None


def read_planned(paths: Iterable[Path]) -> tuple[list[Planned], dict[str, str]]:
    """Return what some files plan, and where each organization is named first. Raises `FixConfiguration` for a wrong line."""
    planned: list[Planned] = []
    places: dict[str, str] = {}
    for path in paths:
        file = read_records(path)
        cells.require_columns(file, ("organization", "kind", "from"), ("value", "to", "note"))
        for record in file.records:
            planned.append(_planned(record))
            places.setdefault(planned[-1].organization, record.place)
    if not planned:
        raise FixConfiguration("the files have no lines: give a record for every planned activity")
    return planned, places


def _planned(record: Record) -> Planned:
    kind = SeriesKind(cells.choice(record, "kind", KINDS))
    if kind is SeriesKind.ORGANIZATION and "value" in record.values:
        raise FixConfiguration(f"{record.place}: value is {visible(record.values['value'])!r}: leave it empty for an organization")
    value = "" if kind is SeriesKind.ORGANIZATION else cells.text(record, "value")
    first = cells.day(record, "from")
    last = cells.optional_day(record, "to") or first
    if last < first:
        raise FixConfiguration(f"{record.place}: to {last} is before from {first}: write the last day of it")
    return Planned(cells.text(record, "organization"), kind, value, first, last, record.values.get("note"))


def import_planned(settings: Settings, paths: Iterable[Path], now: datetime, *, dry_run: bool = False) -> list[str]:
    """Make the planned activity of every organization that the files name that of the files; return lines that say what changed, or would.

    Raises `FixConfiguration`, and stores nothing, for a file that is wrong. The views show it at once.
    """
    planned, places = read_planned(paths)
    with one_transaction(settings.require_warehouse(), "planned activity", keeps=not dry_run) as connection:
        keys = organization_keys(connection, places)
        connection.execute("LOCK TABLE warehouse.planned_activity IN SHARE ROW EXCLUSIVE MODE")
        before = Counter(Planned(*row) for row in connection.execute(_STORED, (list(keys.values()),)))
        wanted = Counter(planned)
        if wanted != before:
            _replace(connection, planned, keys, now)
        unknown = [str(row[0]) for row in connection.execute(_UNKNOWN, (list(keys.values()),))]
    new, gone = (wanted - before).total(), (before - wanted).total()
    found = ", ".join(f"{count} {what}" for count, what in ((new, "new"), (len(planned) - new, "unchanged"), (gone, "removed")) if count)
    end = "nothing was stored, as this was a dry run" if dry_run else "stored" if new or gone else "nothing had changed"
    lines = [f"{counted(len(planned), 'planned activity', 'planned activities')} ({found}): {end}"]
    if unknown:
        more = f" and {len(unknown) - _SHOWN_VALUES} more" if len(unknown) > _SHOWN_VALUES else ""
        lines.append(f"nothing that is loaded is called {', '.join(unknown[:_SHOWN_VALUES])}{more}; it counts from when something is")
    return lines


def _replace(connection: Connection, planned: Iterable[Planned], keys: dict[str, int], now: datetime) -> None:
    connection.execute("DELETE FROM warehouse.planned_activity WHERE organization_id = ANY(%s)", (list(keys.values()),))
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, [(keys[one.organization], *astuple(one)[1:], now) for one in planned])
