"""A Metabase server: one call of its REST, with the errors that say what to do and every secret kept out of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from meterhouse.errors import FixConfiguration, RejectedAnswer, TryAgainLater

_TIMEOUT_SECONDS = 60


class Metabase:
    """A Metabase server, spoken to as one of its administrators."""

    def __init__(self, url: str, password: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise FixConfiguration(f"{url!r} is not an address of Metabase: write it as http://127.0.0.1:3000")
        self._url = url.rstrip("/")
        self._secrets = [password]
        self._http = requests.Session()
        # Nothing of the surroundings: no proxy, no .netrc whose password would take the place of ours.
        self._http.trust_env = False

    def hide(self, secret: str) -> None:
        """Keep a further secret out of every message."""
        self._secrets.append(secret)

    def log_in(self, token: str) -> None:
        """Send this session's token with every further request."""
        self._http.headers["X-Metabase-Session"] = token

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, refused: str | None = None) -> Any:
        """Return the JSON that Metabase answers.

        Raises `TryAgainLater` when it is away or busy, `FixConfiguration` when it refuses with 400, 401 or 403 (saying `refused` where
        it is given), and `RejectedAnswer` for anything that is not Metabase's API.
        """
        try:
            answer = self._http.request(method, self._url + path, json=body, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
        except requests.exceptions.RequestException as error:
            raise TryAgainLater(f"Metabase at {self._url} does not answer ({type(error).__name__}): is it running?") from None
        if answer.status_code in {429, 502, 503, 504}:
            raise TryAgainLater(f"Metabase at {self._url} is busy ({answer.status_code} for {method} {path}): try again in a minute")
        if answer.status_code in {400, 401, 403}:
            raise FixConfiguration(f"{refused or f'Metabase refuses {method} {path}'} ({answer.status_code}: {self._said(answer)})")
        if not 200 <= answer.status_code < 300:
            raise RejectedAnswer(f"Metabase answered {answer.status_code} to {method} {path}: {self._said(answer)}")
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise RejectedAnswer(f"{self._url}{path} answers, but not like Metabase: {self._said(answer)}") from None

    def _said(self, answer: requests.Response) -> str:
        text = re.sub(r"\s+", " ", answer.text)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:200] or "nothing"


def as_mapping(found: Any, what: str) -> dict[str, Any]:
    """Return an object of an answer; raise `RejectedAnswer` for anything else."""
    if not isinstance(found, dict):
        raise RejectedAnswer(f"Metabase's answer about {what} is not an object: is this the address of a Metabase server?")
    return found


def as_rows(found: Any, what: str) -> list[dict[str, Any]]:
    """Return the objects of a list, which some answers wrap in `data`; raise `RejectedAnswer` for anything else."""
    rows = found.get("data") if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RejectedAnswer(f"Metabase's answer about {what} is not a list: is this the address of a Metabase server?")
    return rows


def as_number(found: Any, what: str) -> int:
    """Return a number of an answer; raise `RejectedAnswer` for anything else."""
    if not isinstance(found, int):
        raise RejectedAnswer(f"Metabase's answer about {what} has no id: is this the address of a Metabase server?")
    return found
