"""Line items: the grammar of the bill's lines, `[prefix | ]model[ modality][, direction][, band]` or a feature. Pure and best effort.

What is not said stays None, and no word is lost: open sets (surfaces, bands, features) keep the vendor's text.
"""

from __future__ import annotations

from dataclasses import dataclass

from meterhouse.vendors.openai.features import feature_category
from meterhouse.vendors.openai.names import is_model

_BAR, _COMMA = " | ", ", "
# batch, fast, scale and ultrafast are not seen on a bill yet.
_TIERS = frozenset({"priority", "flex", "batch", "fast", "scale", "ultrafast"})
_MODALITIES = frozenset({"text", "audio", "image", "video"})
_TOKENS = {
    "input": "input",
    "input_tokens": "input",
    "cached input": "cached input",
    "cache writes": "cache writes",
    "output": "output",
    "output_tokens": "output",
}
_DIRECTIONS = _TOKENS | {"training": "training"}
_BANDS = frozenset({"long context"})


@dataclass(frozen=True)
class LineItem:
    """The parts of a line item.

    `tier` is in lower case; `surface`, `model`, `context_band` and `feature` are the vendor's own text. `is_parsed` is true when it names a
    model or a known feature and nothing that this version cannot place.
    """

    tier: str | None = None
    surface: str | None = None
    model: str | None = None
    modality: str | None = None
    direction: str | None = None
    context_band: str | None = None
    feature: str | None = None
    is_parsed: bool = False


@dataclass(frozen=True)
class _Tail:
    """What follows the subject: directions and modalities that are known, and everything else in its order."""

    modality: str | None
    direction: str | None
    bands: tuple[str, ...]
    others: tuple[str, ...]


def parse_line_item(text: str) -> LineItem:
    """Read the parts of a line item; nothing is guessed from a word that is not there."""
    *prefixes, body = text.split(_BAR)
    subject, *rest = body.split(_COMMA)
    tiers = [prefix.strip().lower() for prefix in prefixes if prefix.strip().lower() in _TIERS]
    surfaces = [prefix for prefix in prefixes if prefix.strip().lower() not in _TIERS]
    named, modality = _without_modality(subject.strip())
    tail = _tail(rest, modality)
    model = named if is_model(named) or (tail.direction in _TOKENS and _may_be_model(named)) else None
    if model is None and modality is not None:
        tail = _tail(rest, None)
    unplaced = tail.others if model else (subject, *tail.others)
    # Behind a direction an unknown part is a band; without one it says what of the model was billed.
    bands = (*tail.bands, *unplaced) if model and tail.direction else tail.bands
    feature = None if model and tail.direction else _text(unplaced, _COMMA)
    return LineItem(
        tier=_text(tiers, _BAR),
        surface=_text(surfaces, _BAR),
        model=model,
        modality=tail.modality,
        direction=tail.direction,
        context_band=_text(bands, _COMMA),
        feature=feature,
        is_parsed=feature_category(feature) is not None if feature else model is not None,
    )


def _without_modality(subject: str) -> tuple[str, str | None]:
    head, _, word = subject.rpartition(" ")
    return (head.strip(), word.lower()) if head.strip() and word.lower() in _MODALITIES else (subject, None)


def _may_be_model(subject: str) -> bool:
    """A family that is not known yet: one word with a digit, billed by tokens."""
    return is_model(f"gpt-{subject}") and any(letter.isdigit() for letter in subject)


def _tail(parts: list[str], modality: str | None) -> _Tail:
    direction: str | None = None
    bands, others = [], []
    for part in parts:
        words = " ".join(part.lower().split())
        first, _, second = words.partition(" ")
        if direction is None and words in _DIRECTIONS:
            direction = _DIRECTIONS[words]
        elif direction is None and modality is None and first in _MODALITIES and second in _DIRECTIONS:
            modality, direction = first, _DIRECTIONS[second]
        elif modality is None and words in _MODALITIES:
            modality = words
        elif words in _BANDS:
            bands.append(part)
        else:
            others.append(part)
    return _Tail(modality, direction, tuple(bands), tuple(others))


def _text(parts: list[str] | tuple[str, ...], separator: str) -> str | None:
    """The parts that say something, joined again; None for none."""
    return separator.join(part.strip() for part in parts if part.strip()) or None
