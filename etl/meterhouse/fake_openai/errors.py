"""Refusals as the vendor words them: a status, and a body with message, type, param and code."""

from __future__ import annotations

import msgspec


class Refusal(Exception):
    """A request that is answered with an error body."""

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.kind = kind

    def body(self) -> bytes:
        """Return the JSON body."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return msgspec.json.encode({"error": error})


def not_found(method: str, path: str) -> Refusal:
    """Return the refusal of a path that this organization does not offer."""
    return Refusal(404, f"Invalid URL ({method} {path})")
