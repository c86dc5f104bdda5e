"""Money: from the vendor's JSON text to an exact Decimal, without a float in between."""

from __future__ import annotations

import re
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow

from meterhouse.errors import RejectedAnswer

# The vendor has sent numbers, and strings with exponents; Decimal() alone would also take NaN, Infinity and 1_000.
_AMOUNT = re.compile(rb'(?P<quote>"?)(?P<digits>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,5})?)(?P=quote)')
MAX_INTEGER_DIGITS = 16
MAX_DECIMALS = 60
EXACT = Context(prec=MAX_INTEGER_DIGITS + MAX_DECIMALS + 24, Emin=-99999, Emax=99999, traps=[Inexact, InvalidOperation, Overflow])
_ZERO = Decimal(0)


def parse_amount(text: bytes) -> Decimal | None:
    """Return the number that a JSON value (number, quoted number or null) says, normalised; raises `RejectedAnswer` otherwise.

    At most 16 digits before and 60 behind the point are accepted, so that nothing is ever rounded.
    """
    if text == b"null":
        return None
    matched = _AMOUNT.fullmatch(text)
    if not matched:
        raise RejectedAnswer(f"an amount is not a number: {text[:40]!r}")
    try:
        return _within_bounds(Decimal(matched["digits"].decode("ascii")).normalize(EXACT))
    except DecimalException:
        raise RejectedAnswer(f"an amount has more digits than can be stored exactly: {text[:40]!r}") from None


def _within_bounds(amount: Decimal) -> Decimal:
    if not amount:
        return _ZERO
    exponent = int(amount.as_tuple().exponent)
    if exponent < -MAX_DECIMALS or amount.adjusted() >= MAX_INTEGER_DIGITS:
        raise InvalidOperation
    return amount


def add(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact sum."""
    return EXACT.add(left, right)
