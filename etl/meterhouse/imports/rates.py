"""Rates: exchange rates by day, read from files; a rate of the same day and currencies takes the place of the old one, others stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.imports import cells
from meterhouse.imports.records import Record, read_records
from meterhouse.imports.storing import one_transaction
from meterhouse.money import plain
from meterhouse.settings import Settings

_STORED = "SELECT rate_date, from_currency, to_currency, rate, source FROM warehouse.exchange_rates WHERE rate_date BETWEEN %s AND %s"
_UPSERT = (
    "INSERT INTO warehouse.exchange_rates (rate_date, from_currency, to_currency, rate, source, imported_at)"
    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (rate_date, from_currency, to_currency)"
    " DO UPDATE SET rate = excluded.rate, source = excluded.source, imported_at = excluded.imported_at"
)

Key = tuple[date, str, str]
# What the views show of a rate.
_LARGEST_RATE, _SMALLEST_RATE = Decimal(10**10), Decimal("0.000000000001")


@dataclass(frozen=True)
class Rate:
    """Units of `to_currency` for one unit of `from_currency` on a day."""

    rate_date: date
    from_currency: str
    to_currency: str
    rate: Decimal
    source: str | None

    @property
    def key(self) -> Key:
        """What a day has only one rate for."""
        return (self.rate_date, self.from_currency, self.to_currency)


def read_rates(paths: Iterable[Path]) -> list[Rate]:
    """Return the rates of some files. Raises `FixConfiguration` for a line that is wrong, and for two of the same day that differ."""
    found: dict[Key, tuple[str, Rate]] = {}
    for path in paths:
        file = read_records(path)
        cells.require_columns(file, ("rate_date", "from_currency", "to_currency", "rate"), ("source",))
        if not file.records:
            raise FixConfiguration(f"{file.name} has no lines: give a record for every rate")
        for record in file.records:
            rate = _rate(record)
            place, before = found.setdefault(rate.key, (record.place, rate))
            if before != rate:
                raise FixConfiguration(
                    f"{record.place}: rate is {plain(rate.rate)}, and {plain(before.rate)} in {place} for the same day and currencies:"
                    " keep one of them"
                )
    return [rate for _, rate in found.values()]


def _rate(record: Record) -> Rate:
    amount = cells.decimal(record, "rate")
    if amount <= 0:
        raise FixConfiguration(f"{record.place}: rate is {plain(amount)}: write the units of to_currency for one unit of from_currency")
    if amount >= _LARGEST_RATE or amount % _SMALLEST_RATE:
        raise FixConfiguration(f"{record.place}: rate is {plain(amount)}: write less than {_LARGEST_RATE}, with at most 12 decimals")
    rate = Rate(
        cells.day(record, "rate_date"),
        cells.currency(record, "from_currency"),
        cells.currency(record, "to_currency"),
        amount,
        record.values.get("source"),
    )
    if rate.from_currency == rate.to_currency:
        raise FixConfiguration(f"{record.place}: both currencies are {rate.from_currency}: name two")
    return rate


def import_rates(settings: Settings, paths: Iterable[Path], now: datetime, *, dry_run: bool = False) -> list[str]:
    """Store the rates of some files; return lines that say what changed, or would.

    Raises `FixConfiguration`, and stores nothing, for a file that is wrong.
    """
    rates = read_rates(paths)
    first, last = min(rate.rate_date for rate in rates), max(rate.rate_date for rate in rates)
    with one_transaction(settings.require_warehouse(), "exchange rates", keeps=not dry_run) as connection:
        connection.execute("LOCK TABLE warehouse.exchange_rates IN SHARE ROW EXCLUSIVE MODE")
        stored = {rate.key: rate for rate in (Rate(*row) for row in connection.execute(_STORED, (first, last)))}
        written = [rate for rate in rates if stored.get(rate.key) != rate]
        with connection.cursor() as cursor:
            cursor.executemany(_UPSERT, [(*astuple(rate), now) for rate in written])
    new = sum(rate.key not in stored for rate in written)
    counts = {"new": new, "changed": len(written) - new, "unchanged": len(rates) - len(written)}
    found = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    pairs = ", ".join(sorted({f"{rate.from_currency} to {rate.to_currency}" for rate in rates}))
    end = "nothing was stored, as this was a dry run" if dry_run else "stored" if written else "nothing had changed"
    lines = [f"{counted(len(rates), 'rate')} ({found}) of {first} to {last}, {pairs}: {end}"]
    wanted = settings.reporting_currency
    if wanted is None:
        lines.append("METERHOUSE_REPORTING_CURRENCY is not set, so nothing is converted: set it and run meterhouse migrate")
    elif all(rate.to_currency != wanted for rate in rates):
        lines.append(f"none of them is to {wanted}, which METERHOUSE_REPORTING_CURRENCY names")
    return lines
