"""The report of a month after its close: a file in a folder, and its answers in words; it waits until the month is settled."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from meterhouse import formats
from meterhouse.answers.answer import month as month_words
from meterhouse.dashboard import month_report
from meterhouse.dashboard.head_page import sentences
from meterhouse.dashboard.invented import OrganizationRow, marked, warning
from meterhouse.dashboard.queries import Reader
from meterhouse.errors import TryAgainLater
from meterhouse.orchestration.report_files import write_page

log = logging.getLogger(__name__)

_REMEDY = "choose another METERHOUSE_MONTHLY_REPORT_DIR, or let Airflow's account write there"


@dataclass(frozen=True)
class MonthlyReport:
    """A report that was written: where, of which month, what that cost by currency (None: unknown), and what is not final of it."""

    path: Path
    month: date
    cost: Mapping[str, Decimal | None]
    unsettled: str
    sentences: tuple[str, ...]
    organizations: tuple[OrganizationRow, ...] = ()
    team: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return what Airflow keeps of it: amounts as text, with every digit."""
        return {
            "path": str(self.path),
            "month": self.month.isoformat(),
            "cost": {code: None if amount is None else f"{amount:f}" for code, amount in self.cost.items()},
            "is_settled": not self.unsettled,
        }

    def mail(self) -> tuple[str, str]:
        """Return the subject and the text of a mail with it."""
        month, invented = month_words(self.month), warning(self.organizations)
        money = " + ".join(formats.money(amount, code) for code, amount in self.cost.items()) or "no costs"
        subject = f"meterhouse{f', {self.team}' if self.team else ''}: {month}, {money}{', not final yet' if self.unsettled else ''}"
        lines = [
            *([invented, ""] if invented else []),
            *([f"{month} is not final yet: {self.unsettled}. Its figures may still grow.", ""] if self.unsettled else []),
            *self.sentences,
            "",
            "The tables are in the attached file, which opens offline.",
        ]
        return marked(subject, self.organizations), "\n".join(lines)


def month_over(moment: datetime) -> date:
    """Return the first day of the last month that was over at `moment`, in UTC."""
    return month_report.month_before(datetime.fromtimestamp(moment.timestamp(), UTC).date())


def write_month(
    url: str, month: date, folder: Path, now: datetime | None = None, team: str | None = None, *, waits: bool = True
) -> MonthlyReport:
    """Write the report of a month into a folder, over one of the same month, and return it; for a team into its own folder there.

    Raises `TryAgainLater` while nothing of the month is loaded, and, if it `waits`, while not all of it is settled; `FixConfiguration` for
    a folder that cannot be had.
    """
    figures = Reader(url, team).month(month)
    if not figures.is_loaded:
        raise TryAgainLater(f"no costs of {month_words(month)} are loaded yet: if this persists, look at the runs of openai_costs")
    unsettled = figures.unsettled_words
    if unsettled and waits:
        raise TryAgainLater(f"{month_words(month)} is not final yet: {unsettled}")
    page = month_report.month_report(figures, now or datetime.now(UTC))
    path = write_page(page, folder, f"meterhouse-{month:%Y-%m}.html", _REMEDY, team)
    if unsettled:
        log.warning("%s is not final: %s", month_words(month), unsettled)
    currency = figures.answers.currency
    return MonthlyReport(path, month, figures.costs, unsettled, tuple(sentences(figures.answers, currency)), figures.organizations, team)
