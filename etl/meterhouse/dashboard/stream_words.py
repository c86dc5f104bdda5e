"""Streams in words: which endpoints of which organizations, and which of their hours are loaded. Pure."""

from __future__ import annotations

from datetime import timedelta

from meterhouse import formats
from meterhouse.counts import counted
from meterhouse.dashboard.coverage import LOADED, Coverage, StreamRow
from meterhouse.dashboard.snapshot import COSTS, REQUEST_ENDPOINTS, Snapshot


def stream_names(streams: list[StreamRow], every: list[StreamRow]) -> str:
    """Return endpoints in words: usage for all of them, and their organizations where these are not all the chosen ones."""
    every = [one for one in every if one.is_offered]
    organizations = sorted({one.organization for one in streams})
    endpoints = sorted({one.endpoint for one in streams})
    of = f" of {', '.join(organizations)}" if len(organizations) < len({one.organization for one in every}) else ""
    if len(endpoints) == len({one.endpoint for one in every}) and endpoints != [COSTS]:
        return f"usage{of}" if len(endpoints) > 1 else f"{endpoints[0]}{of}"
    return f"{', '.join(endpoints)}{of}"


def hours_words(snapshot: Snapshot) -> str:
    """Return from when to when hours are loaded that charts over time draw, by endpoint."""
    groups: dict[str, list[StreamRow]] = {}
    offered = [one for one in snapshot.streams_of(REQUEST_ENDPOINTS, "1h") if one.is_offered]
    for stream in offered:
        groups.setdefault(_loaded_hours(snapshot.stream_coverage(stream)), []).append(stream)
    by_endpoint = "; ".join(f"{stream_names(streams, offered)}: {words}" for words, streams in groups.items())
    return f"Loaded for {by_endpoint or 'usage: no hours'}."


def _loaded_hours(hours: Coverage) -> str:
    loaded = hours.buckets(*LOADED)
    number = f"{len(loaded):,} of {counted(len(hours.states), 'hour')}"
    if not loaded:
        return number
    return f"{number}, from {formats.moment(loaded[0])} to {formats.moment(loaded[-1] + timedelta(hours=1))}"
