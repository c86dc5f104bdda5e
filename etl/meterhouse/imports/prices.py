"""Contract prices: read from a file with one price per line, checked whole, and stored all or nothing.

A file has all prices of the organizations that it names: it replaces those that they had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from psycopg.sql import SQL, Identifier

from meterhouse.accounting.price_classes import price_class
from meterhouse.accounting.price_subjects import price_feature
from meterhouse.accounting.price_tiers import BATCH
from meterhouse.accounting.price_units import PRICE_UNITS
from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.imports import cells
from meterhouse.imports.records import Record, RecordFile, read_records
from meterhouse.imports.storing import one_transaction, organization_keys
from meterhouse.settings import Settings
from meterhouse.vendors.words import words_of
from meterhouse.warehouse.database import Connection
from meterhouse.warehouse.schema import WAREHOUSE

COLUMNS = ("organization", "line_item", "unit", "price", "currency", "valid_from")
OPTIONAL = ("valid_to", "is_batch", "note")
_UNITS = {unit.name: unit for unit in PRICE_UNITS}
_STORED = (
    "line_item", "model", "feature", "tier", "is_batch", "direction", "modality", "context_band", "unit", "subject", "price_class", "price",
    "currency", "valid_from", "valid_to", "note",
)  # fmt: skip
_FOREVER = date.max


@dataclass(frozen=True)
class AgreedPrice:
    """One line of the file: a price per unit of a line of the bill, for days from `valid_from` to before `valid_to`."""

    place: str
    organization: str
    line_item: str
    is_batch: bool
    unit: str
    price: Decimal
    currency: str
    valid_from: date
    valid_to: date | None
    note: str | None


@dataclass(frozen=True)
class ContractPrice:
    """A row of `warehouse.contract_price` without its organization, in the order of `_STORED`; `agreed` is the line that it comes from."""

    agreed: AgreedPrice
    values: tuple[Any, ...]

    @property
    def key(self) -> tuple[Any, ...]:
        """What may have only one price on a day."""
        named = dict(zip(_STORED, self.values, strict=True))
        parts = ("subject", "price_class", "tier", "is_batch", "context_band")
        return (self.agreed.organization, *(str(named[part] or "") for part in parts))


def import_prices(settings: Settings, path: Path, *, dry_run: bool = False) -> list[str]:
    """Make the contract prices of every organization that the file names equal to the file; return what was done, line by line.

    Raises `FixConfiguration` for the first line that is wrong; nothing is stored then.
    """
    file = read_records(path)
    agreed = read_agreed_prices(file)
    with one_transaction(settings.require_warehouse(), "import of prices", keeps=not dry_run) as connection:
        first_places: dict[str, str] = {}
        for one in agreed:
            first_places.setdefault(one.organization, one.place)
        keys = organization_keys(connection, first_places)
        vendors = _vendors(connection, list(keys.values()))
        prices = [contract_price(one, vendors[keys[one.organization]]) for one in agreed]
        require_no_overlap(prices)
        lines = []
        for label, key in keys.items():
            wanted = {price.values: None for price in prices if price.agreed.organization == label}
            lines.append(_replace(connection, file.name, label, key, wanted))
    return [*lines, _summary(file.name, agreed, dry_run=dry_run)]


def read_agreed_prices(file: RecordFile) -> list[AgreedPrice]:
    """Return the prices of a file in its order."""
    cells.require_columns(file, COLUMNS, OPTIONAL)
    if not file.records:
        raise FixConfiguration(f"{file.name} has no price: give a record for every price that was agreed")
    return [_agreed(record) for record in file.records]


def _agreed(record: Record) -> AgreedPrice:
    price = cells.decimal(record, "price")
    if price < 0:
        raise FixConfiguration(f"{record.place}: price is {price}: write 0 or more")
    start, end = cells.day(record, "valid_from"), cells.optional_day(record, "valid_to")
    if end is not None and end <= start:
        raise FixConfiguration(
            f"{record.place}: valid_to is {end}, and valid_from {start}: write the first day on which the price is no longer in force"
        )
    return AgreedPrice(
        place=record.place,
        organization=cells.text(record, "organization"),
        line_item=cells.text(record, "line_item"),
        is_batch=cells.choice(record, "is_batch", ("true", "false")) == "true" if "is_batch" in record.values else False,
        unit=cells.choice(record, "unit", tuple(_UNITS)),
        price=price,
        currency=cells.currency(record, "currency"),
        valid_from=start,
        valid_to=end,
        note=record.values.get("note"),
    )


def contract_price(agreed: AgreedPrice, vendor: str) -> ContractPrice:
    """Return the row of a price: its line item is read by the vendor's grammar, as those of the bill are."""
    words = words_of(vendor)
    unit = _UNITS[agreed.unit]
    item = words.line_item(agreed.line_item, unit.quantity_units[0][0])
    feature = price_feature(item.category, item.feature)
    model = words.canonical_model(item.model) if item.model and not feature else None
    found = price_class(agreed.unit, item.direction, item.modality)
    if model is None and feature is None:
        raise FixConfiguration(
            f"{agreed.place}: line_item is {visible(agreed.line_item)!r}, which names no model and no tool: write it as the bill does"
        )
    if found is None:
        raise FixConfiguration(
            f"{agreed.place}: line_item is {visible(agreed.line_item)!r}, which is not billed by the {agreed.unit}: write it as the bill"
            " does, such as gpt-5, input"
        )
    tier = None if item.tier == BATCH else item.tier
    row = (
        agreed.line_item, model, feature, tier, agreed.is_batch or item.tier == BATCH, item.direction, item.modality, item.context_band,
        agreed.unit, model or feature, found, agreed.price, agreed.currency, agreed.valid_from, agreed.valid_to, agreed.note,
    )  # fmt: skip
    return ContractPrice(agreed, row)


def require_no_overlap(prices: Iterable[ContractPrice]) -> None:
    """Raise `FixConfiguration` when two lines of the file have a price for the same thing on the same day."""
    ordered = sorted(prices, key=lambda price: (price.key, price.agreed.valid_from))
    for before, after in pairwise(ordered):
        if before.key == after.key and after.agreed.valid_from < (before.agreed.valid_to or _FOREVER):
            raise FixConfiguration(
                f"{after.agreed.place}: {visible(after.agreed.line_item)!r} has another price from {before.agreed.valid_from}"
                f" ({before.agreed.place}), which is still in force on {after.agreed.valid_from}: give that one a valid_to"
            )


def _vendors(connection: Connection, keys: list[int]) -> Mapping[int, str]:
    """The vendor of each organization, whose prices nobody else changes until the transaction ends."""
    query = "SELECT organization_id, vendor FROM warehouse.dim_organization WHERE organization_id = ANY(%s) ORDER BY 1 FOR UPDATE"
    return dict(connection.execute(query, [keys]).fetchall())


def _replace(connection: Connection, source: str, label: str, key: int, wanted: Mapping[tuple[Any, ...], None]) -> str:
    columns, table = SQL(", ").join(map(Identifier, _STORED)), Identifier(WAREHOUSE, "contract_price")
    query = SQL("SELECT contract_price_id, {} FROM {} WHERE organization_id = %s").format(columns, table)
    stored = {row[1:]: row[0] for row in connection.execute(query, [key]).fetchall()}
    gone = [number for row, number in stored.items() if row not in wanted]
    new = [row for row in wanted if row not in stored]
    connection.execute(SQL("DELETE FROM {} WHERE contract_price_id = ANY(%s)").format(table), [gone])
    insert = SQL("INSERT INTO {} (organization_id, source, {}) VALUES (%s, %s, {})").format(
        table, columns, SQL(", ").join(SQL("%s") for _ in _STORED)
    )
    with connection.cursor() as cursor:
        cursor.executemany(insert, [(key, source, *row) for row in new])
    if not gone and not new:
        return f"{label}: nothing changed, {counted(len(wanted), 'price')} as before"
    return f"{label}: {counted(len(new), 'price')} added, {len(gone)} removed, {len(wanted) - len(new)} as before"


def _summary(name: str, agreed: list[AgreedPrice], *, dry_run: bool) -> str:
    ends = [one.valid_to for one in agreed]
    last = "open end" if None in ends else str(max(end for end in ends if end))
    organizations = len({one.organization for one in agreed})
    done = "nothing was stored (--dry-run)" if dry_run else "stored"
    return (
        f"{name}: {counted(len(agreed), 'price')} of {counted(organizations, 'organization')},"
        f" from {min(one.valid_from for one in agreed)} to {last}: {done}"
    )
