"""Names: one name per model, whatever word usage or the bill has for it. Pure; rules only: an alias covers what they cannot know."""

from __future__ import annotations

import re

_DATE_SUFFIX = re.compile(r"-(?:20\d{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))$")
# ft:BASE:organization:suffix:job in usage, ft-BASE on the bill, which names no job.
_FINE_TUNED = re.compile(r"ft[:-](?P<base>[^:]+)(?::.*)?", re.DOTALL)
# Two words of the vendor for one model, which no rule would find.
_SAME_MODEL = {"whisper": "whisper-1"}
_MODEL_SHAPE = re.compile(
    r"(?:ft[:-])?(?:gpt-|o\d|chatgpt-|text-|tts-|whisper|dall-e|omni-|computer-use|codex|davinci|babbage|sora|(?:ada|curie)\b)[\w.:-]*",
    re.IGNORECASE,
)
# Seen only in tests; they would be taken for models that do not exist.
_NO_MODEL = re.compile(r"-(?:input|output)$", re.IGNORECASE)


def model_family(model: str) -> str:
    """Return the model's name without its release date."""
    return _DATE_SUFFIX.sub("", model)


def canonical_model(model: str) -> str:
    """Return the name under which all words for a model are shown: lower case, without release dates; `ft:BASE` for all jobs of a base.

    Never matches by a shorter prefix: gpt-5 is not gpt-5-mini. Returns the word itself, in lower case, where the rules leave nothing.
    """
    name = model.strip().lower()
    if tuned := _FINE_TUNED.fullmatch(name):
        return "ft:" + canonical_model(tuned["base"])
    while (shorter := model_family(name)) not in {"", name}:
        name = shorter
    return _SAME_MODEL.get(name, name)


def is_model(word: str) -> bool:
    """Whether a word looks like a model's name."""
    return bool(_MODEL_SHAPE.fullmatch(word)) and not _NO_MODEL.search(word)
