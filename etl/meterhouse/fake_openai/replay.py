"""Serves recorded pages instead of invented ones: the buckets of JSON files, byte for byte as they were captured."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec

from meterhouse.catalogue.endpoints import DAY, WIDTHS, BucketWidth
from meterhouse.errors import FixConfiguration
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.fake_openai.directory import by_last_id, by_next
from meterhouse.fake_openai.errors import Refusal, not_found
from meterhouse.fake_openai.queries import Capabilities, Query, parse
from meterhouse.fake_openai.served import BY_OBJECT, BY_PATH
from meterhouse.fake_openai.server import DEFAULT_ADMIN_KEY, FakeServer

_EXAMPLE = "GET "
_LISTS = {f"/organization/{name}": by_last_id for name in ("projects", "users", "admin_api_keys", "invites")}


class _Row(msgspec.Struct):
    object: str


class _Bucket(msgspec.Struct):
    start_time: int
    end_time: int
    results: list[_Row]


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]


@dataclass(frozen=True)
class Recorded:
    """One recorded bucket: where it begins and ends (Unix seconds), and its JSON as captured."""

    start: int
    end: int
    json: msgspec.Raw


class Recording:
    """The recorded pages of a folder, by endpoint. Buckets and rows are served unmodified, whatever grouping is asked for."""

    def __init__(self, directory: Path) -> None:
        self.buckets: dict[str, list[Recorded]] = {}
        examples: dict[str, msgspec.Raw] = {}
        for path in sorted(directory.glob("*.json")):
            try:
                examples |= self._read(path.read_bytes())
            except msgspec.MsgspecError as error:
                raise FixConfiguration(f"{path.name} cannot be replayed: {error}") from None
        # The vendor's own examples are used only where nothing has been recorded.
        for key, body in examples.items():
            endpoint = BY_PATH.get(key.removeprefix(_EXAMPLE))
            if endpoint is not None and endpoint.name not in self.buckets:
                self.buckets[endpoint.name] = _recorded(msgspec.json.decode(body, type=_Page).data)[1]
        if not self.buckets:
            raise FixConfiguration(f"{directory} holds no recorded page: put JSON files of buckets or of whole pages there")

    def _read(self, text: bytes) -> dict[str, msgspec.Raw]:
        """Keep the buckets of one file; return what it holds instead if it is a file of vendor examples."""
        if text.lstrip().startswith(b"["):
            raws = msgspec.json.decode(text, type=list[msgspec.Raw])
        else:
            fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            if any(key.startswith(_EXAMPLE) for key in fields):
                return fields
            if "data" not in fields:
                return {}
            raws = msgspec.json.decode(text, type=_Page).data
        name, recorded = _recorded(raws)
        if name is not None:
            self.buckets[name] = sorted([*self.buckets.get(name, ()), *recorded], key=lambda bucket: bucket.start)
        return {}

    def answer(self, request: Request) -> Answer:
        """Answer a GET below the base URL; refusals are answers too."""
        try:
            return Answer(200, self._body(request))
        except Refusal as refusal:
            return Answer(refusal.status, refusal.body())

    def _body(self, request: Request) -> bytes:
        pairs = parse_qsl(request.query, keep_blank_values=True)
        if request.method == "GET" and (listed := _LISTS.get(request.path)):
            return listed([], dict(pairs))
        if request.method == "GET" and request.path in ("/organization/groups", "/organization/roles"):
            return by_next([], dict(pairs), default=100)
        endpoint = BY_PATH.get(request.path)
        if request.method != "GET" or endpoint is None or endpoint.name not in self.buckets:
            raise not_found(request.method, f"/v1{request.path}")
        query = parse(endpoint, pairs, now=int(time.time()), rounds=0, offers=Capabilities(history_days=None))
        return self._page(query, self.buckets[endpoint.name])

    def _page(self, query: Query, recorded: Sequence[Recorded]) -> bytes:
        seconds = query.width.seconds
        chosen: list[tuple[int, msgspec.Raw]] = []
        if _width(recorded) == query.width:
            for bucket in recorded:
                floor = bucket.start // seconds * seconds
                if query.start <= floor and (query.end is None or floor < query.end):
                    chosen.append((floor, bucket.json))
        following = chosen[query.limit][0] if len(chosen) > query.limit else None
        return msgspec.json.encode(
            {
                "object": "page",
                "data": [raw for _, raw in chosen[: query.limit]],
                "has_more": following is not None,
                "next_page": None if following is None else query.token(following),
            }
        )


def _recorded(raws: Sequence[msgspec.Raw]) -> tuple[str | None, list[Recorded]]:
    """Return the endpoint that the rows name (None when there is no row that names one), and the buckets."""
    found, name = [], None
    for raw in raws:
        bucket = msgspec.json.decode(raw, type=_Bucket)
        # A copy, because a slice would keep the whole file in memory.
        found.append(Recorded(bucket.start_time, bucket.end_time, raw.copy()))
        for row in bucket.results:
            if name is None and row.object in BY_OBJECT:
                name = BY_OBJECT[row.object].name
    return name, found


def _width(recorded: Sequence[Recorded]) -> BucketWidth:
    """Return the width that was recorded: the smallest that holds the longest bucket, as the first and last may be clipped."""
    longest = max(bucket.end - bucket.start for bucket in recorded)
    return next((width for width in sorted(WIDTHS.values(), key=lambda width: width.seconds) if width.seconds >= longest), DAY)


class ReplayServer(FakeServer):
    """Serves the recorded pages of `directory`: `with ReplayServer(directory) as server: server.base_url`."""

    def __init__(
        self, directory: Path, *, port: int = 0, admin_key: str = DEFAULT_ADMIN_KEY, control: bool = False, latency_seconds: float = 0.0
    ) -> None:
        super().__init__(Recording(directory), port=port, admin_key=admin_key, control=control, latency_seconds=latency_seconds)
