"""What the warehouse should hold, worked out from the vendor's pages with json and dictionaries; of the product only the catalogue is used.

Every reading of a stream replaces the buckets that were answered, notes what rows changed or went, and the sums are added up at the end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from meterhouse.catalogue.endpoints import COSTS, COSTS_FAMILY, ENDPOINTS, BucketWidth, Endpoint, Kind
from meterhouse.vendors.openai.wire import path_of
from meterhouse.warehouse.rollup_tables import Rollup
from meterhouse.warehouse.schema import fact_columns, group_table
from meterhouse.windows import Window

Key = tuple[Any, ...]
"""Values of the columns of the group, in table order."""
Row = tuple[Any, ...]
_OF_A_ROW = {"object", "amount", "quantity_unit"}


def comparable(value: Any) -> Any:
    """A value that can be counted and compared: numbers by their value, objects by their fields."""
    if isinstance(value, dict):
        return ("object", *sorted((name, comparable(part)) for name, part in value.items()))
    if isinstance(value, list):
        return ("list", *map(comparable, value))
    # True is not 1 here.
    return ("flag", value) if isinstance(value, bool) else value


@dataclass(frozen=True)
class Covered:
    """What was noted about the last reading of a bucket."""

    reported: tuple[datetime, datetime]
    finality: str
    row_count: int
    grouping: str


@dataclass
class PlainReading:
    """One organization as an attentive person would have written it down."""

    base_url: str
    admin_key: str
    # By endpoint, width in minutes, and start of the bucket: the rows by their key.
    facts: dict[tuple[str, int, datetime], dict[Key, Row]] = field(default_factory=dict)
    coverage: dict[tuple[str, int, datetime], Covered] = field(default_factory=dict)
    revisions: Counter[Row] = field(default_factory=Counter)

    def read(
        self, endpoint: Endpoint, width: BucketWidth, window: Window, dimensions: Iterable[str], now: datetime, settling: timedelta
    ) -> None:
        """Ask for a window and take in what is answered, as of `now`."""
        asked = list(dimensions)
        parameters = [
            ("start_time", str(int(window.start.timestamp()))),
            ("end_time", str(int(min(window.end, now).timestamp()))),
            ("bucket_width", width.name),
            ("limit", str(width.max_buckets)),
            *(("group_by", name) for name in asked),
        ]
        answered: dict[datetime, dict[str, Any]] = {}
        for page in self._pages(path_of(endpoint), parameters):
            for bucket in page["data"]:
                start = datetime.fromtimestamp(bucket["start_time"], UTC)
                # A bucket that comes twice comes with the same rows.
                answered.setdefault(start, bucket)
        for start, bucket in answered.items():
            rows, is_whole = _rows(endpoint, bucket["results"], asked)
            row_count = len(rows)
            self._replace(endpoint, width, start, rows, ",".join(asked), is_whole)
            reported = (start, datetime.fromtimestamp(bucket["end_time"], UTC))
            state = _finality(start, reported[1], width, now, settling)
            state = "settling" if state == "settled" and not is_whole else state
            self.coverage[endpoint.name, width.minutes, start] = Covered(reported, state, row_count, ",".join(asked))

    def _pages(self, path: str, parameters: list[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        page_token: list[tuple[str, str]] = []
        while True:
            address = f"{self.base_url}{path}?{urlencode(parameters + page_token)}"
            with urlopen(Request(address, headers={"Authorization": f"Bearer {self.admin_key}"})) as response:  # loopback
                page = json.loads(response.read(), parse_float=Decimal)
            yield page
            if not page["has_more"]:
                return
            page_token = [("page", page["next_page"])]

    def _replace(
        self, endpoint: Endpoint, width: BucketWidth, start: datetime, rows: dict[Key, Row], grouping: str, is_whole: bool
    ) -> None:
        place = (endpoint.name, width.minutes, start)
        before, covered = self.facts.get(place, {}), self.coverage.get(place)
        was_complete = covered is None or (covered.finality == "settled" and covered.grouping == grouping)
        for key, old in before.items():
            new = rows.get(key)
            if new is None and not is_whole:
                # It may be the very row that could not be read.
                rows[key] = old
            elif new != old:
                change = "removed" if new is None else "changed"
                values = (_as_object(endpoint, old), None if new is None else _as_object(endpoint, new))
                self.revisions[(*place, *key, change, comparable(was_complete), *map(comparable, values))] += 1
        if endpoint is COSTS and covered is not None and was_complete:
            # What was billed on the day of an invoice follows from the log.
            for key in rows.keys() - before.keys():
                values = ({}, _as_object(endpoint, rows[key]))
                self.revisions[(*place, *key, "added", comparable(True), *map(comparable, values))] += 1
        self.facts[place] = rows

    def fact_rows(self, endpoint: Endpoint) -> Counter[Row]:
        """Rows of a fact: width, start, the group's columns, the fact's columns."""
        return Counter(
            (minutes, start, *map(comparable, key), *map(comparable, row))
            for (name, minutes, start), rows in self.facts.items()
            if name == endpoint.name
            for key, row in rows.items()
        )

    def covered_rows(self) -> Counter[Row]:
        """Endpoint, width, start, reported start and end, finality, whether complete, rows, grouping."""
        return Counter(
            (*place, *one.reported, one.finality, comparable(one.finality == "settled"), one.row_count, one.grouping)
            for place, one in self.coverage.items()
        )

    def revised_rows(self, endpoint: Endpoint) -> Counter[Row]:
        """Endpoint, width, start, the group's columns, change, whether the bucket had been complete, old values, new values."""
        return Counter({tuple(map(comparable, row)): count for row, count in self.revisions.items() if row[0] == endpoint.name})

    def rollup_rows(self, rollup: Rollup, columns: Iterable[str]) -> Counter[Row]:
        """Rows of a rollup, as the given columns of it."""
        found: Counter[Row] = Counter()
        for endpoint in ENDPOINTS.values():
            if endpoint.family is not rollup.family:
                continue
            names = group_table(endpoint).columns
            kept = [dimension.name for dimension in rollup.dimensions] + (["currency"] if rollup.family is COSTS_FAMILY else [])
            together: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
            for (name, minutes, start), rows in self.facts.items():
                if name != endpoint.name or minutes != rollup.width.minutes:
                    continue
                for key, row in rows.items():
                    member = dict(zip(names, key, strict=True))
                    figures = dict(zip(fact_columns(endpoint), row, strict=bool(row)))
                    together.setdefault((start, *(member[one] for one in kept)), []).append(figures)
            for (start, *values), group in together.items():
                sums = _cost_sums(group) if rollup.family is COSTS_FAMILY else _usage_sums(endpoint, group)
                shown = {
                    "usage_date": start.date(),
                    "bucket_start": start,
                    "endpoint": endpoint.name,
                    **dict(zip(kept, values, strict=True)),
                    **sums,
                }
                found[tuple(comparable(shown.get(column)) for column in columns)] += 1
        return found


def _finality(start: datetime, end: datetime, width: BucketWidth, now: datetime, settling: timedelta) -> str:
    whole = start + timedelta(seconds=width.seconds)
    if end != whole or now < whole:
        return "open"
    return "settled" if now >= whole + settling else "settling"


def _rows(endpoint: Endpoint, results: list[dict[str, Any]], asked: list[str]) -> tuple[dict[Key, Row], bool]:
    """The rows by their key, those of one key added up; and whether all of them could be read."""
    figures: dict[Key, dict[str, Any]] = {}
    is_whole = True
    for result in results:
        try:
            found = _cost_figures(result) if endpoint.is_costs else _usage_figures(endpoint, result)
        except (InvalidOperation, TypeError):
            is_whole = False
            continue
        named = {name: None if result.get(name) == "" else result.get(name) for name in asked}
        if endpoint.is_costs:
            named["currency"] = result["amount"]["currency"].lower()
        key = tuple(named.get(name) for name in group_table(endpoint).columns)
        known = {dimension.name for dimension in endpoint.dimensions} | {metric.name for metric in endpoint.metrics}
        known |= {*endpoint.ignored_fields, endpoint.organization_field or ""} | _OF_A_ROW
        extra = {name: value for name, value in result.items() if name not in known}
        sums = figures.setdefault(key, {})
        for name, value in found.items():
            sums[name] = value if sums.get(name) is None else sums[name] if value is None else _added(sums[name], value)
        if extra:
            assert "extra" not in sums, "two rows of one combination with new fields"
            sums["extra"] = extra
    return {key: tuple(sums.get(name) for name in fact_columns(endpoint)) for key, sums in figures.items()}, is_whole


def _added(left: Any, right: Any) -> Any:
    return left if isinstance(left, str) else left + right


def _usage_figures(endpoint: Endpoint, result: dict[str, Any]) -> dict[str, Any]:
    found = {metric.name: result.get(metric.name) for metric in endpoint.metrics if metric.kind is Kind.COUNT}
    if any(value is not None and not isinstance(value, int) for value in found.values()):
        raise TypeError
    return found


def _cost_figures(result: dict[str, Any]) -> dict[str, Any]:
    amount, quantity = result["amount"]["value"], result.get("quantity")
    return {
        "amount": Decimal(str(amount)),
        "quantity": None if quantity is None else Decimal(str(quantity)),
        "quantity_unit": result.get("quantity_unit"),
    }


def _as_object(endpoint: Endpoint, row: Row) -> dict[str, Any]:
    """The figures of a row that are known, the fields of `extra` among them."""

    def known(value: Any) -> Any:
        return {name: known(part) for name, part in value.items() if part is not None} if isinstance(value, dict) else value

    return {name: known(value) for name, value in zip(fact_columns(endpoint), row, strict=True) if value is not None}


def _total(group: list[dict[str, Any]], name: str, together: Any = sum) -> Any:
    values = [figures[name] for figures in group if figures[name] is not None]
    return together(values) if values else None


def _usage_sums(endpoint: Endpoint, group: list[dict[str, Any]]) -> dict[str, Any]:
    columns = {metric.column: metric for metric in endpoint.metrics}
    tokens = [columns[name].name for name in ("input_tokens", "output_tokens") if name in columns]
    requests = [columns["requests"].name] if "requests" in columns else []
    found: dict[str, Any] = {
        "row_count": len(group),
        "rows_without_requests": sum(any(figures[name] is None for name in requests) for figures in group),
        "rows_without_tokens": sum(any(figures[name] is None for name in tokens) for figures in group),
    }
    if "input_cached_tokens" in columns:
        cacheable = [figures for figures in group if figures["input_cached_tokens"] is not None]
        found["cacheable_input_tokens"] = _total(cacheable, "input_tokens")
    return found | {column: _total(group, metric.name, sum if metric.additive else max) for column, metric in columns.items()}


def _cost_sums(group: list[dict[str, Any]]) -> dict[str, Any]:
    rounded = [{"cost": figures["amount"].quantize(Decimal("1E-12"), ROUND_HALF_UP)} for figures in group]
    found = {"row_count": len(group), "rows_without_cost": 0, "amount": _total(group, "amount"), "cost": _total(rounded, "cost")}
    found["rows_without_quantity"] = sum(figures["quantity"] is None for figures in group)
    units = {figures["quantity_unit"] for figures in group}
    # Quantities of several units have no sum, and to have none is a unit of its own.
    return found | ({"quantity": _total(group, "quantity"), "quantity_unit": units.pop()} if len(units) == 1 else {})
