"""Sync: runs over all organizations and endpoints: scheduled ones, and backfills that can be stopped and resumed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from meterhouse.admin_keys import Organization
from meterhouse.catalogue.endpoints import DAY, ENDPOINTS, BucketWidth, Endpoint, offered_by
from meterhouse.clock import Clock, utc_now
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.load.last_steps import work_out, work_out_all
from meterhouse.load.loader import Loader
from meterhouse.load.outcome import Outcome, Summary
from meterhouse.load.run import Progress, Report, Run, silent
from meterhouse.load.side_by_side import SideBySide
from meterhouse.load.store import Store
from meterhouse.settings import Settings
from meterhouse.vendors.adapter import adapter_of
from meterhouse.windows import Window

log = logging.getLogger(__name__)

RESUME_WITHIN = timedelta(days=1)


_Load = Callable[[Loader, Endpoint], Iterator[Summary]]


@dataclass(frozen=True)
class _Lane:
    """One loader of an organization with its session."""

    store: Store
    loader: Loader
    load_with: _Load

    @property
    def is_out_of_reach(self) -> bool:
        return self.loader.is_out_of_reach

    @property
    def has_session(self) -> bool:
        return not self.store.connection.closed

    def load(self, endpoint: Endpoint) -> Iterator[Summary]:
        return self.load_with(self.loader, endpoint)

    def end(self) -> None:
        self.store.give_up()


def chosen_endpoints(settings: Settings, only: Iterable[str] | None, *, also: tuple[str, ...] = ()) -> list[Endpoint]:
    """Return the endpoints to load, in catalogue order, each once for all vendors that offer it.

    Raises `FixConfiguration` for a name that is not in the catalogue.
    """
    names = list(only) if only is not None else list(settings.endpoints)
    if unknown := [name for name in names if name not in ENDPOINTS]:
        raise FixConfiguration(f"unknown endpoint {unknown[0]!r}: choose from {', '.join((*also, *ENDPOINTS))}")
    return [endpoint for name, endpoint in ENDPOINTS.items() if name in names]


def sync(
    settings: Settings,
    only: Iterable[str] | None = None,
    *,
    interval: Window | None = None,
    clock: Clock = utc_now,
    report: Report = silent,
    allocates: bool = True,
) -> Outcome:
    """Bring every stream up to date. One endpoint's fault leaves the others alone.

    Then the allocation of the costs, unless somebody else `allocates` once all endpoints are loaded.

    A wrong key or setting ends the run of its organization at once, and is raised when the others are loaded; an API that cannot be
    reached ends the run of its organization too.
    """
    endpoints = chosen_endpoints(settings, only)

    def load(loads: Loader, run: Run, endpoint: Endpoint) -> Iterator[Summary]:
        for width in endpoint.chosen_widths(settings.widths):
            yield loads.sync(endpoint, width, run, interval)

    parameters = {"endpoints": [endpoint.name for endpoint in endpoints]}
    return _over_organizations(settings, endpoints, "sync", parameters, load, clock=clock, report=report, allocates=allocates)


def backfill(
    settings: Settings,
    window: Window,
    only: Iterable[str] | None = None,
    *,
    width: BucketWidth = DAY,
    force: bool = False,
    clock: Clock = utc_now,
    report: Report = silent,
    allocates: bool = True,
) -> Outcome:
    """Load a range again. The same command after a stop resumes: windows that were committed are not asked for again.

    One that another process is still running is not joined: both load the whole range.
    """
    endpoints = chosen_endpoints(settings, only)
    if only is not None and (narrow := [endpoint.name for endpoint in endpoints if not endpoint.width(width.name)]):
        raise FixConfiguration(f"{narrow[0]} has no {width.name} buckets: choose 1d")
    endpoints = [endpoint for endpoint in endpoints if endpoint.width(width.name)]
    if not endpoints:
        raise FixConfiguration(
            f"METERHOUSE_ENDPOINTS names no endpoint with buckets of width {width.name}: choose 1d, or name one with --only"
        )
    parameters = {
        "endpoints": [endpoint.name for endpoint in endpoints],
        "from": window.start.isoformat(),
        "to": window.end.isoformat(),
        "bucket_width": width.name,
        "force": force,
        "exclude_dimensions": list(settings.exclude_dimensions),
    }

    def load(loads: Loader, run: Run, endpoint: Endpoint) -> Iterator[Summary]:
        if served := endpoint.width(width.name):
            yield loads.backfill(endpoint, served, window, run, force=force)

    return _over_organizations(
        settings, endpoints, "backfill", parameters, load, clock=clock, report=report, resume=True, allocates=allocates
    )


def _over_organizations(
    settings: Settings,
    endpoints: list[Endpoint],
    command: str,
    parameters: Mapping[str, object],
    load: Callable[[Loader, Run, Endpoint], Iterator[Summary]],
    *,
    clock: Clock,
    report: Report,
    resume: bool = False,
    allocates: bool,
) -> Outcome:
    summaries: list[Summary] = []
    errors: list[MeterhouseError] = []
    with Store(settings.require_warehouse()) as store:
        for organization in settings.require_organizations():
            asked = {"organization": organization.label, **parameters}
            now = clock()
            run = Run(store, command, asked, clock, store.resume_run(command, asked, now - RESUME_WITHIN, now) if resume else None)
            try:
                loaded, failed = _load_all(settings, organization, store, endpoints, run, load, clock, report)
                if allocates:
                    failed += work_out(store, organization.label, settings.anomaly_floor).errors
            except BaseException as stop:
                _close_failed(run, "stopped" if isinstance(stop, KeyboardInterrupt) else "failed", str(stop))
                raise
            try:
                run.close("failed" if failed else "done", "; ".join(map(str, failed)) or None)
            except MeterhouseError as error:
                failed.append(error)
            summaries.extend(loaded)
            errors.extend(failed)
    outcome = Outcome(tuple(summaries), tuple(errors))
    if any(isinstance(error, FixConfiguration) for error in errors):
        outcome.raise_first()
    return outcome


def _load_all(
    settings: Settings,
    organization: Organization,
    store: Store,
    endpoints: list[Endpoint],
    run: Run,
    load: Callable[[Loader, Run, Endpoint], Iterator[Summary]],
    clock: Clock,
    report: Report,
) -> tuple[list[Summary], list[MeterhouseError]]:
    """Load those of the endpoints that the organization's vendor offers, several at a time.

    Return the summaries, and the errors of those that failed.
    """
    try:
        store.organizations.require_vendor(organization.label, organization.vendor)
    except FixConfiguration as refusal:
        return [], [refusal]
    offered = offered_by(organization.vendor)
    endpoints = [offered[endpoint.name] for endpoint in endpoints if endpoint.name in offered]
    count = max(1, min(settings.connections, len(endpoints)))
    one_line = threading.Lock()

    def report_in_turn(step: Progress) -> None:
        with one_line:
            report(step)
        if run.run_id is not None:
            lanes.begin()

    def further_store() -> Store:
        return Store(settings.require_warehouse())

    def lane(store: Store, loader: Loader) -> _Lane:
        return _Lane(store, loader, lambda loads, endpoint: load(loads, run, endpoint))

    with adapter_of(organization.vendor).client(organization, settings) as client:
        answers = settings.connections // count
        # Several lanes have sessions enough, and work while one of them waits for the server.
        open_store = further_store if count == 1 and settings.connections > 1 else None
        loader = Loader(settings, organization, store, client, clock=clock, report=report_in_turn, answers=answers, open_store=open_store)

        @contextmanager
        def further() -> Iterator[_Lane]:
            with further_store() as own:
                yield lane(own, loader.beside(own, client.beside()))

        lanes = SideBySide(endpoints, count, further)
        return lanes.run(lane(store, loader))


def allocate(settings: Settings) -> dict[str, int]:
    """Work out what every organization's costs are the base of, allocation first; return how many days were allocated, by label.

    Everything is tried for every organization before the first error is raised.
    """
    with Store(settings.require_warehouse()) as store:
        return work_out_all(store, [one.label for one in settings.require_organizations()], settings.anomaly_floor)


def _close_failed(run: Run, status: str, error: str) -> None:
    """Close the run's entry; when the warehouse is away too, the first error is the one to show."""
    try:
        run.close(status, error)
    except MeterhouseError as away:
        log.warning("the run log could not be closed: %s", away)
