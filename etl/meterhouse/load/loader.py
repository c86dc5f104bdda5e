"""Loader: one organization's streams: which windows of each a scheduled run or a backfill loads, and which are not asked for at all.

What an organization does not offer is a capability: found out by asking, remembered with its date, never a failed run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta

from meterhouse.admin_keys import Organization
from meterhouse.catalogue.endpoints import BucketWidth, Endpoint
from meterhouse.clock import Clock, utc_now
from meterhouse.load.capabilities import Capabilities
from meterhouse.load.key_owner import KeyOwner
from meterhouse.load.outcome import Summary
from meterhouse.load.run import Report, Run, silent
from meterhouse.load.store import Store
from meterhouse.load.stream import Stream, window_cuts
from meterhouse.load.stream_load import Means, Mode, StreamLoad, whole_minute
from meterhouse.settings import Settings
from meterhouse.vendors.adapter import adapter_of
from meterhouse.vendors.http_client import HttpClient
from meterhouse.vendors.read_ahead import ReadAhead
from meterhouse.windows import Window, ceil_to, chunks, floor_to_day, increment

log = logging.getLogger(__name__)

DEFAULT_HISTORY = timedelta(days=365)


class Loader:
    """Loads the streams of one organization through one client and one store."""

    def __init__(
        self,
        settings: Settings,
        organization: Organization,
        store: Store,
        client: HttpClient,
        *,
        clock: Clock = utc_now,
        report: Report = silent,
        answers: int = 1,
        open_store: Callable[[], Store] | None = None,
    ) -> None:
        """At most `answers` of the vendor are under way at a time.

        With a further session, which `open_store` opens, a window is put in place while the next one is taken in.
        """
        key_owner = KeyOwner(
            organization.label,
            store.organizations,
            client,
            vendor=organization.vendor,
            others=[other.label for other in settings.organizations if other.vendor == organization.vendor],
            excluded=settings.exclude_dimensions,
        )
        ahead = _read_ahead(settings, client, answers)
        vendor = adapter_of(organization.vendor)
        self._settings = settings
        self._organization = organization.label
        self._means = Means(settings, store, client, vendor, ahead, key_owner, clock, report, answers, open_store)
        self._now = whole_minute(clock())

    def beside(self, store: Store, client: HttpClient) -> Loader:
        """Return a loader for another thread of the same run, with its own store and client."""
        other = copy(self)
        means = self._means
        # The run has had its answer: a fault of one lane is no reason to ask for nothing more.
        client.was_answered = means.client.was_answered
        ahead = _read_ahead(self._settings, client, means.answers)
        key_owner = means.key_owner.beside(store.organizations, client)
        other._means = replace(means, store=store, client=client, read_ahead=ahead, key_owner=key_owner)
        return other

    @property
    def is_out_of_reach(self) -> bool:
        """Whether nobody has answered yet, not even with a refusal: then requesting the next endpoint is pointless."""
        return not self._means.client.was_answered

    def sync(self, endpoint: Endpoint, width: BucketWidth, run: Run, interval: Window | None = None) -> Summary:
        """Read again what a scheduled run of `interval` covers; without one, up to now. Moves the watermark with each commit."""
        stream = Stream(self._organization, endpoint, width)
        lookback = self._settings.lookback(endpoint)
        watermark = self._means.store.watermark(stream)
        window = increment(
            now=self._now,
            interval=interval,
            watermark=watermark,
            lookback=lookback,
            history_start=self._history_start(width, watermark, lookback),
            width=width,
            month_close_days=self._settings.month_close_days if endpoint.is_costs else 0,
        )
        # From midnight on, so that no day has hours from before a restatement beside hours from after it.
        window = Window(floor_to_day(window.start), window.end)
        mode = Mode(moves_watermark=True, lookback_start=self._now - lookback, force=False)
        return self._load(stream, window, run, mode, skip=set())

    def backfill(
        self, endpoint: Endpoint, width: BucketWidth, window: Window, run: Run, *, force: bool = False, trusts_digests: bool = True
    ) -> Summary:
        """Read a given range, whatever the watermark says, and leave the watermark alone; windows that `run` has loaded are skipped.

        Every row is compared with what is stored when digests are not trusted, or `force` is given.
        """
        stream = Stream(self._organization, endpoint, width)
        done = self._means.store.loaded_windows(run.run_id, stream) if run.run_id is not None else set()
        lookback = self._settings.lookback(endpoint)
        mode = Mode(moves_watermark=False, lookback_start=self._now - lookback, force=force, trusts_digests=trusts_digests and not force)
        return self._load(stream, window, run, mode, skip=done)

    def _history_start(self, width: BucketWidth, watermark: datetime | None, lookback: timedelta) -> datetime:
        """Return the first instant to read. Hours begin a few days ago, but after a long downtime where the stream was left."""
        today = floor_to_day(self._now)
        chosen = self._settings.history_start or today - DEFAULT_HISTORY
        if width.is_day:
            return chosen
        first = today - timedelta(days=self._settings.hourly_history_days)
        if watermark is not None and watermark < first:
            first = watermark - lookback
        return max(chosen, first)

    def _load(self, stream: Stream, window: Window, run: Run, mode: Mode, skip: set[Window]) -> Summary:
        offers = Capabilities(stream, self._means.store, self._means.key_owner, self._means.clock, self._settings.exclude_dimensions)
        summary = Summary(stream.organization, stream.endpoint.name, stream.width.name)
        if left_out := offers.left_out():
            return replace(summary, left_out=left_out)
        if mode.moves_watermark and (standing := offers.standing_refusal()):
            log.info("%s is not offered by this organization: %s", stream, standing)
            return replace(summary, not_offered=standing)
        newest = ceil_to(self._now, stream.width)
        window = Window(min(window.start, newest), min(window.end, newest))
        pieces = [piece for piece in chunks(window, stream.width, cuts=window_cuts(stream.endpoint)) if piece.start < self._now]
        load = StreamLoad(self._means, stream, run, mode, offers, self._now)
        try:
            return load.load(pieces, skip)
        finally:
            self._now = load.now


def _read_ahead(settings: Settings, client: HttpClient, answers: int) -> ReadAhead:
    return ReadAhead(client, answers, reads_on=settings.connections > 1)
