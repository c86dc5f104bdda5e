"""Claimed notices: which notices about spending somebody is sending or has sent, so that each is sent once, and none is lost.

A notice is claimed before it is sent and marked as delivered after that, in two transactions, as none may be open while a mail server is
waited for. A claim whose sender has died is free again after a while; the notice is then sent from the text that was kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from meterhouse.warehouse.database import Connection, translated

# Longer than any channel may take: see the deadline of the task.
_CLAIM_LASTS = timedelta(hours=1)
_KEPT = timedelta(days=800)
_FORGET = "DELETE FROM ops.notices WHERE delivered_at < clock_timestamp() - %s"
_CLAIM_NEW = """
INSERT INTO ops.notices (organization_id, kind, identity, period_start, text, claimed_at)
SELECT n.organization_id, n.kind, n.identity, n.period_start, n.text, clock_timestamp()
FROM unnest(%s::integer [], %s::text [], %s::text [], %s::date [], %s::text []) n (organization_id, kind, identity, period_start, text)
ORDER BY 1, 2, 3, 4
ON CONFLICT DO NOTHING
RETURNING organization_id, kind, identity, period_start, text
"""
_CLAIM_LEFT = """
UPDATE ops.notices
SET claimed_at = clock_timestamp()
WHERE delivered_at IS NULL AND (claimed_at IS NULL OR claimed_at < clock_timestamp() - %s)
RETURNING organization_id, kind, identity, period_start, text
"""
_THESE = """
WHERE (organization_id, kind, identity, period_start)
    IN (SELECT * FROM unnest(%s::integer [], %s::text [], %s::text [], %s::date []))
"""
_SENT = """
SELECT organization_id, kind, identity, period_start
FROM ops.notices
WHERE delivered_at IS NOT NULL OR claimed_at IS NOT NULL
"""


@dataclass(frozen=True)
class Notice:
    """One thing that is reported once: what it is about, the period or day that it belongs to, and its text."""

    organization_id: int
    kind: str
    identity: str
    period_start: date
    text: str


class ClaimedNotices:
    """The claims in the warehouse, over a connection as the loader."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, due: Iterable[Notice]) -> list[Notice]:
        """Claim those of `due` that nobody has claimed, and those that were claimed earlier and never delivered; the caller sends them."""
        with translated("notices"), self._connection.transaction():
            self._connection.execute(_FORGET, (_KEPT,))
            left = self._connection.execute(_CLAIM_LEFT, (_CLAIM_LASTS,)).fetchall()
            new = self._connection.execute(_CLAIM_NEW, _columns(due)).fetchall()
        return [Notice(*row) for row in (*left, *new)]

    def unsent(self, due: Iterable[Notice]) -> list[Notice]:
        """Return those of `due` that nobody has sent or is sending; nothing is written."""
        with translated("notices"):
            known = set(self._connection.execute(_SENT).fetchall())
        return [one for one in due if (one.organization_id, one.kind, one.identity, one.period_start) not in known]

    def delivered(self, sent: Iterable[Notice]) -> None:
        """Record that a channel has taken these."""
        self._mark("UPDATE ops.notices SET delivered_at = clock_timestamp()", sent)

    def give_back(self, claimed: Iterable[Notice]) -> None:
        """Take back a claim, because nobody could be reached; the next one who claims gets it."""
        self._mark("UPDATE ops.notices SET claimed_at = NULL", claimed)

    def _mark(self, statement: str, notices: Iterable[Notice]) -> None:
        with translated("notices"):
            self._connection.execute(statement + _THESE, _columns(notices)[:4])


def _columns(notices: Iterable[Notice]) -> list[list[object]]:
    rows = [(one.organization_id, one.kind, one.identity, one.period_start, one.text) for one in notices]
    return [[row[place] for row in rows] for place in range(5)]
