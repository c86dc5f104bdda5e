"""Which project, or model, drives the change most, with its share of it, and why. Pure; the view splits the change."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from meterhouse import formats
from meterhouse.answers.answer import Answer, because, capital, total, unknown
from meterhouse.answers.causes import cause
from meterhouse.answers.rows import EFFECTS, AnswerRows, Change

KEY, LABEL = "driver", "Largest driver"
# The days that are compared are alike; others of the period are left out.
_FEWER_DAYS = "days_left_out"


def driver(rows: AnswerRows, currency: str) -> Answer:
    """Return the member that moved the month's cost most in the direction of the whole; the last seven days where no month compares."""
    known = [row for row in rows.changes or () if row.currency in {currency, None}]
    found = comparable(known, currency)
    if not found:
        return unknown(KEY, LABEL, f"what changed is not known yet{because(row.reason for row in known)}")
    whole = total([row.change_cost for row in found]) or Decimal(0)
    compared = _compared(found[0])
    top = max(found, key=lambda row: (_size(row.change_cost, whole), abs(row.change_cost or Decimal(0))))
    if not top.change_cost:
        words = f"no {_kind(top)}'s cost changed, {compared}"
        return Answer(KEY, LABEL, "none", words, f"{capital(words)}.")
    part, of = formats.change(top.change_cost, currency), _share(top.change_cost, whole, currency)
    why = ", ".join(part for part in (_why(top, currency), _other_way(found, top, currency)) if part)
    more = f"; {why}" if why else ""
    sentence = f"{capital(_named(top))} drives the change most, {compared}: {part}, {of}{more}."
    return Answer(KEY, LABEL, f"{top.name} {part}", f"a {_kind(top)}: {of}, {compared}{more}", sentence)


def comparable(changes: Sequence[Change], currency: str) -> list[Change]:
    """Return the changes to speak of: of a whole month if that was read, of the month to date, or else of the week.

    By project, or by model where there is one project.
    """
    for comparison in ("month", "month_to_date", "week"):
        rows = [
            row
            for row in changes
            if row.comparison == comparison
            and row.currency == currency
            and (row.is_comparable or row.reason == _FEWER_DAYS)
            and row.change_cost is not None
        ]
        by_project = [row for row in rows if row.dimension == "project"]
        by_model = [row for row in rows if row.dimension == "model"]
        if rows:
            return by_model if len(by_project) < 2 <= len(by_model) else by_project or by_model
    return []


def _other_way(found: Sequence[Change], top: Change, currency: str) -> str:
    """A change that is larger than the named one, and goes the other way."""
    largest = max(found, key=lambda row: abs(row.change_cost or Decimal(0)))
    if abs(largest.change_cost or Decimal(0)) <= abs(top.change_cost or Decimal(0)):
        return ""
    return f"while {_named(largest)} went the other way by {formats.change(largest.change_cost or Decimal(0), currency)}"


def _size(change: Decimal | None, whole: Decimal) -> Decimal:
    """How far a change goes in the direction of the whole."""
    amount = change or Decimal(0)
    return abs(amount) if not whole else amount * (1 if whole > 0 else -1)


def _share(change: Decimal, whole: Decimal, currency: str) -> str:
    """How much of the whole change it is; a part that is larger than the whole is not said as a share, which nobody expects over 100%."""
    if not whole:
        return "while the whole cost as much as before"
    share = change / whole
    if share == 1:
        return "which is the whole change"
    if not 0 < share < 1:
        return f"more than the whole change of {formats.change(whole, currency)}"
    return f"{formats.percent(share)} of the whole change of {formats.change(whole, currency)}"


def _kind(row: Change) -> str:
    return row.dimension.replace("_", " ")


def _named(row: Change) -> str:
    return f"{_kind(row)} {row.name}" if row.member_id else row.name


def _compared(row: Change) -> str:
    """Both periods; where they are in one year, it is said once."""
    first, last, previous_first, previous_last = (
        row.period_first_date, row.period_last_date, row.previous_first_date, row.previous_last_date
    )  # fmt: skip
    if not (first and last and previous_first and previous_last):
        return "compared with the days before"
    return f"{formats.span(first, last, previous_last.year)} compared with {formats.span(previous_first, previous_last)}"


def _why(row: Change, currency: str) -> str:
    """The largest part of a change, in its direction."""
    sign = 1 if (row.change_cost or 0) > 0 else -1
    parts = {name: (getattr(row, name) or Decimal(0)) * sign for name in EFFECTS}
    name = max(parts, key=lambda one: parts[one])
    if parts[name] <= 0:
        return ""
    much = "all" if parts[name] == abs(row.change_cost or 0) else formats.change(parts[name] * sign, currency)
    return f"{much} of it because {cause(name, parts[name] * sign)}"
