"""Cells of saved files: counts written as decimals, flags in capitals, Unix seconds, and money with every digit. Pure."""

from __future__ import annotations

from decimal import Decimal, DecimalException

from meterhouse.catalogue.endpoints import DAY
from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration, RejectedAnswer
from meterhouse.money import EXACT, parse_amount, parse_quantity
from meterhouse.vendors.saved_file import Row

_SHOWN = 40
_PLAIN_DIGITS = 15
# No usage is older than 2020; a day with a digit too many would cover all the days before it.
_FIRST_SECOND, _LAST_SECOND = 1577836800, 4102444800


def whole(row: Row, column: str) -> int | None:
    """Return a count, which exports also write as 10.0; None for an empty cell."""
    text = row.values.get(column, "")
    # As nearly all of them are written.
    if text.isdecimal() and text.isascii() and len(text) <= _PLAIN_DIGITS:
        return int(text)
    number = quantity(row, column)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise refused(row, column, "write a whole number such as 1250")
    return int(number)


def flag(row: Row, column: str) -> bool | None:
    """Return a truth value, None for an empty cell."""
    text = row.values.get(column)
    if text is None:
        return None
    if text.lower() not in {"true", "false"}:
        raise refused(row, column, "write TRUE or FALSE")
    return text.lower() == "true"


def money(row: Row, column: str) -> Decimal | None:
    """Return an amount with every digit, None for an empty cell."""
    text = row.values.get(column)
    try:
        return None if text is None else parse_amount(text.encode())
    except RejectedAnswer:
        raise refused(row, column, "write a plain number such as 0.0125") from None


def quantity(row: Row, column: str) -> Decimal | None:
    """Return a quantity with every digit, None for an empty cell."""
    text = row.values.get(column)
    try:
        return None if text is None else parse_quantity(text.encode())
    except RejectedAnswer:
        raise refused(row, column, "write a plain number such as 1250") from None


def in_units(row: Row, column: str) -> Decimal | None:
    """Return an amount in units of currency out of one in hundredths of them, exactly; None for an empty cell."""
    cents = money(row, column)
    try:
        return None if cents is None else EXACT.scaleb(cents, -2)
    except DecimalException:
        raise refused(row, column, "it has more digits than can be stored exactly") from None


def second(row: Row, column: str) -> int:
    """Return an instant in Unix seconds, which some answers write as 1682899200.0."""
    if column not in row.values:
        raise FixConfiguration(f"{row.place}: {column} is empty: give the file as it was saved")
    found = whole(row, column)
    if found is None or not _FIRST_SECOND <= found <= _LAST_SECOND:
        raise refused(row, column, "write Unix seconds such as 1761955200")
    return found


def day_of(seconds: int) -> int:
    """Return the start of the UTC day that holds an instant, in Unix seconds."""
    return seconds - seconds % DAY.seconds


def refused(row: Row, column: str, remedy: str) -> FixConfiguration:
    """Return the error for a cell that cannot be read."""
    return FixConfiguration(f"{row.place}: {column} is {visible(row.values.get(column, '')[:_SHOWN])!r}: {remedy}")
