"""Largest remainder in whole numbers, as the books have it: what the allocation's SQL is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

UNIT = Decimal("0.000000000001")


def shares(cost: Decimal, weights: Mapping[tuple[str, ...], Decimal]) -> dict[tuple[str, ...], Decimal]:
    """Return each one's part of `cost`; the units that are left go to the largest fractions, the larger weight first, then by name."""
    total = sum(map(Fraction, weights.values()))
    units = int(abs(cost) / UNIT)
    exact = {name: units * Fraction(weight) / total for name, weight in weights.items() if weight}
    whole = {name: int(share) for name, share in exact.items()}
    left = units - sum(whole.values())
    order = sorted(exact, key=lambda name: (-(exact[name] - whole[name]), -weights[name], name))
    sign = 1 if cost >= 0 else -1
    return {name: sign * (whole[name] + (name in order[:left])) * UNIT for name in exact}
