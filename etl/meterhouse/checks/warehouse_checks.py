"""Checks: questions that the warehouse must be able to answer with "nothing found"; every result is kept.

Most are files of sql/checks: the first lines are the severity and the meaning, the query returns one line of words for every place it
finds. Two need the vendor: the control totals, and its clock. Data flow: settings, clock -> queries, vendor's answers -> results -> kept.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from itertools import takewhile
from typing import Any

from meterhouse.admin_keys import KEY_VARIABLES
from meterhouse.catalogue.dictionary import usage_measures
from meterhouse.catalogue.endpoints import WIDTHS
from meterhouse.checks.control_totals import Compared, compare_with_vendor
from meterhouse.clock import Clock, utc_now
from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration
from meterhouse.load.last_steps import work_out
from meterhouse.load.outcome import Outcome
from meterhouse.load.store import Store
from meterhouse.settings import Settings
from meterhouse.warehouse.allocation import stale_days_parameters, stale_days_query
from meterhouse.warehouse.database import translated

log = logging.getLogger(__name__)

_SHOWN_FINDINGS = 5
_CLOCK_SKEW_SECONDS = 60


@dataclass(frozen=True)
class Check:
    """One check: `severity` is fail for figures that cannot be trusted, warn for what somebody should look at.

    `query` is None for a check that asks the vendor.
    """

    name: str
    severity: str
    meaning: str
    query: str | None = None


@dataclass(frozen=True)
class CheckResult:
    """What a check found: the number of places, and the first of them in words; when there are none, what else is to be said."""

    check: Check
    findings: int
    detail: str | None

    @property
    def is_failure(self) -> bool:
        """Whether something was found that makes figures untrustworthy."""
        return not self.is_ok and self.check.severity == "fail"

    @property
    def is_ok(self) -> bool:
        """Whether nothing was found."""
        return self.findings == 0


CLOCK_SKEW_VENDOR = Check(
    "clock_skew_vendor",
    "warn",
    "The vendor's clock and this machine's clock differ by more than 60 seconds; windows end at this machine's time.",
)
CONTROL_TOTALS = Check(
    "control_totals",
    "fail",
    "A complete day of the last 3 for usage or 10 for costs does not add up to the vendor's total without any grouping, even after it was"
    " loaded again.",
)


def checks() -> list[Check]:
    """Return all checks in the order of their names."""
    return sorted([*_sql_checks(), CLOCK_SKEW_VENDOR, CONTROL_TOTALS], key=lambda check: check.name)


def run_warehouse_checks(settings: Settings, *, clock: Clock = utc_now) -> list[CheckResult]:
    """Run every check that needs only the warehouse, keep the results, log a line for each, and return them."""
    now = clock()
    with Store(settings.require_warehouse()) as store:
        # Without a key nobody can say which organizations are still loaded, so all but an old demo are.
        labels = [organization.label for organization in settings.organizations] or store.organizations.labels()
        results = []
        allocated = stale_days_parameters(store.organizations.all_keys())
        for check in _sql_checks():
            with translated(check.name):
                parameters = _parameters(settings, labels, now, clock()) | allocated
                rows = store.connection.execute((check.query or "").encode(), parameters)
                results.append(_of_rows(check, rows.fetchall()))
        _keep(store, results, now)
    return results


def ask_vendor(settings: Settings, *, clock: Clock = utc_now) -> tuple[list[CheckResult], Outcome]:
    """Ask the vendor, cure what a load can cure, keep the results, log a line for each, and return them with what kept from asking.

    An answer that never came leaves the check that needed it without a result, so that an earlier finding is not taken back unseen.
    """
    if not settings.organizations:
        raise FixConfiguration(f"the vendor was not asked because {KEY_VARIABLES} is not set: set it, or run meterhouse check --offline")
    now = clock()
    with Store(settings.require_warehouse()) as store:
        compared = compare_with_vendor(settings, store, clock=clock)
        results = _vendor_results(settings, compared)
        _keep(store, results, now)
        errors = [*compared.errors]
        if compared.cured or compared.differences:
            # Days were loaded again.
            for organization in settings.organizations:
                errors += work_out(store, organization.label, settings.anomaly_floor).errors
    return results, Outcome((), tuple(errors))


def _vendor_results(settings: Settings, compared: Compared) -> list[CheckResult]:
    skewed = [
        f"the vendor's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's, by its answers for {organization}:"
        " set this machine's by a time server (NTP)"
        for organization, skew in compared.clock_skews.items()
        if abs(skew) > _CLOCK_SKEW_SECONDS
    ]
    results = []
    if skewed or len(compared.clock_skews) == len(settings.organizations):
        results.append(_result(CLOCK_SKEW_VENDOR, skewed))
    if compared.differences or not compared.errors:
        note = f"loaded again, and equal since: {_first(compared.cured)}" if compared.cured else None
        results.append(_result(CONTROL_TOTALS, compared.differences, note if compared.days else "there is no complete day to compare yet"))
    return results


def _sql_checks() -> list[Check]:
    folder = resources.files("meterhouse.warehouse").joinpath("sql", "checks")
    return [_read(entry.name.removesuffix(".sql"), entry.read_text()) for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)]


def _read(name: str, text: str) -> Check:
    lines = text.splitlines()
    head = list(takewhile(lambda line: line.startswith("-- "), lines))
    severity = head[0].removeprefix("-- severity: ")
    meaning = " ".join(line.removeprefix("-- ") for line in head[1:])
    # Every measure that can be added up, by the name that people see.
    sums = ", ".join(f"'{column}', sum(u.{column})" for column, metric in usage_measures().items() if metric.additive)
    query = "\n".join(lines[len(head) :]).replace("place.sums_by_name()", sums).replace("place.stale_days()", f"({stale_days_query()})")
    return Check(name, severity, meaning, query)


def _parameters(settings: Settings, labels: Sequence[str], now: datetime, our_clock: datetime) -> dict[str, Any]:
    """What the queries may ask for: `now` is one instant for the whole run, `our_clock` that of the query itself."""
    return {
        "now": now,
        "our_clock": our_clock,
        "usage_settling_hours": settings.usage_settling_hours,
        "costs_settling_hours": settings.costs_settling_hours,
        "usage_lookback_days": settings.usage_lookback_days,
        "costs_lookback_days": settings.costs_lookback_days,
        "usage_freshness_hours": settings.usage_freshness_hours,
        "costs_freshness_hours": settings.costs_freshness_hours,
        "history_start": settings.history_start,
        "endpoints": list(settings.endpoints),
        "labels": labels,
        "widths": [WIDTHS[name].minutes for name in settings.widths],
    }


def _of_rows(check: Check, rows: Sequence[Sequence[Any]]) -> CheckResult:
    """A query's rows are findings; one with a second column that is false is a note, for when nothing was found."""
    notes = [str(row[0]) for row in rows if row[1:] == (False,)]
    return _result(check, [str(row[0]) for row in rows if row[1:] != (False,)], _first(notes) if notes else None)


def _result(check: Check, found: Sequence[str], note: str | None = None) -> CheckResult:
    return CheckResult(check, len(found), _first(found) if found else note)


def _first(found: Sequence[str]) -> str:
    return "; ".join(found[:_SHOWN_FINDINGS]) + ("; …" if len(found) > _SHOWN_FINDINGS else "")


def _keep(store: Store, results: Sequence[CheckResult], now: datetime) -> None:
    store.keep_check_results([(r.check.name, r.check.severity, r.is_ok, r.findings, r.detail, now) for r in results])
    for result in results:
        if result.is_ok:
            log.info("check %s: nothing found%s", result.check.name, f"; {visible(result.detail)}" if result.detail else "")
        else:
            detail = visible(result.detail or "")
            log.warning("check %s (%s): %d found: %s", result.check.name, result.check.severity, result.findings, detail)
