"""Line items: every string that the vendor is known to have sent, or that was written about, comes apart as the committed table says."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.vendors.openai.categories import NO_LINE_ITEM_NOTE, category_note, category_of
from meterhouse.vendors.openai.features import Category
from meterhouse.vendors.openai.line_items import LineItem, parse_line_item
from meterhouse.vendors.openai.names import canonical_model

EXAMPLES = settings(max_examples=400, deadline=None, derandomize=True)
PARTS = ("tier", "surface", "model", "modality", "direction", "context_band", "feature")
with (Path(__file__).parent / "line_items.csv").open(newline="") as table:
    KNOWN = list(csv.DictReader(table))
UNITS = [None, "", "tokens", "1000_tokens", "duration_seconds", "duration_hours", "gibibyte_hours", "images", "characters", "?"]
WORDS = re.compile(r"[\w.:-]+")
# Two words of the vendor that are kept as another.
SPELT_OTHERWISE = {"input_tokens": "input", "output_tokens": "output"}


def parts(item: LineItem) -> dict[str, str | None]:
    return {part: getattr(item, part) for part in PARTS}


def words(text: str) -> list[str]:
    return sorted(SPELT_OTHERWISE.get(word, word) for word in WORDS.findall(text.lower()))


@pytest.mark.parametrize("row", KNOWN, ids=[row["line_item"] for row in KNOWN])
def test_every_known_line_comes_apart_as_the_table_says(row):
    item = parse_line_item(row["line_item"])
    assert parts(item) == {part: row[part] or None for part in PARTS}
    assert item.is_parsed == (row["is_parsed"] == "yes")
    assert category_of(item, row["quantity_unit"] or None) == row["category"]
    assert (canonical_model(item.model) if item.model else "") == row["canonical_model"]


def test_the_table_holds_what_is_known():
    texts = [row["line_item"] for row in KNOWN]
    assert len(texts) == len(set(texts)) > 105
    assert {row["category"] for row in KNOWN} >= {"text_tokens", "tool_calls", "storage", "sessions", "credits", "training", "unknown"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("priority | evals | gpt-5, input", LineItem("priority", "evals", "gpt-5", None, "input", None, None, True)),
        ("Batch | gpt-5, output", LineItem("batch", None, "gpt-5", None, "output", None, None, True)),
        ("eu | gpt-5, output", LineItem(None, "eu", "gpt-5", None, "output", None, None, True)),
        ("gpt-5, output, a later band", LineItem(None, None, "gpt-5", None, "output", "a later band", None, True)),
        ("gpt-5, long context, output", LineItem(None, None, "gpt-5", None, "output", "long context", None, True)),
        ("luna-7 audio, output", LineItem(None, None, "luna-7", "audio", "output", None, None, True)),
        ("luna, output", LineItem(None, None, None, None, "output", None, "luna", False)),
        ("something, else, output", LineItem(None, None, None, None, "output", None, "something, else", False)),
        ("gpt-5, a word", LineItem(None, None, "gpt-5", None, None, None, "a word", False)),
        ("web audio", LineItem(None, None, None, None, None, None, "web audio", False)),
        (", input", LineItem(None, None, None, None, "input", None, None, False)),
        (" | ", LineItem()),
        ("", LineItem()),
    ],
)
def test_what_was_not_seen_yet_is_read_for_what_it_says_and_no_more(text, expected):
    assert parse_line_item(text) == expected


PIECES = [
    " | ", ", ", " ", "priority", "evals", "gpt-5", "o3-2025-01-31", "audio", "text", "input", "cached input", "output_tokens",
    "long context", "file search", "credit", "x7",
]  # fmt: skip
GRAMMAR = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@EXAMPLES
@given(st.text(max_size=60) | GRAMMAR)
def test_any_text_is_read_nothing_is_invented_and_no_word_is_lost(text):
    item = parse_line_item(text)
    assert words(" ".join(part for part in parts(item).values() if part)) == words(text)
    assert all(part is None or part == part.strip() != "" for part in parts(item).values())


@EXAMPLES
@given(
    st.sampled_from([None, "priority", "flex", "evals", "assistants api"]),
    st.sampled_from(["gpt-5.5-2026-04-23", "o3-mini", "whisper", "ft-gpt-4o"]),
    st.sampled_from([None, "text", "image", "audio", "video"]),
    st.sampled_from([None, "input", "cached input", "cache writes", "output", "training"]),
    st.sampled_from([None, "long context"]),
)
def test_whatever_follows_the_grammar_comes_apart_into_what_it_was_made_of(prefix, model, modality, direction, band):
    subject = model + (f" {modality}" if modality else "")
    text = (f"{prefix} | " if prefix else "") + ", ".join(part for part in (subject, direction, band) if part)
    tier, surface = (prefix, None) if prefix in {"priority", "flex"} else (None, prefix)
    assert parse_line_item(text) == LineItem(tier, surface, model, modality, direction, band, None, is_parsed=True)


@pytest.mark.parametrize(
    ("text", "unit", "category"),
    [
        ("assistants api | file search", "gibibyte_hours", "storage"),
        ("words of a later version", "gibibyte_hours", "storage"),
        ("Vector storage", "duration_hours", "other"),
        ("words of a later version", "images", "images"),
        ("words of a later version", "characters", "audio"),
        ("words of a later version", "tokens", "unknown"),
        ("tts-1", "characters", "audio"),
        ("dall-e-3", None, "images"),
        ("gpt-image-1", "tokens", "image_tokens"),
        ("sora-2", "duration_seconds", "video"),
        ("gpt-4o-transcribe", "duration_seconds", "audio"),
        ("gpt-realtime-2.1, input", "tokens", "audio_tokens"),
        ("gpt-5", "duration_hours", "sessions"),
        ("ft-gpt-4o, training", "tokens", "training"),
        ("State sales tax", None, "taxes"),
        ("Refund of March", None, "credits"),
        ("Regional uplift", None, "other"),
        ("", None, "unknown"),
    ],
)
def test_the_unit_decides_over_the_words(text, unit, category):
    assert category_of(parse_line_item(text), unit) == category


@EXAMPLES
@given(st.text(max_size=40) | GRAMMAR, st.sampled_from(UNITS))
def test_no_money_is_nameless_and_a_line_without_a_model_says_why(text, unit):
    item = parse_line_item(text)
    category = category_of(item, unit)
    note = category_note(item, category)
    assert category in set(Category)
    assert item.model is not None or note
    assert (category is Category.STORAGE) >= (unit == "gibibyte_hours")
    assert category is not Category.UNKNOWN or not item.is_parsed


@pytest.mark.parametrize("category", list(Category))
def test_every_reason_is_one_sentence_that_people_can_read(category):
    note = category_note(LineItem(), category)
    for sentence in (note, NO_LINE_ITEM_NOTE):
        assert sentence
        assert re.fullmatch(r"[A-Z][^.]+\.", sentence)
        assert len(sentence) < 120
