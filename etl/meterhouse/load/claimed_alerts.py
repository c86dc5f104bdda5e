"""Claimed alerts: which problems somebody reports on a UTC day, so that nobody else reports them again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from meterhouse.warehouse.database import Connection, translated


class ClaimedAlerts:
    """The claims in the warehouse, over a connection as the loader."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, problems: Sequence[str], now: datetime) -> set[str]:
        """Record that `problems` are reported on this UTC day; return the new ones, which the caller has to report."""
        with translated("alerts"):
            self._connection.execute("DELETE FROM ops.alerts WHERE told_at < %s::timestamptz - interval '100 days'", (now,))
            rows = self._connection.execute(
                "INSERT INTO ops.alerts (problem, told_on, told_at)"
                " SELECT DISTINCT unnest(%s::text[]), (%s::timestamptz AT TIME ZONE 'UTC')::date, %s::timestamptz"
                " ORDER BY 1 ON CONFLICT DO NOTHING RETURNING problem",
                (list(problems), now, now),
            ).fetchall()
        return {problem for (problem,) in rows}

    def give_back(self, problems: Iterable[str], now: datetime) -> None:
        """Take back a claim of `claim`, because nobody could be alerted."""
        with translated("alerts"):
            self._connection.execute("DELETE FROM ops.alerts WHERE problem = ANY(%s) AND told_at = %s", (list(problems), now))
