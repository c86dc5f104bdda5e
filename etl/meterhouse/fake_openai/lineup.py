"""Which models the invented organization uses, between which days, and what one unit of each costs.

Prices are invented but of a plausible size. Every price has at most 12 decimals in USD, so an amount (price x whole units) has too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

PICODOLLARS = 10**12
FIRST_DAY = date(2024, 1, 1).toordinal()
LAST_DAY = date(9000, 1, 1).toordinal()


def picodollars(usd: Decimal) -> int:
    """Return `usd` in units of 1e-12 USD; refuse a price that is finer than that."""
    whole = usd * PICODOLLARS
    if whole != whole.to_integral_value():
        raise ValueError(f"{usd} USD has more than 12 decimals")
    return int(whole)


@dataclass(frozen=True)
class Model:
    """A model as usage names it (`name`) and as the invoice names it (`billed_as`); prices in USD per million units."""

    name: str
    billed_as: str
    input_price: Decimal = Decimal(0)
    cached_price: Decimal = Decimal(0)
    write_price: Decimal = Decimal(0)
    output_price: Decimal = Decimal(0)
    audio_input_price: Decimal | None = None
    audio_output_price: Decimal | None = None
    image_input_price: Decimal | None = None
    image_output_price: Decimal | None = None
    first_day: int = FIRST_DAY
    last_day: int = LAST_DAY

    @property
    def multimodal(self) -> bool:
        """Whether its line items name the modality."""
        return self.audio_output_price is not None or self.image_output_price is not None


def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def _chat(name: str, prices: str, first: str, last: str | None = None) -> Model:
    fresh, cached, write, output = (Decimal(price) for price in prices.split())
    return Model(name, name, fresh, cached, write, output, first_day=_day(first), last_day=_day(last) if last else LAST_DAY)


# Every chat slot lists its models in the order in which the organization moved on to them.
SMALL_CHAT = (
    _chat("gpt-4o-mini-2024-07-18", "0.15 0.075 0 0.60", "2024-08-01", "2026-04-06"),
    _chat("gpt-5.4-mini-2026-03-17", "0.40 0.04 0.50 3.20", "2026-04-06"),
)
LARGE_CHAT = (
    _chat("gpt-5-2025-08-07", "1.25 0.125 0 10", "2025-08-07", "2026-05-11"),
    _chat("gpt-5.5-2026-04-23", "2.50 0.25 3.125 15", "2026-05-11"),
)
STEADY_CHAT = (_chat("gpt-4.1-2025-04-14", "2 0.50 0 8", "2025-04-14"),)
FRONTIER_CHAT = (
    _chat("gpt-5-2025-08-07", "1.25 0.125 0 10", "2025-08-07", "2026-08-17"),
    _chat("gpt-5.6-terra", "1.75 0.175 2.1875 14", "2026-08-17"),
)
AUDIO_CHAT = (
    Model(
        "gpt-audio-mini-2025-12-15", "gpt-audio-mini-2025-12-15", Decimal("0.60"), Decimal("0.06"), Decimal(0), Decimal("2.40"),
        audio_input_price=Decimal(10), audio_output_price=Decimal(20), first_day=_day("2025-12-15"),
    ),
)  # fmt: skip
# Usage names this model without a date and the invoice with one; the images endpoint's model is the other way round.
IMAGE_CHAT = (
    Model(
        "gpt-image-2", "gpt-image-2-2026-04-21", Decimal(5), Decimal("1.25"), Decimal(0), Decimal(10),
        image_input_price=Decimal(8), image_output_price=Decimal(30), first_day=_day("2026-04-21"),
    ),
)  # fmt: skip
IMAGE_MODEL = Model("gpt-image-1-2025-04-23", "gpt-image-1 image, output", first_day=_day("2025-04-23"))
EMBEDDING_SMALL = Model("text-embedding-3-small", "text-embedding-3-small, input", Decimal("0.02"))
EMBEDDING_LARGE = Model("text-embedding-3-large", "text-embedding-3-large, input", Decimal("0.13"))
SPEECH_MODEL = Model("tts-1", "tts-1", Decimal(15))
TRANSCRIPTION_MODEL = Model("whisper-1", "whisper", Decimal(100))
MODERATION_MODEL = Model("omni-moderation-latest", "omni-moderation-latest, input")
DECISION_MODEL = _chat("gpt-5.6-terra", "1.75 0.175 2.1875 14", "2026-09-15")

IMAGE_PRICES = {"1024x1024": Decimal("0.042"), "1024x1792": Decimal("0.063"), "1792x1024": Decimal("0.063")}
WEB_SEARCH_PRICE = Decimal("0.01")
FILE_SEARCH_PRICE = Decimal("0.0025")
CODE_INTERPRETER_PRICE = Decimal("0.03")
STORAGE_PRICE_PER_GIBIBYTE_HOUR = Decimal("0.00417")
FINE_TUNED_PRICE_PER_MILLION = Decimal("3.75")

# Batch and flex run at half price, priority at double.
TIER_FACTORS = {"default": Decimal(1), "flex": Decimal("0.5"), "priority": Decimal(2), "incentivized-tier": Decimal(0)}
TIERS_WITH_LINES = ("flex", "priority")
BATCH_FACTOR = Decimal("0.5")
# Prompts beyond the model's short context: input costs twice as much, output half as much again.
LONG_INPUT_FACTOR, LONG_OUTPUT_FACTOR = Decimal(2), Decimal("1.5")
# What is charged once a month for the organization as a whole.
SCALE_TIER_PRICE = Decimal(120)
PROMOTIONAL_CREDIT = Decimal("-25.50")
