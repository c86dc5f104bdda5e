"""Price sums: the SQL of quantities times prices, of a row `c` that has the quantity of every class and the row `p` of their prices. Pure.

The row `t` has the sums `counted_total` and `counted_priced`, so that they are computed once. In `p` a class's price has the class's name,
and what a batch is cheaper by has the same name behind `less_`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from meterhouse.accounting.price_classes import CACHE_WRITES, PRICE_CLASSES, TOKEN_CLASSES, WITHOUT_CACHE, PriceClass


@dataclass(frozen=True)
class _Term:
    """A quantity times a price, which is for a unit of the class."""

    quantity: str
    price: str
    one: PriceClass

    @property
    def worth(self) -> str:
        """Null where the quantity or the price is."""
        return f"{self.quantity} * {self.price} / {self.one.unit.size}"


def _less(dearer: PriceClass, cheaper: PriceClass) -> str:
    return f"(p.{dearer.name} - p.{cheaper.name})"


_TOTAL = [f"coalesce(c.{one.name}, 0)" for one in PRICE_CLASSES]
_PRICED = [f"CASE WHEN p.{one.name} IS NOT NULL THEN coalesce(c.{one.name}, 0) ELSE 0 END" for one in PRICE_CLASSES]
_ESTIMATED = [_Term(f"c.{one.name}", f"p.{one.name}", one) for one in PRICE_CLASSES]
_READS = {one: without for one, without in WITHOUT_CACHE.items() if one is not CACHE_WRITES}
_SAVED = [_Term(f"c.{read.name}", _less(without, read), read) for read, without in _READS.items()]
_PREMIUM = [_Term(f"c.{CACHE_WRITES.name}", _less(CACHE_WRITES, WITHOUT_CACHE[CACHE_WRITES]), CACHE_WRITES)]
_BATCHES = [_Term(f"c.{one.name}", f"p.less_{one.name}", one) for one in TOKEN_CLASSES]


def price_sums() -> Mapping[str, str]:
    """Return the sums by the word that stands for each in a view's file."""
    return {
        "counted_total": _sum(_TOTAL),
        "counted_priced": _sum(_PRICED),
        # Of the part that has a price; views show the share of the rest next to it.
        "estimated_cost": f"CASE WHEN t.counted_total = 0 THEN 0 WHEN t.counted_priced > 0 THEN {_of_what_is_known(_ESTIMATED)} END",
        "cache_saved": _known(_SAVED),
        "cache_premium": _known(_PREMIUM),
        "cache_is_partly_unknown": _is_partly_unknown([*_SAVED, *_PREMIUM]),
        # A model without a price for cached tokens has no cache.
        "cache_unused": _null_if_nothing([_Term(f"c.{without.name}", _less(without, read), read) for read, without in _READS.items()]),
        "batch_difference": _known(_BATCHES),
        "batch_is_partly_unknown": _is_partly_unknown(_BATCHES),
    }


def unpriced_reason(list_model: str) -> str:
    """Return the SQL that says why some of a row's usage has no price."""
    return (
        "CASE WHEN t.counted_priced >= t.counted_total THEN NULL"
        f" WHEN {list_model} IS NULL AND p.price_source IS NULL THEN 'neither the bill nor a price list has a price for it'"
        " ELSE 'no price on this day, for this model and tier, of ' || p.unpriced_classes END::varchar(255)"
    )


def _of_what_is_known(terms: Iterable[_Term]) -> str:
    """Divided once per unit: a division takes longer than all that is added up."""
    by_size: dict[int, list[_Term]] = {}
    for term in terms:
        by_size.setdefault(term.one.unit.size, []).append(term)
    return _sum(
        f"{_sum(f'coalesce({term.quantity} * {term.price}, 0)' for term in found)} / {size}::numeric" for size, found in by_size.items()
    )


def _null_if_nothing(terms: list[_Term]) -> str:
    known = ", ".join(term.worth for term in terms)
    return f"CASE WHEN coalesce({known}) IS NOT NULL THEN {_of_what_is_known(terms)} END"


def _known(terms: list[_Term]) -> str:
    """What is known of a sum: 0 where there is nothing to add up, null where nothing has a price."""
    counted = _sum(f"coalesce({term.quantity}, 0)" for term in terms)
    return f"CASE WHEN {counted} = 0 THEN 0 WHEN {_any(terms, 'IS NOT NULL')} THEN {_of_what_is_known(terms)} END"


def _is_partly_unknown(terms: list[_Term]) -> str:
    return f"({_any(terms, 'IS NULL')})"


def _any(terms: list[_Term], condition: str) -> str:
    return " OR ".join(f"{term.quantity} > 0 AND {term.price} {condition}" for term in terms)


def _sum(terms: Iterable[str]) -> str:
    return "(" + "\n    + ".join(terms) + ")"
