"""Stream load: the windows of one stream in one run, one after another: ask, take in, put in place, and ask again with less where it must.

While a window is put in place, the next one is taken in, because its pages do not depend on the rows of the one before. Where the stored
rows of earlier windows matter, the loader waits until they are there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meterhouse.catalogue.endpoints import Dimension
from meterhouse.clock import Clock
from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import BeforeHistory, RejectedAnswer, TryAgainLater, Unsupported
from meterhouse.load.behind import Behind
from meterhouse.load.capabilities import ENDPOINT, HISTORY, Capabilities
from meterhouse.load.chain import Chain, CompareRows, CoveredBucket
from meterhouse.load.grouping import Answered
from meterhouse.load.history_floor import first_accepted
from meterhouse.load.intake import Intake
from meterhouse.load.key_owner import KeyOwner
from meterhouse.load.outcome import Summary
from meterhouse.load.run import Progress, Report, Run
from meterhouse.load.staging import Stage, StoredSince
from meterhouse.load.store import Store
from meterhouse.load.stored_names import refuse_ignored_grouping
from meterhouse.load.stream import Fetch, Replaced, Stream
from meterhouse.settings import Settings
from meterhouse.vendors.adapter import Adapter
from meterhouse.vendors.http_client import HttpClient
from meterhouse.vendors.read_ahead import ReadAhead, Taken
from meterhouse.vendors.request import ChainBroken, PageTooLarge, Request
from meterhouse.windows import Window, ceil_to, clamp, floor_to_day

log = logging.getLogger(__name__)

RETIRED_AFTER = timedelta(days=7)


@dataclass(frozen=True)
class Mode:
    """How windows are loaded: by the schedule, or by a backfill."""

    moves_watermark: bool
    lookback_start: datetime
    force: bool
    trusts_digests: bool = True

    def protected(self, window: Window) -> Window | None:
        """Return the part of `window` whose rows an empty answer may not remove: the days before the lookback, unless forced."""
        end = min(window.end, floor_to_day(self.lookback_start))
        return None if self.force or end <= window.start else Window(window.start, end)


@dataclass(frozen=True)
class Means:
    """What a loader loads with; `open_store` opens a further session of the warehouse, where there may be one."""

    settings: Settings
    store: Store
    client: HttpClient
    vendor: Adapter
    read_ahead: ReadAhead
    key_owner: KeyOwner
    clock: Clock
    report: Report
    answers: int
    open_store: Callable[[], Store] | None


@dataclass(frozen=True)
class _TakenIn:
    """A window whose answer came whole, and how it was asked for."""

    window: Window
    dimensions: tuple[Dimension, ...]
    stage: Stage
    covered: list[CoveredBucket]
    fetch: Fetch
    now: datetime

    def put_in_place(self, store: Store, run_id: int, mode: Mode) -> Replaced:
        """Write it through the session of `store`, once: afterwards the collected rows are dropped."""
        with self.stage as stage:
            stage.go_on_in(store.connection, store.ensure_partition)
            return stage.replace(
                self.window,
                self.covered,
                self.fetch,
                run_id=run_id,
                now=self.now,
                moves_watermark=mode.moves_watermark,
                protected=mode.protected(self.window),
            )


class StreamLoad:
    """Loads windows of `stream` once; `now` is the run's instant, which moves on with every window."""

    def __init__(self, means: Means, stream: Stream, run: Run, mode: Mode, offers: Capabilities, now: datetime) -> None:
        self.now = now
        self._means = means
        self._stream = stream
        self._run = run
        self._mode = mode
        self._offers = offers
        self._summary = Summary(stream.organization, stream.endpoint.name, stream.width.name)
        self._pending: list[Window] = []
        self._decoded_whole: set[Window] = set()
        self._has_come = False
        self._done = self._total = 0
        self._writing: tuple[_TakenIn, Future[Replaced]] | None = None

    def load(self, windows: list[Window], skip: set[Window]) -> Summary:
        """Load `windows` in order, all but those in `skip`. What was taken in before an error is kept."""
        self._pending = list(windows)
        self._total = len(windows)
        with Behind(self._means.store, self._means.open_store) as behind:
            try:
                while self._pending or self._writing:
                    # A window that somebody else stored meanwhile is pending again.
                    with suppress(StoredSince):
                        self._load_next(skip, behind)
            except Exception:
                with suppress(StoredSince):
                    self._settle()
                raise
            finally:
                self._means.read_ahead.forget()
        return self._summary

    def _load_next(self, skip: set[Window], behind: Behind) -> None:
        """Take in the first pending window and begin to put it in place; when none is pending, wait for the last one."""
        if not self._pending:
            self._settle()
            return
        # Not before the first answer has come, which shows what the organization refuses.
        if self._has_come:
            self._expect([window for window in self._pending if window not in skip])
        window = self._pending[0]
        if window in skip:
            self._settle()
            self._summary = replace(self._summary, windows_loaded_before=self._summary.windows_loaded_before + 1)
            self._advance(self._pending.pop(0))
            return
        try:
            taken = self._taken_in(window)
        except BeforeHistory as refusal:
            self._settle()
            self._begin_at_floor(refusal)
        except Unsupported as refusal:
            self._settle()
            self._not_offered(refusal)
        else:
            self._has_come = True
            self._put_in_place(taken, behind)

    def _expect(self, windows: list[Window]) -> None:
        coming = windows[: self._means.answers]
        requests = [self._request(window, self._offers.dimensions(window)) for window in coming]
        self._means.read_ahead.expect(requests, self._means.store.next_fetch_number)

    def _put_in_place(self, taken: _TakenIn, behind: Behind) -> None:
        """Begin to put the first window that is pending in place, as soon as the one before it is."""
        with ExitStack() as unless_begun:
            unless_begun.enter_context(taken.stage)
            self._settle()
            run_id = self._run.open()
            unless_begun.pop_all()
        self._pending.pop(0)
        writing = behind.begin(lambda store: taken.put_in_place(store, run_id, self._mode), goes_on=bool(self._pending))
        self._writing = (taken, writing)
        if writing.done():
            self._settle()

    def _settle(self) -> None:
        """Wait until the window that is being put in place is there; one for which that raises `StoredSince` is pending again."""
        if self._writing is None:
            return
        (taken, writing), self._writing = self._writing, None
        try:
            replaced = writing.result()
        except StoredSince:
            self._decoded_whole.add(taken.window)
            self._pending.insert(0, taken.window)
            raise
        self._offers.confirm(taken.dimensions, self.now)
        _log_done(self._stream, taken, replaced)
        self._summary = self._summary.plus(taken.window, taken.fetch, replaced)
        self._advance(taken.window)

    def _advance(self, window: Window) -> None:
        self._done += 1
        self._means.report(Progress(self._stream, self._done, self._total, window))

    def _begin_at_floor(self, refusal: BeforeHistory) -> None:
        """Leave out what of the pending windows is before the vendor's history."""
        whole = Window(self._pending[0].start, self._pending[-1].end)
        floor = self._floor(whole, refusal)
        if floor is not None:
            self._offers.refuse(HISTORY, f"begins {floor:%Y-%m-%d}: {refusal.detail}", self.now)
        # Where nothing is said about where the history begins, what was known of it stays.
        floor = floor or whole.end
        said = f"{floor:%Y-%m-%d}" if self._stream.width.is_day else f"{floor:%Y-%m-%d %H:%M} UTC"
        self._summary = replace(self._summary, reported_from=said)
        log.warning("%s: the vendor reports nothing before %s", self._stream, said)
        self._pending = [rest for window in self._pending if not (rest := clamp(window, floor, self._stream.width)).is_empty]
        self._total = self._done + len(self._pending)
        if not self._pending:
            self._means.report(Progress(self._stream, self._done, self._total, None))

    def _floor(self, window: Window, refusal: BeforeHistory) -> datetime | None:
        """Return where the history begins, as `window`, whose start is refused, has shown; None when all of it is refused."""
        # A floor that is not ahead would have the same window asked for again.
        if refusal.earliest is not None and refusal.earliest > window.start:
            return ceil_to(refusal.earliest, self._stream.width)

        def is_accepted(start: datetime) -> bool:
            bucket = Window(start, min(start + timedelta(seconds=self._stream.width.seconds), self.now))
            try:
                next(
                    self._means.client.pages(Request(self._stream.endpoint, bucket, self._stream.width, self._offers.dimensions(bucket), 1))
                )
            except BeforeHistory:
                return False
            except (Unsupported, PageTooLarge):
                pass  # no word about the start; loading it deals with the rest
            return True

        return first_accepted(window, self._stream.width, is_accepted)

    def _not_offered(self, refusal: Unsupported) -> None:
        watermark = self._means.store.watermark(self._stream)
        if refusal.capability == ENDPOINT and watermark is not None and self.now - watermark < RETIRED_AFTER:
            # It was loaded within the last week: an outage, or another address, is no reason to stop asking.
            raise TryAgainLater(f"{self._stream} was there and is not found now ({refusal.detail}): run again later") from None
        self._offers.refuse(ENDPOINT, refusal.detail, self.now)
        log.warning("%s is not offered by this organization: %s", self._stream, refusal.detail)
        self._means.report(Progress(self._stream, self._total, self._total, None))
        self._summary = replace(self._summary, not_offered=refusal.detail)
        self._pending = []

    def _request(self, window: Window, dimensions: tuple[Dimension, ...], page_buckets: int | None = None) -> Request:
        asked = Window(window.start, min(window.end, self.now))
        return Request(self._stream.endpoint, asked, self._stream.width, dimensions, page_buckets or self._stream.width.max_buckets)

    def _taken_in(self, window: Window) -> _TakenIn:
        """Take in one window, asking again with less where the organization or the size of the answer demands it."""
        dimensions = self._offers.dimensions(window)
        page_buckets = self._stream.width.max_buckets
        trusts_digests = self._mode.trusts_digests and window not in self._decoded_whole
        restarted = False
        # Read for every window: a long run must not ask for less than a later one that has overtaken it.
        self.now = max(self.now, whole_minute(self._means.clock()))
        while True:
            try:
                return self._take_once(window, dimensions, page_buckets, trusts_digests)
            except CompareRows:
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
                dimensions = self._offers.without_refused(dimensions, refusal, self.now)

    def _take_once(self, window: Window, dimensions: tuple[Dimension, ...], page_buckets: int, trusts_digests: bool) -> _TakenIn:
        means, stream = self._means, self._stream
        request = self._request(window, dimensions, page_buckets)
        pages = means.read_ahead.take(request, means.store.next_fetch_number)
        settling_time = means.settings.settling_time(stream.endpoint)
        chain = Chain(request.window, stream.width, self.now, settling_time, compares_rows=not trusts_digests)
        # Until it is known which organization the label holds, rows that name theirs have to be decoded.
        is_told = trusts_digests and (stream.endpoint.organization_field is None or means.key_owner.is_remembered)
        stored = means.store.stored_buckets(stream, request.window) if is_told else {}
        answered = Answered(dimensions)
        with Intake(stream, means.vendor, chain, answered, stored, means.key_owner, means.store) as intake:
            self._take_all(pages, intake, chain, window)
            if answered.is_suspect and not self._mode.force:
                # It is compared with the days around, those of the window before among them.
                self._settle()
                refuse_ignored_grouping(means.store.connection, stream, means.store.organization_id(stream.organization), window, answered)
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
                means.key_owner.check_unnamed(self.now)
            return _TakenIn(window, dimensions, intake.hand_over(), covered, fetch, self.now)

    def _take_all(self, pages: Taken, intake: Intake, chain: Chain, window: Window) -> None:
        """Take in every page of an answer; a chain that breaks behind its last bucket was whole all the same."""
        try:
            for page in pages:
                intake.take(page, self.now)
        except ChainBroken as broken:
            if chain.missing():
                raise
            log.warning("%s %s: %s, but every bucket had come", self._stream, window, broken)
        except RejectedAnswer as error:
            raise type(error)(f"{self._stream} {window}: {error}") from None


def whole_minute(instant: datetime) -> datetime:
    """Return the minute of an instant: the vendor floors to the minute, and some endpoints refuse an end in the future."""
    return instant.replace(second=0, microsecond=0)


def _log_oddities(stream: Stream, window: Window, fetch: Fetch) -> None:
    for warning in fetch.warnings:
        log.warning("%s %s: %s", stream, window, visible(warning))
    if fetch.unknown_fields:
        log.warning("%s %s: unknown fields are kept in extra: %s", stream, window, visible(", ".join(fetch.unknown_fields)))


def _log_done(stream: Stream, taken: _TakenIn, done: Replaced) -> None:
    log.info(
        "%s %s: %s, %s, rows: %d new, %d changed, %d removed, %d unchanged",
        stream,
        taken.window,
        counted(taken.fetch.pages, "page"),
        counted(done.buckets, "bucket"),
        done.inserted,
        done.updated,
        done.removed,
        done.unchanged,
    )
