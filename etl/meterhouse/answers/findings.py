"""What checks found, in the words of a reader of bills: a check's name means something only to who runs them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from meterhouse.answers.answer import listed
from meterhouse.answers.rows import CheckResult
from meterhouse.counts import counted

_NAMED = 3
# Of a check that says that figures cannot be trusted; the others only warn.
FAIL = "fail"
# What one finding of a check is, and what several are.
_FOUND = {
    "allocation_equals_costs": ("cost that is not fully allocated", "costs that are not fully allocated"),
    "amounts_missing": ("cost without an amount", "costs without an amount"),
    "clock_skew_vendor": ("clock that differs from the vendor's", "clocks that differ from the vendor's"),
    "clock_skew_warehouse": ("clock that differs from the warehouse's", "clocks that differ from the warehouse's"),
    "control_totals": ("total that differs from the vendor's", "totals that differ from the vendor's"),
    "cost_anomalies": ("unusual cost of the last week", "unusual costs of the last week"),
    "cost_without_usage": ("cost without reported use", "costs without reported use"),
    "costs_by_user_equal_costs": ("total by user that differs from the bill", "totals by user that differ from the bill"),
    "coverage_gaps": ("gap in what is loaded", "gaps in what is loaded"),
    "days_leaving_reach": ("gap that can soon no longer be loaded", "gaps that can soon no longer be loaded"),
    "freshness": ("source that is out of date", "sources that are out of date"),
    "hours_equal_days": ("day that differs from its hours", "days that differ from their hours"),
    "invoices_tie": ("invoice that does not tie", "invoices that do not tie"),
    "organization_twice": ("organization that is counted twice", "organizations that are counted twice"),
    "price_drift": (
        "unit price that differs from the contract, list or earlier price",
        "unit prices that differ from the contract, list or earlier price",
    ),
    "rollups_equal_facts": ("stored total that is wrong", "stored totals that are wrong"),
    "set_aside": ("row that cannot be read", "rows that cannot be read"),
    "settling_time": ("source that changes final days", "sources that change final days"),
    "token_identities": ("count of tokens that does not add up", "counts of tokens that do not add up"),
    "unknown_fields": ("new field from the vendor", "new fields from the vendor"),
    "unknown_line_items": ("line of the bill of an unknown kind", "lines of the bill of an unknown kind"),
    "unknown_units": ("unknown unit on the bill", "unknown units on the bill"),
    "usage_without_cost": ("use without a cost", "uses without a cost"),
}


# Unusual days have an answer and a task of their own.
ODD_DAYS = "cost_anomalies"


def warnings(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Return the checks that warn; those that fail are not among them, and neither are unusual days, which are said elsewhere."""
    return [one for one in results if not one.is_ok and one.severity != FAIL and one.check_name != ODD_DAYS]


def findings(results: Sequence[CheckResult]) -> str:
    """Return what was found, as `2 rows that cannot be read`: of the first few checks of many."""
    more = [f"{len(results) - _NAMED} more"] if len(results) > _NAMED else []
    return listed([*(_finding(one) for one in results[:_NAMED]), *more])


def _finding(one: CheckResult) -> str:
    """A check that this version does not know is called by its name."""
    found = _FOUND.get(one.check_name)
    return counted(one.finding_count, *found) if found else one.check_name.replace("_", " ")


def check_names(results: Sequence[CheckResult]) -> str:
    """Return the checks by the names that docs/checks.md has, the first few of many."""
    more = [f"{len(results) - _NAMED} more"] if len(results) > _NAMED else []
    return listed([*(one.check_name.replace("_", " ") for one in results[:_NAMED]), *more])
