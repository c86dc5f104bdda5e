"""Variance: why an amount changed between two periods, in parts that add up to the change exactly. Pure.

Data flow: the lines of one owner (a project, or a key of it) in both periods -> a chain of amounts from the earlier one to the later one,
each with one more thing as it is in the later period -> every part is the difference of two neighbours, so rounding leaves nothing over.
What has no quantity, and credits, are parts of their own. `warehouse/sql/changes/replace_changes.sql` is the same rule in SQL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from decimal import Decimal
from fractions import Fraction

_DECIMALS = 10**12
# So that no quantity, however odd, makes an amount that no column holds; in units of currency.
_HIGHEST = Fraction(10**12)
_ZERO = Decimal(0)


@dataclass(frozen=True)
class Amount:
    """What one line was billed in one period: cost in units of currency, quantity in the unit of the line (None if it is not known).

    `restated_cost` and `restated_quantity` are what the vendor changed in them on days that were settled already.
    """

    cost: Decimal = _ZERO
    quantity: Decimal | None = _ZERO
    restated_cost: Decimal = _ZERO
    restated_quantity: Decimal = _ZERO

    @property
    def first_cost(self) -> Decimal:
        """The cost as it was when its days were settled."""
        return self.cost - self.restated_cost

    @property
    def first_quantity(self) -> Decimal | None:
        """The quantity as it was when its days were settled."""
        return None if self.quantity is None else self.quantity - self.restated_quantity

    @property
    def is_counted(self) -> bool:
        """Whether the quantity explains the cost: both are known, none is negative, and nothing is billed for a quantity of zero."""
        quantity = self.first_quantity
        return quantity is not None and quantity >= 0 and self.first_cost >= 0 and (quantity > 0 or self.first_cost == 0)


@dataclass(frozen=True)
class Line:
    """A line of the bill in both periods, with what places it among the others: what was billed (a model or a tool), at which price level
    (tier, context band, surface), which side (input or output, with its modality), and which class of that side (such as cached input).

    `unit` is the unit of its quantities, None if it is not known or not the same in both periods.
    """

    line_item: str | None
    subject: str | None
    level: Hashable
    side: Hashable
    kind: Hashable
    unit: str | None
    before: Amount
    after: Amount
    is_credit: bool = False

    @property
    def is_counted(self) -> bool:
        """Whether quantities explain the change of the line."""
        return not self.is_credit and self.unit is not None and self.before.is_counted and self.after.is_counted


@dataclass(frozen=True)
class Parts:
    """What each reason contributes to a change, in units of currency; together they are the change."""

    days: Decimal = _ZERO
    volume: Decimal = _ZERO
    model_mix: Decimal = _ZERO
    tier_mix: Decimal = _ZERO
    direction_mix: Decimal = _ZERO
    cache: Decimal = _ZERO
    price: Decimal = _ZERO
    new: Decimal = _ZERO
    gone: Decimal = _ZERO
    restatement: Decimal = _ZERO
    credit: Decimal = _ZERO
    other: Decimal = _ZERO

    @property
    def total(self) -> Decimal:
        """The change."""
        return sum(astuple(self), _ZERO)

    @property
    def main(self) -> str | None:
        """The name of the largest part, up or down, the first of equals; None if nothing changed."""
        largest = max(fields(self), key=lambda field: abs(getattr(self, field.name)))
        return largest.name if getattr(self, largest.name) else None


def parts_of(lines: Sequence[Line], previous_days: int, days: int) -> list[Parts]:
    """Return the parts of each line's change, in the order of the lines, which are all those of one owner in one currency.

    `previous_days` and `days` are the days of the periods, at least one each.
    """
    counted = [line for line in lines if line.is_counted]
    subjects = _Sums(counted, lambda line: (line.unit, line.subject))
    # A model that is in only one of the periods says nothing about the volume of the others.
    levels = [
        _Sums([line for line in counted if all(subjects.of(line))], lambda line: line.unit),
        subjects,
        _Sums(counted, lambda line: (line.unit, line.subject, line.level)),
        _Sums(counted, lambda line: (line.unit, line.subject, line.level, line.side)),
        _Sums(counted, lambda line: (line.unit, line.subject, line.level, line.side, line.kind)),
        _Sums(counted, lambda line: (line.unit, line.subject, line.level, line.side, line.kind, line.line_item)),
    ]
    ratio = (Fraction(previous_days), Fraction(days))
    return [_parts(line, ratio, levels, subjects) for line in lines]


class _Sums:
    """The quantities of both periods, added up over the lines that have the same key."""

    def __init__(self, lines: Iterable[Line], key: Callable[[Line], Hashable]) -> None:
        self._key = key
        self._sums: defaultdict[Hashable, tuple[Fraction, Fraction]] = defaultdict(lambda: (Fraction(0), Fraction(0)))
        for line in lines:
            before, after = self._sums[key(line)]
            self._sums[key(line)] = (
                before + Fraction(line.before.first_quantity or 0),
                after + Fraction(line.after.first_quantity or 0),
            )

    def of(self, line: Line) -> tuple[Fraction, Fraction]:
        """The sums of the earlier and of the later period."""
        return self._sums[self._key(line)]


def _parts(line: Line, days: tuple[Fraction, Fraction], levels: Sequence[_Sums], subjects: _Sums) -> Parts:
    restatement = line.after.restated_cost - line.before.restated_cost
    before, after = line.before.first_cost, line.after.first_cost
    if line.is_credit:
        return Parts(restatement=restatement, credit=after - before)
    if not line.is_counted:
        return Parts(restatement=restatement, other=after - before)
    subject_before, subject_after = subjects.of(line)
    if not subject_before:
        return Parts(restatement=restatement, new=after - before)
    if not subject_after:
        return Parts(restatement=restatement, gone=after - before)
    by_days, volume, subject, level, side, kind, release = (_scaled(line, *ratio) for ratio in (days, *(sums.of(line) for sums in levels)))
    return Parts(
        days=by_days - before,
        volume=volume - by_days,
        # Releases of one model are lines of their own under one name.
        model_mix=(subject - volume) + (release - kind),
        tier_mix=level - subject,
        direction_mix=side - level,
        cache=kind - side,
        price=after - release,
        restatement=restatement,
    )


def _scaled(line: Line, before: Fraction, after: Fraction) -> Decimal:
    """The earlier amount, had it changed as a quantity did; the later one where the quantity was zero before."""
    if not before:
        return line.after.first_cost
    amount = min(Fraction(line.before.first_cost) * after / before, _HIGHEST)
    units = (2 * amount * _DECIMALS + 1) // 2
    return Decimal(units).scaleb(-12)
