"""Outcome: what loading did, stream by stream, and whether anything that was requested was loaded at all."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.load.stream import Fetch, Replaced
from meterhouse.windows import Window

log = logging.getLogger(__name__)

_SHOWN_STREAMS = 3


@dataclass(frozen=True)
class Summary:
    """What loading one stream did. Rows and buckets are counts; seconds are split into waiting for the vendor and loading.

    `reported_from` is where the vendor's reports begin, when it refused earlier days of what was asked for; `windows_loaded_before` were
    committed by the stopped run that this one resumed.
    """

    organization: str
    endpoint: str
    bucket_width: str
    windows: int = 0
    pages: int = 0
    buckets: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_removed: int = 0
    rows_unchanged: int = 0
    restated_buckets: int = 0
    superseded_buckets: int = 0
    fetch_seconds: float = 0.0
    load_seconds: float = 0.0
    windows_loaded_before: int = 0
    loaded_from: str | None = None
    loaded_to: str | None = None
    reported_from: str | None = None
    not_offered: str | None = None
    left_out: str | None = None

    def plus(self, window: Window, fetch: Fetch, done: Replaced) -> Summary:
        """Return the summary with one more window in it."""
        return replace(
            self,
            windows=self.windows + 1,
            pages=self.pages + fetch.pages,
            buckets=self.buckets + done.buckets,
            rows_inserted=self.rows_inserted + done.inserted,
            rows_updated=self.rows_updated + done.updated,
            rows_removed=self.rows_removed + done.removed,
            rows_unchanged=self.rows_unchanged + done.unchanged,
            restated_buckets=self.restated_buckets + done.restated_buckets,
            superseded_buckets=self.superseded_buckets + done.superseded_buckets,
            fetch_seconds=round(self.fetch_seconds + fetch.seconds, 3),
            load_seconds=round(self.load_seconds + done.load_seconds, 3),
            loaded_from=self.loaded_from or window.start.isoformat(),
            loaded_to=window.end.isoformat(),
        )

    def as_dict(self) -> dict[str, object]:
        """Return the fields that say something, for a log line or a task's result."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def rows(self) -> int:
        """Rows that the warehouse now holds for the windows."""
        return self.rows_inserted + self.rows_updated + self.rows_unchanged

    @property
    def stream(self) -> str:
        """The stream's name, as in the log."""
        return f"{self.organization}/{self.endpoint}/{self.bucket_width}"

    @property
    def in_words(self) -> str:
        """What the load did, as a line for people."""
        if reason := self.nothing_loaded:
            return f"{self.stream}: {reason}"
        beyond = f"; the vendor reports nothing before {self.reported_from}" if self.reported_from else ""
        return (
            f"{self.stream}: {counted(self.windows, 'window')}, {counted(self.pages, 'page')}, {counted(self.buckets, 'bucket')};"
            f" rows: {self.rows_inserted} new,"
            f" {self.rows_updated} changed, {self.rows_removed} removed, {self.rows_unchanged} unchanged{beyond}"
        )

    @property
    def nothing_loaded(self) -> str | None:
        """Why nothing of what was asked for was loaded, None when something was, be it by an earlier run that this one resumed."""
        if self.buckets or self.superseded_buckets or self.windows_loaded_before:
            return None
        if self.left_out:
            return f"not asked for: {self.left_out}"
        if self.not_offered:
            return f"not offered by this organization ({self.not_offered})"
        if self.reported_from:
            return f"the vendor reports nothing before {self.reported_from}"
        return "the vendor's answer holds no bucket" if self.windows else "none of it has begun"


@dataclass(frozen=True)
class Outcome:
    """What a command did: a summary per stream, and an error per endpoint that could not be loaded."""

    summaries: tuple[Summary, ...]
    errors: tuple[MeterhouseError, ...] = ()

    def raise_first(self) -> None:
        """Raise the error that matters most, one that only people can cure before one that time cures, and log the others."""
        if not self.errors:
            return
        first, *others = sorted(self.errors, key=lambda error: error.retryable)
        for other in others:
            log.error("%s", visible(str(other)))
        raise first

    def require_something_loaded(self) -> None:
        """Raise `FixConfiguration` when nothing of what was asked for was loaded."""
        if reason := nothing_loaded(self.summaries):
            raise FixConfiguration(f"{reason}: ask for other days or endpoints")


def nothing_loaded(summaries: Iterable[Summary]) -> str | None:
    """Return in one line why no stream loaded anything of what was asked for; None when one did."""
    streams: dict[str, list[str]] = {}
    for summary in summaries:
        reason = summary.nothing_loaded
        if reason is None:
            return None
        streams.setdefault(reason, []).append(summary.stream)
    if not streams:
        return "nothing was loaded, as nothing was asked for"
    return f"nothing was loaded: {'; '.join(f'{reason} ({_some(names)})' for reason, names in streams.items())}"


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN_STREAMS
    return ", ".join(names[:_SHOWN_STREAMS]) + (f" and {more} more" if more > 0 else "")
