"""What a backfill would do, from the plan and from what the warehouse holds; sends the vendor no request and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from meterhouse.catalogue.endpoints import ENDPOINTS, BucketWidth
from meterhouse.load.backfill_plan import Piece, in_words
from meterhouse.load.store import Store
from meterhouse.settings import Settings
from meterhouse.windows import Window

_HISTORY = "history"


def preview(settings: Settings, window: Window, planned: Sequence[Piece], width: BucketWidth, now: datetime) -> list[str]:
    """Return the plan of a backfill of `window` line by line: tasks, calls, what is held already, what the vendor no longer reports."""
    remembered: dict[tuple[str, str], str | None] = {}
    held: dict[tuple[str, str], dict[str, int]] = {}
    endpoints = list(dict.fromkeys(piece.endpoint for piece in planned))
    with Store(settings.require_warehouse()) as store:
        for organization in settings.require_organizations():
            for name in endpoints:
                history = store.capabilities(organization.label, ENDPOINTS[name]).get(_HISTORY)
                remembered[organization.label, name] = history.detail if history else None
                held[organization.label, name] = store.coverage_counts(organization.label, name, width, window)
    return in_words(planned, width, now, remembered, held)
