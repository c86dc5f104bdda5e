"""What can go wrong on the way: a queue of faults that tests put in front of the real answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import msgspec

from meterhouse.fake_openai.answers import Answer, Request

FaultKind = Literal["status", "not_json", "truncated", "slow", "reset", "endless", "null_token", "redirect"]
KINDS = get_args(FaultKind)
LOOP_TOKEN = "page_loop"  # noqa: S105 - not a secret
_REASONS = {401: "invalid_api_key", 403: "insufficient_permissions", 429: "rate_limit_exceeded"}


@dataclass(frozen=True)
class Fault:
    """One fault. `status` and `headers` apply to kinds status and redirect, `seconds` to slow; `path_contains` narrows it."""

    kind: FaultKind
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    path_contains: str = ""
    seconds: float = 0.0

    def apply(self, request: Request, answer: Callable[[Request], Answer]) -> Answer:
        """Return what is sent instead of (or made of) the real answer; resets and truncation are left to the server."""
        if self.kind == "status":
            return Answer(self.status, self._body(), dict(self.headers))
        if self.kind == "not_json":
            body = self.body or b"<html><body><h1>Bad gateway</h1></body></html>"
            return Answer(self.status, body, {"Content-Type": "text/html", **self.headers})
        if self.kind == "redirect":
            return Answer(302, b"", {"Location": "http://127.0.0.1:9/elsewhere", **self.headers})
        if self.kind in ("endless", "null_token"):
            return _never_ending(request, answer, LOOP_TOKEN if self.kind == "endless" else None)
        return answer(request)

    def _body(self) -> bytes:
        if self.body is not None:
            return self.body
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        error = {"message": f"A fault of the stand-in: {self.status}.", "type": kind, "param": None, "code": _REASONS.get(self.status)}
        return msgspec.json.encode({"error": error})


class _Page(msgspec.Struct):
    object: str
    data: msgspec.Raw
    has_more: bool = False
    next_page: str | None = None


def _never_ending(request: Request, answer: Callable[[Request], Answer], token: str | None) -> Answer:
    """Answer with a page that says there is more: always the same token, or none at all."""
    query = "&".join(part for part in request.query.split("&") if not part.startswith("page="))
    real = answer(replace(request, query=query))
    if real.status != 200:
        return real
    page = msgspec.json.decode(real.body, type=_Page)
    page.has_more, page.next_page = True, token
    return replace(real, body=msgspec.json.encode(page))


class FaultQueue:
    """Faults in the order in which they will strike; each is used once, by the first request whose path fits."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self, n: int = 1, *, kind: FaultKind | None = None, status: int | None = None, headers: Mapping[str, str] | None = None,
        body: bytes | str | dict[str, Any] | None = None, path_contains: str = "", seconds: float = 0.0,
    ) -> None:  # fmt: skip
        """Let the next `n` requests whose path contains `path_contains` fail; if only a status is given, the kind is `status`."""
        kind = kind or "status"
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        status = status if status is not None else 200 if kind == "not_json" else 500
        raw = msgspec.json.encode(body) if isinstance(body, dict) else body.encode() if isinstance(body, str) else body
        with self._lock:
            self._faults.extend([Fault(kind, status, dict(headers or {}), raw, path_contains, seconds)] * n)

    def take(self, path: str) -> Fault | None:
        """Return and forget the first fault that is meant for `path`."""
        with self._lock:
            for position, fault in enumerate(self._faults):
                if fault.path_contains in path:
                    return self._faults.pop(position)
        return None

    def clear(self) -> None:
        """Forget all faults that have not struck yet."""
        with self._lock:
            self._faults.clear()
