"""How the past changes: rounds of restatement, each a deterministic edit of some days' usage and of older days' costs.

A round edits the total of a combination on a day, before it is split into hours and minutes, so every width tells the same story.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

from meterhouse.catalogue.endpoints import USAGE
from meterhouse.fake_openai.lots import Lot
from meterhouse.fake_openai.workloads import Stream

_CHANGED_SHARE = 0.08
_CORRECTED_SHARE = 0.03
_MOVES = tuple(endpoint.name for endpoint in USAGE if endpoint.metrics[0].additive and endpoint.name != "completions")


@dataclass(frozen=True)
class Round:
    """One round, made on day `today` (ordinal): usage changes in the `usage_days` full days before it, costs in `costs_days`."""

    number: int
    today: int
    usage_days: int
    costs_days: int

    def touches_usage(self, day: int) -> bool:
        """Whether the usage of `day` may change."""
        return self.today - self.usage_days <= day < self.today

    def corrects_costs(self, day: int) -> bool:
        """Whether the billed quantities of `day` may change although its usage does not."""
        return self.today - self.costs_days <= day < self.today - self.usage_days

    def touches(self, day: int) -> bool:
        """Whether anything of `day` may change."""
        return self.touches_usage(day) or self.corrects_costs(day)

    def emptied(self) -> tuple[str, int]:
        """Return the (endpoint, day) that this round empties; never completions, which would empty most of the costs."""
        return _MOVES[self.number % len(_MOVES)], self.today - 1 - self.number % self.usage_days


def restate(
    lots: list[Lot], dormant: Iterable[Stream], endpoint: str, day: int, change: Round, seed: int,
    make: Callable[[Stream, Random], Lot],
) -> list[Lot]:  # fmt: skip
    """Return the lots of one (endpoint, day) after a round: some changed, some gone, some late ones added, or none at all."""
    if change.emptied() == (endpoint, day):
        return []
    rng = Random(f"{seed}:restate:{change.number}:{endpoint}:{day}")
    kept: list[Lot] = []
    gone = {rng.randrange(len(lots)) for _ in range(1 + len(lots) // 50)} if len(lots) > 2 else set()
    certain = rng.randrange(len(lots)) if lots else -1
    for position, lot in enumerate(lots):
        moved = rng.random() < _CHANGED_SHARE or position == certain
        factor = rng.randrange(700, 1500)
        if position in gone:
            continue
        kept.append(lot._replace(leaves=_changed(lot.leaves, factor)) if moved else lot)
    late = [stream for stream in dormant if rng.random() < 0.15]
    kept.extend(make(stream, rng) for stream in late)
    return kept


def _changed(leaves: Sequence[int], thousandths: int) -> tuple[int, ...]:
    """Scale by `thousandths`/1000, upwards at least by one unit of pace, so that a change is never none."""
    scaled = [leaf * thousandths // 1000 for leaf in leaves]
    scaled[0] = scaled[0] if 0 < scaled[0] != leaves[0] else leaves[0] + 1
    return tuple(scaled)


def corrected_quantities(quantities: Sequence[int], day: int, change: Round, seed: int) -> list[int]:
    """Return billed quantities after a round that corrects only costs."""
    rng = Random(f"{seed}:correct:{change.number}:{day}")
    return [quantity * rng.randrange(800, 1300) // 1000 if rng.random() < _CORRECTED_SHARE else quantity for quantity in quantities]
