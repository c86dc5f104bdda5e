"""List prices: what vendors ask per unit according to their price lists, with dates, read from list_prices.csv beside this file. Pure.

`make prices` writes that file from a library of prices that is pinned by hash and never installed with meterhouse: the file has only facts.
A price that the library has no date for holds for all days; one that it knows only since a day is absent before it, and never guessed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import date
from decimal import Decimal
from importlib import resources

FILE_NAME = "list_prices.csv"


@dataclass(frozen=True)
class ListPrice:
    """One unit price, in `currency` per `unit` (a name of `price_units`), for days from `valid_from` to before `valid_to`.

    `model` is a canonical name, or a dated one whose price differs from it; tools have a `feature` instead. `tier` None is the standard
    one, `context_band` None the ordinary one. A date that is None is open: the price is of all days before, or after.
    """

    vendor: str
    model: str | None
    feature: str | None
    tier: str | None
    is_batch: bool
    direction: str | None
    modality: str | None
    context_band: str | None
    unit: str
    price: Decimal
    currency: str
    valid_from: date | None
    valid_to: date | None
    source: str


COLUMNS = tuple(field.name for field in fields(ListPrice))


def list_prices() -> list[ListPrice]:
    """Return every list price of this version."""
    return parse(resources.files(__package__).joinpath(FILE_NAME).read_text(encoding="utf-8"))


def parse(text: str) -> list[ListPrice]:
    """Return the prices of a CSV file with the columns `COLUMNS`; raises `ValueError` for one that it cannot be."""
    lines = csv.DictReader(io.StringIO(text), strict=True)
    if tuple(lines.fieldnames or ()) != COLUMNS:
        raise ValueError(f"the columns are {lines.fieldnames}, not {COLUMNS}")
    return [_price(line) for line in lines]


def written(prices: Iterable[ListPrice]) -> str:
    """Return the CSV file that `parse` reads, one price per line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in astuple(price)] for price in prices)
    return out.getvalue()


def _price(line: dict[str, str]) -> ListPrice:
    said = {column: text or None for column, text in line.items()}
    return ListPrice(
        vendor=line["vendor"],
        model=said["model"],
        feature=said["feature"],
        tier=said["tier"],
        is_batch={"true": True, "false": False}[line["is_batch"]],
        direction=said["direction"],
        modality=said["modality"],
        context_band=said["context_band"],
        unit=line["unit"],
        price=Decimal(line["price"]),
        currency=line["currency"],
        valid_from=_day(said["valid_from"]),
        valid_to=_day(said["valid_to"]),
        source=line["source"],
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
