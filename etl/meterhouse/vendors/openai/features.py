"""Features: what the bill calls things that are no model's tokens, and what kind of money each of them is. Pure."""

from __future__ import annotations

import re
from enum import StrEnum


class Category(StrEnum):
    """What an amount was billed for; every amount has exactly one."""

    TEXT_TOKENS = "text_tokens"
    AUDIO_TOKENS = "audio_tokens"
    IMAGE_TOKENS = "image_tokens"
    EMBEDDINGS = "embeddings"
    AUDIO = "audio"
    IMAGES = "images"
    VIDEO = "video"
    TOOL_CALLS = "tool_calls"
    STORAGE = "storage"
    SESSIONS = "sessions"
    TRAINING = "training"
    CREDITS = "credits"
    TAXES = "taxes"
    OTHER = "other"
    UNKNOWN = "unknown"


# Whole texts first, as the vendor has worded them so far; then words that decide wherever they appear.
_WHOLE = (
    (
        Category.TOOL_CALLS,
        r"(?:web search|file search|code interpreter|computer use|image generation)(?: tool)? calls?|(?:web|file) search",
    ),
    (Category.SESSIONS, r"code interpreter(?: sessions?)?|containers?(?: sessions?)?|(?:voice|realtime) sessions?"),
    (Category.STORAGE, r"(?:vector|vector store|file search|file) storage"),
    (Category.TEXT_TOKENS, r"text tokens|(?:instruct|chat|fine-tuned) models|instructgpt"),
    (Category.AUDIO_TOKENS, r"audio tokens"),
    (Category.IMAGE_TOKENS, r"image tokens"),
    (Category.EMBEDDINGS, r"embeddings?|embedding models"),
    (Category.AUDIO, r"audio models"),
    (Category.IMAGES, r"images?|image models"),
    (Category.VIDEO, r"videos?|video models"),
    (Category.TRAINING, r"(?:fine-tuning )?training|fine-tuning(?: models| jobs?)?"),
)
_ANYWHERE = (
    (Category.TAXES, r"\b(?:tax|taxes|vat|gst)\b"),
    (Category.CREDITS, r"\b(?:credits?|refunds?|discounts?|adjustments?)\b"),
    (Category.OTHER, r"\b(?:fees?|uplift|commitment|subscription|scale tier)\b"),
)


def feature_category(text: str) -> Category | None:
    """Return what kind of money a feature is, None when its words are not known."""
    words = " ".join(text.lower().split())
    whole = (category for category, pattern in _WHOLE if re.fullmatch(pattern, words))
    anywhere = (category for category, pattern in _ANYWHERE if re.search(pattern, words))
    return next(whole, None) or next(anywhere, None)
