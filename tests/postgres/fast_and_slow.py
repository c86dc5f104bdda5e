"""Two warehouses that read the same vendor, one the fast way and one the slow way, and a plain reading of the same answers.

Fast: what is stored as it is answered is not decoded, an empty window is written straight into its place, answers are fetched ahead.
Slow: one connection; every row is decoded, staged and compared, as each bucket held another row before the first load.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any

import psycopg
from psycopg.types.json import set_json_loads

from meterhouse.catalogue.endpoints import API_KEY, DAY, ENDPOINTS, HOUR, PROJECT, USER, BucketWidth, Endpoint
from meterhouse.load.loader import Loader
from meterhouse.load.run import Run
from meterhouse.load.store import Store
from meterhouse.vendors.openai.client import Client
from meterhouse.warehouse.rollup_tables import ROLLUPS
from meterhouse.warehouse.schema import fact_columns, group_table
from meterhouse.warehouse.tables import TABLES
from meterhouse.windows import Window, from_epoch

from .loaded_organization import LoadedOrganization
from .plain_reading import PlainReading, comparable
from .restless_vendor import PLANTED, RestlessVendor

_OF_A_LOAD = ("coverage", "revisions", "bucket_totals", "set_aside", "load_log")
# Of five rounds one in which the vendor refuses a dimension, and one in which the settings leave out another one.
_WITHOUT_SOURCES, _WITHOUT_KEYS = 2, 3
_ALL_DIGITS = 200


@dataclass
class FastAndSlow:
    """`spans` are the windows that every round reads, by width. The two organizations share the vendor."""

    fast: LoadedOrganization
    slow: LoadedOrganization
    vendor: RestlessVendor
    spans: dict[BucketWidth, Window]
    plain: PlainReading = field(init=False)
    # How many rows were compared, by what they are of; "plainly" with the plain reading.
    compared: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.fast.server.application = self.vendor
        self.plain = PlainReading(self.fast.server.base_url, self.fast.server.admin_key)

    def plant(self) -> None:
        """Give every bucket of the slow warehouse one row that no answer has, and forget how it came there."""
        self.vendor.plants = True
        self._load_slowly(())
        self.vendor.plants = False
        for name in _OF_A_LOAD:
            self.slow.query(f"DELETE FROM ops.{name}")

    def _forget_planted(self) -> None:
        """Let the log of revisions begin behind the first load, which replaced what was planted and nothing else."""
        for endpoint in ENDPOINTS.values():
            names = [f"g.{one.name}" for one in endpoint.dimensions if one is PROJECT or (one is USER and endpoint.is_costs)]
            (counts,) = self.slow.query(
                f"SELECT count(*), count(*) FILTER (WHERE %s IN ({', '.join(names)}) AND r.change = 'removed') FROM ops.revisions r"
                f" JOIN warehouse.{group_table(endpoint).name} g USING (group_id) WHERE r.endpoint = %s",
                [PLANTED, endpoint.name],
            )
            assert counts[0] == counts[1], endpoint.name
            self.compared["planted"] += counts[0]
        self.slow.query("DELETE FROM ops.revisions")

    def read(self, number: int) -> None:
        """Let the vendor change its past and a good day pass, read all of it in three ways, and compare what they hold."""
        fake = self.fast.fake
        self.vendor.round = number
        if number:
            self.fast.advance(hours=26)
            fake.restate(number)
        refused = {"completions": frozenset({"api_source"})} if number % 5 == _WITHOUT_SOURCES else {}
        fake.offers = replace(fake.offers, unsupported_groupings=refused)
        excluded = (API_KEY.name,) if number % 5 == _WITHOUT_KEYS else ()
        before = self._digests()
        for width, span in self.spans.items():
            only = [endpoint.name for endpoint in ENDPOINTS.values() if width in endpoint.widths]
            first, end = span.start.date(), span.end.date()
            # Endpoint by endpoint, a window is put in place while the next one is taken in; together, the endpoints are side by side.
            for names in [[name] for name in only] if number % 2 else [only]:
                self.fast.backfill(first, end, names, width=width, connections=4, exclude_dimensions=excluded).raise_first()
        self.compared["buckets that were left alone"] += len(before & self._digests())
        self._load_slowly(excluded)
        if not number:
            self._forget_planted()
        with localcontext(prec=_ALL_DIGITS):
            self._read_plainly({*excluded}, refused)
            self._compare(f"round {number}")

    def _digests(self) -> set[tuple[Any, ...]]:
        """Buckets of the fast warehouse with the digest by which they are known again."""
        known = "SELECT endpoint, bucket_width, bucket_start, source_grouping, content_digest FROM ops.coverage"
        return set(self.fast.query(f"{known} WHERE content_digest IS NOT NULL"))

    def _load_slowly(self, excluded: tuple[str, ...]) -> None:
        settings = self.slow.settings(connections=1, exclude_dimensions=excluded)
        clock = self.slow.fake.clock.now
        (organization,) = settings.organizations
        with Store(settings.require_warehouse()) as store, Client(organization, settings) as client:
            loads = Loader(settings, organization, store, client, clock=clock)
            run = Run(store, "backfill", {"organization": self.slow.label}, clock)
            for width, span in self.spans.items():
                for endpoint in ENDPOINTS.values():
                    if width in endpoint.widths:
                        # Not forced: what an empty answer may not remove stays in both warehouses.
                        loads.backfill(endpoint, width, span, run, trusts_digests=False)
            run.close("done")

    def _read_plainly(self, excluded: set[str], refused: dict[str, frozenset[str]]) -> None:
        now = self.fast.now
        settings = self.fast.settings()
        for width, span in self.spans.items():
            for endpoint in ENDPOINTS.values():
                if width not in endpoint.widths:
                    continue
                names = [one.name for one in endpoint.dimensions if one.name not in excluded | refused.get(endpoint.name, frozenset())]
                for window in _where_grouping_differs(endpoint, span):
                    asked = [name for name in names if window.start >= _since(endpoint).get(name, window.start)]
                    self.plain.read(endpoint, width, window, asked, now, settings.settling_time(endpoint))

    def _compare(self, when: str) -> None:
        with connected(self.fast) as fast, connected(self.slow) as slow:
            for what, query in _contents().items():
                found, expected = (Counter(_copied(connection, query)) for connection in (fast, slow))
                _require_equal(f"{when}, {what}, fast and slow", found, expected)
                self.compared[_kind(what)] += found.total()
            for what, expected in self._expected().items():
                found = Counter(tuple(map(comparable, row)) for row in fast.execute(_contents()[what].encode()))
                _require_equal(f"{when}, {what}, fast and plain", found, expected)
                self.compared[f"{_kind(what)}, plainly"] += found.total()

    def _expected(self) -> dict[str, Counter[tuple[Any, ...]]]:
        expected = {endpoint.table: self.plain.fact_rows(endpoint) for endpoint in ENDPOINTS.values()}
        expected |= {f"revisions of {endpoint.table}": self.plain.revised_rows(endpoint) for endpoint in ENDPOINTS.values()}
        expected |= {rollup.name: self.plain.rollup_rows(rollup, _columns(rollup.name)) for rollup in ROLLUPS}
        return expected | {"coverage": self.plain.covered_rows()}


def spans(first: datetime, first_of_hours: datetime, end: datetime) -> dict[BucketWidth, Window]:
    """The same end for days and hours."""
    return {DAY: Window(first, end), HOUR: Window(first_of_hours, end)}


def _since(endpoint: Endpoint) -> dict[str, datetime]:
    """From when on a dimension can be asked for, of those that could not always."""
    return {dimension.name: from_epoch(since) for dimension, since in endpoint.dimension_history}


def _where_grouping_differs(endpoint: Endpoint, span: Window) -> list[Window]:
    cuts = sorted(since for since in {*_since(endpoint).values()} if span.start < since < span.end)
    return [Window(start, end) for start, end in pairwise([span.start, *cuts, span.end])]


def _kind(what: str) -> str:
    begins = {"usage_": "facts", "costs": "facts", "rollup_": "sums", "revisions": "revisions", "coverage": "coverage"}
    return next((kind for beginning, kind in begins.items() if what.startswith(beginning)), "the rest")


def _columns(rollup: str) -> list[str]:
    return [column.name for column in TABLES.tables[f"warehouse.{rollup}"].columns if column.name != "organization_id"]


def _contents() -> dict[str, str]:
    """Queries for all that a load leaves behind, by names instead of ids and without the times of the clock on the wall."""
    found = {}
    for endpoint in ENDPOINTS.values():
        group = ", ".join(f"g.{name}" for name in group_table(endpoint).columns)
        figures = ", ".join(f"f.{name}" for name in fact_columns(endpoint))
        joined = f"JOIN warehouse.{group_table(endpoint).name} g ON g.group_id"
        found[endpoint.table] = (
            f"SELECT f.bucket_width, f.bucket_start, {group}, {figures} FROM warehouse.{endpoint.table} f {joined} = f.group_id"
        )
        found[f"revisions of {endpoint.table}"] = (
            f"SELECT r.endpoint, r.bucket_width, r.bucket_start, {group}, r.change, r.was_complete, r.old_values, r.new_values"
            f" FROM ops.revisions r {joined} = r.group_id WHERE r.endpoint = '{endpoint.name}'"
        )
    found |= {rollup.name: f"SELECT {', '.join(_columns(rollup.name))} FROM warehouse.{rollup.name}" for rollup in ROLLUPS}
    stream = "endpoint, bucket_width, bucket_start"
    found["coverage"] = (
        f"SELECT {stream}, reported_start, reported_end, finality::text, is_complete, row_count, source_grouping FROM ops.coverage"
    )
    found["revisions"] = "SELECT endpoint, change, count(*) FROM ops.revisions GROUP BY 1, 2"
    found["bucket_totals"] = f"SELECT {stream}, read_at, totals FROM ops.bucket_totals"
    found["set_aside"] = f"SELECT {stream}, position, reason, source_row FROM ops.set_aside"
    found["capabilities"] = "SELECT endpoint, capability, is_supported, detail FROM ops.capabilities"
    found["load_log"] = (
        "SELECT endpoint, bucket_width, window_start, window_end, source_grouping, buckets, missing_buckets, rows_inserted, rows_updated,"
        " rows_unchanged, unknown_fields FROM ops.load_log"
    )
    return found


def connected(loaded: LoadedOrganization) -> psycopg.Connection[Any]:
    """A connection that reads numbers within JSON with every digit."""
    connection = psycopg.connect(loaded.warehouse.superuser_url)
    set_json_loads(lambda text: json.loads(text, parse_float=Decimal), connection)
    return connection


def _copied(connection: psycopg.Connection[Any], query: str) -> list[bytes]:
    """The rows as the database writes them, so that not even a zero behind the point differs."""
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT".encode()) as copy:
        return b"".join(copy).splitlines()


def _require_equal(what: str, found: Counter[Any], expected: Counter[Any]) -> None:
    if found != expected:
        here, there = found - expected, expected - found
        raise AssertionError(f"{what}: {here.total()} and {there.total()} rows differ: {list(here)[:3]} and {list(there)[:3]}")
