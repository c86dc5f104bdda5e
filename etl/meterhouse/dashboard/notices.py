"""What a reader must know before trusting a figure: how fresh it is, and which part of it is not loaded or not final. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from meterhouse import formats
from meterhouse.accounting.comparison import runs
from meterhouse.counts import counted
from meterhouse.dashboard.coverage import State, StreamRow
from meterhouse.dashboard.filters import DIMENSIONS, MAX_HOUR_DAYS
from meterhouse.dashboard.snapshot import COSTS, REQUEST_ENDPOINTS, UNNAMED, Snapshot
from meterhouse.dashboard.stream_words import hours_words, stream_names

OF_A_TEAM = (
    "Only the projects that were granted to you are shown. Totals, shares and the forecast cover only those, so they stay below the "
    "invoice unless you can see every project. How far the figures are loaded is shown for whole organizations."
)

OF_USERS = (
    "Costs of users are what the vendor bills to them or to their keys, and their share of everything else by what they used. They are"
    " known for final days only. Storage and other costs that nobody in particular causes belong to (no user)."
)


def freshness(snapshot: Snapshot) -> list[str]:
    """Return when costs and usage were read, and through which day they are final; the stream that is furthest behind speaks for all."""
    width = "1h" if snapshot.filters.width == "hour" else snapshot.totals_width
    return [_read("Costs", snapshot.streams_of([COSTS], "1d")), _read("Usage", snapshot.streams_of(REQUEST_ENDPOINTS, width))]


def _read(name: str, streams: Iterable[StreamRow]) -> str:
    offered = [one for one in streams if one.is_offered]
    read = [one.loaded_until_utc for one in offered if one.loaded_until_utc is not None]
    if not read:
        return f"{name}: not yet loaded by a scheduled run"
    settled = [one.settled_through_date for one in offered]
    through = None if None in settled else min(day for day in settled if day is not None)
    return f"{name} read {formats.moment(min(read))}; {f'final through {formats.day(through)}' if through else 'no day is final yet'}"


def notices(snapshot: Snapshot) -> list[str]:
    """Return what limits the shown figures."""
    found = [OF_A_TEAM] if snapshot.is_of_a_team else []
    if not any(one.dimension == "organizations" for one in snapshot.choices):
        found.append("Nothing is loaded yet: figures appear here after the first meterhouse sync.")
    else:
        found += _not_found(snapshot)
    found += _not_loaded(snapshot)
    found += _never_loaded(snapshot)
    if line := _not_final(snapshot):
        found.append(line)
    if snapshot.filters.users:
        found.append(OF_USERS)
    if snapshot.filters.width == "hour":
        found.append(_hours(snapshot))
    return found


def _not_found(snapshot: Snapshot) -> list[str]:
    """One line for all chosen members that are not there: without it their figures read as a real zero."""
    unknown = [f"{label} {value or UNNAMED}" for name, label in DIMENSIONS.items() for value in snapshot.not_found(name)]
    if not unknown:
        return []
    return [f"Not found here: {'; '.join(unknown)}. The figures below include nothing of it: check the address, or change the filters."]


def _not_loaded(snapshot: Snapshot) -> list[str]:
    """One line for all streams that lack the same days."""
    costs, usage = snapshot.streams_of([COSTS], "1d"), snapshot.streams_of(REQUEST_ENDPOINTS, "1d")
    lacking: dict[tuple[datetime, ...], list[StreamRow]] = {}
    for stream in (*costs, *usage):
        missing = tuple(snapshot.stream_coverage(stream).buckets(State.NOT_LOADED)) if stream.is_offered else ()
        if missing:
            lacking.setdefault(missing, []).append(stream)
    number = (snapshot.filters.last - snapshot.filters.first).days + 1
    lines = []
    for missing, group in lacking.items():
        parts = ([one for one in group if (one.endpoint == COSTS) is is_costs] for is_costs in (True, False))
        names = " and ".join(stream_names(part, every) for part, every in zip(parts, (costs, usage), strict=True) if part)
        days = formats.spans(runs([one.date() for one in missing]))
        lines.append(
            f"Not loaded: {names}, {days} ({len(missing):,} of {counted(number, 'day')})."
            " These days are missing from the totals and leave a gap in the charts."
        )
    return lines


def _never_loaded(snapshot: Snapshot) -> list[str]:
    organizations = [one.value for one in snapshot.choices if one.dimension == "organizations"]
    chosen = [one for one in organizations if one in snapshot.filters.organizations or not snapshot.filters.organizations]
    wanted = (COSTS, *REQUEST_ENDPOINTS)
    known = {(one.organization, one.endpoint) for one in snapshot.streams}
    lines = []
    for organization in chosen:
        if absent := [name for name in wanted if (organization, name) not in known]:
            names = [name for name in absent if name == COSTS]
            rest = [name for name in absent if name != COSTS]
            names += ["usage"] if len(rest) == len(REQUEST_ENDPOINTS) else rest
            lines.append(f"Never loaded: {', '.join(names)} of {organization}. The totals do not include this.")
    return lines


def _not_final(snapshot: Snapshot) -> str:
    words = [
        f"{name} of {formats.spans(runs([one.date() for one in days]))}"
        for name, coverage in (("costs", snapshot.cost_coverage), ("usage", snapshot.usage_coverage))
        if (days := coverage.buckets(State.OPEN, State.SETTLING))
    ]
    if not words:
        return ""
    return f"Not final yet: {' and '.join(words)}. These figures may still grow; the charts show them hatched or hollow."


def _hours(snapshot: Snapshot) -> str:
    last = f" of the last {MAX_HOUR_DAYS} of the chosen days" if snapshot.filters.usage_first > snapshot.filters.first else ""
    totals = "" if snapshot.totals_width == "1h" else " Totals and rankings use daily figures."
    return f"Charts over time show hours{last}. {hours_words(snapshot)}{totals} Costs are shown by day."
