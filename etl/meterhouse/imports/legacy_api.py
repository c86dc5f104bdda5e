"""Legacy API: days asked from the retired endpoints, each stored before the next one is asked for, so that a stop loses nothing.

Days that anything has covered for good are not asked for: after a stop, the same command goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from meterhouse.accounting.finality import Finality
from meterhouse.admin_keys import Organization
from meterhouse.catalogue.endpoints import COMPLETIONS, COSTS, DAY, Endpoint
from meterhouse.clock import Clock, utc_now
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration, RejectedAnswer
from meterhouse.imports.saved_files import owner_of, planned_file, recognized, store_streams
from meterhouse.imports.saved_texts import SavedFile, saved_text
from meterhouse.imports.saved_words import ReadFile, totals_in_words
from meterhouse.load.last_steps import work_out_all
from meterhouse.load.run import Run
from meterhouse.load.saved_days import SavedDays, Source, Verdict, held_days
from meterhouse.load.store import Store
from meterhouse.load.stream import API, Stream
from meterhouse.settings import Settings
from meterhouse.vendors.openai.legacy_client import SECONDS_BETWEEN_CALLS, LegacyClient, Pace
from meterhouse.windows import Window, days_in_a_row
from meterhouse.windows import buckets as starts_of

ORIGIN = "legacy-api"
_COMMAND = "import legacy-api"
# The endpoint of costs took about a hundred days at a time.
_MOST_DAYS_OF_COSTS = 90


@dataclass(frozen=True)
class _Call:
    """One call: usage of one day, or costs of some."""

    window: Window
    is_costs: bool

    def asked(self, client: LegacyClient) -> tuple[str, bytes]:
        """Return a name that says what was asked for, and the answer."""
        first, end = self.window.start.date(), self.window.end.date()
        if self.is_costs:
            return f"costs of {first} to {end - timedelta(days=1)}", client.costs(first, end)
        return f"usage of {first}", client.usage(first)


def import_from_legacy_api(
    settings: Settings,
    window: Window,
    label: str | None = None,
    *,
    dry_run: bool = False,
    clock: Clock = utc_now,
    pace: Pace | None = None,
) -> Iterator[str]:
    """Ask the retired endpoints for the days of `window` that are not covered, store them, and yield a line for each call.

    Raises `FixConfiguration` in one line when they no longer answer, or when the key opens another organization than the label holds.
    """
    organization = _organization(settings, label)
    with Store(settings.require_warehouse()) as store:
        calls = [*_usage_calls(store, organization.label, window), *_costs_calls(store, organization.label, window)]
        minutes = round(max(0, len(calls) - 1) * SECONDS_BETWEEN_CALLS / 60)
        long = f"about {counted(minutes, 'minute')} at five calls a minute"
        yield f"{organization.label}: {counted(len(calls), 'call')} for days that are not covered, {long}"
        if dry_run:
            return
        if calls:
            with LegacyClient(organization, settings, pace or Pace()) as client:
                yield from _asked_one_by_one(settings, store, organization, client, calls, clock)
        # Also where nothing is left to ask: an earlier run may have been stopped before these steps.
        work_out_all(store, [organization.label], settings.anomaly_floor)


def _asked_one_by_one(
    settings: Settings, store: Store, organization: Organization, client: LegacyClient, calls: list[_Call], clock: Clock
) -> Iterator[str]:
    owner = owner_of(settings, store, organization.label)
    stored: list[SavedDays] = []
    for number, call in enumerate(calls, 1):
        name, body = call.asked(client)
        one = _recognized(name, body, settings, clock())
        label = owner.label_of(name, one.figures)
        streams = planned_file(settings, store, label, one)
        owner.claim(label, one.figures)
        run = Run(store, _COMMAND, {"organization": label, "asked": name}, clock)
        yield from store_streams(store, streams, run, clock())
        stored += streams
        rows = sum(days.row_count(Verdict.STORED) for days in streams)
        yield f"{number} of {len(calls)}: {name}: {counted(rows, 'row')}"
        yield from (f"  {remark}" for remark in one.figures.remarks)
    yield f"imported {counted(len(calls), 'answer')}{totals_in_words(stored)}"


def _recognized(name: str, body: bytes, settings: Settings, now: datetime) -> ReadFile:
    source = Source(ORIGIN, now, is_dated=True, is_answer=True)
    try:
        return recognized(SavedFile(saved_text(body, Path(f"{name}.json")), "", source), settings)
    except FixConfiguration as error:
        raise RejectedAnswer(f"an answer of the retired endpoints cannot be read: {error}") from None


def _organization(settings: Settings, label: str | None) -> Organization:
    found = {organization.label: organization for organization in settings.require_organizations()}
    if label is None and len(found) > 1:
        raise FixConfiguration(f"give --organization: one of {', '.join(found)}")
    if label is not None and label not in found:
        raise FixConfiguration(f"there is no key for {label!r}: give one of {', '.join(found)}")
    return found[label] if label is not None else next(iter(found.values()))


def _usage_calls(store: Store, label: str, window: Window) -> Iterator[_Call]:
    for day in _open_days(store, label, COMPLETIONS, window):
        yield _Call(Window(day, day + timedelta(days=1)), is_costs=False)


def _costs_calls(store: Store, label: str, window: Window) -> Iterator[_Call]:
    for some in days_in_a_row(_open_days(store, label, COSTS, window)):
        start = some.start
        while start < some.end:
            end = min(some.end, start + timedelta(days=_MOST_DAYS_OF_COSTS))
            yield _Call(Window(start, end), is_costs=True)
            start = end


def _open_days(store: Store, label: str, endpoint: Endpoint, window: Window) -> list[datetime]:
    """Return the days that neither the API nor a file nor an earlier answer has covered for good."""
    held = held_days(store, Stream(label, endpoint, DAY), window)
    covered = {day for day, known in held.items() if known.origin == API or known.finality not in {Finality.OPEN, Finality.SETTLING}}
    return [day for day in starts_of(window, DAY) if day not in covered]
