"""Loader: one organization's streams, window by window: ask, decode, stage, replace, and ask again with less where it must.

What an organization does not offer is a capability: found out by asking, remembered with its date, never a failed run.
"""

from __future__ import annotations

import logging
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meterhouse.admin_keys import Organization
from meterhouse.catalogue.endpoints import BucketWidth, Dimension, Endpoint
from meterhouse.clock import Clock, utc_now
from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import BeforeHistory, RejectedAnswer, TryAgainLater, Unsupported
from meterhouse.load.capabilities import ENDPOINT, HISTORY, Capabilities
from meterhouse.load.chain import Chain, CompareRows
from meterhouse.load.grouping import Answered
from meterhouse.load.history_floor import first_accepted
from meterhouse.load.intake import Intake
from meterhouse.load.key_owner import KeyOwner
from meterhouse.load.outcome import Summary
from meterhouse.load.run import Progress, Report, Run, silent
from meterhouse.load.staging import StoredSince
from meterhouse.load.store import Store
from meterhouse.load.stored_names import refuse_ignored_grouping
from meterhouse.load.stream import Fetch, Replaced, Stream, window_cuts
from meterhouse.settings import Settings
from meterhouse.vendors.adapter import adapter_of
from meterhouse.vendors.http_client import HttpClient
from meterhouse.vendors.read_ahead import ReadAhead, Taken
from meterhouse.vendors.request import ChainBroken, PageTooLarge, Request
from meterhouse.windows import Window, ceil_to, chunks, clamp, floor_to_day, increment

log = logging.getLogger(__name__)

DEFAULT_HISTORY = timedelta(days=365)
RETIRED_AFTER = timedelta(days=7)


@dataclass(frozen=True)
class _Mode:
    """How windows are loaded: by the schedule, or by a backfill."""

    moves_watermark: bool
    lookback_start: datetime
    force: bool
    trusts_digests: bool = True

    def protected(self, window: Window) -> Window | None:
        """Return the part of `window` whose rows an empty answer may not remove: the days before the lookback, unless forced."""
        end = min(window.end, floor_to_day(self.lookback_start))
        return None if self.force or end <= window.start else Window(window.start, end)


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
    ) -> None:
        """At most `answers` of the vendor are under way at a time."""
        self._settings = settings
        self._organization = organization.label
        self._store = store
        self._client = client
        self._vendor = adapter_of(organization.vendor)
        self._answers = answers
        self._read_ahead = self._ahead()
        self._key_owner = KeyOwner(
            organization.label,
            store.organizations,
            client,
            vendor=organization.vendor,
            others=[other.label for other in settings.organizations if other.vendor == organization.vendor],
            excluded=settings.exclude_dimensions,
        )
        # Whole minutes: the vendor floors to the minute, and an end in the future is refused by some of its answers.
        self._now = clock().replace(second=0, microsecond=0)
        self._clock = clock
        self._report = report

    def beside(self, store: Store, client: HttpClient) -> Loader:
        """Return a loader for another thread of the same run, with its own store and client."""
        other = copy(self)
        other._store, other._client = store, client
        # The run has had its answer: a fault of one lane is no reason to ask for nothing more.
        client.was_answered = self._client.was_answered
        other._read_ahead = other._ahead()
        other._key_owner = self._key_owner.beside(store.organizations, client)
        return other

    def _ahead(self) -> ReadAhead:
        return ReadAhead(self._client, self._answers, reads_on=self._settings.connections > 1)

    @property
    def is_out_of_reach(self) -> bool:
        """Whether nobody has answered yet, not even with a refusal: then requesting the next endpoint is pointless."""
        return not self._client.was_answered

    def sync(self, endpoint: Endpoint, width: BucketWidth, run: Run, interval: Window | None = None) -> Summary:
        """Read again what a scheduled run of `interval` covers; without one, up to now. Moves the watermark with each commit."""
        stream = Stream(self._organization, endpoint, width)
        lookback = self._settings.lookback(endpoint)
        watermark = self._store.watermark(stream)
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
        mode = _Mode(moves_watermark=True, lookback_start=self._now - lookback, force=False)
        return self._load(stream, window, run, mode, skip=set())

    def backfill(
        self, endpoint: Endpoint, width: BucketWidth, window: Window, run: Run, *, force: bool = False, trusts_digests: bool = True
    ) -> Summary:
        """Read a given range, whatever the watermark says, and leave the watermark alone; windows that `run` has loaded are skipped.

        Every row is compared with what is stored when digests are not trusted, or `force` is given.
        """
        stream = Stream(self._organization, endpoint, width)
        done = self._store.loaded_windows(run.run_id, stream) if run.run_id is not None else set()
        lookback = self._settings.lookback(endpoint)
        mode = _Mode(moves_watermark=False, lookback_start=self._now - lookback, force=force, trusts_digests=trusts_digests and not force)
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

    def _load(self, stream: Stream, window: Window, run: Run, mode: _Mode, skip: set[Window]) -> Summary:
        offers = Capabilities(stream, self._store, self._key_owner, self._clock, self._settings.exclude_dimensions)
        summary = Summary(stream.organization, stream.endpoint.name, stream.width.name)
        if left_out := offers.left_out():
            return replace(summary, left_out=left_out)
        if mode.moves_watermark and (standing := offers.standing_refusal()):
            log.info("%s is not offered by this organization: %s", stream, standing)
            return replace(summary, not_offered=standing)
        newest = ceil_to(self._now, stream.width)
        pending = self._pieces(stream, Window(min(window.start, newest), min(window.end, newest)))
        try:
            return self._load_pieces(stream, pending, run, mode, skip, offers)
        finally:
            self._read_ahead.forget()

    def _load_pieces(
        self, stream: Stream, pending: list[Window], run: Run, mode: _Mode, skip: set[Window], offers: Capabilities
    ) -> Summary:
        summary = Summary(stream.organization, stream.endpoint.name, stream.width.name)
        done, total = 0, len(pending)
        while pending:
            # Not before the first one has come through, which shows what the organization refuses.
            if summary.windows:
                coming = [piece for piece in pending if piece not in skip][: self._answers]
                requests = [self._request(stream, piece, offers.dimensions(piece)) for piece in coming]
                self._read_ahead.expect(requests, self._store.next_fetch_number)
            piece = pending.pop(0)
            if piece in skip:
                summary = replace(summary, windows_loaded_before=summary.windows_loaded_before + 1)
            else:
                try:
                    summary = summary.plus(piece, *self._load_piece(stream, piece, run, mode, offers))
                except BeforeHistory as refusal:
                    end = (pending or [piece])[-1].end
                    floor = self._floor(stream, Window(piece.start, end), refusal, offers)
                    if floor is not None:
                        offers.refuse(HISTORY, f"begins {floor:%Y-%m-%d}: {refusal.detail}", self._now)
                    # Where nothing is said about where the history begins, what was known of it stays.
                    floor = floor or end
                    summary = replace(summary, reported_from=f"{floor:%Y-%m-%d}" if stream.width.is_day else f"{floor:%Y-%m-%d %H:%M} UTC")
                    log.warning("%s: the vendor reports nothing before %s", stream, summary.reported_from)
                    pending = [rest for left in (piece, *pending) if not (rest := clamp(left, floor, stream.width)).is_empty]
                    total = done + len(pending)
                    if not pending:
                        self._report(Progress(stream, done, total, None))
                    continue
                except Unsupported as refusal:
                    watermark = self._store.watermark(stream)
                    if refusal.capability == ENDPOINT and watermark is not None and self._now - watermark < RETIRED_AFTER:
                        # It was loaded within the last week: an outage, or another address, is no reason to stop asking.
                        raise TryAgainLater(f"{stream} was there and is not found now ({refusal.detail}): run again later") from None
                    offers.refuse(ENDPOINT, refusal.detail, self._now)
                    log.warning("%s is not offered by this organization: %s", stream, refusal.detail)
                    self._report(Progress(stream, total, total, None))
                    return replace(summary, not_offered=refusal.detail)
            done += 1
            self._report(Progress(stream, done, total, piece))
        return summary

    def _floor(self, stream: Stream, window: Window, refusal: BeforeHistory, offers: Capabilities) -> datetime | None:
        """Return where the history begins, as `window`, whose start is refused, has shown; None when all of it is refused."""
        # A floor that is not ahead would have the same window asked for again.
        if refusal.earliest is not None and refusal.earliest > window.start:
            return ceil_to(refusal.earliest, stream.width)

        def is_accepted(start: datetime) -> bool:
            bucket = Window(start, min(start + timedelta(seconds=stream.width.seconds), self._now))
            try:
                next(self._client.pages(Request(stream.endpoint, bucket, stream.width, offers.dimensions(bucket), 1)))
            except BeforeHistory:
                return False
            except (Unsupported, PageTooLarge):
                pass  # no word about the start; loading it deals with the rest
            return True

        return first_accepted(window, stream.width, is_accepted)

    def _request(self, stream: Stream, window: Window, dimensions: tuple[Dimension, ...], page_buckets: int | None = None) -> Request:
        asked = Window(window.start, min(window.end, self._now))
        return Request(stream.endpoint, asked, stream.width, dimensions, page_buckets or stream.width.max_buckets)

    def _pieces(self, stream: Stream, window: Window) -> list[Window]:
        return [piece for piece in chunks(window, stream.width, cuts=window_cuts(stream.endpoint)) if piece.start < self._now]

    def _load_piece(self, stream: Stream, window: Window, run: Run, mode: _Mode, offers: Capabilities) -> tuple[Fetch, Replaced]:
        """Load one window, asking again with less where the organization or the size of the answer demands it."""
        dimensions = offers.dimensions(window)
        page_buckets = stream.width.max_buckets
        restarted = False
        trusts_digests = mode.trusts_digests
        # Read for every window: a long run must not ask for less than a later one that has overtaken it.
        self._now = max(self._now, self._clock().replace(second=0, microsecond=0))
        while True:
            try:
                return self._load_once(stream, window, dimensions, page_buckets, run, mode, offers, trusts_digests)
            except (CompareRows, StoredSince):
                trusts_digests = False
            except PageTooLarge:
                if page_buckets == 1:
                    raise
                page_buckets = max(1, page_buckets // 4)
            except ChainBroken:
                if restarted:
                    raise
                restarted = True
            except BeforeHistory:
                raise
            except Unsupported as refusal:
                if refusal.capability == ENDPOINT:
                    raise
                dimensions = offers.without_refused(dimensions, refusal, self._now)

    def _load_once(
        self,
        stream: Stream,
        window: Window,
        dimensions: tuple[Dimension, ...],
        page_buckets: int,
        run: Run,
        mode: _Mode,
        offers: Capabilities,
        trusts_digests: bool,
    ) -> tuple[Fetch, Replaced]:
        request = self._request(stream, window, dimensions, page_buckets)
        asked = request.window
        pages = self._read_ahead.take(request, self._store.next_fetch_number)
        settling_time = self._settings.settling_time(stream.endpoint)
        chain = Chain(asked, stream.width, self._now, settling_time, compares_rows=not trusts_digests)
        # Until it is known which organization the label holds, rows that name theirs have to be decoded.
        is_told = trusts_digests and (stream.endpoint.organization_field is None or self._key_owner.is_remembered)
        stored = self._store.stored_buckets(stream, asked) if is_told else {}
        answered = Answered(dimensions)
        with Intake(stream, self._vendor, chain, answered, stored, self._key_owner, self._store) as intake:
            self._take_all(pages, intake, chain, stream, window)
            if answered.is_suspect and not mode.force:
                refuse_ignored_grouping(self._store.connection, stream, self._store.organization_id(stream.organization), window, answered)
            fetch = Fetch(
                pages.fetch_number,
                dimensions,
                intake.pages,
                pages.seconds,
                tuple(sorted(chain.unknown_fields)),
                tuple(sorted(chain.all_warnings())),
            )
            _log_oddities(stream, window, fetch)
            covered = chain.covered()
            if intake.stage.would_empty(window, covered):
                self._key_owner.check_unnamed(self._now)
            done = intake.stage.replace(
                window,
                covered,
                fetch,
                run_id=run.open(),
                now=self._now,
                moves_watermark=mode.moves_watermark,
                protected=mode.protected(window),
            )
        offers.confirm(dimensions, self._now)
        _log_done(stream, window, fetch, done)
        return fetch, done

    def _take_all(self, pages: Taken, intake: Intake, chain: Chain, stream: Stream, window: Window) -> None:
        """Take in every page of an answer; a chain that breaks behind its last bucket was whole all the same."""
        try:
            for page in pages:
                intake.take(page, self._now)
        except ChainBroken as broken:
            if chain.missing():
                raise
            log.warning("%s %s: %s, but every bucket had come", stream, window, broken)
        except RejectedAnswer as error:
            raise type(error)(f"{stream} {window}: {error}") from None


def _log_oddities(stream: Stream, window: Window, fetch: Fetch) -> None:
    for warning in fetch.warnings:
        log.warning("%s %s: %s", stream, window, visible(warning))
    if fetch.unknown_fields:
        log.warning("%s %s: unknown fields are kept in extra: %s", stream, window, visible(", ".join(fetch.unknown_fields)))


def _log_done(stream: Stream, window: Window, fetch: Fetch, done: Replaced) -> None:
    log.info(
        "%s %s: %s, %s, rows: %d new, %d changed, %d removed, %d unchanged",
        stream,
        window,
        counted(fetch.pages, "page"),
        counted(done.buckets, "bucket"),
        done.inserted,
        done.updated,
        done.removed,
        done.unchanged,
    )
