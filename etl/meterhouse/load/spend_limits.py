"""Spend limits: what is set at the vendor, read where the key may and kept beside the budgets."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from meterhouse.admin_keys import Organization
from meterhouse.clock import Clock, utc_now
from meterhouse.counts import counted
from meterhouse.errors import MeterhouseError, Unsupported
from meterhouse.load.outcome import Outcome
from meterhouse.load.store import Store
from meterhouse.settings import Settings
from meterhouse.vendors.adapter import adapter_of
from meterhouse.vendors.listing import SpendLimit
from meterhouse.warehouse.database import Connection, translated

log = logging.getLogger(__name__)

_LISTED = """
SELECT DISTINCT project_id
FROM warehouse.dim_project
WHERE organization_id = %s AND valid_to IS NULL AND archived_at IS NULL
ORDER BY 1
"""
_STORED = """
SELECT project_id, kind, vendor_limit_id, amount, currency, period, enforcement
FROM warehouse.vendor_spend_limits
WHERE organization_id = %s
ORDER BY limit_id
"""
_INSERT = """
INSERT INTO warehouse.vendor_spend_limits
    (organization_id, project_id, kind, vendor_limit_id, amount, currency, period, enforcement, read_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
# Under a name of its own, which is no stream's: freshness lists streams.
_REMEMBER = """
INSERT INTO ops.capabilities AS c (organization_id, endpoint, capability, is_supported, detail, probed_at)
VALUES (%(organization_id)s, 'spend_limits', 'read', %(is_supported)s, %(detail)s, %(now)s)
ON CONFLICT (organization_id, endpoint, capability) DO UPDATE
SET is_supported = excluded.is_supported, detail = excluded.detail, probed_at = excluded.probed_at
WHERE (c.is_supported, c.detail) IS DISTINCT FROM (excluded.is_supported, excluded.detail)
"""


def sync_spend_limits(settings: Settings, *, clock: Clock = utc_now) -> tuple[str, ...]:
    """Read every organization's limits and alerts at the vendor; return a line for each, which says why if they cannot be read.

    Raises only what would keep any request from being answered, once all organizations were asked.
    """
    lines, failed = [], []
    with Store(settings.require_warehouse()) as store:
        for organization in settings.require_organizations():
            try:
                lines.append(f"{organization.label}: {_sync_organization(settings, organization, store, clock())}")
            except MeterhouseError as error:
                failed.append(error)
    Outcome((), tuple(failed)).raise_first()
    return tuple(lines)


def _sync_organization(settings: Settings, organization: Organization, store: Store, now: datetime) -> str:
    read = adapter_of(organization.vendor).read_spend_limits
    organization_id = store.organization_id(organization.label)
    if read is None or organization_id is None:
        return "spend limits: nothing to read"
    with translated(f"{organization.label}/spend limits"):
        projects = [str(row[0]) for row in store.connection.execute(_LISTED, (organization_id,))]
    try:
        with adapter_of(organization.vendor).client(organization, settings) as client:
            limits = read(client, projects)
    except Unsupported as refusal:
        _keep(store.connection, organization_id, None, refusal.detail, now)
        log.info("%s: spend limits cannot be read: %s", organization.label, refusal.detail)
        return f"spend limits: not readable ({refusal.detail})"
    changed = _keep(store.connection, organization_id, limits, None, now)
    return f"spend limits: {counted(len(limits), 'limit')} at the vendor{', changed' if changed else ', nothing changed'}"


def _keep(connection: Connection, organization_id: int, limits: Sequence[SpendLimit] | None, detail: str | None, now: datetime) -> bool:
    """Store what was read, and whether it could be (None: it could not); return whether the limits differ from those before.

    What can no longer be read is no longer shown: a limit that nobody can check is not one to rely on.
    """
    with translated("spend limits"), connection.transaction():
        connection.execute(
            _REMEMBER, {"organization_id": organization_id, "is_supported": limits is not None, "detail": detail, "now": now}
        )
        wanted = [
            (one.project_id, one.kind, one.vendor_limit_id, one.amount, one.currency, one.period, one.enforcement) for one in limits or ()
        ]
        # Of two runs at once the second replaces what the first has written.
        connection.execute("LOCK TABLE warehouse.vendor_spend_limits IN SHARE ROW EXCLUSIVE MODE")
        if connection.execute(_STORED, (organization_id,)).fetchall() == wanted:
            return False
        connection.execute("DELETE FROM warehouse.vendor_spend_limits WHERE organization_id = %s", (organization_id,))
        with connection.cursor() as cursor:
            cursor.executemany(_INSERT, [(organization_id, *row, now) for row in wanted])
    return True
