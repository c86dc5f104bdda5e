"""A vendor that keeps changing its past: in every round it changes some buckets on their way out, each in one of many ways."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from meterhouse.catalogue.endpoints import Endpoint, Kind
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.fake_openai.clock import Clock
from meterhouse.fake_openai.served import BY_PATH

Row = dict[str, Any]
PLANTED = "proj_planted"
# A page with a new field is decoded as a whole whenever it comes, so most pages must have none.
_OF_A_WHOLE_PAGE, _RARELY = {"a new field"}, 0.1
# What may leave a bucket without rows befalls streams with rows on most days only: an answer that is empty all over is refused.
_LESS = {"a row gone", "a row that cannot be typed", "emptied", "absent"}
_DENSE = {"completions", "vector_stores", "code_interpreter_sessions", "web_search_calls", "costs"}
_MOST_DIGITS = Decimal("1E-30")


class _Page(msgspec.Struct):
    object: str
    data: list[msgspec.Raw]
    has_more: bool
    next_page: str | None


class _Start(msgspec.Struct):
    start_time: int


class RestlessVendor:
    """Answers for an organization. What a round does to a bucket depends only on these two, so every client gets the same text.

    From round 1 on `share` of the buckets change, others keep every byte. While it `plants`, each bucket
    with rows has the same one row and no other.
    """

    def __init__(self, fake: FakeOrganization, share: float) -> None:
        self.clock: Clock = fake.clock
        self.round = 0
        self.plants = False
        # How often which change was answered.
        self.changes: Counter[str] = Counter()
        # The most requests that were under way at the same time.
        self.most_at_once = 0
        self._at_once = 0
        self._counting = threading.Lock()
        self._fake = fake
        self._share = share

    def answer(self, request: Request) -> Answer:
        with self._counting:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return self._answer(request)
        finally:
            with self._counting:
                self._at_once -= 1

    def _answer(self, request: Request) -> Answer:
        answer = self._fake.answer(request)
        endpoint = BY_PATH.get(request.path)
        if answer.status != 200 or endpoint is None:
            return answer
        width = dict(parse_qsl(request.query)).get("bucket_width", "1d")
        page = msgspec.json.decode(answer.body, type=_Page)
        page.data = [text for raw in page.data for text in self._restated(endpoint, width, raw)]
        return replace(answer, body=msgspec.json.encode(page))

    def _restated(self, endpoint: Endpoint, width: str, raw: msgspec.Raw) -> list[msgspec.Raw]:
        start = msgspec.json.decode(raw, type=_Start).start_time
        # A change lasts for two rounds, so that what is odd comes again as it was; for half of the buckets from the odd rounds on.
        era = (self.round + start // 3600 + start // 86400) // 2
        rng = Random(f"{era}:{endpoint.name}:{width}:{start}")  # noqa: S311  # the same for every client
        if not self.plants and not (self.round and rng.random() < self._share):
            return [raw]
        bucket = _decoded(raw)
        if self.plants and bucket["results"]:
            return [_written(bucket | {"results": [self._planted_row(endpoint)]})]
        (name,) = rng.choices(list(CHANGES), [_RARELY if name in _OF_A_WHOLE_PAGE else 1 for name in CHANGES])
        if not bucket["results"] or (name in _LESS and endpoint.name not in _DENSE):
            return [raw]
        self.changes[name] += 1
        CHANGES[name](endpoint, bucket["results"], rng)
        if name == "absent":
            return []
        if name == "twice":
            return [raw, _written(_in_other_order(bucket))]
        return [_written(_in_other_order(bucket) if name == "reworded" else bucket)]

    def _planted_row(self, endpoint: Endpoint) -> Row:
        row: Row = {"object": endpoint.object, "project_id": PLANTED}
        if endpoint.is_costs:
            # Both copies of the costs have one address; where that by user cannot have the project, the user tells the row from others.
            row["user_id"] = PLANTED
            return row | {"amount": {"value": 1, "currency": "usd"}, "organization_id": self._fake.roster.organization_id}
        return row | {metric.name: 1 for metric in endpoint.metrics}


def _decoded(raw: msgspec.Raw) -> dict[str, Any]:
    bucket: dict[str, Any] = json.loads(bytes(raw), parse_float=Decimal)
    return bucket


def _written(bucket: dict[str, Any]) -> msgspec.Raw:
    # The vendor has sent amounts as text too.
    return msgspec.Raw(json.dumps(bucket, default=str).encode())


def _in_other_order(bucket: dict[str, Any]) -> dict[str, Any]:
    return {**bucket, "results": [dict(reversed(row.items())) for row in reversed(bucket["results"])]}


def _another_figure(endpoint: Endpoint, rows: list[Row], rng: Random) -> None:
    row = rng.choice(rows)
    if endpoint.is_costs:
        row["amount"]["value"] = Decimal(str(row["amount"]["value"])) * rng.choice((3, -1, 0)) + _MOST_DIGITS
    else:
        row[endpoint.metrics[0].name] += rng.randrange(1, 1000)


def _one_gone(_: Endpoint, rows: list[Row], rng: Random) -> None:
    rows.pop(rng.randrange(len(rows)))


def _one_late(endpoint: Endpoint, rows: list[Row], rng: Random) -> None:
    row = dict(rng.choice(rows))
    name = rng.choice([dimension.name for dimension in endpoint.dimensions if dimension.kind is Kind.TEXT])
    rows.append(row | {name: f"late-{row[name]}"[-60:]})


def _regrouped(endpoint: Endpoint, rows: list[Row], rng: Random) -> None:
    """What was somebody's is nobody's, and joins whatever was nobody's before."""
    name = rng.choice([dimension.name for dimension in endpoint.dimensions if dimension.kind is Kind.TEXT])
    value = rng.choice(rows)[name]
    for row in rows:
        if row[name] == value:
            row[name] = rng.choice((None, ""))


def _in_two_parts(endpoint: Endpoint, rows: list[Row], rng: Random) -> None:
    """One row as two of the same combination, which add up to it."""
    row = rng.choice(rows)
    part = {name: value for name, value in row.items() if name not in {metric.name for metric in endpoint.metrics}}
    for metric in endpoint.metrics:
        part[metric.name] = None
        if metric.kind is Kind.COUNT and (whole := row.get(metric.name)) is not None:
            part[metric.name] = whole // 3
            row[metric.name] = whole - whole // 3
    if endpoint.is_costs:
        part["amount"] = {**row["amount"], "value": Decimal(str(row["amount"]["value"])) - 1}
        row["amount"] = {**row["amount"], "value": 1}
    rows.append(part)


def _new_field(_: Endpoint, rows: list[Row], rng: Random) -> None:
    rng.choice(rows)["novelty"] = {"seen": rng.randrange(10), "as": [True, None]}


def _cannot_be_typed(endpoint: Endpoint, rows: list[Row], rng: Random) -> None:
    row = rng.choice(rows)
    if endpoint.is_costs:
        row["amount"]["value"] = "many"
    else:
        row[endpoint.metrics[0].name] = "many"


def _as_it_is(_: Endpoint, rows: list[Row], rng: Random) -> None:
    """The rows stay: the bucket is absent, comes twice, or is reported in another order."""


CHANGES: dict[str, Callable[[Endpoint, list[Row], Random], None]] = {
    "another figure": _another_figure,
    "a row gone": _one_gone,
    "a late row": _one_late,
    "regrouped": _regrouped,
    "a row in two parts": _in_two_parts,
    "a new field": _new_field,
    "a row that cannot be typed": _cannot_be_typed,
    "emptied": lambda _endpoint, rows, _rng: rows.clear(),
    "absent": _as_it_is,
    "twice": _as_it_is,
    "reworded": _as_it_is,
}
