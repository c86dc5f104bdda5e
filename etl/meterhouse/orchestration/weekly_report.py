"""The static report of a week: a file in a folder, and its totals in words. The dashboard's packages are not needed: it is text."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from meterhouse import formats
from meterhouse.catalogue.endpoints import DAY
from meterhouse.dashboard.cost_charts import cost_total, without_amount
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.head_page import sentences
from meterhouse.dashboard.invented import OrganizationRow, marked, warning
from meterhouse.dashboard.key_figures import usage_words
from meterhouse.dashboard.notices import notices
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.report_file import whole_snapshot
from meterhouse.dashboard.snapshot import COSTS, REQUEST_ENDPOINTS, Snapshot
from meterhouse.dashboard.static_report import report
from meterhouse.dashboard.usage_charts import usage_total
from meterhouse.errors import TryAgainLater
from meterhouse.orchestration.report_files import write_page

log = logging.getLogger(__name__)

_REMEDY = "choose another METERHOUSE_WEEKLY_REPORT_DIR, or let Airflow's account write there"


@dataclass(frozen=True)
class WeeklyReport:
    """A report that was written: where, of which days, its totals (None: nothing is known), how much of it is loaded and settled, and
    what limits the totals."""

    path: Path
    first: date
    last: date
    # By currency: two are never in one number.
    cost: Mapping[str, Decimal | None]
    requests: int | None
    cost_coverage: str
    usage_coverage: str
    limits: tuple[str, ...]
    organizations: tuple[OrganizationRow, ...] = ()
    # The answers of now, as the first page has them.
    sentences: tuple[str, ...] = ()
    team: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return what Airflow keeps of it: amounts as text, with every digit."""
        return {
            "path": str(self.path),
            "first_day": self.first.isoformat(),
            "last_day": self.last.isoformat(),
            "cost": {code: None if amount is None else f"{amount:f}" for code, amount in self.cost.items()},
            "requests": self.requests,
        }

    def mail(self) -> tuple[str, str]:
        """Return the subject and the text of a mail with it."""
        days = formats.span(self.first, self.last)
        money = {code: formats.money(amount, code) for code, amount in self.cost.items()}
        exact = [f"{money[code]} (exactly {amount:f})" for code, amount in self.cost.items() if amount is not None]
        invented = warning(self.organizations)
        lines = [
            *([invented, ""] if invented else []),
            f"OpenAI usage and billed cost, {days}, UTC days.",
            f"Cost: {' + '.join(exact) or formats.UNKNOWN}; {self.cost_coverage}",
            f"Requests: {formats.count(self.requests)}; {self.usage_coverage}",
            *self.limits,
            "",
            *self.sentences,
            "",
            "The charts and tables are in the attached file, which opens offline.",
        ]
        subject = f"meterhouse{f', {self.team}' if self.team else ''}: {days}, {' + '.join(money.values()) or 'no costs'}"
        return marked(subject, self.organizations), "\n".join(lines)


def week_before(moment: datetime) -> tuple[date, date]:
    """Return Monday and Sunday of the last week that was over at `moment`, in UTC."""
    day = datetime.fromtimestamp(moment.timestamp(), UTC).date()
    monday = day - timedelta(days=day.weekday())
    return monday - timedelta(days=7), monday - timedelta(days=1)


def write_week(url: str, first: date, last: date, folder: Path, now: datetime | None = None, team: str | None = None) -> WeeklyReport:
    """Write the report of some days into a folder, over one of the same days, and return it; for a team into the team's own folder there.

    Raises `TryAgainLater` while nothing of these days is loaded, and `FixConfiguration` for a folder that cannot be had.
    """
    snapshot = whole_snapshot(Reader(url, team), Filters(first, last))
    if snapshot.cost_coverage.is_none and snapshot.usage_coverage.is_none:
        raise TryAgainLater(
            f"nothing is loaded for {first} to {last} yet: if this persists, look at the runs of openai_costs and openai_usage"
        )
    path = write_page(report(snapshot, now or datetime.now(UTC)), folder, f"meterhouse-{first}-to-{last}.html", _REMEDY, team)
    usage = usage_total(snapshot)
    limits = _limits(snapshot, last)
    for line in limits:
        log.warning("%s", line)
    totals = {code: total for code in snapshot.currencies if (total := cost_total(snapshot, code)) is not None}
    return WeeklyReport(
        path,
        first,
        last,
        {code: total.cost for code, total in totals.items()},
        usage.requests if usage else None,
        snapshot.cost_coverage.words(),
        usage_words(snapshot),
        tuple(limits),
        tuple(snapshot.organizations),
        tuple(sentences(snapshot.answers, snapshot.currency)),
        team,
    )


def _limits(snapshot: Snapshot, last: date) -> list[str]:
    """Return what a reader of the totals must know, as the report says it."""
    unknown = sum(total.unknown_costs for code in snapshot.currencies if (total := cost_total(snapshot, code)) is not None)
    return [
        *notices(snapshot),
        *_behind(snapshot, last),
        *without_amount(unknown),
    ]


def _behind(snapshot: Snapshot, last: date) -> list[str]:
    """Return what is not loaded to the end of the week; the stream that is furthest behind speaks for the others."""
    end = datetime.combine(last + timedelta(days=1), time())
    lines = []
    for endpoints, are in (([COSTS], "costs are"), (REQUEST_ENDPOINTS, "usage is")):
        streams = [one for one in snapshot.streams_of(endpoints, DAY.name) if one.is_offered]
        if not streams:
            # Never loaded, which a notice says.
            continue
        until = [one.loaded_until_utc for one in streams if one.loaded_until_utc]
        loaded_until = min(until, default=None)
        if loaded_until is None:
            lines.append(f"No {are} loaded by a scheduled run yet: the totals may be incomplete.")
        elif loaded_until < end:
            lines.append(f"Not all {are} loaded beyond {formats.moment(loaded_until)}: the totals may not include what came later.")
    return lines
