"""Control of a running stand-in by another process: restate, move the clock, plan faults, check its health."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from meterhouse.fake_openai.answers import Answer, Application
from meterhouse.fake_openai.faults import FaultQueue
from meterhouse.fake_openai.organization import FakeOrganization

_USES = 'POST restate {"round": N}, clock {"now": ISO} or {"advance_seconds": N}, fail {"n": N, "status": N, ...}, or GET health'


def control_answer(application: Application, faults: FaultQueue, method: str, name: str, sent: bytes) -> Answer:
    """Do what `POST /_control/<name>` asks for; anything wrong with it is a 400 that says how to ask."""
    if (method, name) == ("GET", "health"):
        return _said(200, {"status": "ok"})
    try:
        asked: dict[str, Any] = msgspec.json.decode(sent or b"{}", type=dict[str, Any])
        if (method, name) == ("POST", "fail"):
            faults.add(asked.pop("n", 1), **asked)
            return _said(200, {})
        if isinstance(application, FakeOrganization) and method == "POST" and name in ("restate", "clock"):
            return _said(200, _restate(application, asked) if name == "restate" else _move(application, asked))
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError) as error:
        return _said(400, {"error": f"{error}; use {_USES}"})
    return _said(404, {"error": f"use {_USES}"})


def _restate(organization: FakeOrganization, asked: dict[str, Any]) -> dict[str, Any]:
    endpoint, day = organization.restate(int(asked["round"])).emptied()
    return {"emptied_endpoint": endpoint, "emptied_day": datetime.fromordinal(day).date()}


def _move(organization: FakeOrganization, asked: dict[str, Any]) -> dict[str, Any]:
    if "now" in asked:
        organization.clock.set(datetime.fromisoformat(asked["now"]))
    else:
        organization.clock.advance(float(asked["advance_seconds"]))
    return {"now": organization.clock.now()}


def _said(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, msgspec.json.encode(body))
