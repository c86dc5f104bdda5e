"""Pages of the reporting endpoints: which buckets a query covers, which rows they contain, and their JSON."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zlib import crc32

import msgspec

from meterhouse.catalogue.endpoints import COMPLETIONS
from meterhouse.fake_openai import measures
from meterhouse.fake_openai.activity import Activity
from meterhouse.fake_openai.amounts import AmountStyle, amount_json, quantity_json
from meterhouse.fake_openai.billing import COST_LAG_MINUTES, THOUSANDTHS, Billing, exact_usd
from meterhouse.fake_openai.clock import DAY_SECONDS
from meterhouse.fake_openai.lots import EPOCH_DAY, LONGEST_LAG_MINUTES, visible_between
from meterhouse.fake_openai.queries import COSTS_GROUPINGS, Query
from meterhouse.fake_openai.restatement import Round
from meterhouse.fake_openai.roster import Roster

_SPLIT_PERCENT = 3
Key = tuple[str | bool | None, ...]


@dataclass(frozen=True)
class Wording:
    """How rows are written: the style of amounts, and fields that the vendor has added since (by endpoint)."""

    amounts: AmountStyle = "mixed"
    extra_fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Reports:
    """Answers queries as of an instant, and remembers the bytes of buckets that cannot change any more."""

    def __init__(self, roster: Roster, activity: Activity, billing: Billing, wording: Wording, remember_bytes: int) -> None:
        self.roster = roster
        self.activity = activity
        self.billing = billing
        self.wording = wording
        self._buckets: OrderedDict[tuple[Any, ...], msgspec.Raw] = OrderedDict()
        self._remembered = 0
        self._most_remembered = remember_bytes

    def forget(self) -> None:
        """Drop remembered bytes, because names or the wording have changed."""
        self._buckets.clear()
        self._remembered = 0

    def page(self, query: Query, rounds: tuple[Round, ...]) -> bytes:
        """Return the JSON of one page; `rounds` are those that had happened when the chain began."""
        data: list[msgspec.Raw] = []
        following: int | None = None
        for start, end in _bounds(query):
            if len(data) == query.limit:
                following = start
                break
            data.append(self._bucket(query, start, end, rounds))
        return msgspec.json.encode(
            {
                "object": "page",
                "data": data,
                "has_more": following is not None,
                "next_page": None if following is None else query.token(following),
            }
        )

    def _bucket(self, query: Query, start: int, end: int, rounds: tuple[Round, ...]) -> msgspec.Raw:
        lag = LONGEST_LAG_MINUTES + (COST_LAG_MINUTES if query.endpoint.is_costs else 0)
        if end + lag * 60 > query.now:
            return self._encoded(query, start, end, rounds)
        day = start // DAY_SECONDS + EPOCH_DAY
        touched = tuple(change for change in rounds if change.touches(day))
        key = (query.endpoint.name, query.group_by, query.filters, start, end, touched)
        found = self._buckets.get(key)
        if found is None:
            found = self._buckets[key] = self._encoded(query, start, end, rounds)
            self._remembered += len(bytes(found))
            while self._remembered > self._most_remembered:
                self._remembered -= len(bytes(self._buckets.popitem(last=False)[1]))
        return found

    def _encoded(self, query: Query, start: int, end: int, rounds: tuple[Round, ...]) -> msgspec.Raw:
        rows = self._cost_rows(query, start, rounds) if query.endpoint.is_costs else self._usage_rows(query, start, end, rounds)
        if extra := self.wording.extra_fields.get(query.endpoint.name):
            for row in rows:
                row.update(extra)
        # As the vendor does, the zone is left out on filled cost buckets.
        zone = "" if query.endpoint.is_costs and rows else "+00:00"
        bucket = {
            "object": "bucket",
            "start_time": start,
            "end_time": end,
            "results": rows,
            "start_time_iso": _iso(start) + zone,
            "end_time_iso": _iso(end) + zone,
        }
        return msgspec.Raw(msgspec.json.encode(bucket))

    def _usage_rows(self, query: Query, start: int, end: int, rounds: tuple[Round, ...]) -> list[dict[str, Any]]:
        endpoint = query.endpoint
        day, seconds = start // DAY_SECONDS + EPOCH_DAY, start % DAY_SECONDS
        first, last, now_minute = seconds // 60, (seconds + end - start) // 60, query.now // 60
        groups: dict[Key, list[int]] = {}
        for lot in self.activity.lots(endpoint.name, day, rounds):
            dimensions = lot.stream.dimensions
            if any(dimensions.get(name) not in wanted for name, wanted in query.filters):
                continue
            leaves = visible_between(lot, day, first, last, now_minute)
            if leaves is None:
                continue
            key = tuple([dimensions.get(name) for name in query.group_by])
            if (group := groups.get(key)) is None:
                groups[key] = list(leaves)
            else:
                for position, leaf in enumerate(leaves):
                    group[position] += leaf
        absent: dict[str, None] = {dimension.name: None for dimension in endpoint.dimensions}
        rows = []
        for key, leaves_of_group in groups.items():
            shown = dict(zip(query.group_by, key, strict=True))
            for part in _parts(endpoint.name, leaves_of_group, start, key):
                rows.append({"object": endpoint.object, **measures.metrics(endpoint.name, part, day), **absent, **shown})
        return rows

    def _cost_rows(self, query: Query, start: int, rounds: tuple[Round, ...]) -> list[dict[str, Any]]:
        asked = query.group_by
        by_line = "line_item" in asked
        # Grouped only by line item, the vendor still answers with one row per project.
        shown = (*asked, "project_id") if asked == ("line_item",) else asked
        positions = [_PAYER_POSITIONS[name] for name in shown]
        filters = [(_PAYER_POSITIONS[name], wanted) for name, wanted in query.filters]
        groups: dict[Key, tuple[int, int, str | None]] = {}
        for payer, billed in self.billing.billed(start // DAY_SECONDS + EPOCH_DAY, query.now // 60, rounds).items():
            if any(payer[position] not in wanted for position, wanted in filters):
                continue
            key: Key = tuple([payer[position] for position in positions])
            amount, quantity, _ = groups.get(key, (0, 0, None))
            groups[key] = (amount + billed.picodollars, quantity + billed.quantity, billed.unit)
        rows = []
        for key, (amount, quantity, unit) in groups.items():
            draw = crc32(repr((start, key)).encode())
            halves = [(amount, quantity)]
            if draw % 100 < _SPLIT_PERCENT and quantity > 1:
                halves = [(amount // 3, quantity // 3), (amount - amount // 3, quantity - quantity // 3)]
            for part, (picodollars, count) in enumerate(halves):
                rows.append(self._cost_row(dict(zip(shown, key, strict=True)), picodollars, count, unit, by_line, draw // 100 + part))
        return rows

    def _cost_row(
        self, dimensions: dict[str, Any], picodollars: int, quantity: int, unit: str | None, by_line: bool, draw: int
    ) -> dict[str, Any]:
        value = amount_json(exact_usd(picodollars), self.wording.amounts, draw)
        exact = Decimal(quantity).scaleb(-3) if unit == THOUSANDTHS else Decimal(quantity)
        row: dict[str, Any] = {
            "object": "organization.costs.result",
            "amount": {"value": msgspec.Raw(value.encode()), "currency": "usd"},
            **dict.fromkeys(COSTS_GROUPINGS),
            "quantity": msgspec.Raw(quantity_json(exact, draw).encode()) if by_line else None,
            "quantity_unit": unit if by_line else None,
            **dimensions,
        }
        project = self.roster.projects.get(row["project_id"] or "")
        user = self.roster.users.get(row["user_id"] or "")
        row.update(
            organization_id=self.roster.organization_id,
            organization_name=self.roster.organization_name,
            project_name=project.name if project else None,
            user_email=user.email if user else None,
        )
        return row


_PAYER_POSITIONS = {"project_id": 0, "user_id": 1, "api_key_id": 2, "api_source": 3, "line_item": 4}


def _bounds(query: Query) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the query's buckets: cut at aligned boundaries, usage clipped to the end or now, costs whole days."""
    end = query.now if query.end is None else min(query.end, query.now)
    width = query.width.seconds
    start = query.start
    while start < end:
        boundary = (start // width + 1) * width
        yield start, boundary if query.endpoint.is_costs else min(boundary, end)
        start = boundary


def _parts(endpoint: str, leaves: list[int], start: int, key: Key) -> list[list[int]]:
    """Return the leaves of the rows that one group is reported in: mostly one, for some completions two with the same dimensions."""
    if endpoint != COMPLETIONS.name or leaves[0] < 2 or crc32(repr((start, key)).encode()) % 100 >= _SPLIT_PERCENT:
        return [leaves]
    small = [leaf // 3 for leaf in leaves]
    return [[whole - part for whole, part in zip(leaves, small, strict=True)], small]


def _iso(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")
