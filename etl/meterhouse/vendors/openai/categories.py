"""Categories: what each line of the bill is for, out of its words and the unit of its quantity, and why it names no key or model. Pure."""

from __future__ import annotations

from meterhouse.vendors.openai.features import Category, feature_category
from meterhouse.vendors.openai.line_items import LineItem

_STORAGE_UNIT = "gibibyte_hours"
_TOKEN_UNITS = frozenset({"tokens", "1000_tokens"})
_BY_UNIT = {"images": Category.IMAGES, "characters": Category.AUDIO}
_BY_MODALITY = {
    "text": (Category.TEXT_TOKENS, Category.TEXT_TOKENS),
    "audio": (Category.AUDIO_TOKENS, Category.AUDIO),
    "image": (Category.IMAGE_TOKENS, Category.IMAGES),
    "video": (Category.VIDEO, Category.VIDEO),
}
# Words in a model's name that say what it is made for; a line that names no modality is of that one.
_MADE_FOR = (
    ("image", ("image", "dall-e")),
    ("video", ("sora",)),
    ("audio", ("audio", "realtime", "whisper", "tts", "transcribe", "live")),
)

NO_LINE_ITEM_NOTE = "The row names no line of the bill: it was not asked for, or the vendor left it out."
_NO_MODEL_NOTE = "The bill names a kind of model here and no model."
_FINE_TUNED_NOTE = "Fine-tuned models are billed by their base: the bill names no job and may name no key."
_EVALS_NOTE = "Evals are run by the platform, not with an API key."
_NOTES = {
    Category.TOOL_CALLS: "Tool calls are billed per call, whatever the model: the bill names no model.",
    Category.STORAGE: "Storage is billed per project for what is kept, not per request: it has no key and no model.",
    Category.SESSIONS: "Sessions are billed per session, not per request: the bill may name no key and no model.",
    Category.TRAINING: "Training is billed per job of a project, not per request: it has no key.",
    Category.CREDITS: "Credits are given to the organization as a whole: they have no key and no model.",
    Category.TAXES: "Taxes are charged on the bill as a whole: they have no key and no model.",
    Category.OTHER: "This is charged for the account and not per request: it has no key and no model.",
    Category.UNKNOWN: "This version cannot read the line: meterhouse check lists it.",
}


def category_of(item: LineItem, quantity_unit: str | None) -> Category:
    """Return what a line is for. The unit (the vendor's word, None for none) outranks the words: storage is what has its unit."""
    unit = (quantity_unit or "").strip().lower()
    if unit == _STORAGE_UNIT:
        return Category.STORAGE
    known = feature_category(item.feature) if item.feature else None
    if known is Category.STORAGE and unit:
        return Category.OTHER
    if known:
        return known
    if item.direction == "training":
        return Category.TRAINING
    if item.model:
        return _of_model(item, item.model.lower(), unit)
    return _BY_UNIT.get(unit, Category.UNKNOWN)


def _of_model(item: LineItem, model: str, unit: str) -> Category:
    if "embedding" in model:
        return Category.EMBEDDINGS
    if unit in _BY_UNIT:
        return _BY_UNIT[unit]
    made_for = next((modality for modality, words in _MADE_FOR if any(word in model for word in words)), "text")
    tokens, otherwise = _BY_MODALITY[item.modality or made_for]
    if item.direction or unit in _TOKEN_UNITS:
        return tokens
    if unit.startswith("duration_") and otherwise is Category.TEXT_TOKENS:
        return Category.SESSIONS
    return otherwise


def category_note(item: LineItem, category: Category) -> str | None:
    """Return one sentence why such a line names no key or no model; None where it names both."""
    if note := _NOTES.get(category):
        return note
    if item.surface and item.surface.lower() == "evals":
        return _EVALS_NOTE
    if item.model is None:
        return _NO_MODEL_NOTE
    return _FINE_TUNED_NOTE if item.model.lower().startswith(("ft-", "ft:")) else None
