"""Whatever the API answers, a load sends a bounded number of requests, takes bounded time and bounded memory, and ends in one line."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.postgres.loaded_organization import LoadedOrganization, midnight

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.errors import MeterhouseError

from .loader_nursery import Nursery, Order
from .scripted_server import ScriptedServer, Step, answer, send, unframed

pytestmark = pytest.mark.soak
PEAK_MEGABYTES = 400
MANY = 100_000
SCRIPTS: dict[str, dict[str, Any]] = {
    **{f"status {status} for ever": {"status": status} for status in (400, 401, 403, 404, 408, 409, 429, 500, 502, 503, 504)},
    "status 429 with a wait of 0": {"status": 429, "headers": {"Retry-After": "0"}},
    "status 503 with a wait of a day": {"status": 503, "headers": {"Retry-After": "86400"}},
    "quota used up": {"status": 429, "body": {"error": {"message": "no money", "code": "insufficient_quota"}}},
    "cut off for ever": {"kind": "truncated"},
    "reset for ever": {"kind": "reset"},
    "no JSON for ever": {"kind": "not_json"},
    "redirects": {"kind": "redirect"},
    "pages without end": {"kind": "endless"},
}


def gzipped(megabytes: int) -> bytes:
    """A JSON object that is nearly all spaces, packed piece by piece."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        file.write(b"{")
        for _ in range(megabytes):
            file.write(b" " * (1 << 20))
        file.write(b"}")
    return packed.getvalue()


def page_of(rows: str) -> bytes:
    """A page of one bucket with these rows."""
    start, end = 1_763_596_800, 1_763_683_200
    bucket = f'{{"object":"bucket","start_time":{start},"end_time":{end},"results":[{rows}]}}'
    return f'{{"object":"page","data":[{bucket}],"has_more":false,"next_page":null}}'.encode()


def row(**more: Any) -> str:
    """A row of moderations, as JSON."""
    kind = ENDPOINTS["moderations"].object
    return json.dumps({"object": kind, "input_tokens": 1, "num_model_requests": 1, "model": "m", **more})


def bombs() -> Iterator[tuple[str, Step]]:
    packed = gzipped(1024)
    yield "1 GiB of spaces in 5 MB of gzip", send(answer(packed, headers=["Content-Encoding: gzip"]))
    yield "a page of 300 MB", send(unframed(b"{" + b" " * (300 << 20) + b"}"))
    yield "a count of 1e999999999", send(answer(page_of(row().replace('"input_tokens": 1', '"input_tokens": 1e999999999'))))
    yield "a number of a million digits", send(answer(page_of(row().replace('"input_tokens": 1', '"input_tokens": ' + "9" * 10**6))))
    yield "an unknown field with 20,000 values", send(answer(page_of(",".join(row(novelty=i) for i in range(20_000)))))
    yield "a million brackets", send(answer(b"[" * 10**6))
    yield "10,000 fields that come twice", send(answer(page_of(",".join(row()[:-1] + ', "x": 1, "x": 1}' for _ in range(10_000)))))


def test_memory_and_time_under_bombs(acme: LoadedOrganization, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    with Nursery() as nursery:
        for name, step in bombs():
            with ScriptedServer(step) as server:
                fate = nursery.load(
                    Order(
                        acme.warehouse.loader_url,
                        f"{server.url}/v1",
                        acme.server.admin_key,
                        "bombed",
                        ("moderations",),
                        midnight(acme.today).isoformat(),
                        acme.now.isoformat(),
                    )
                )  # fmt: skip
                lines.append(f"{name}: {fate.how}, {fate.peak_megabytes:.0f} MB, {fate.seconds:.1f} s, {server.connections} requests")
            assert fate.how in {"done", "failed"}, (name, fate)
            assert "\n" not in fate.said
            assert fate.peak_megabytes < PEAK_MEGABYTES, (name, fate)
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *lines, ""]))


def test_requests_of_the_worst_script(
    acme: LoadedOrganization, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("meterhouse.vendors.http_client.pause", lambda _: None)
    monkeypatch.setattr("meterhouse.vendors.read_ahead.pause", lambda *_: None)
    acme.sync(retries=4).raise_first()
    usual = len(acme.server.requests)
    counted: dict[str, int] = {}
    for name, script in SCRIPTS.items():
        acme.server.faults.clear()
        acme.forget_requests()
        acme.server.fail_next(MANY, **script)
        try:
            errors = acme.sync(retries=4).errors
        except MeterhouseError as error:
            errors = (error,)
        assert errors, name
        assert all("\n" not in str(error) for error in errors)
        counted[name] = len(acme.server.requests)
    worst = max(counted, key=counted.__getitem__)
    # Ten further attempts, or a fifth of what would be asked anyway.
    assert counted[worst] <= usual + max(10, usual // 5)
    with capsys.disabled():
        lines = [f"{number} requests: {name}" for name, number in sorted(counted.items(), key=lambda one: -one[1])]
        sys.stdout.write("\n".join(["", f"{usual} requests without a fault", *lines, ""]))
