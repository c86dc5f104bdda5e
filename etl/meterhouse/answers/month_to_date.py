"""What was spent this month, compared with the same days of the month before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from meterhouse import formats
from meterhouse.answers.answer import Answer, difference, listed, month, other_length, total, unknown
from meterhouse.answers.rows import AnswerRows, MonthToDate
from meterhouse.counts import counted

KEY, LABEL = "month_to_date", "Month to date"


def month_to_date(rows: AnswerRows, currency: str) -> Answer:
    """Return the cost of the newest month's final days in one currency; several organizations are added up."""
    known = [row for row in rows.month_to_date or () if row.currency == currency]
    if not known:
        return unknown(KEY, LABEL, "no costs are loaded yet")
    newest = max(row.month_start for row in known)
    found = [row for row in known if row.month_start == newest]
    if any(row.settled_days == 0 for row in found):
        return unknown(KEY, LABEL, f"no day of {month(newest)} is final yet{_month_before(found, currency)}")
    cost = total([row.settled_cost for row in found])
    if cost is None:
        return unknown(KEY, LABEL, f"the cost of {month(newest)} is not known, as the vendor left out an amount")
    behind = [row.organization for row in known if row.month_start < newest]
    without = f", without {listed(behind)}, which {'has' if len(behind) == 1 else 'have'} no costs loaded of this month" if behind else ""
    against, value, days = _against(found, currency), formats.money(cost, currency), _days(found)
    label = LABEL if rows.month is None else "The month"
    left_out = _left_out(found)
    detail = f"{_days(found, is_first_said=True)}: {against}{without}{left_out}"
    return Answer(KEY, label, value, detail, f"{month(newest)} cost {value} {days}, {against}{without}{left_out}.")


def _days(found: Sequence[MonthToDate], *, is_first_said: bool = False) -> str:
    """Through which day the costs are final, or from which to which, and on how many days where there are gaps."""
    ends = sorted({row.settled_through_date for row in found if row.settled_through_date is not None})
    if len(ends) > 1:
        return f"through {formats.day(ends[0])} to {formats.day(ends[-1])}, which differs by organization"
    settled = min(row.settled_days for row in found)
    gaps = f" ({counted(settled, 'final day')} of {ends[0].day})" if settled < ends[0].day else ""
    days = formats.span(found[0].month_start, ends[0]) if is_first_said else f"through {formats.day(ends[0])}"
    return f"{days}{gaps}"


def _left_out(found: Sequence[MonthToDate]) -> str:
    """The loaded days behind the last final one: a reader knows which day it is, and looks for them."""
    through = {row.settled_through_date for row in found if row.settled_through_date is not None}
    loaded = max((row.loaded_through_date for row in found if row.loaded_through_date is not None), default=None)
    if len(through) != 1 or loaded is None or loaded <= min(through):
        return ""
    first = min(through) + timedelta(days=1)
    verbs = ("is", "is") if first == loaded else ("are", "are")
    return f"; {formats.span(first, loaded, loaded.year)} {verbs[0]} not final yet and {verbs[1]} left out"


def _against(found: Sequence[MonthToDate], currency: str) -> str:
    previous = found[0].month_start - timedelta(days=1)
    now, before = total([row.compared_cost for row in found]), total([row.previous_compared_cost for row in found])
    if any(row.compared_days == 0 for row in found):
        return f"not compared: no final day has a final counterpart in {previous:%B}"
    if now is None or before is None:
        return f"not compared: an amount of {previous:%B} is unknown"
    is_whole = all(row.compared_days == row.days_in_month for row in found)
    compared, settled = min(row.compared_days for row in found), min(row.settled_days for row in found)
    only = "" if compared == settled else f" ({counted(compared, 'day')} compared)"
    if not before:
        return f"with nothing billed on the same days of {previous:%B}{only}"
    than = f"{'the whole of' if is_whole else 'the same days of'} {previous:%B}{only}"
    return f"{difference(now, before, currency, than=than)}{other_length(found[0].month_start, now, before) if is_whole else ''}"


def _month_before(found: Sequence[MonthToDate], currency: str) -> str:
    previous = total([row.previous_month_cost for row in found])
    before = found[0].month_start - timedelta(days=1)
    return f"; {month(before)} cost {formats.money(previous, currency)}" if previous is not None else ""
