"""How an exact amount is written in JSON: as a number, padded text or a number with an exponent, always with the same value."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Literal, get_args

AmountStyle = Literal["number", "text", "exponent", "mixed"]
STYLES = get_args(AmountStyle)
_SIGNIFICANT_DIGITS = 34
_WIDE = Context(prec=60)
ZERO_TEXT = '"0E-6176"'


def amount_json(amount: Decimal, style: AmountStyle, draw: int) -> str:
    """Return the JSON text of `amount`; `draw`, any whole number, decides between the styles when they are mixed."""
    if style == "mixed":
        style = ("number", "number", "number", "number", "number", "number", "number", "text", "exponent", "exponent")[draw % 10]
    if style == "text":
        return _padded(amount)
    if style == "exponent":
        return f"{amount.normalize(_WIDE):E}"
    return plain(amount)


def plain(amount: Decimal) -> str:
    """Return the shortest decimal text without an exponent."""
    return f"{amount.normalize(_WIDE):f}"


def _padded(amount: Decimal) -> str:
    """Return 34 significant digits between quotes, as the vendor sent amounts in 2026."""
    if not amount:
        return ZERO_TEXT
    last = Decimal((0, (1,), amount.adjusted() - _SIGNIFICANT_DIGITS + 1))
    return f'"{amount.quantize(last, context=_WIDE):f}"'


def quantity_json(quantity: Decimal, draw: int) -> str:
    """Return a quantity as a JSON number; whole ones sometimes with a decimal point."""
    text = plain(quantity)
    return f"{text}.0" if draw % 4 == 0 and "." not in text else text
