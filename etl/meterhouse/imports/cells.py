"""Cells: the typed value of one cell of a record, or one line that names the file, the line and the column, and says what to write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration, RejectedAnswer
from meterhouse.imports.records import Record, RecordFile
from meterhouse.money import parse_amount

MONEY_DECIMALS = 12

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def require_columns(file: RecordFile, required: Sequence[str], optional: Sequence[str] = ()) -> None:
    """Raise `FixConfiguration` when a required column is missing, or one is neither required nor optional."""
    wanted = f"it needs {', '.join(required)}" + (f" and may have {', '.join(optional)}" if optional else "")
    if missing := [column for column in required if column not in file.columns]:
        raise FixConfiguration(f"{file.name} has no column {missing[0]!r}: {wanted}")
    if unknown := [column for column in file.columns if column not in {*required, *optional}]:
        raise FixConfiguration(f"{file.name} has an unknown column {visible(unknown[0])!r}: {wanted}")


def text(record: Record, column: str) -> str:
    """Return a cell that must say something."""
    found = record.values.get(column)
    if found is None:
        raise FixConfiguration(f"{record.place}: {column} is empty: fill it in")
    return found


def choice(record: Record, column: str, choices: Sequence[str]) -> str:
    """Return a cell that must be one of `choices`, in lower case."""
    found = text(record, column).lower()
    if found not in choices:
        raise FixConfiguration(f"{record.place}: {column} is {visible(found)!r}: choose from {', '.join(choices)}")
    return found


def day(record: Record, column: str) -> date:
    """Return a day, YYYY-MM-DD."""
    found = text(record, column)
    try:
        # Only in this shape: Python also reads 20260131 and 2026-W05-6.
        read = date.fromisoformat(found) if _DAY.fullmatch(found) else None
    except ValueError:
        read = None
    if read is None:
        raise FixConfiguration(f"{record.place}: {column} is {visible(found)!r}: write a day as 2026-01-31")
    return read


def optional_day(record: Record, column: str) -> date | None:
    """Return a day, None for an empty cell."""
    return day(record, column) if column in record.values else None


def decimal(record: Record, column: str) -> Decimal:
    """Return a number with every digit, such as 1234.50; thousands separators and currency signs are refused."""
    found = text(record, column)
    try:
        amount = parse_amount(found.encode())
    except RejectedAnswer:
        amount = None
    if amount is None or found.startswith('"'):
        raise FixConfiguration(f"{record.place}: {column} is {visible(found[:40])!r}: write a plain number such as 1234.50") from None
    return amount


def currency(record: Record, column: str) -> str:
    """Return a currency code of three letters, in lower case as the warehouse has it."""
    found = text(record, column).lower()
    if len(found) != 3 or not found.isascii() or not found.isalpha():
        raise FixConfiguration(f"{record.place}: {column} is {visible(found)!r}: write a code of three letters such as usd")
    return found


def money(record: Record, column: str) -> Decimal:
    """Return an amount of money with at most twelve decimals, as the views show them."""
    amount = decimal(record, column)
    if int(amount.as_tuple().exponent) < -MONEY_DECIMALS:
        raise FixConfiguration(f"{record.place}: {column} has more than {MONEY_DECIMALS} decimals: round it")
    return amount
