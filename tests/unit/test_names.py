"""Names: the line items that the vendor is known to have sent are taken apart; what is not said stays None."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.names import LineItem, model_family, parse_line_item

EXAMPLES = settings(max_examples=200, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("text", "surface", "model", "modality", "direction"),
    [
        ("ft-gpt-4o-2024-08-06, input", None, "ft-gpt-4o-2024-08-06", None, "input"),
        ("assistants api | file search", "assistants api", None, None, None),
        ("evals | gpt-4o-mini-2024-07-18, input", "evals", "gpt-4o-mini-2024-07-18", None, "input"),
        ("o3-mini-2025-01-31, output", None, "o3-mini-2025-01-31", None, "output"),
        ("gpt-5.5-2026-04-23, cached input", None, "gpt-5.5-2026-04-23", None, "cached input"),
        ("web search tool calls", None, None, None, None),
        ("Web search tool calls", None, None, None, None),
        ("gpt-image-1 image, input", None, "gpt-image-1", "image", "input"),
        ("gpt-image-1 text, cached input", None, "gpt-image-1", "text", "cached input"),
        ("gpt-image-2-2026-04-21 image, output", None, "gpt-image-2-2026-04-21", "image", "output"),
        ("gpt-5.6-terra, cache writes", None, "gpt-5.6-terra", None, "cache writes"),
        ("whisper", None, "whisper", None, None),
        ("gpt-audio-mini-2025-12-15 audio, input", None, "gpt-audio-mini-2025-12-15", "audio", "input"),
        ("text-embedding-3-small, input", None, "text-embedding-3-small", None, "input"),
        ("gpt-6-astra, input_tokens", None, "gpt-6-astra", None, "input"),
        ("Image models", None, None, None, None),
        ("Text tokens", None, None, None, None),
        ("Promotional credit", None, None, None, None),
        ("Vector store storage", None, None, None, None),
        ("something, else, output", None, None, None, "output"),
        ("", None, None, None, None),
        (" | ", None, None, None, None),
        (", input", None, None, None, "input"),
    ],
)
def test_a_line_item_is_read_for_what_it_says_and_no_more(text, surface, model, modality, direction):
    assert parse_line_item(text) == LineItem(surface, model, modality, direction)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-5.4-mini-2026-03-17", "gpt-5.4-mini"),
        ("gpt-4-0613", "gpt-4"),
        ("gpt-3.5-turbo-1106", "gpt-3.5-turbo"),
        ("gpt-4-32k", "gpt-4-32k"),
        ("text-embedding-ada-002", "text-embedding-ada-002"),
        ("gpt-image-1", "gpt-image-1"),
        ("whisper-1", "whisper-1"),
        ("gpt-999", "gpt-999"),
        ("", ""),
    ],
)
def test_the_family_of_a_model_is_its_name_without_the_date(model, family):
    assert model_family(model) == family


@EXAMPLES
@given(st.text(max_size=60))
def test_any_text_is_read_and_nothing_is_invented(text):
    found = parse_line_item(text)
    for part in (found.surface, found.model, found.modality):
        assert part is None or (part in text and part == part.strip() != "")
    assert model_family(text) == text[: len(model_family(text))]


@EXAMPLES
@given(
    st.sampled_from([None, "evals", "assistants api"]),
    st.sampled_from(["gpt-5.5-2026-04-23", "o3-mini", "whisper"]),
    st.sampled_from([None, "text", "image", "audio"]),
    st.sampled_from([None, "input", "cached input", "cache writes", "output"]),
)
def test_whatever_follows_the_grammar_comes_apart_into_what_it_was_made_of(surface, model, modality, direction):
    text = "".join([f"{surface} | " if surface else "", model, f" {modality}" if modality else "", f", {direction}" if direction else ""])
    assert parse_line_item(text) == LineItem(surface, model, modality, direction)
