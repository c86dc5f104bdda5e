"""Query parameters of the reporting endpoints: what is accepted, what is refused, and page tokens bound to the exact query."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meterhouse.catalogue.endpoints import (
    COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS,
    DAY,
    HOUR,
    MINUTE,
    WIDTHS,
    BucketWidth,
    Endpoint,
)
from meterhouse.fake_openai.clock import DAY_SECONDS
from meterhouse.fake_openai.errors import Refusal
from meterhouse.vendors.openai.wire import ERROR_CODE_BEFORE_HISTORY

Pairs = Sequence[tuple[str, str]]
DEFAULT_BUCKETS = {DAY: 7, HOUR: 24, MINUTE: 60}
COSTS_MAX_LIMIT = 180
COSTS_SERVED_LIMIT = 31
COSTS_GROUPINGS = ("project_id", "user_id", "line_item", "api_key_id", "api_source")
FILTERS = {
    "project_ids": "project_id", "user_ids": "user_id", "api_key_ids": "api_key_id", "models": "model", "batch": "batch",
    "sources": "source", "sizes": "size", "vector_store_ids": "vector_store_id", "context_levels": "context_level",
    "line_items": "line_item",
}  # fmt: skip
_CHOICES = {
    "sources": ("image.generation", "image.edit", "image.variation"),
    "sizes": ("256x256", "512x512", "1024x1024", "1792x1792", "1024x1792", "1792x1024"),
    "context_levels": ("low", "medium", "high"),
}
_TOKEN = struct.Struct(">qqI8s")


@dataclass(frozen=True)
class Capabilities:
    """What this organization offers; `unsupported_groupings` maps an endpoint to the dimensions it refuses to group by.

    Costs by user are combined with other dimensions only if it `combines_user`, and by nobody before costs by API key began.
    """

    history_days: int | None = 366
    absent_endpoints: tuple[str, ...] = ()
    unsupported_groupings: Mapping[str, frozenset[str]] = field(default_factory=dict)
    combines_user: bool = True


@dataclass(frozen=True)
class Query:
    """One accepted request. Instants in Unix seconds; `now` and `rounds` are the ones pinned by the first page of the chain."""

    endpoint: Endpoint
    start: int
    end: int | None
    width: BucketWidth
    limit: int
    group_by: tuple[str, ...]
    filters: tuple[tuple[str, frozenset[str | bool]], ...]
    now: int
    rounds: int
    fingerprint: bytes

    def token(self, next_start: int) -> str:
        """Return the page token that continues this chain at the bucket that starts at `next_start`."""
        packed = _TOKEN.pack(self.now, next_start, self.rounds, self.fingerprint)
        return "page_" + base64.urlsafe_b64encode(packed).decode()


def parse(endpoint: Endpoint, pairs: Pairs, *, now: int, rounds: int, offers: Capabilities) -> Query:
    """Read and check the parameters in `pairs`; raise `Refusal` for the first that the vendor would refuse.

    Parameters that the vendor does not know are ignored: nobody has reported what it says about them.
    """
    single = dict(pairs)
    fingerprint = hashlib.blake2b(
        repr((endpoint.name, sorted(pair for pair in pairs if pair[0] != "page"))).encode(), digest_size=8
    ).digest()
    start = _start(single)
    width = _width(endpoint, single.get("bucket_width"))
    limit = _limit(endpoint, width, single.get("limit"))
    end = _integer("end_time", single["end_time"]) if "end_time" in single else None
    if end is not None and end <= start:
        raise Refusal(400, "start_time must be before end_time", "start_time", "invalid_request_error")
    group_by = _group_by(endpoint, pairs, offers)
    filters = _filters(endpoint, pairs)
    if "page" in single:
        now, start_of_page, rounds = _resume(single["page"], fingerprint)
    floor = start // DAY_SECONDS * DAY_SECONDS if endpoint.is_costs else start // 60 * 60
    if offers.history_days is not None:
        _check_history(start, now // DAY_SECONDS * DAY_SECONDS - offers.history_days * DAY_SECONDS)
    if endpoint.is_costs:
        _check_costs(start, group_by, filters, combines_user=offers.combines_user)
    if "page" in single:
        if start_of_page <= floor or start_of_page % width.seconds:
            raise _bad_token()
        floor = start_of_page
    return Query(endpoint, floor, end, width, limit, group_by, filters, now, rounds, fingerprint)


def _values(pairs: Pairs, name: str) -> list[str]:
    """Return an array parameter however it was sent: repeated, with brackets or joined by commas."""
    found = [text for key, text in pairs if key in (name, f"{name}[]")]
    # Line items hold commas themselves, so only they cannot be joined.
    return found if name == "line_items" else [part for text in found for part in text.split(",") if part]


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        message = f"Invalid type for '{name}': expected an integer, but got {text!r} instead."
        raise Refusal(400, message, name, "invalid_type") from None


def _start(single: Mapping[str, str]) -> int:
    if "start_time" not in single:
        raise Refusal(400, "Missing required parameter: 'start_time'.")
    start = _integer("start_time", single["start_time"])
    if start < 0:
        raise Refusal(400, "start_time must not be negative", "start_time", "invalid_request_error")
    return start


def _width(endpoint: Endpoint, text: str | None) -> BucketWidth:
    allowed = [DAY.name] if endpoint.is_costs else list(WIDTHS)
    if text is None:
        return DAY
    if text not in allowed:
        supported = ", ".join(f"'{name}'" for name in allowed)
        message = f"Invalid value: '{text}'. Supported values are: {supported}."
        raise Refusal(400, message, "bucket_width", "invalid_value")
    return WIDTHS[text]


def _limit(endpoint: Endpoint, width: BucketWidth, text: str | None) -> int:
    if text is None:
        return DEFAULT_BUCKETS[width]
    limit = _integer("limit", text)
    most = COSTS_MAX_LIMIT if endpoint.is_costs else width.max_buckets
    if not 1 <= limit <= most:
        message = f"Invalid 'limit': must be between 1 and {most} for bucket_width {width.name}, but got {limit} instead."
        raise Refusal(400, message, "limit", "invalid_request_error")
    # Over 31 the costs endpoint says nothing and serves 31.
    return min(limit, COSTS_SERVED_LIMIT) if endpoint.is_costs else limit


def _group_by(endpoint: Endpoint, pairs: Pairs, offers: Capabilities) -> tuple[str, ...]:
    allowed = COSTS_GROUPINGS if endpoint.is_costs else tuple(dimension.name for dimension in endpoint.dimensions)
    asked = tuple(dict.fromkeys(_values(pairs, "group_by")))
    refused = offers.unsupported_groupings.get(endpoint.name, frozenset())
    for name in asked:
        if name not in allowed or name in refused:
            supported = ", ".join(f"'{item}'" for item in allowed if item not in refused)
            message = f"Invalid value: '{name}'. Supported values are: {supported}."
            raise Refusal(400, message, "group_by", "invalid_value")
    return asked


def _filters(endpoint: Endpoint, pairs: Pairs) -> tuple[tuple[str, frozenset[str | bool]], ...]:
    known = {dimension.name for dimension in endpoint.dimensions}
    found: list[tuple[str, frozenset[str | bool]]] = []
    for name, dimension in FILTERS.items():
        values = _values(pairs, name)
        if not values or dimension not in known:
            continue
        choices = ("true", "false") if name == "batch" else _CHOICES.get(name)
        for value in values:
            if choices and value not in choices:
                raise Refusal(400, f"Invalid value: '{value}'. Supported values are: {', '.join(choices)}.", name, "invalid_value")
        wanted = frozenset(value == "true" for value in values) if name == "batch" else frozenset(values)
        found.append((dimension, wanted))
    return tuple(found)


def _check_history(start: int, earliest: int) -> None:
    if start < earliest:
        message = f"start_time is beyond the reporting lookback; the earliest start_time is {earliest}"
        raise Refusal(400, message, "start_time", ERROR_CODE_BEFORE_HISTORY)


def _check_costs(
    start: int, group_by: tuple[str, ...], filters: tuple[tuple[str, frozenset[str | bool]], ...], *, combines_user: bool
) -> None:
    if "api_key_id" in group_by and start < COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS:
        message = f"Grouping by api_key_id is only supported for start_time at or after {COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS}."
        raise Refusal(400, message, "start_time", "invalid_request_error")
    others = [name for name in ("project_id", "line_item") if name in group_by or any(name == filtered for filtered, _ in filters)]
    if "user_id" in group_by and others and (not combines_user or start < COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS):
        message = f"Grouping by user_id cannot be combined with {others[0]} for this organization and time range."
        raise Refusal(400, message, "group_by", "invalid_request_error")


def _bad_token() -> Refusal:
    return Refusal(400, "Invalid page token: it does not belong to this query.", "page", "invalid_request_error")


def _resume(token: str, fingerprint: bytes) -> tuple[int, int, int]:
    """Return the pinned now, the next bucket start and the pinned number of rounds of a page token."""
    try:
        now, start, rounds, bound_to = _TOKEN.unpack(base64.urlsafe_b64decode(token.removeprefix("page_").encode()))
    except (binascii.Error, struct.error, ValueError):
        raise _bad_token() from None
    if bound_to != fingerprint:
        raise _bad_token()
    return now, start, rounds
