"""Causes: which odd series of a day is behind which: of an organization, its models, its projects and their API keys. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from meterhouse.accounting.daily_series import SeriesKind

# From the whole to the part: a series is explained by one further down.
KINDS = (SeriesKind.ORGANIZATION, SeriesKind.MODEL, SeriesKind.PROJECT, SeriesKind.API_KEY)
_MIN_SHARE = Decimal("0.70")


@dataclass(frozen=True)
class OddSeries:
    """A series on a day on which it was odd: `excess` is how much more was billed than expected, negative for less."""

    kind: SeriesKind
    key: str
    project_id: str | None
    currency: str | None
    excess: Decimal

    def explains(self, whole: OddSeries) -> bool:
        """Whether it is 70% of what is unusual about `whole`, which it is a part of.

        A model is used in several projects, and a project uses several models: one explains the other if as much is odd about both.
        """
        is_below = self.currency == whole.currency and KINDS.index(self.kind) > KINDS.index(whole.kind)
        is_enough = (self.excess > 0) == (whole.excess > 0) and abs(self.excess) >= _MIN_SHARE * abs(whole.excess)
        match whole.kind:
            case SeriesKind.PROJECT:
                return is_below and is_enough and self.project_id == whole.project_id
            case SeriesKind.MODEL:
                return is_below and is_enough and abs(whole.excess) >= _MIN_SHARE * abs(self.excess)
            case _:
                return is_below and is_enough


def explained(odd: Sequence[OddSeries]) -> dict[OddSeries, OddSeries]:
    """Return for each series of a day that others explain, which one does: the one furthest down, of several the one with most."""
    found: dict[OddSeries, OddSeries] = {}
    for whole in odd:
        if parts := [part for part in odd if part.explains(whole)]:
            found[whole] = max(parts, key=lambda part: (KINDS.index(part.kind), abs(part.excess), part.key))
    return found
