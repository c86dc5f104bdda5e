"""Counterparts: which figure of usage counts what a line of the bill is for, or why none can say whose the amount is. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from meterhouse.catalogue.endpoints import (
    AUDIO_SPEECHES,
    AUDIO_TRANSCRIPTIONS,
    CODE_INTERPRETER_SESSIONS,
    COMPLETIONS,
    EMBEDDINGS,
    FILE_SEARCH_CALLS,
    IMAGES,
    MODERATIONS,
    VECTOR_STORES,
    WEB_SEARCH_CALLS,
)
from meterhouse.vendors.openai.features import Category
from meterhouse.vendors.openai.line_items import LineItem


@dataclass(frozen=True)
class Counterpart:
    """The figure of usage (as `quantity`) and the `endpoint` that counts it first of all; or the `reason` why there is none."""

    endpoint: str | None = None
    quantity: str | None = None
    reason: str | None = None


_BY_DIRECTION = {
    ("input", None): "uncached_tokens",
    ("input", "text"): "text_tokens",
    ("input", "audio"): "audio_tokens",
    ("input", "image"): "image_tokens",
    ("cached input", None): "cached_tokens",
    ("cached input", "text"): "cached_text_tokens",
    ("cached input", "audio"): "cached_audio_tokens",
    ("cached input", "image"): "cached_image_tokens",
    ("cache writes", None): "cache_write_tokens",
    ("output", None): "output_tokens",
    ("output", "text"): "output_text_tokens",
    ("output", "audio"): "output_audio_tokens",
    ("output", "image"): "output_image_tokens",
}
_TOOLS = (("web search", WEB_SEARCH_CALLS.name), ("file search", FILE_SEARCH_CALLS.name))
_REASONS = {
    Category.STORAGE: "storage",
    Category.SESSIONS: "sessions",
    Category.TRAINING: "training",
    Category.CREDITS: "credit_or_tax",
    Category.TAXES: "credit_or_tax",
    Category.OTHER: "fee_or_bundle",
}
_COUNTED_BY = {"images": IMAGES.name, "characters": AUDIO_SPEECHES.name, "seconds": AUDIO_TRANSCRIPTIONS.name}
# Kept per project without anybody who caused it.
_WITHOUT_CALLER = {Category.STORAGE: VECTOR_STORES.name, Category.SESSIONS: CODE_INTERPRETER_SESSIONS.name}
EVALS = "evals"
SCALE_TIER = "scale"
UNKNOWN_LINE_ITEM = "unknown_line_item"


def counterpart(item: LineItem, category: Category, quantity_unit: str | None) -> Counterpart:
    """Return what counts the quantity of a line; the unit is the vendor's word, None while it is not known."""
    if item.tier == SCALE_TIER:
        return Counterpart(reason=_REASONS[Category.OTHER])
    if category in _REASONS:
        return Counterpart(_WITHOUT_CALLER.get(category), reason=_REASONS[category])
    if item.surface and item.surface.lower() == EVALS:
        return Counterpart(reason=EVALS)
    if category is Category.TOOL_CALLS:
        words = (item.feature or "").lower()
        endpoint = next((name for tool, name in _TOOLS if tool in words), None)
        return Counterpart(endpoint, "calls") if endpoint else Counterpart(reason=UNKNOWN_LINE_ITEM)
    if item.model is None:
        return Counterpart(reason=UNKNOWN_LINE_ITEM)
    quantity = _of_model(item, category, (quantity_unit or "").lower())
    return Counterpart(_counted_by(item.model, category, quantity), quantity)


def _counted_by(model: str, category: Category, quantity: str) -> str:
    """Return the endpoint without which nothing can be said; others may count the same model too."""
    if quantity in _COUNTED_BY:
        return _COUNTED_BY[quantity]
    if category is Category.EMBEDDINGS:
        return EMBEDDINGS.name
    return MODERATIONS.name if "moderation" in model.lower() else COMPLETIONS.name


def _of_model(item: LineItem, category: Category, unit: str) -> str:
    """Tokens by their direction; a unit that is no tokens outranks it. What has no figure of its own is counted by requests."""
    if unit == "images":
        return "images"
    if unit == "characters":
        return "characters"
    if unit.startswith("duration_"):
        return "seconds"
    if item.direction:
        return _BY_DIRECTION.get((item.direction, item.modality)) or _BY_DIRECTION.get((item.direction, None), "requests")
    if category is Category.AUDIO:
        return "seconds" if "whisper" in (item.model or "").lower() or "transcribe" in (item.model or "").lower() else "characters"
    return "images" if category is Category.IMAGES else "requests"
