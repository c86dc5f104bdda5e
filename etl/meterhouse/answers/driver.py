"""Which project, or model, drives the change most, with its share of it, and why. Pure; the view splits the change."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from meterhouse import formats
from meterhouse.answers.answer import Answer, because, capital, listed, quoted, total, unknown
from meterhouse.answers.causes import cause
from meterhouse.answers.rows import EFFECTS, AnswerRows, Change, shown_change
from meterhouse.counts import counted

KEY, LABEL = "driver", "Largest driver"
# The days that are compared are alike; others of the period are left out.
_FEWER_DAYS = "days_left_out"
# How many members are named besides the largest, and of how many causes the amount is said.
_NEXT, _CAUSES = 2, 2
# A second one is as good as equal from this share of the largest on.
_CLOSE = Decimal("0.95")


def driver(rows: AnswerRows, currency: str) -> Answer:
    """Return the member that moved the month's cost most in the direction of the whole; the last seven days where no month compares."""
    known = [row for row in rows.changes or () if row.currency in {currency, None}]
    found = comparable(known, currency)
    if not found:
        return unknown(KEY, LABEL, f"what changed is not known yet{because(row.reason for row in known)}")
    whole = whole_change(found)
    compared = _compared(found[0])
    top = largest(found, whole)
    if not top.shown_change:
        words = f"no {_kind(top)}'s cost changed, {compared}"
        return Answer(KEY, LABEL, "none", words, f"{capital(words)}.")
    part, of = formats.change(top.shown_change, currency), _share(top.shown_change, whole, currency)
    more = "".join(f"; {part}" for part in (_why(top, currency), _others(found, top, whole, currency)) if part)
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


def largest(found: Sequence[Change], whole: Decimal) -> Change:
    """Return the change that went furthest in the direction of the whole."""
    return max(found, key=lambda row: (_size(row.change_cost, whole), abs(row.change_cost or Decimal(0))))


def others(found: Sequence[Change], named: Sequence[Change], whole: Decimal) -> tuple[int, Decimal]:
    """Return how many members changed besides those that are named, and by how much as shown: with the named ones, the whole change."""
    number = len([row for row in found if row.change_cost and row not in named])
    return number, formats.rest(whole, [row.shown_change for row in named])


def whole_change(found: Sequence[Change]) -> Decimal:
    """Return the change of all members together as it is shown, which is what the month to date says as well."""
    change = total([row.change_cost for row in found]) or Decimal(0)
    return shown_change(change, total([row.cost for row in found]), total([row.previous_cost for row in found]))


def _others(found: Sequence[Change], top: Change, whole: Decimal, currency: str) -> str:
    """The next members, whichever way they went, and what all the others come to."""
    moved = sorted((row for row in found if row.shown_change and row is not top), key=lambda row: -abs(row.change_cost or Decimal(0)))
    if not moved:
        return ""
    named = [f"{_in_words(row)} {formats.change(row.shown_change, currency)}" for row in moved[:_NEXT]]
    number, rest = others(found, [top, *moved[:_NEXT]], whole)
    more = [f"{counted(number, 'other')} {formats.change(rest, currency)}"] if number else []
    largest_change, next_change = top.change_cost or Decimal(0), moved[0].change_cost or Decimal(0)
    is_close = largest_change * next_change > 0 and abs(next_change) >= abs(largest_change) * _CLOSE
    if not is_close:
        return f"then {listed([*named, *more])}"
    rest_words = f"; then {listed([*named[1:], *more])}" if named[1:] or more else ""
    return f"closely followed by {named[0]}{rest_words}"


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
    return f"{_kind(row)} {quoted(row.name)}" if row.member_id else row.name


def _in_words(row: Change) -> str:
    return quoted(row.name) if row.member_id else row.name


def _compared(row: Change) -> str:
    """Both periods; where they are in one year, it is said once."""
    first, last, previous_first, previous_last = (
        row.period_first_date, row.period_last_date, row.previous_first_date, row.previous_last_date
    )  # fmt: skip
    if not (first and last and previous_first and previous_last):
        return "compared with the days before"
    return f"{formats.span(first, last, previous_last.year)} compared with {formats.span(previous_first, previous_last)}"


def _why(row: Change, currency: str) -> str:
    """The largest parts of a change in its direction, and what all the others come to: as shown, they add up to the change."""
    whole = row.change_cost or Decimal(0)
    sign = 1 if whole > 0 else -1
    parts = {name: (getattr(row, name) or Decimal(0)) * sign for name in EFFECTS}
    named = [name for name in sorted(parts, key=lambda one: -parts[one])[:_CAUSES] if formats.cents(parts[name]) > 0]
    if not named:
        return ""
    if parts[named[0]] == abs(whole):
        return f"all of it comes from {cause(named[0], whole)}"
    said = [f"{cause(name, whole)} ({formats.change(parts[name] * sign, currency)})" for name in named]
    left = formats.rest(row.shown_change, [parts[name] * sign for name in named])
    return f"it comes from {listed([*said, *([f'other causes ({formats.change(left, currency)})'] if left else [])])}"
