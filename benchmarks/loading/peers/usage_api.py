"""The Usage API as peers read it: the pages of completions by hour, and their rows with nothing missing that is part of a key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import requests

DIMENSIONS = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "api_source")
KEY = ("bucket_start", *DIMENSIONS)
FIGURES = (
    "input_tokens", "output_tokens", "input_cached_tokens", "input_cache_write_tokens", "input_cache_write_30m_tokens",
    "input_cache_write_12h_tokens", "input_uncached_tokens", "input_text_tokens", "input_audio_tokens", "input_image_tokens",
    "input_cached_text_tokens", "input_cached_audio_tokens", "input_cached_image_tokens", "output_text_tokens", "output_audio_tokens",
    "output_image_tokens", "num_model_requests",
)  # fmt: skip


def pages() -> Iterator[requests.Response]:
    """Yield every page, as many hours on each as the vendor allows."""
    url = os.environ["PAGES_URL"] + "/organization/usage/completions"
    query = [("start_time", os.environ["START_TIME"]), ("end_time", os.environ["END_TIME"]), ("bucket_width", "1h"), ("limit", "168")]
    query += [("group_by", name) for name in DIMENSIONS]
    token: list[tuple[str, str]] = []
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {os.environ['PAGES_KEY']}"
        while True:
            page = session.get(url, params=[*query, *token], timeout=120)
            page.raise_for_status()
            yield page
            # The token stands at the end of the body: a peer that wants dicts should not pay for two decodings.
            following = page.content[-300:].rpartition(b'"next_page":')[2].strip(b' }"')
            if following == b"null":
                return
            token = [("page", following.decode())]


def rows(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a decoded page; what is part of a key is never null, as peers ask for."""
    for bucket in page["data"]:
        start = datetime.fromtimestamp(bucket["start_time"], UTC)
        for result in bucket["results"]:
            row = {name: result.get(name) for name in FIGURES}
            row |= {name: result[name] if result[name] is not None else "" for name in DIMENSIONS}
            yield {"bucket_start": start, **row, "batch": bool(result["batch"])}
