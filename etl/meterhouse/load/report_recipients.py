"""Report recipients: who gets which team's reports by mail, as the file that somebody imported has it."""

from __future__ import annotations

from meterhouse.warehouse.database import Connection


def recipients(connection: Connection) -> dict[str, list[str]]:
    """Return the addresses of every team that has some, by the role of the team."""
    found: dict[str, list[str]] = {}
    for team, mail in connection.execute("SELECT team, mail FROM warehouse.report_recipients ORDER BY 1, 2"):
        found.setdefault(team, []).append(mail)
    return found
