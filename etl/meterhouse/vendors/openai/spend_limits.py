"""OpenAI's spend limits and alerts, of the organization and of each project; where the key may not read them there are none to know of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from meterhouse.errors import RejectedAnswer, Unsupported
from meterhouse.vendors.listing import SpendLimit
from meterhouse.vendors.openai.client import Client
from meterhouse.vendors.openai.wire import PROJECTS_PATH

_CENTS_EXPONENT = -2
_ORGANIZATION = "/organization"


def read_spend_limits(client: Client, projects: Iterable[str]) -> list[SpendLimit]:
    """Return all limits and alerts of the organization and of its projects; a place without a limit, or one that is archived, has none.

    Raises `Unsupported` when the vendor offers the organization neither, or the key may not read them.
    """
    found, refusal = _of_one(client, _ORGANIZATION, None)
    if refusal is not None:
        raise refusal
    for project_id in projects:
        of_project, _ = _of_one(client, f"{PROJECTS_PATH}/{quote(project_id, safe='')}", project_id)
        found += of_project
    return found


def _of_one(client: Client, place: str, project_id: str | None) -> tuple[list[SpendLimit], Unsupported | None]:
    """Return the limits of one place, and the refusal when neither of its two paths is answered."""
    limits: list[SpendLimit] = []
    refusals = []
    for path, entries in ((f"{place}/spend_alerts", _alerts), (f"{place}/spend_limit", _limit)):
        try:
            limits += [_read(entry, path, project_id) for entry in entries(client, path)]
        except Unsupported as refusal:
            refusals.append(refusal)
    return limits, refusals[0] if len(refusals) == 2 else None


def _alerts(client: Client, path: str) -> Iterator[Mapping[str, Any]]:
    return client.optional_entries(path)


def _limit(client: Client, path: str) -> Iterator[Mapping[str, Any]]:
    yield client.single(path)


def _read(entry: Mapping[str, Any], path: str, project_id: str | None) -> SpendLimit:
    cents, currency, period = (entry.get(name) for name in ("threshold_amount", "currency", "interval"))
    if not isinstance(cents, int) or isinstance(cents, bool) or not isinstance(currency, str) or not isinstance(period, str):
        raise RejectedAnswer(f"{path}: an entry has no amount in whole cents, no currency or no interval")
    limit_id = entry.get("id")
    enforcement = entry.get("enforcement")
    status = enforcement.get("status") if isinstance(enforcement, dict) else None
    return SpendLimit(
        project_id,
        "alert" if path.endswith("alerts") else "limit",
        limit_id if isinstance(limit_id, str) else None,
        Decimal(cents).scaleb(_CENTS_EXPONENT),
        currency.lower(),
        period,
        status if isinstance(status, str) else None,
    )
