"""Capabilities: what one organization offers of one endpoint. Learned from answers, remembered with a date, and never a failed run."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from meterhouse.catalogue.endpoints import Dimension
from meterhouse.clock import Clock
from meterhouse.errors import FixConfiguration, Unsupported
from meterhouse.load.key_owner import KeyOwner
from meterhouse.load.store import Capability, Store
from meterhouse.load.stream import Stream, history_cuts
from meterhouse.windows import Window

log = logging.getLogger(__name__)

ENDPOINT = "endpoint"
HISTORY = "history"
REPROBE_AFTER = timedelta(days=1)


class Capabilities:
    """What is known of a stream's endpoint; `excluded` are the names of dimensions that are never asked for."""

    def __init__(self, stream: Stream, store: Store, key_owner: KeyOwner, clock: Clock, excluded: tuple[str, ...]) -> None:
        self._stream = stream
        self._store = store
        self._key_owner = key_owner
        self._clock = clock
        self._excluded = excluded
        self._known = store.capabilities(stream.organization, stream.endpoint)

    def standing_refusal(self, name: str = ENDPOINT) -> str | None:
        """Return what the vendor said when it refused `name`, unless it is time to ask again."""
        found = self._known.get(name)
        if found is None or found.is_supported:
            return None
        # A date in the future was written by a clock that was wrong, and would count until then.
        if not timedelta() <= self._clock() - found.probed_at < REPROBE_AFTER:
            return None
        return found.detail or "refused"

    def dimensions(self, window: Window) -> tuple[Dimension, ...]:
        """Return what to group by: everything but what the settings leave out, the organization refuses, or has no history."""
        too_new = {dimension for dimension, since in history_cuts(self._stream.endpoint).items() if window.start < since}
        return tuple(
            dimension
            for dimension in self._stream.endpoint.dimensions
            if dimension.name not in self._excluded and not self.standing_refusal(_group_by(dimension)) and dimension not in too_new
        )

    def left_out(self) -> str | None:
        """Return why a stream is not asked for at all: the settings leave out a dimension without which it says nothing."""
        missing = [one.name for one in self._stream.endpoint.essential_dimensions if one.name in self._excluded]
        return f"METERHOUSE_EXCLUDE_DIMENSIONS leaves out {missing[0]}" if missing else None

    def refuse(self, name: str, detail: str, now: datetime) -> None:
        """Remember that the organization does not offer `name`, and what the vendor said."""
        self._remember(name, Capability(False, detail, self._clock()), now)

    def confirm(self, dimensions: tuple[Dimension, ...], now: datetime) -> None:
        """Remember that the endpoint answered, grouped by these dimensions, where that was not known."""
        optional = [_group_by(dimension) for dimension in dimensions if dimension in self._stream.endpoint.optional_dimensions]
        for name in (*optional, ENDPOINT):
            found = self._known.get(name)
            if found is None or not found.is_supported:
                self._remember(name, Capability(True, None, self._clock()), now)

    def without_refused(self, dimensions: tuple[Dimension, ...], refusal: Unsupported, now: datetime) -> tuple[Dimension, ...]:
        """Return `dimensions` less the one that the vendor refused, which is remembered.

        Raises `FixConfiguration` when it refused something else, `Unsupported` when nothing is left to ask for without it.
        """
        came_later = set(history_cuts(self._stream.endpoint)).intersection(self._stream.endpoint.optional_dimensions, dimensions)
        if refusal.capability == "start_time" and came_later:
            return tuple(dimension for dimension in dimensions if dimension not in came_later)
        refused = self._culprit(dimensions, refusal)
        if refused is None:
            raise FixConfiguration(f"the vendor refuses the request for {self._stream}: {refusal.detail}") from None
        if refused in self._stream.endpoint.essential_dimensions:
            raise Unsupported(_group_by(refused), refusal.detail) from None
        log.warning("%s: grouping by %s is not offered by this organization: %s", self._stream, refused.name, refusal.detail)
        self.refuse(_group_by(refused), refusal.detail, now)
        return tuple(dimension for dimension in dimensions if dimension is not refused)

    def _culprit(self, dimensions: tuple[Dimension, ...], refusal: Unsupported) -> Dimension | None:
        """The dimension that a refusal is about: one in its quotes, an optional one that it names, any that it names, an optional one."""
        if refusal.capability not in {"group_by", "request"}:
            return None
        optional = [dimension for dimension in dimensions if dimension in self._stream.endpoint.optional_dimensions]
        named = [dimension for dimension in dimensions if dimension.name in refusal.detail]
        quoted = [dimension for dimension in named if dimension.name == refusal.value]
        return next(iter([*quoted, *(one for one in named if one in optional), *named, *optional]), None)

    def _remember(self, name: str, capability: Capability, now: datetime) -> None:
        self._key_owner.check_before_writing(now)
        self._store.remember_capability(self._stream.organization, self._stream.endpoint, name, capability)
        self._known[name] = capability


def _group_by(dimension: Dimension) -> str:
    return f"group_by:{dimension.name}"
