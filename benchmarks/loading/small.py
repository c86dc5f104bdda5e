"""Two minutes without any peer: ratios of the write path, each with room for a noisy machine, for CI."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .contenders import OURS
from .figures import CHANGED, SAME, Figures, Floor, Machine, Pass, ratio
from .pages import Shape
from .rounds import Bench, interleaved
from .states import AT_ONCE, NEW_MONTH, RESTORED, SECOND, States
from .targets import floor_share, state_ratios, to_first

ROUNDS = 3
STATES_OF_INTEREST = (AT_ONCE, RESTORED, NEW_MONTH, SECOND)
SHAPE = Shape(days=4, rows=40_000)


@dataclass(frozen=True)
class Bound:
    """The worst that is let through; what a quiet machine shows is well below."""

    what: str
    most: float


SAME_TO_FIRST = Bound("same window unchanged, to the first load", 0.7)
CHANGED_TO_FIRST = Bound("5 % changed, to the first load", 2)
# Of so few rows most of it is what a load notes of itself, and whole pages behind a checkpoint; locks of rows would be 150 and more.
WAL_UNCHANGED = Bound("bytes of WAL a row of an unchanged window", 12)
FIRST_TO_FLOOR = Bound("first load, to the floor", 15)
STATE = Bound("on other statistics, to fresh ones", 3)


def measured(bench: Bench) -> Figures:
    """Measure what the bounds are about."""
    found = list(interleaved(bench, SHAPE, (), ROUNDS))
    return replace(
        Figures(Machine.here(), bench.grounds.version, SHAPE.rows, SHAPE.days),
        passes=tuple(one for one in found if isinstance(one, Pass)),
        floors=tuple(one for one in found if isinstance(one, Floor)),
        states=tuple(States(bench, SHAPE).measured(ROUNDS, STATES_OF_INTEREST)),
    )


def beyond(figures: Figures) -> Iterator[str]:
    """Yield a line for each ratio that is worse than its bound."""
    found = [
        (SAME_TO_FIRST, "", to_first(SAME)(figures)),
        (CHANGED_TO_FIRST, "", to_first(CHANGED)(figures)),
        (WAL_UNCHANGED, "", figures.median(OURS, SAME, "wal_bytes_per_row")),
        (FIRST_TO_FLOOR, "", ratio(1.0, floor_share(figures))),
        *((STATE, f"{what}: ", value) for (_, what), value in state_ratios(figures).items()),
    ]
    for bound, where, value in found:
        if value is None or value > bound.most:
            shown = "not measured in time" if value is None else f"{value:.2f}"
            yield f"too slow: {where}{bound.what}: {shown}, at most {bound.most}"


def failures(bench: Bench) -> list[str]:
    """Measure, and return what is out of bounds."""
    return list(beyond(measured(bench)))
