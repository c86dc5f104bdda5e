"""Reports as files: written into a folder, and mailed where Airflow has the connection for it.

`meterhouse_report_mail` (type smtp) names the addresses of the whole report in its extra `to`, as the alerts' connection does; those of
teams are in the warehouse.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.export.output import HANDED_ON, write_whole
from meterhouse.load.report_recipients import recipients
from meterhouse.load.store import Store
from meterhouse.orchestration.alerts import NotTaken, send_mail
from meterhouse.orchestration.connections import connection

log = logging.getLogger(__name__)

MAIL_CONNECTION = "meterhouse_report_mail"


class Report(Protocol):
    """A report that was written: where, and a mail with it."""

    @property
    def path(self) -> Path:
        """Where the file is."""
        ...

    def mail(self) -> tuple[str, str]:
        """Return the subject and the text of a mail with it."""
        ...


def write_page(page: str, folder: Path, name: str, remedy: str, team: str | None = None) -> Path:
    """Write a page into a folder, which is made if it is missing, or into a team's own folder in it; return where it is.

    Raises `FixConfiguration`, with the remedy in its text, for a folder that cannot be had.
    """
    place = folder / team if team else folder
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FixConfiguration(f"the folder {place} cannot be created ({error.strerror}): {remedy}") from None
    content = page.encode()
    write_whole(content, place / name, HANDED_ON, remedy)
    log.info("wrote %s kB to %s", f"{len(content) / 1000:,.0f}", place / name)
    return place / name


def teams_to_mail(url: str) -> list[str]:
    """Return the teams that have recipients, by the names of their roles: none where Airflow has no connection for mail."""
    if connection(MAIL_CONNECTION) is None:
        log.info("no team is mailed: there is no connection %s", MAIL_CONNECTION)
        return []
    with Store(url) as store:
        return sorted(recipients(store.connection))


def recipients_of(url: str, team: str) -> list[str]:
    """Return to whom a team's reports go. Raises `FixConfiguration` if that is nobody any more."""
    with Store(url) as store:
        found = recipients(store.connection).get(team, [])
    if not found:
        raise FixConfiguration(
            f"{team} has no recipients any more: import them with meterhouse import recipients, or leave the task failed"
        )
    return found


def mail_report(written: Report, to: Sequence[str] = ()) -> None:
    """Mail a report to some addresses, or to whom the connection names; without one, say so in the log. The file stays in any case.

    Raises `FixConfiguration` for a connection without addresses, and `TryAgainLater` for a server that does not take the mail.
    """
    through = connection(MAIL_CONNECTION)
    if through is None:
        log.info("the report is not mailed: there is no connection %s", MAIL_CONNECTION)
        return
    try:
        send_mail(through, *written.mail(), [written.path], to)
    except NotTaken as ours:
        raise FixConfiguration(f"{written.path} is written, but not mailed: {ours}") from None
    except Exception as error:  # a mail server may fail in any way; its words may hold an address
        raise TryAgainLater(
            f"{written.path} is written, but not mailed ({type(error).__name__}): look at the connection {MAIL_CONNECTION}"
        ) from None
    log.info("mailed %s", written.path.name)
