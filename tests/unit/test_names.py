"""Names: all words for a model come to one name by rule, and no other model's words do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.vendors.openai.names import canonical_model, is_model, model_family

EXAMPLES = settings(max_examples=200, deadline=None, derandomize=True)


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
        ("gpt-5-2048", "gpt-5-2048"),
        ("gpt-5-2026-13-01", "gpt-5-2026-13-01"),
        ("", ""),
    ],
)
def test_the_family_of_a_model_is_its_name_without_the_date(model, family):
    assert model_family(model) == family


@pytest.mark.parametrize(
    ("usage", "bill", "name"),
    [
        ("whisper-1", "whisper", "whisper-1"),
        ("gpt-image-2", "gpt-image-2-2026-04-21", "gpt-image-2"),
        ("gpt-image-1-2025-04-23", "gpt-image-1", "gpt-image-1"),
        ("gpt-4-0613", "GPT-4", "gpt-4"),
        ("ft:gpt-4o-2024-08-06:acme::abc", "ft-gpt-4o-2024-08-06", "ft:gpt-4o"),
        ("ft:gpt-4o-2024-08-06:acme:name:abc:ckpt-step-80", "ft-gpt-4o", "ft:gpt-4o"),
        (" GPT-4o-2024-08-06 ", "gpt-4o", "gpt-4o"),
    ],
)
def test_usage_and_the_bill_come_to_one_name(usage, bill, name):
    assert (canonical_model(usage), canonical_model(bill)) == (name, name)


@pytest.mark.parametrize(
    ("model", "other"),
    [
        ("gpt-5", "gpt-5-mini"),
        ("gpt-4", "gpt-4-32k"),
        ("gpt-4o", "ft:gpt-4o:acme::abc"),
        ("gpt-4o-audio-preview-2024-12-17", "gpt-4o-2024-12-17"),
        ("gpt-image-1", "gpt-image-1-mini"),
        ("tts-1", "tts-1-hd"),
    ],
)
def test_a_shorter_name_is_another_model(model, other):
    assert canonical_model(model) != canonical_model(other)


@EXAMPLES
@given(
    st.text(max_size=40)
    | st.from_regex(r"(ft[:-])?gpt-[0-9a-z.]{1,5}(-mini)?(-20[0-9]{2}-[01][0-9]-[0-3][0-9])?(:acme::[a-z]{3})?", fullmatch=True)
)
def test_a_name_is_the_name_of_itself_and_is_never_empty(word):
    name = canonical_model(word)
    assert canonical_model(name) == name
    assert canonical_model(word.upper()) == name or word.upper().lower() != word.lower()
    assert bool(name) == bool(word.strip())


@pytest.mark.parametrize(
    "word", ["gpt-5.4", "o3-mini", "GPT-4", "ft-gpt-4o", "ft:gpt-4o:acme::abc", "whisper", "tts-1-hd", "dall-e-3", "sora-2"]
)
def test_a_models_name_looks_like_one(word):
    assert is_model(word)


@pytest.mark.parametrize(
    "word", ["", "Text tokens", "Image models", "text", "file search", "input_tokens", "gpt-5.4-input", "gpt-4o tokens", "adapter"]
)
def test_other_words_do_not(word):
    assert not is_model(word)
