"""Words: what a vendor's names of models and line items mean; vendors/<name>/words.py holds a `WORDS`. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module


@dataclass(frozen=True)
class LineItemWords:
    """What a line of the bill says, part by part, and what kind of money it is; a part that it does not name is None.

    `usage_quantity` is the figure of usage that counts what is billed, as `warehouse/sql/allocation/usage.sql` names it;
    `usage_endpoint` is the endpoint that counts it first of all. `unallocated_reason` is why no usage can say whose the
    amount is.
    """

    tier: str | None
    surface: str | None
    model: str | None
    modality: str | None
    direction: str | None
    context_band: str | None
    feature: str | None
    is_parsed: bool
    category: str
    category_note: str | None
    usage_endpoint: str | None = None
    usage_quantity: str | None = None
    unallocated_reason: str | None = None


@dataclass(frozen=True)
class Words:
    """One vendor's rules.

    - `model_family` returns a model's name without its release date, `canonical_model` the one name of all words for the same model.
    - `line_item` reads a line of the bill; the unit is that of its quantities, None while it is not known.
    """

    model_family: Callable[[str], str]
    canonical_model: Callable[[str], str]
    line_item: Callable[[str, str | None], LineItemWords]


@cache
def words_of(vendor: str) -> Words:
    """Return the words of the vendor of that name."""
    found: Words = import_module(f"meterhouse.vendors.{vendor}.words").WORDS
    return found
