"""Tally's words: a model is NAME@VERSION, and an entry of the bill is KIND: NAME."""

from __future__ import annotations

from meterhouse.vendors.words import LineItemWords, Words


def _family(model: str) -> str:
    return model.partition("@")[0]


def _entry(text: str, _: str | None) -> LineItemWords:
    kind, _, name = text.partition(": ")
    is_model = kind == "model"
    return LineItemWords(
        tier=None,
        surface=None,
        model=_family(name) if is_model else None,
        modality="text" if is_model else None,
        direction=None,
        context_band=None,
        feature=None if is_model else name,
        is_parsed=bool(name),
        category="text_tokens" if is_model else "other",
        category_note=None,
    )


WORDS = Words(_family, _family, _entry)
