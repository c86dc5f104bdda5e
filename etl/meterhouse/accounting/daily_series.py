"""Daily series: the billed cost of an organization, project, model, API key or team day by day, and which of its days are settled. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

_NOTHING = Decimal(0)


class SeriesKind(StrEnum):
    """What a series is the cost of, widest first."""

    ORGANIZATION = "organization"
    PROJECT = "project"
    TEAM = "team"
    MODEL = "model"
    API_KEY = "api_key"


@dataclass(frozen=True)
class DailySeries:
    """Billed cost per UTC day of one member of a kind, in one currency.

    `key` is the identifier of the project or API key, the name of the team or the canonical name of the model; it is empty for the
    organization, and for costs that name no member. `project_id` is that of a project or API key. `costs` has the days with rows: an
    amount in units of `currency`, or None if the vendor left out a part of it. `settled` are the days whose costs are settled; they are
    those of the organization, the same for all of its series.
    """

    organization_id: int
    kind: SeriesKind
    key: str
    project_id: str | None
    currency: str | None
    costs: Mapping[date, Decimal | None]
    settled: frozenset[date]

    def settled_cost(self, day: date) -> Decimal | None:
        """Return what a day cost: 0 without a row; None if it is not settled, or its amount is unknown."""
        return self.costs.get(day, _NOTHING) if day in self.settled else None

    @property
    def last_settled_day(self) -> date | None:
        """The newest settled day of the range that was read; None without one."""
        return max(self.settled, default=None)
