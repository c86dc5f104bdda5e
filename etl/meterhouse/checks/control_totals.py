"""Control totals: what the vendor answers without any grouping, against the sum of what the warehouse holds, by day and measure.

Data flow: days that are complete in the warehouse -> one ungrouped request for each endpoint -> totals by day and measure. A day that
differs is loaded again by the loader, because the vendor may have restated it since, and requested once more. The load happens between the
two answers, so a figure that the vendor is still changing lies between them too; anything outside is a difference.

Counts are compared exactly. Money is compared with a tolerance of 0.000000001 (from a million per day on: of the 15th digit), because the
vendor's amounts are JSON floats: a sum of many and a float of the whole differ in their last digits. Not compared are levels, such as the
bytes of vector stores, whose total by day is not the sum over groups by any word of the vendor, and quantities of costs, which have no
total over line items.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from psycopg.sql import SQL, Composed, Identifier, Literal

from meterhouse.admin_keys import Organization
from meterhouse.catalogue.endpoints import (
    DAY,
    BucketWidth,
    Endpoint,
    Key,
    Values,
    offered_by,
)
from meterhouse.clock import Clock, utc_now
from meterhouse.control_characters import visible
from meterhouse.errors import BeforeHistory, ConfirmToEmpty, FixConfiguration, MeterhouseError, TryAgainLater, Unsupported
from meterhouse.load.chain import Chain
from meterhouse.load.closing import is_bill
from meterhouse.load.loader import Loader
from meterhouse.load.run import Run
from meterhouse.load.store import Store
from meterhouse.load.stream import Stream
from meterhouse.load.sync import chosen_endpoints
from meterhouse.money import EXACT, plain
from meterhouse.settings import Settings
from meterhouse.vendors.adapter import adapter_of
from meterhouse.vendors.http_client import HttpClient
from meterhouse.vendors.request import Request
from meterhouse.warehouse.database import translated
from meterhouse.warehouse.schema import WAREHOUSE, group_table
from meterhouse.windows import Window, clamp, days_in_a_row, floor_to_day

log = logging.getLogger(__name__)

USAGE_DAYS = 3
COSTS_DAYS = 10
MONEY_TOLERANCE = Decimal("0.000000001")
_FLOAT_DIGITS = Decimal("1e-15")
_SHOWN_MEASURES = 3
_ONE_DAY = timedelta(days=1)
_ZERO = Decimal(0)

_CORRECTIONS = (
    "SELECT x.usage_date::timestamp AT TIME ZONE 'UTC' AS day, x.currency, sum(x.amount) FROM warehouse.cost_corrections x"
    " JOIN warehouse.dim_organization o ON o.organization_id = x.organization_id"
    " WHERE o.label = %s AND x.usage_date::timestamp AT TIME ZONE 'UTC' >= %s AND x.usage_date::timestamp AT TIME ZONE 'UTC' < %s"
    " GROUP BY 1, 2"
)

Figures = Mapping[str, Decimal | None]
"""Figures of one day by measure; None for one that the vendor left out."""
Totals = dict[datetime, Figures]


@dataclass
class Compared:
    """What the vendor's answers showed: places that differ, places that a load has cured, and what kept from asking.

    `days` counts the days of endpoints that were compared; `clock_skews` are the vendor's clocks against ours by organization, in seconds.
    """

    days: int = 0
    differences: list[str] = field(default_factory=list)
    cured: list[str] = field(default_factory=list)
    clock_skews: dict[str, float] = field(default_factory=dict)
    errors: list[MeterhouseError] = field(default_factory=list)


def compare_with_vendor(
    settings: Settings, store: Store, *, clock: Clock = utc_now, usage_days: int = USAGE_DAYS, costs_days: int = COSTS_DAYS
) -> Compared:
    """Compare the last complete days of every organization that the settings know; what kept from asking is in the result.

    Raises `FixConfiguration` when there is no key at all.
    """
    compared = Compared()
    for organization in settings.require_organizations():
        with adapter_of(organization.vendor).client(organization, settings) as client:
            comparison = _Comparison(settings, organization, store, client, clock, compared)
            offered = offered_by(organization.vendor)
            for endpoint in [offered[chosen.name] for chosen in chosen_endpoints(settings, None) if chosen.name in offered]:
                try:
                    comparison.compare(endpoint, costs_days if endpoint.is_costs else usage_days)
                except MeterhouseError as error:
                    log.info("%s/%s: %s", organization.label, endpoint.name, error)
                    compared.errors.append(error)
                    if isinstance(error, FixConfiguration) or not client.was_answered:
                        break
    return compared


class _Comparison:
    """Compares the endpoints of one organization, and writes down what it finds in `compared`."""

    def __init__(
        self, settings: Settings, organization: Organization, store: Store, client: HttpClient, clock: Clock, compared: Compared
    ) -> None:
        self._settings = settings
        self._organization = organization
        self._store = store
        self._client = client
        self._clock = clock
        self._compared = compared

    def compare(self, endpoint: Endpoint, days: int) -> None:
        """Compare the last `days` days of one endpoint, as far as they are complete on both sides; cure what a load can cure."""
        streams = [Stream(self._organization.label, endpoint, width) for width in endpoint.chosen_widths(self._settings.widths)]
        today = floor_to_day(self._clock())
        window = Window(today - timedelta(days=days), today)
        # The widest one that is loaded: one bucket is quicker added up than 24.
        stream = streams[0]
        groupings = self._complete_days(stream, window)
        if not groupings or not _measures(endpoint):
            return
        told = {day: figures for day, figures in self._ask(endpoint, _span(groupings)).items() if day in groupings}
        held = self._held(stream, window)
        self._compared.days += len(told)
        differing = {day: words for day in told if (words := _differences(endpoint, groupings[day], held.get(day, {}), told[day]))}
        if not differing:
            return
        for day, words in differing.items():
            log.info("%s on %s differs and is loaded again: %s", stream, day.date(), visible(words))
        try:
            # Hours with their day, so that the two stay equal.
            for one in streams:
                self._load_again(one, [day for day in self._complete_days(one, window) if day in differing])
        except ConfirmToEmpty as refusal:
            self._compared.differences.append(str(refusal))
            return
        groupings, held = self._complete_days(stream, window), self._held(stream, window)
        told_again = self._ask(endpoint, _span(differing))
        for day, words_before in differing.items():
            place = f"{self._organization.label}/{endpoint.name} on {day:%Y-%m-%d}"
            if day not in told_again or day not in groupings:
                log.warning("%s: the day is no longer complete, so it was not compared", place)
            elif words := _differences(endpoint, groupings[day], held.get(day, {}), told[day], told_again[day]):
                self._compared.differences.append(f"{place}: {words}")
            else:
                self._compared.cured.append(f"{place} ({words_before})")

    def _complete_days(self, stream: Stream, window: Window) -> dict[datetime, str]:
        """Return the days whose buckets are all complete in the warehouse, each with the dimensions that its rows are grouped by."""
        with translated(str(stream)):
            rows = self._store.connection.execute(
                "SELECT date_trunc('day', c.bucket_start), string_agg(DISTINCT c.source_grouping, ',')"
                " FROM ops.coverage c JOIN warehouse.dim_organization o USING (organization_id)"
                " WHERE o.label = %s AND c.endpoint = %s AND c.bucket_width = %s AND c.bucket_start >= %s AND c.bucket_start < %s"
                " AND c.finality <> 'open' AND c.origin = 'api' GROUP BY 1 HAVING count(*) = %s ORDER BY 1",
                (stream.organization, stream.endpoint.name, stream.width.minutes, window.start, window.end, _buckets_a_day(stream.width)),
            ).fetchall()
        return dict(rows)

    def _held(self, stream: Stream, window: Window) -> Totals:
        """Return the warehouse's totals by day; a day without rows is left out."""
        with translated(str(stream)):
            rows = self._store.connection.execute(
                _sums_of_day(stream.endpoint, window), (stream.organization, stream.width.minutes)
            ).fetchall()
        totals: dict[datetime, dict[str, Decimal | None]] = {}
        for day, currency, *figures in rows:
            names = [_money(currency)] if stream.endpoint.is_costs else _measures(stream.endpoint)
            totals.setdefault(day, {}).update(zip(names, figures, strict=True))
        if is_bill(stream):
            # The days of a closed month stay as they were; what the vendor has changed since is beside them.
            for day, currency, amount in self._store.connection.execute(_CORRECTIONS, (stream.organization, window.start, window.end)):
                held = totals.setdefault(day, {})
                held[_money(currency)] = EXACT.add(held.get(_money(currency)) or _ZERO, amount)
        return dict(totals)

    def _ask(self, endpoint: Endpoint, window: Window) -> Totals:
        """Return the vendor's figures without any grouping, for those days of `window` that are whole and that it still reports."""
        width = endpoint.width(DAY.name) or DAY
        decode_page = adapter_of(self._organization.vendor).decode_page
        while not window.is_empty:
            chain = Chain(window, width, self._clock(), self._settings.settling_time(endpoint))
            totals: Totals = {}
            before, answered_before = self._clock(), self._client.answered_at
            try:
                for fetched in self._client.pages(Request(endpoint, window, width, (), width.max_buckets)):
                    page = decode_page(endpoint, fetched.text, ())
                    totals.update((start, _figures(endpoint, rows)) for start, rows in chain.accept(page))
            except BeforeHistory as refusal:
                ahead = refusal.earliest if refusal.earliest and refusal.earliest > window.start else window.start + _ONE_DAY
                window = clamp(window, ahead, DAY)
                continue
            except Unsupported as refusal:
                place = f"{self._organization.label}/{endpoint.name}"
                if refusal.capability != "endpoint":
                    raise FixConfiguration(f"the vendor refuses {place} without a grouping: {refusal.detail}") from None
                raise TryAgainLater(f"{place} was there and is not found now ({refusal.detail}): run again later") from None
            finally:
                if self._client.answered_at is not answered_before:
                    self._read_clock(before)
            return {bucket.start: totals[bucket.start] for bucket in chain.covered() if bucket.finality.is_over}
        return {}

    def _read_clock(self, before: datetime) -> None:
        """Note how far the vendor's clock is outside of the time that its answer took; the most of several answers says the most."""
        told, now = self._client.answered_at, self._clock()
        if told is None:
            return
        ahead = (told - now).total_seconds()
        # The header leaves the fraction of the second out.
        behind = (before - told).total_seconds() - 1
        skew = ahead if ahead > 0 else -behind if behind > 0 else 0.0
        known = self._compared.clock_skews.get(self._organization.label, 0.0)
        self._compared.clock_skews[self._organization.label] = max(known, skew, key=abs)

    def _load_again(self, stream: Stream, days: list[datetime]) -> None:
        """Load exactly these days as a backfill does, which moves no watermark; never resumed, as the point is to read them now."""
        loader = Loader(self._settings, self._organization, self._store, self._client, clock=self._clock)
        for window in days_in_a_row(days):
            parameters = {
                "organization": stream.organization,
                "endpoints": [stream.endpoint.name],
                "from": window.start.isoformat(),
                "to": window.end.isoformat(),
                "bucket_width": stream.width.name,
                "reason": "control totals",
            }
            run = Run(self._store, "backfill", parameters, self._clock)
            try:
                loader.backfill(stream.endpoint, stream.width, window, run, trusts_digests=False)
            except BaseException as error:
                run.close("failed", str(error))
                raise
            run.close("done")


def _measures(endpoint: Endpoint) -> list[str]:
    """The vendor's names of the measures that have a total over all groups."""
    if endpoint.is_costs:
        return ["amount"]
    return [metric.name for metric in endpoint.metrics if metric.additive]


def _money(currency: str | None) -> str:
    return f"amount in {currency or 'no currency'}"


def _buckets_a_day(width: BucketWidth) -> int:
    return DAY.seconds // width.seconds


def _span(days: Iterable[datetime]) -> Window:
    """The window from the first of some days to the end of the last."""
    ordered = sorted(days)
    return Window(ordered[0], ordered[-1] + _ONE_DAY)


def _sums_of_day(endpoint: Endpoint, window: Window) -> Composed:
    """The sums of all measures by day and, for costs, currency; the bounds are literals, so that one partition is read."""
    sums = SQL(", ").join(SQL("sum(f.{})").format(Identifier(name)) for name in _measures(endpoint))
    return SQL(
        "SELECT date_trunc('day', f.bucket_start), {currency}, {sums} FROM {fact} f JOIN {groups} g ON g.group_id = f.group_id"
        " JOIN warehouse.dim_organization o ON o.organization_id = g.organization_id"
        " WHERE o.label = %s AND f.bucket_width = %s AND f.bucket_start >= {start} AND f.bucket_start < {end} GROUP BY 1, 2"
    ).format(
        currency=SQL("g.currency" if endpoint.is_costs else "NULL"),
        sums=sums,
        fact=Identifier(WAREHOUSE, endpoint.table),
        groups=Identifier(WAREHOUSE, group_table(endpoint).name),
        start=Literal(window.start),
        end=Literal(window.end),
    )


def _figures(endpoint: Endpoint, rows: Mapping[Key, Values]) -> Figures:
    """Return the figures of one ungrouped bucket; a bucket without rows has none."""
    found: dict[str, Decimal | None] = {}
    for key, values in rows.items():
        if endpoint.is_costs:
            currency = key[-1]
            found[_money(None if currency is None else str(currency))] = values[0]
        else:
            figures = dict(zip([metric.name for metric in endpoint.metrics], values, strict=False))
            found.update({name: None if figures[name] is None else Decimal(figures[name]) for name in _measures(endpoint)})
    return found


def _differences(endpoint: Endpoint, grouping: str, held: Figures, *told: Figures) -> str:
    """Say which measures the warehouse holds less of than the least of the answers, or more than the most; empty for none.

    A day without rows has zero of everything. A measure that an answer left out is not compared.
    """
    words = []
    for name in dict.fromkeys(name for figures in (*told, held) for name in figures):
        answers = [figures.get(name, _ZERO) for figures in told]
        known = [figure for figure in answers if figure is not None]
        if len(known) < len(answers):
            continue
        least, most, here = min(known), max(known), held.get(name) or _ZERO
        tolerance = max(MONEY_TOLERANCE, abs(most) * _FLOAT_DIGITS) if endpoint.is_costs else _ZERO
        # The vendor does not say whether it counts such an event once in each group: never less than the total, perhaps more.
        may_be_more = any(metric.name == name and dimension.name in grouping.split(",") for metric, dimension in endpoint.overlaps)
        if here < EXACT.subtract(least, tolerance) or (here > EXACT.add(most, tolerance) and not may_be_more):
            total = plain(most) if least == most else f"{plain(least)} to {plain(most)}"
            words.append(f"{name} {plain(here)} here and {total} from the vendor")
    if len(words) > _SHOWN_MEASURES:
        words = [*words[:_SHOWN_MEASURES], f"and {len(words) - _SHOWN_MEASURES} more measures"]
    return ", ".join(words)
