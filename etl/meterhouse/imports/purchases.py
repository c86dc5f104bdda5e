"""Purchases: prepaid credits that people bought, read from a file with all of an organization, which takes the place of the old list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.imports import cells
from meterhouse.imports.records import Record, read_records
from meterhouse.imports.storing import one_transaction, organization_keys
from meterhouse.money import add, plain
from meterhouse.settings import Settings
from meterhouse.warehouse.database import Connection

COLUMNS = ("bought_on", "amount", "currency", "organization")
_STORED = (
    "SELECT o.label, p.bought_on, p.amount, p.currency, p.expires_on, p.note FROM warehouse.prepaid_purchases p"
    " JOIN warehouse.dim_organization o ON o.organization_id = p.organization_id WHERE p.organization_id = ANY(%s)"
)
_INSERT = (
    "INSERT INTO warehouse.prepaid_purchases (organization_id, bought_on, amount, currency, expires_on, note, imported_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s)"
)


@dataclass(frozen=True)
class Purchase:
    """Credits of an organization; they can be used from the day on which they were bought to that on which they expire, both included."""

    organization: str
    bought_on: date
    amount: Decimal
    currency: str
    expires_on: date | None
    note: str | None


def read_purchases(paths: Iterable[Path]) -> tuple[list[Purchase], dict[str, str]]:
    """Return the purchases of some files, and where each organization is named first. Raises `FixConfiguration` for a wrong line."""
    purchases: list[Purchase] = []
    places: dict[str, str] = {}
    read: set[str] = set()
    for path in paths:
        file = read_records(path)
        if file.sha256 in read:
            raise FixConfiguration(f"{file.name} was given twice: give each file once")
        read.add(file.sha256)
        cells.require_columns(file, COLUMNS, ("expires_on", "note"))
        if not file.records:
            raise FixConfiguration(f"{file.name} has no lines: give a record for every purchase")
        for record in file.records:
            purchases.append(_purchase(record))
            places.setdefault(purchases[-1].organization, record.place)
    return purchases, places


def _purchase(record: Record) -> Purchase:
    amount = cells.money(record, "amount")
    if amount <= 0:
        raise FixConfiguration(f"{record.place}: amount is {plain(amount)}: write the credits that were bought, more than 0")
    bought_on, expires_on = cells.day(record, "bought_on"), cells.optional_day(record, "expires_on")
    if expires_on is not None and expires_on < bought_on:
        raise FixConfiguration(
            f"{record.place}: expires_on {expires_on} is before bought_on {bought_on}: write the last day of the credits"
        )
    currency = cells.currency(record, "currency")
    return Purchase(cells.text(record, "organization"), bought_on, amount, currency, expires_on, record.values.get("note"))


def import_purchases(settings: Settings, paths: Iterable[Path], now: datetime, *, dry_run: bool = False) -> list[str]:
    """Make the purchases of every organization that the files name those of the files; return a line that says what changed, or would.

    Raises `FixConfiguration`, and stores nothing, for a file that is wrong.
    """
    purchases, places = read_purchases(paths)
    with one_transaction(settings.require_warehouse(), "purchases", keeps=not dry_run) as connection:
        keys = organization_keys(connection, places)
        connection.execute("LOCK TABLE warehouse.prepaid_purchases IN SHARE ROW EXCLUSIVE MODE")
        before = Counter(Purchase(*row) for row in connection.execute(_STORED, (list(keys.values()),)))
        wanted = Counter(purchases)
        if wanted != before:
            _replace(connection, purchases, keys, now)
    new, gone = (wanted - before).total(), (before - wanted).total()
    found = ", ".join(f"{count} {what}" for count, what in ((new, "new"), (len(purchases) - new, "unchanged"), (gone, "removed")) if count)
    totals: dict[str, Decimal] = {}
    for purchase in purchases:
        totals[purchase.currency] = add(totals.get(purchase.currency, Decimal(0)), purchase.amount)
    money = ", ".join(f"{plain(total)} {currency}" for currency, total in sorted(totals.items()))
    days = f"{min(one.bought_on for one in purchases)} to {max(one.bought_on for one in purchases)}"
    end = "nothing was stored, as this was a dry run" if dry_run else "stored" if new or gone else "nothing had changed"
    return [f"{counted(len(purchases), 'purchase')} ({found}) of {days}, {money} in all: {end}"]


def _replace(connection: Connection, purchases: Iterable[Purchase], keys: dict[str, int], now: datetime) -> None:
    connection.execute("DELETE FROM warehouse.prepaid_purchases WHERE organization_id = ANY(%s)", (list(keys.values()),))
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, [(keys[one.organization], *astuple(one)[1:], now) for one in purchases])
