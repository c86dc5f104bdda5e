"""Loading: the commands that ask the vendor and write what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meterhouse.catalogue.endpoints import WIDTHS
from meterhouse.command_line.command_words import DIRECTORY
from meterhouse.command_line.speech import remark, say
from meterhouse.command_line.stopping import terminable
from meterhouse.errors import FixConfiguration
from meterhouse.load.backfill_range import backfill_window, future_in_words
from meterhouse.windows import Window, ceil_to

if TYPE_CHECKING:
    import argparse

    from meterhouse.catalogue.endpoints import BucketWidth
    from meterhouse.load.outcome import Summary
    from meterhouse.settings import Settings


def _names(text: str | None) -> list[str] | None:
    names = None if text is None else [name.strip() for name in text.split(",") if name.strip()]
    if names == []:
        raise FixConfiguration("--only is empty: leave it out, or name what to load")
    return names


def sync(settings: Settings, options: argparse.Namespace) -> int:
    """Load new data, and what may have been restated."""
    from meterhouse.command_line.progress import shown
    from meterhouse.load.directory import require_something_read, sync_directory
    from meterhouse.load.spend_limits import sync_spend_limits
    from meterhouse.load.sync import chosen_endpoints, sync

    only = _names(options.only)
    endpoints = None if only is None else [name for name in only if name != DIRECTORY]
    chosen_endpoints(settings, endpoints, also=(DIRECTORY,))
    with terminable():
        if endpoints is None or endpoints:
            with shown() as report:
                outcome = sync(settings, endpoints, report=report)
            for one in outcome.summaries:
                say(one.in_words)
            outcome.raise_first()
            if only is not None and DIRECTORY not in only:
                outcome.require_something_loaded()
        # Names come last: a key that may only read usage still loads every figure.
        if only is None or DIRECTORY in only:
            summaries = sync_directory(settings)
            for names in summaries:
                say(f"{names.organization}: {names}")
            for line in sync_spend_limits(settings):
                say(line)
            if only == [DIRECTORY]:
                require_something_read(summaries)
    return 0


def backfill(settings: Settings, options: argparse.Namespace) -> int:
    """Load a range of days again, or show the plan for it."""
    from meterhouse.command_line.progress import shown
    from meterhouse.load.sync import backfill

    now = datetime.now(UTC)
    window = backfill_window(options.first, options.last, now)
    width = WIDTHS[options.bucket_width]
    if left_out := future_in_words(options.last, now):
        remark(left_out)
    if options.dry_run:
        return _show_plan(settings, window, _names(options.only), width, now)
    with terminable(), shown() as report:
        outcome = backfill(settings, window, _names(options.only), width=width, force=options.force, report=report)
    for one in outcome.summaries:
        say(one.in_words)
    _print_coverage(settings, window, outcome.summaries, now)
    outcome.raise_first()
    outcome.require_something_loaded()
    return 0


def _show_plan(settings: Settings, window: Window, only: Sequence[str] | None, width: BucketWidth, now: datetime) -> int:
    from meterhouse.load.backfill_plan import chosen, pieces
    from meterhouse.load.backfill_preview import preview

    planned = pieces(window, chosen(settings.endpoints if only is None else only, width), width)
    for line in preview(settings, window, planned, width, now):
        say(line)
    return 0


def _print_coverage(settings: Settings, window: Window, summaries: Sequence[Summary], now: datetime) -> None:
    """The report that ends a backfill: what the range holds now."""
    from meterhouse.load.store import Store

    with Store(settings.require_warehouse()) as store:
        for one in summaries:
            width = WIDTHS[one.bucket_width]
            begun = Window(window.start, max(window.start, min(window.end, ceil_to(now, width))))
            counts = store.coverage_counts(one.organization, one.endpoint, width, begun)
            words = ", ".join(f"{count} {status}" for status, count in counts.items()) or "nothing loaded"
            say(f"coverage of {window} in {one.organization}/{one.endpoint}/{one.bucket_width}: {words}")
