"""The spend limits and alerts that the invented organization has set at the vendor: amounts in whole cents, as the vendor lists them."""

from __future__ import annotations

from typing import Any

from meterhouse.fake_openai.errors import Refusal
from meterhouse.fake_openai.roster import Roster

Rows = list[dict[str, Any]]
_ORGANIZATION_LIMIT_CENTS = 1_200_000
_ORGANIZATION_ALERTS_CENTS = (600_000, 900_000)
_PROJECT_LIMIT_CENTS = 150_000
_PROJECT_ALERT_CENTS = 40_000


def spend_limit(roster: Roster, project_id: str | None) -> dict[str, Any]:
    """Return the limit of the organization, or of its first project; raises `Refusal` for another project, which has none."""
    if project_id is not None and project_id != _at(roster, 0):
        raise Refusal(404, "No spend limit is set for this project.", code="not_found")
    return {
        "object": "organization.spend_limit" if project_id is None else "project.spend_limit",
        "threshold_amount": _ORGANIZATION_LIMIT_CENTS if project_id is None else _PROJECT_LIMIT_CENTS,
        "currency": "USD",
        "interval": "month",
        "enforcement": {"status": "inactive"},
    }


def spend_alerts(roster: Roster, project_id: str | None) -> Rows:
    """Return the alerts of the organization, or of a project; only the second project has one."""
    if project_id is None:
        return [_alert("organization", number, cents) for number, cents in enumerate(_ORGANIZATION_ALERTS_CENTS, 1)]
    return [_alert("project", 1, _PROJECT_ALERT_CENTS)] if project_id == _at(roster, 1) else []


def _alert(of: str, number: int, cents: int) -> dict[str, Any]:
    return {
        "id": f"alert_{of}_{number}", "object": f"{of}.spend_alert", "threshold_amount": cents, "currency": "USD", "interval": "month",
        "notification_channel": {"type": "email", "recipients": ["finance@example.com"], "subject_prefix": None},
    }  # fmt: skip


def _at(roster: Roster, place: int) -> str:
    return list(roster.projects)[place]
