"""Teams: by what costs are assigned to a team, the most specific first, and which assignments contradict each other. Pure.

`warehouse.owner_teams` applies the same order in SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

UNASSIGNED = "(unassigned)"


class AssignedBy(StrEnum):
    """What an assignment goes by, the most specific first: of two that fit, the first counts."""

    API_KEY = "api_key"
    KEY_PREFIX = "key_prefix"
    USER = "user"
    MAIL_DOMAIN = "mail_domain"
    PROJECT = "project"
    DEFAULT = "default"


@dataclass(frozen=True)
class Assignment:
    """Keys, users or projects of a team, in one organization or in all; both days are included, and None is no beginning or no end."""

    place: str
    kind: AssignedBy
    value: str
    organization: str | None
    team: str
    cost_centre: str | None
    valid_from: date | None
    valid_to: date | None


def overlap(assignments: Iterable[Assignment]) -> tuple[Assignment, Assignment] | None:
    """Return the first two assignments of the same thing that are valid on the same day, None when there are none."""
    of_same: dict[tuple[str, str, str | None], list[Assignment]] = {}
    for one in assignments:
        for other in of_same.setdefault((one.kind, one.value, one.organization), []):
            if _begins_within(one, other) or _begins_within(other, one):
                return other, one
        of_same[one.kind, one.value, one.organization].append(one)
    return None


def _begins_within(one: Assignment, other: Assignment) -> bool:
    start = one.valid_from or date.min
    return (other.valid_from or date.min) <= start <= (other.valid_to or date.max)
