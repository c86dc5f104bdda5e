"""Money: from the vendor's JSON text to an exact Decimal, without a float in between."""

from __future__ import annotations

import re
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow

from meterhouse.errors import RejectedAnswer

# The vendor has sent numbers, and strings with exponents; Decimal() on its own would also take NaN, Infinity and 1_000.
_AMOUNT = re.compile(rb'(?P<quote>"?)(?P<digits>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,5})?)(?P=quote)')
# Longer texts are not even taken apart.
_LONGEST_TEXT = 1000
MAX_INTEGER_DIGITS = 16
MAX_QUANTITY_DIGITS = 30
MAX_DECIMALS = 60
EXACT = Context(prec=MAX_QUANTITY_DIGITS + MAX_DECIMALS + 10, Emin=-99999, Emax=99999, traps=[Inexact, InvalidOperation, Overflow])
_ZERO = Decimal(0)


def parse_amount(text: bytes) -> Decimal | None:
    """Return the number that a JSON value (number, quoted number or null) says, normalised; raises `RejectedAnswer` otherwise.

    At most 16 digits before and 60 behind the point are accepted, so that nothing is ever rounded.
    """
    return _parse(text, MAX_INTEGER_DIGITS)


def parse_quantity(text: bytes) -> Decimal | None:
    """As `parse_amount`, with up to 30 digits before the point: a quantity may count bytes or characters."""
    return _parse(text, MAX_QUANTITY_DIGITS)


def _parse(text: bytes, integer_digits: int) -> Decimal | None:
    if text == b"null":
        return None
    matched = _AMOUNT.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if not matched:
        raise RejectedAnswer(f"an amount is not a number: {text[:40]!r}")
    try:
        return _within_bounds(Decimal(matched["digits"].decode("ascii")).normalize(EXACT), integer_digits)
    except DecimalException:
        raise RejectedAnswer(f"an amount has more digits than can be stored exactly: {text[:40]!r}") from None


def _within_bounds(amount: Decimal, integer_digits: int) -> Decimal:
    if not amount:
        return _ZERO
    exponent = int(amount.as_tuple().exponent)
    if exponent < -MAX_DECIMALS or amount.adjusted() >= integer_digits:
        raise InvalidOperation
    return amount


def add(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact sum."""
    return EXACT.add(left, right)


def plain(amount: Decimal) -> str:
    """Return every digit of an amount and no zero behind the last one, such as 12.5 or -300."""
    return f"{amount.normalize(EXACT):f}" if amount else "0"
