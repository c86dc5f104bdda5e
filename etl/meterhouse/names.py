"""Names: what can be read from the words of a model or a line item. Pure and best effort: what is not said stays None."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DATE_SUFFIX = re.compile(r"-(?:20\d{2}-\d{2}-\d{2}|\d{4})$")
_DIRECTIONS = {
    "input": "input",
    "input_tokens": "input",
    "cached input": "cached input",
    "cache writes": "cache writes",
    "output": "output",
    "output_tokens": "output",
}
_MODALITIES = ("text", "image", "audio")
_MODEL_SHAPE = re.compile(r"(?:ft-)?(?:gpt|o\d|chatgpt|text-|tts|whisper|dall-e|omni|computer-use|codex|davinci|babbage)[\w.:-]*")


@dataclass(frozen=True)
class LineItem:
    """The parts of a line item, `[surface | ]model[ modality][, direction]`."""

    surface: str | None
    model: str | None
    modality: str | None
    direction: str | None


def model_family(model: str) -> str:
    """Return the model's name without its release date."""
    return _DATE_SUFFIX.sub("", model)


def parse_line_item(text: str) -> LineItem:
    """Read the parts of a line item; nothing is guessed from a word that is not there."""
    surface, bar, rest = text.partition(" | ")
    if not bar:
        surface, rest = "", text
    subject, _, tail = rest.rpartition(", ")
    direction = _DIRECTIONS.get(tail.strip().lower())
    if direction is None:
        subject = rest
    modality = next((word for word in _MODALITIES if subject.endswith(f" {word}")), None)
    if modality:
        subject = subject[: -len(modality) - 1]
    model = subject.strip() if _MODEL_SHAPE.fullmatch(subject.strip()) else None
    return LineItem(surface.strip() or None, model, modality, direction)
