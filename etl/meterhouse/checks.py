"""Checks: questions that the warehouse must be able to answer with "nothing found", from sql/checks/*.sql; results are kept.

A file's first lines are its severity and its meaning; its query returns one line of words for every place it finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib import resources

from meterhouse.database import translated
from meterhouse.store import Store

_SHOWN_FINDINGS = 5


@dataclass(frozen=True)
class Check:
    """One check: `severity` is fail for figures that cannot be trusted, warn for what somebody should look at."""

    name: str
    severity: str
    meaning: str
    query: str


@dataclass(frozen=True)
class CheckResult:
    """What a check found: the number of places, and the first of them in words."""

    check: Check
    findings: int
    detail: str | None

    @property
    def is_ok(self) -> bool:
        """Whether nothing was found."""
        return self.findings == 0


def checks() -> list[Check]:
    """Return all checks in the order of their names."""
    folder = resources.files("meterhouse").joinpath("sql", "checks")
    return [_read(entry.name.removesuffix(".sql"), entry.read_text()) for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)]


def _read(name: str, text: str) -> Check:
    lines = text.splitlines()
    severity = lines[0].removeprefix("-- severity: ")
    meaning = " ".join(line.removeprefix("-- ") for line in lines[1:] if line.startswith("-- "))
    return Check(name, severity, meaning, "\n".join(line for line in lines if not line.startswith("-- ")))


def run_checks(store: Store, now: datetime) -> list[CheckResult]:
    """Run every check against the warehouse, keep the results, and return them."""
    results = []
    for check in checks():
        with translated(check.name):
            found = [str(row[0]) for row in store.connection.execute(check.query.encode(), {"now": now})]
        detail = "; ".join(found[:_SHOWN_FINDINGS]) + ("; …" if len(found) > _SHOWN_FINDINGS else "") if found else None
        results.append(CheckResult(check, len(found), detail))
    store.keep_check_results([(r.check.name, r.check.severity, r.is_ok, r.findings, r.detail, now) for r in results])
    return results
