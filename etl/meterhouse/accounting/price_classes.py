"""Price classes: the kinds of quantity that have a price of their own, and how usage counts each of them. Pure.

Every figure of a row of usage is in exactly one class, so nothing is priced twice: cached tokens are no input tokens here, and audio is
no text.
"""

from __future__ import annotations

from dataclasses import dataclass

from meterhouse.accounting.price_units import (
    GIBIBYTE_HOUR,
    HOUR,
    IMAGE,
    MILLION_CHARACTERS,
    MILLION_TOKENS,
    SESSION,
    THOUSAND_CALLS,
    PriceUnit,
)


@dataclass(frozen=True)
class PriceClass:
    """A kind of quantity. `counted` is the SQL of its quantity in the smallest unit, with `u` for the row of usage.

    A line of the bill is of the class whose unit, direction and modality it has; None stands for any. `part_of` is the figure that the
    quantity is computed from, None where it is one itself.
    """

    name: str
    unit: PriceUnit
    counted: str
    direction: str | None = None
    modality: str | None = None
    part_of: str | None = None

    @property
    def figure(self) -> str:
        """The figure of usage without which there is nothing to count."""
        return self.part_of or self.counted.removeprefix("u.")

    @property
    def is_tokens(self) -> bool:
        """Whether its quantity is tokens."""
        return self.unit is MILLION_TOKENS


_CACHED, _WRITTEN = "coalesce(u.input_cached_tokens, 0)", "coalesce(u.input_cache_write_tokens, 0)"
# Rows from before the vendor reported it say only what came from the cache.
_UNCACHED = f"coalesce(u.input_uncached_tokens, u.input_tokens - {_CACHED} - {_WRITTEN})"


def _rest(whole: str, *parts: str) -> str:
    """What is text: all that is neither audio nor image. The vendor once counted cached audio twice."""
    return f"greatest({whole} - " + " - ".join(f"coalesce(u.{part}, 0)" for part in parts) + ", 0)"


def _tokens(name: str, direction: str, modality: str | None, counted: str, part_of: str | None = None) -> PriceClass:
    return PriceClass(name, MILLION_TOKENS, counted, direction, modality, part_of)


INPUT_TEXT = _tokens("input_text", "input", "text", _rest(_UNCACHED, "input_audio_tokens", "input_image_tokens"), "input_tokens")
INPUT_AUDIO = _tokens("input_audio", "input", "audio", "u.input_audio_tokens")
INPUT_IMAGE = _tokens("input_image", "input", "image", "u.input_image_tokens")
CACHED_TEXT = _tokens(
    "cached_text",
    "cached input",
    "text",
    _rest("u.input_cached_tokens", "input_cached_audio_tokens", "input_cached_image_tokens"),
    "input_cached_tokens",
)
CACHED_AUDIO = _tokens("cached_audio", "cached input", "audio", "u.input_cached_audio_tokens")
CACHED_IMAGE = _tokens("cached_image", "cached input", "image", "u.input_cached_image_tokens")
CACHE_WRITES = _tokens("cache_writes", "cache writes", None, "u.input_cache_write_tokens")
OUTPUT_TEXT = _tokens(
    "output_text", "output", "text", _rest("u.output_tokens", "output_audio_tokens", "output_image_tokens"), "output_tokens"
)
OUTPUT_AUDIO = _tokens("output_audio", "output", "audio", "u.output_audio_tokens")
OUTPUT_IMAGE = _tokens("output_image", "output", "image", "u.output_image_tokens")
TOKEN_CLASSES = (
    INPUT_TEXT, INPUT_AUDIO, INPUT_IMAGE, CACHED_TEXT, CACHED_AUDIO, CACHED_IMAGE, CACHE_WRITES, OUTPUT_TEXT, OUTPUT_AUDIO, OUTPUT_IMAGE,
)  # fmt: skip
PRICE_CLASSES = (
    *TOKEN_CLASSES,
    PriceClass("images", IMAGE, "u.images"),
    PriceClass("characters", MILLION_CHARACTERS, "u.characters"),
    PriceClass("seconds", HOUR, "u.seconds"),
    PriceClass("calls", THOUSAND_CALLS, "u.tool_calls"),
    PriceClass("sessions", SESSION, "u.sessions"),
    # What is held is held for the whole day.
    PriceClass("storage", GIBIBYTE_HOUR, "u.storage_bytes::numeric * 24 / 1073741824", part_of="storage_bytes"),
)
# What the cache saves is the difference to the price of the same tokens without it.
WITHOUT_CACHE = {CACHED_TEXT: INPUT_TEXT, CACHED_AUDIO: INPUT_AUDIO, CACHED_IMAGE: INPUT_IMAGE, CACHE_WRITES: INPUT_TEXT}


def price_class(unit: str | None, direction: str | None, modality: str | None) -> str | None:
    """Return the class of a price or a line of the bill; a line that names no modality is of text. None for what has none."""
    for one in PRICE_CLASSES:
        if one.unit.name == unit and one.direction in {None, direction} and one.modality in {None, modality or "text"}:
            return one.name
    return None
