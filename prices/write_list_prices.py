"""Writes etl/meterhouse/accounting/list_prices.csv from the library genai-prices (MIT, Pydantic Services Inc.): `make prices` runs this.

Only unit prices are read, from the data inside the package: its updater is never started, and it never computes the price of a sum, which
it would take for one request. Prices of tiers and batches begin on the day from which the library has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

from genai_prices import data
from genai_prices.types import ClauseEquals, ClauseOr, ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

from meterhouse.accounting.list_prices import FILE_NAME, ListPrice, written
from meterhouse.accounting.price_units import HOUR, MILLION_CHARACTERS, MILLION_TOKENS, THOUSAND_CALLS
from meterhouse.vendors.openai.names import canonical_model, is_model

TARGET = Path(__file__).resolve().parents[1] / "etl" / "meterhouse" / "accounting" / FILE_NAME
SOURCE = f"genai-prices {version('genai-prices')}"
VENDOR = "openai"
LONG_CONTEXT = "long context"
# The library's key -> direction and modality.
TOKENS = {
    "input_mtok": ("input", "text"),
    "cache_read_mtok": ("cached input", "text"),
    "cache_write_mtok": ("cache writes", None),
    "output_mtok": ("output", "text"),
    "input_audio_mtok": ("input", "audio"),
    "cache_audio_read_mtok": ("cached input", "audio"),
    "output_audio_mtok": ("output", "audio"),
    "input_image_mtok": ("input", "image"),
    "cache_image_read_mtok": ("cached input", "image"),
    "output_image_mtok": ("output", "image"),
}
OTHER_UNITS = {"audio_hours": HOUR.name, "input_mchars": MILLION_CHARACTERS.name}
# Asked for the same whatever the model, so the bill names none.
TOOLS = {"web_searches_kcount": "web search", "storage_searches_kcount": "file search"}
# The same hour once more.
REPEATED = {"input_audio_hours"}
# The one output price of these models is for what they make.
MAKES = ((re.compile(r"(?:gpt|chatgpt)-image-"), "image"), (re.compile(r".*-tts"), "audio"))
# Other sellers write gpt-5-6 for gpt-5.6 and gpt-35 for gpt-3.5.
OTHER_SELLERS = re.compile(r"gpt-(?:\d-\d(?!\d)|35)")


@dataclass(frozen=True)
class Period:
    """Prices of one kind and the days that they are for."""

    prices: ModelPrice
    tier: str | None
    is_batch: bool
    valid_from: date | None
    valid_to: date | None = None


def write(target: Path) -> str:
    """Write the file, and return how many prices it has."""
    (provider,) = (one for one in data.providers if one.id == VENDOR)
    found = sorted({*_models(provider.models), *_tools(provider.models)}, key=_order)
    target.write_text(written(found), encoding="utf-8")
    return f"{len(found)} prices of {len({one.model for one in found})} models from {SOURCE}"


def _models(models: list[ModelInfo]) -> Iterator[ListPrice]:
    """Each model's prices, under its canonical name; under a dated name only where they differ from those."""
    by_name: dict[str, frozenset[ListPrice]] = {}
    for model in models:
        for name in _names(model):
            by_name.setdefault(name, frozenset(replace(price, model=None) for price in _of_model(model)))
    for name, prices in by_name.items():
        if name == canonical_model(name) or prices != by_name.get(canonical_model(name)):
            yield from (replace(price, model=name) for price in prices)


def _names(model: ModelInfo) -> list[str]:
    """The library's name first, then the words that it takes for the same model."""
    clauses = model.match.or_ if isinstance(model.match, ClauseOr) else [model.match]
    words = [model.id.rstrip("-"), *(clause.equals for clause in clauses if isinstance(clause, ClauseEquals))]
    ours = [word.lower() for word in words if is_model(word) and not OTHER_SELLERS.match(word)]
    # A canonical name stands for every date, unless another model has it.
    return list(dict.fromkeys([*ours, *(canonical_model(word) for word in ours[:1])]))


def _of_model(model: ModelInfo) -> Iterator[ListPrice]:
    for period in _periods(model):
        for key, price in period.prices.__dict__.items():
            if price is not None and key not in TOOLS and key not in REPEATED:
                for band, amount in _bands(price):
                    yield _list_price(model, period, key, band, amount)


def _list_price(model: ModelInfo, period: Period, key: str, band: str | None, amount: Decimal) -> ListPrice:
    direction, modality = TOKENS.get(key, (None, None))
    if key == "output_mtok" and period.prices.__dict__.get("output_image_mtok") is None:
        modality = next((made for pattern, made in MAKES if pattern.match(model.id)), modality)
    return ListPrice(
        vendor=VENDOR,
        model=model.id,
        feature=None,
        tier=period.tier,
        is_batch=period.is_batch,
        direction=direction,
        modality=modality,
        context_band=band,
        unit=MILLION_TOKENS.name if key in TOKENS else OTHER_UNITS[key],
        price=amount,
        currency="usd",
        valid_from=period.valid_from,
        valid_to=period.valid_to,
        source=SOURCE,
    )


def _periods(model: ModelInfo) -> Iterator[Period]:
    standard = [(None, model.prices)] if isinstance(model.prices, ModelPrice) else [(_start(one), one.prices) for one in model.prices]
    ends = [start for start, _ in standard[1:]] + [None]
    for (start, prices), end in zip(standard, ends, strict=True):
        yield Period(prices, None, False, start, end)
    for variant in model.price_variants or ():
        if variant.when == {"processing": "batch"}:
            yield Period(variant.prices, None, True, _start(variant))
        elif set(variant.when) != {"service_tier"}:
            raise ValueError(f"{model.id}: a price for {variant.when}, which nothing here has a column for")
        elif variant.when["service_tier"] != "default":
            yield Period(variant.prices, variant.when["service_tier"], False, _start(variant))


def _start(dated: object) -> date | None:
    constraint = getattr(dated, "constraint", None)
    if constraint is not None and not isinstance(constraint, StartDateConstraint):
        raise ValueError(f"a price by {constraint}, which is no first day")
    return constraint.start_date if constraint else None


def _bands(price: Decimal | TieredPrices) -> Iterator[tuple[str | None, Decimal]]:
    if not isinstance(price, TieredPrices):
        yield None, price
        return
    (longer,) = price.tiers
    yield None, price.base
    yield LONG_CONTEXT, longer.price


def _tools(models: list[ModelInfo]) -> Iterator[ListPrice]:
    for key, feature in TOOLS.items():
        periods = [period for model in models for period in _periods(model)]
        (price,) = {found for period in periods if (found := period.prices.__dict__.get(key)) is not None}
        yield ListPrice(VENDOR, None, feature, None, False, None, None, None, THOUSAND_CALLS.name, price, "usd", None, None, SOURCE)


def _order(price: ListPrice) -> tuple[str, ...]:
    """By model, as people read a price list; the file is the same whenever the prices are."""
    parts = (price.model, price.feature, price.valid_from, price.tier, price.is_batch, price.direction, price.modality, price.context_band)
    return tuple("" if part is None else str(part) for part in parts)


if __name__ == "__main__":
    print(write(TARGET))  # noqa: T201  # for whoever runs make
