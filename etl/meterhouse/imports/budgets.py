"""Budgets: who may spend how much in which period, read from a file with the whole list, which takes the place of the old one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from meterhouse.accounting.budgets import DEFAULT_THRESHOLDS, Budget, Period, Scope, contradiction, span_of
from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration, RejectedAnswer
from meterhouse.imports import cells
from meterhouse.imports.records import Record, read_records
from meterhouse.imports.storing import one_transaction, organization_keys
from meterhouse.load.followed import followed
from meterhouse.money import parse_amount, plain
from meterhouse.settings import Settings
from meterhouse.warehouse.database import Connection

COLUMNS = (
    "organization", "budget", "scope_kind", "scope_key", "currency", "period", "amount", "thresholds", "valid_from", "valid_to",
)  # fmt: skip
_OPTIONAL = ("scope_key", "thresholds", "valid_from", "valid_to")
_SHOWN_SCOPES = 5
_HIGHEST_PERCENT = Decimal(1000)
_MOST_THRESHOLDS = 10
_LONGEST_NAME = 255
_LIST = """
SELECT o.label, b.budget, b.scope_kind, b.scope_key, b.currency, b.period, b.amount, b.thresholds, b.valid_from, b.valid_to
FROM warehouse.budgets b
JOIN warehouse.dim_organization o ON o.organization_id = b.organization_id
ORDER BY o.label, b.budget, b.valid_from NULLS FIRST
"""
_INSERT = """
INSERT INTO warehouse.budgets
    (organization_id, budget, scope_kind, scope_key, currency, period, amount, thresholds, valid_from, valid_to, imported_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_UNKNOWN = """
SELECT b.scope_kind || ' ' || b.scope_key
FROM warehouse.budgets b
WHERE NOT CASE b.scope_kind
    WHEN 'project' THEN EXISTS (SELECT FROM warehouse.dim_project p WHERE p.project_id = b.scope_key)
    WHEN 'team' THEN EXISTS (SELECT FROM warehouse.owner_assignments a WHERE a.team = b.scope_key)
    WHEN 'api_key' THEN EXISTS (SELECT FROM warehouse.dim_api_key k WHERE k.api_key_id = b.scope_key)
    WHEN 'user' THEN EXISTS (SELECT FROM warehouse.dim_user u WHERE u.user_id = b.scope_key OR lower(u.user_email) = b.scope_key)
    ELSE true
END
GROUP BY 1
ORDER BY 1
"""


def read_budgets(path: Path) -> list[Budget]:
    """Return the budgets of a file. Raises `FixConfiguration` for a line that is wrong, and for two that contradict each other."""
    file = read_records(path)
    cells.require_columns(file, [column for column in COLUMNS if column not in _OPTIONAL], _OPTIONAL)
    budgets = [_budget(record) for record in file.records]
    if not budgets:
        raise FixConfiguration(f"{file.name} has no lines: give a record for every budget")
    if found := contradiction(budgets):
        first, second, why = found
        remedy = "end one with valid_to before the other begins" if "days" in why else "give it a name of its own"
        raise FixConfiguration(f"{second.place}: the budget {visible(second.name)} {why} on {first.place}: {remedy}")
    return budgets


def _budget(record: Record) -> Budget:
    name = cells.text(record, "budget")
    if len(name) > _LONGEST_NAME:
        raise FixConfiguration(f"{record.place}: budget is longer than {_LONGEST_NAME} characters: give it a shorter name")
    scope = Scope(cells.choice(record, "scope_kind", list(Scope)))
    if scope is Scope.ORGANIZATION and "scope_key" in record.values:
        raise FixConfiguration(f"{record.place}: scope_key is {visible(record.values['scope_key'])!r}: leave it empty for an organization")
    key = "" if scope is Scope.ORGANIZATION else cells.text(record, "scope_key")
    if scope is Scope.USER and "@" in key:
        key = key.lower()
    period = Period(cells.choice(record, "period", list(Period)))
    amount = cells.money(record, "amount")
    if amount <= 0:
        raise FixConfiguration(f"{record.place}: amount is {plain(amount)}: write an amount above 0")
    valid_from, valid_to = cells.optional_day(record, "valid_from"), cells.optional_day(record, "valid_to")
    if valid_from and (first := span_of(valid_from, period).first) != valid_from:
        raise FixConfiguration(f"{record.place}: valid_from {valid_from} is not the first day of a {period}: write {first}")
    if valid_to and (last := span_of(valid_to, period).last) != valid_to:
        raise FixConfiguration(f"{record.place}: valid_to {valid_to} is not the last day of a {period}: write {last}")
    if valid_from and valid_to and valid_to < valid_from:
        raise FixConfiguration(
            f"{record.place}: valid_to {valid_to} is before valid_from {valid_from}: write the last day that it is valid"
        )
    return Budget(
        record.place, cells.text(record, "organization"), name, scope, key, cells.currency(record, "currency"), period, amount,
        _thresholds(record), valid_from, valid_to,
    )  # fmt: skip


def _thresholds(record: Record) -> tuple[Decimal, ...]:
    """The shares that a cell such as `50 80 100` gives in percent, ascending."""
    if "thresholds" not in record.values:
        return DEFAULT_THRESHOLDS
    shares = []
    for word in record.values["thresholds"].split():
        try:
            percent = parse_amount(word.removesuffix("%").encode())
        except RejectedAnswer:
            percent = None
        if percent is None or not 0 < percent <= _HIGHEST_PERCENT or (percent * 10000) % 1:
            raise FixConfiguration(
                f"{record.place}: thresholds has {visible(word[:40])!r}: write percentages up to {_HIGHEST_PERCENT}, such as 50 80 100"
            )
        shares.append(percent / 100)
    if len(shares) > _MOST_THRESHOLDS:
        raise FixConfiguration(f"{record.place}: thresholds has {len(shares)} percentages: write at most {_MOST_THRESHOLDS}")
    return tuple(sorted(set(shares)))


def import_budgets(settings: Settings, path: Path, now: datetime, *, dry_run: bool = False) -> list[str]:
    """Make the list of budgets that of a file, and judge them by what is loaded; return lines that say what changed, or would.

    Raises `FixConfiguration`, and stores nothing, for a file that is wrong.
    """
    budgets = read_budgets(path)
    with followed(settings, "budgets", keeps=not dry_run) as connection:
        keys = organization_keys(connection, {one.organization: one.place for one in reversed(budgets)})
        connection.execute("LOCK TABLE warehouse.budgets IN SHARE ROW EXCLUSIVE MODE")
        before = Counter(_stored(connection))
        wanted = Counter((one.organization, one.name, *astuple(one)[3:]) for one in budgets)
        if wanted != before:
            _replace(connection, budgets, keys, now)
        unknown = [str(row[0]) for row in connection.execute(_UNKNOWN)]
    new, gone = (wanted - before).total(), (before - wanted).total()
    found = ", ".join(f"{count} {what}" for count, what in ((new, "new"), (len(budgets) - new, "unchanged"), (gone, "removed")) if count)
    end = "nothing was stored, as this was a dry run" if dry_run else "stored" if new or gone else "nothing had changed"
    lines = [f"{counted(len(budgets), 'budget')} ({found}): {end}"]
    if unknown:
        more = f" and {len(unknown) - _SHOWN_SCOPES} more" if len(unknown) > _SHOWN_SCOPES else ""
        named = ", ".join(map(visible, unknown[:_SHOWN_SCOPES]))
        lines.append(f"nothing that is loaded is called {named}{more}; its budget counts from when something is")
    return lines


def _replace(connection: Connection, budgets: Sequence[Budget], keys: dict[str, int], now: datetime) -> None:
    connection.execute("DELETE FROM warehouse.budgets")
    with connection.cursor() as cursor:
        cursor.executemany(
            _INSERT,
            [
                (
                    keys[one.organization], one.name, one.scope, one.scope_key, one.currency, one.period, one.amount,
                    list(one.thresholds), one.valid_from, one.valid_to, now,
                )
                for one in budgets
            ],
        )  # fmt: skip


def list_budgets(settings: Settings) -> list[Sequence[Any]]:
    """Return every budget as `COLUMNS` name its values, by organization and name; amounts and percentages as text."""
    with one_transaction(settings.require_warehouse(), "budgets") as connection:
        stored = _stored(connection)
    return [(*row[:6], plain(row[6]), " ".join(plain(share * 100) for share in row[7]), *row[8:]) for row in stored]


def _stored(connection: Connection) -> list[tuple[Any, ...]]:
    return [(*row[:7], tuple(row[7]), *row[8:]) for row in connection.execute(_LIST)]
