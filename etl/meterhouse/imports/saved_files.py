"""Saved files: exports and saved answers of usage and costs, from their paths to stored days.

All files are read and checked before anything is written, and each of them is stored all or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from meterhouse.catalogue.endpoints import COSTS
from meterhouse.catalogue.vendors import OPENAI, Vendor
from meterhouse.clock import Clock, utc_now
from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.imports.saved_texts import SavedFile, read_saved_file
from meterhouse.imports.saved_words import ReadFile, in_sum, in_words
from meterhouse.load.file_owner import FileOwner
from meterhouse.load.last_steps import work_out_all
from meterhouse.load.run import Run
from meterhouse.load.saved_days import SavedDays, Verdict, planned, store_days
from meterhouse.load.store import Store
from meterhouse.settings import Settings
from meterhouse.vendors.adapter import adapter_of
from meterhouse.vendors.saved_file import SavedFigures
from meterhouse.warehouse.database import translated
from meterhouse.windows import from_epoch, to_epoch


@dataclass(frozen=True)
class Chosen:
    """What was asked for: whether files are of costs, the label they belong to, when they were saved, and whether to write."""

    is_costs: bool
    organization: str | None = None
    saved_at: datetime | None = None
    dry_run: bool = False


def import_files(settings: Settings, paths: Sequence[Path], chosen: Chosen, *, clock: Clock = utc_now) -> Iterator[str]:
    """Import files of usage or of costs; yield line by line what each of them is, what is stored, and what is left as it is.

    Raises `FixConfiguration` for the first file that cannot be read, is of another kind or of another organization; nothing is stored then.
    """
    now = clock()
    files = [_read(path, chosen, settings, now) for path in paths]
    with Store(settings.require_warehouse()) as store:
        owner = owner_of(settings, store, chosen.organization)
        labels = [owner.label_of(one.name, one.figures) for one in files]
        _require_one_owner_each(files, labels)
        done: list[SavedDays] = []
        for label, one in zip(labels, files, strict=True):
            streams = planned_file(settings, store, label, one, done if chosen.dry_run else ())
            yield from in_words(one, label, streams, dry_run=chosen.dry_run)
            if not chosen.dry_run:
                run = Run(store, f"import {'costs' if chosen.is_costs else 'usage'}", _parameters(label, one), clock)
                owner.claim(label, one.figures)
                yield from store_streams(store, streams, run, now)
            done += streams
        if not chosen.dry_run:
            # Also for a file that adds nothing: an earlier import may have ended before these steps.
            work_out_all(store, sorted(set(labels)), settings.anomaly_floor)
        yield in_sum(len(files), done, dry_run=chosen.dry_run)


def planned_file(settings: Settings, store: Store, label: str, one: ReadFile, before: Iterable[SavedDays] = ()) -> list[SavedDays]:
    """Return all streams of a file with what becomes of each day; a copy of the bill goes with it."""
    streams = [planned(store, label, stream, one.source, settings.settling_time(stream.endpoint), before) for stream in one.figures.streams]
    bill = next((days for days in streams if days.stream.endpoint == COSTS), None)
    return [days.following(bill) if bill and days.is_copy else days for days in streams]


def store_streams(store: Store, streams: Sequence[SavedDays], run: Run, now: datetime) -> Iterator[str]:
    """Store what a file adds, in one transaction, and say what has changed since it was planned; one that adds nothing writes nothing."""
    new = [days for days in streams if days.days(Verdict.STORED)]
    if not new:
        return
    late = 0
    try:
        run_id = run.open()
        with translated("import"), store.connection.transaction():
            for days in new:
                late += store_days(store, days, run_id=run_id, now=now).superseded_buckets
    except BaseException as error:
        run.close("stopped" if isinstance(error, KeyboardInterrupt) else "failed", str(error))
        raise
    run.close("done")
    if late:
        yield f"  {counted(late, 'day')} of them came from the API meanwhile, and what the API said stays"


def owner_of(settings: Settings, store: Store, label: str | None, vendor: Vendor = OPENAI) -> FileOwner:
    """Return what finds the label of a vendor's files, `label` if somebody gave one."""
    labels = [organization.label for organization in settings.organizations if organization.vendor == vendor]
    return FileOwner(store.organizations, vendor, labels, label)


def recognized(file: SavedFile, settings: Settings, vendor: Vendor = OPENAI) -> ReadFile:
    """Return what a file holds, without the dimensions that the settings exclude."""
    read = adapter_of(vendor).read_saved
    if read is None:
        raise FixConfiguration(f"files of {vendor.name} cannot be imported: load its figures with meterhouse backfill")
    name = visible(file.text.name)
    return ReadFile(name, file.sha256, file.source, _known_then(name, read(file.text, settings.exclude_dimensions), file.source.saved_at))


def _read(path: Path, chosen: Chosen, settings: Settings, now: datetime) -> ReadFile:
    one = recognized(read_saved_file(path, now, chosen.saved_at), settings)
    if one.figures.is_costs != chosen.is_costs:
        right = "costs" if one.figures.is_costs else "usage"
        raise FixConfiguration(f"{one.name} is {one.figures.kind}: import it with meterhouse import {right}")
    return one


def _known_then(name: str, figures: SavedFigures, saved_at: datetime) -> SavedFigures:
    """Leave out the days that had not begun when a file was saved: exports list all days that were chosen, and these say nothing."""
    begun = to_epoch(saved_at)
    late = [bucket.start for stream in figures.streams for bucket in stream.page.buckets if bucket.start > begun and bucket.rows]
    if late:
        raise FixConfiguration(
            f"{name} has figures of {from_epoch(min(late)):%Y-%m-%d}, but was saved on {saved_at:%Y-%m-%d}: say when it was saved with"
            " --exported-on"
        )
    pages = [
        replace(stream.page, buckets=tuple(bucket for bucket in stream.page.buckets if bucket.start <= begun)) for stream in figures.streams
    ]
    if not any(page.buckets for page in pages):
        raise FixConfiguration(f"{name} has only days after it was saved, {saved_at:%Y-%m-%d}: say when it was saved with --exported-on")
    streams = [replace(stream, page=page) for stream, page in zip(figures.streams, pages, strict=True) if page.buckets]
    return replace(figures, streams=tuple(streams))


def _require_one_owner_each(files: Sequence[ReadFile], labels: Sequence[str]) -> None:
    """Refuse files of several organizations under one label that does not remember any yet."""
    by_label: dict[str, set[str]] = {}
    for one, label in zip(files, labels, strict=True):
        by_label.setdefault(label, set()).update(one.figures.organizations)
    for label, found in by_label.items():
        if len(found) > 1:
            some = ", ".join(sorted(found)[:3])
            raise FixConfiguration(f"the files for {label} are of several organizations ({some}): import them one organization at a time")


def _parameters(label: str, one: ReadFile) -> dict[str, object]:
    return {"organization": label, "file": one.name, "sha256": one.sha256, "kind": one.figures.kind}
