"""What is counted: the independent figures of an endpoint (leaves), and the vendor's metrics made of them.

Only leaves are drawn, split over time and summed, so that identities such as input = cached + written + uncached always hold.
The first leaf is the pace: requests, calls or sessions. No other leaf moves while the pace stands still.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from meterhouse.catalogue.endpoints import ENDPOINTS, REQUESTS, TOKEN_METRICS, TOOL_CALLS

REQUEST, TEXT, AUDIO, IMAGE, CACHED_TEXT, CACHED_AUDIO, CACHED_IMAGE, WRITE_30M, WRITE_12H, OUT_TEXT, OUT_AUDIO, OUT_IMAGE = range(12)
TOKEN_LEAVES = 12

# The retention fields are younger than the history: first they were left out, then sent as null, then filled.
RETENTION_NULL_SINCE = date(2026, 7, 15).toordinal()
RETENTION_FILLED_SINCE = date(2026, 10, 6).toordinal()
RETENTION_METRICS = ("input_cache_write_30m_tokens", "input_cache_write_12h_tokens")


def counts_tokens(endpoint: str) -> bool:
    """Whether the endpoint reports the full set of token metrics."""
    return ENDPOINTS[endpoint].metrics == TOKEN_METRICS


def leaf_names(endpoint: str) -> tuple[str, ...]:
    """Return the leaves of an endpoint that has no token classes: its metrics, the pace first."""
    names = [metric.name for metric in ENDPOINTS[endpoint].metrics]
    pace = next((name for name in (TOOL_CALLS.name, REQUESTS.name) if name in names), names[0])
    return (pace, *(name for name in names if name != pace))


_SIMPLE = {name: leaf_names(name) for name, endpoint in ENDPOINTS.items() if not endpoint.is_costs and not counts_tokens(name)}


def metrics(endpoint: str, leaves: Sequence[int], day: int) -> dict[str, int | None]:
    """Return the vendor's metrics for summed `leaves` of one day (ordinal); absent fields are left out, null ones are None."""
    if simple := _SIMPLE.get(endpoint):
        return dict(zip(simple, leaves, strict=True))
    (
        requests, text, audio, image, cached_text, cached_audio, cached_image, write_30m, write_12h, out_text, out_audio, out_image,
    ) = leaves  # fmt: skip
    uncached = text + audio + image
    cached = cached_text + cached_audio + cached_image
    written = write_30m + write_12h
    found: dict[str, int | None] = {
        "input_tokens": uncached + cached + written,
        "output_tokens": out_text + out_audio + out_image,
        "input_cached_tokens": cached,
        "input_cache_write_tokens": written,
    }
    if day >= RETENTION_FILLED_SINCE:
        found["input_cache_write_30m_tokens"], found["input_cache_write_12h_tokens"] = write_30m, write_12h
    elif day >= RETENTION_NULL_SINCE:
        found["input_cache_write_30m_tokens"] = found["input_cache_write_12h_tokens"] = None
    found.update(
        input_uncached_tokens=uncached,
        input_text_tokens=text,
        input_audio_tokens=audio,
        input_image_tokens=image,
        input_cached_text_tokens=cached_text,
        input_cached_audio_tokens=cached_audio,
        input_cached_image_tokens=cached_image,
        output_text_tokens=out_text,
        output_audio_tokens=out_audio,
        output_image_tokens=out_image,
        num_model_requests=requests,
    )
    return found
