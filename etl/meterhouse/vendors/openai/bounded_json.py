"""Bounded JSON: any JSON text -> plain values, in time that grows with the length of the text and with nothing else. Pure.

Used where the typed decoder gives up. A number is built only when it is short and its exponent is small: `1e999999999` would fill the
memory as a whole number. Objects remember which of their fields came twice with different values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

_LONGEST_NUMBER = 1000
_LARGEST_EXPONENT = 10_000
_SMALLEST_INTEGER, _LARGEST_INTEGER = -(2**63), 2**64 - 1


class OutOfBounds(str):
    """The text of a number that is too long, or too large, to be built."""

    __slots__ = ()


class Object(dict[str, Any]):
    """A JSON object; `ambiguous` names a field that came twice with different values, None when there is none."""

    ambiguous: str | None = None


def decode(text: str) -> Any:
    """Return the value: whole numbers that fit into 64 bits as int, other numbers as Decimal, or as `OutOfBounds`.

    Raises ValueError for what is not JSON (NaN and Infinity among it), RecursionError for what is nested too deeply.
    """
    return json.loads(text, object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_refuse_constant)


def _number(text: str) -> int | Decimal | OutOfBounds:
    if len(text) > _LONGEST_NUMBER:
        return OutOfBounds(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return OutOfBounds(text)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _LARGEST_EXPONENT:
        return OutOfBounds(text)
    is_small_integer = text.lstrip("-").isdigit() and _SMALLEST_INTEGER <= number <= _LARGEST_INTEGER
    return int(number) if is_small_integer else number


def _object(pairs: Sequence[tuple[str, Any]]) -> Object:
    found = Object(pairs)
    if len(found) < len(pairs):
        first: dict[str, Any] = {}
        found.ambiguous = next((name for name, value in pairs if first.setdefault(name, value) != value), None)
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
