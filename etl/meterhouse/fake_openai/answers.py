"""What comes in and what goes out, without any HTTP machinery: a request, an answer, and anything that can answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Request:
    """A request with its path below the base URL and its undecoded query string."""

    method: str
    path: str
    query: str = ""


@dataclass(frozen=True)
class Answer:
    """A status, a body and further headers."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Application(Protocol):
    """Something that answers requests: an invented organization, or a recorded one."""

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        ...
