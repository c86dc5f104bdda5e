"""Refusals: what OpenAI's errors say, in one line that holds no key, and what each of them asks the caller to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from meterhouse.catalogue.endpoints import Endpoint
from meterhouse.control_characters import visible
from meterhouse.errors import BeforeHistory, FixConfiguration, RejectedAnswer, Unsupported
from meterhouse.vendors.foreign_text import masked
from meterhouse.vendors.http_client import Failure, Refused
from meterhouse.vendors.openai.wire import ERROR_CODE_BEFORE_HISTORY
from meterhouse.vendors.request import ChainBroken
from meterhouse.windows import from_epoch

_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY_REQUESTS = 400, 401, 403, 404, 429
_REFUSED = {_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND}
_PERMANENT_429_CODES = {"insufficient_quota", "billing_hard_limit_reached"}
_EPOCH_IN_TEXT = re.compile(r"\b(1\d{9}|2\d{9})\b")
_REFUSED_VALUE = re.compile(r"Invalid value: '([^']*)'")


@dataclass(frozen=True)
class Refusal:
    """What an error body says; the vendor sends an object, or sometimes bare text."""

    message: str = ""
    code: str = ""
    param: str = ""

    @classmethod
    def read(cls, body: bytes) -> Refusal:
        """Return what a body says; nothing for one in other words than the vendor's."""
        try:
            error = msgspec.json.decode(body).get("error")
        except (msgspec.MsgspecError, ValueError, AttributeError, RecursionError):
            return cls()
        if isinstance(error, str):
            return cls(message=_clipped(error))
        if not isinstance(error, dict):
            return cls()
        return cls(*(_clipped(str(error.get(name) or "")) for name in ("message", "code", "param")))


@dataclass(frozen=True)
class Place:
    """Where an answer was refused: the host, the endpoint (None: a list of the directory), and whether earlier pages were good.

    What `is_optional` is not offered when it is refused, even for the key's sake.
    """

    host: str
    endpoint: Endpoint | None
    in_chain: bool
    is_optional: bool = False

    def refused(self, answer: Refused) -> Failure:
        """Return a failure that may be tried again, or raise what the caller should do instead."""
        refusal = Refusal.read(answer.body)
        said = f"HTTP {answer.status}" + (f", {refusal.message}" if refusal.message else "")
        if self.is_optional and answer.status in _REFUSED:
            raise Unsupported("endpoint", said)
        self._require_right_key(answer, refusal, said)
        if answer.is_of_the_moment or self._is_costs_away(answer):
            return Failure(said, answer.retry_after_seconds)
        if refusal.code == ERROR_CODE_BEFORE_HISTORY:
            named = _EPOCH_IN_TEXT.search(refusal.message)
            raise BeforeHistory(refusal.message, from_epoch(int(named[1])) if named else None)
        if self.in_chain:
            raise ChainBroken(f"{answer.path}: the vendor refused its own page token ({said})")
        if answer.status == _NOT_FOUND:
            if not refusal.message:
                return Failure("HTTP 404, and not in the vendor's words (a proxy's page, or a wrong OPENAI_BASE_URL?)")
            raise Unsupported("endpoint", refusal.message)
        if answer.status == _BAD_REQUEST:
            value = _REFUSED_VALUE.search(refusal.message)
            raise Unsupported(refusal.param or "request", refusal.message or said, value=value[1] if value else None)
        raise RejectedAnswer(f"{self.host}{answer.path}: {said}")

    def _require_right_key(self, answer: Refused, refusal: Refusal, said: str) -> None:
        if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
            scope = "api.usage.read" if self.endpoint else "api.management.read"
            raise FixConfiguration(
                f"{self.host} refuses the admin key ({said}); use an organization admin key (sk-admin-…) with the scope {scope}"
            )
        if answer.status == _TOO_MANY_REQUESTS and refusal.code in _PERMANENT_429_CODES:
            raise FixConfiguration(f"{self.host}{answer.path}: {said}; settle the account's quota, then run again")

    def _is_costs_away(self, answer: Refused) -> bool:
        """Costs once answered 404 for an hour and a half during an outage, so there it is a fault to wait out."""
        return answer.status == _NOT_FOUND and self.endpoint is not None and self.endpoint.is_costs


def _clipped(text: str) -> str:
    """One line, bounded, without control characters or anything that looks like a key: the vendor repeats a wrong key in its answer."""
    return visible(masked(" ".join(text.split()))[:300])
