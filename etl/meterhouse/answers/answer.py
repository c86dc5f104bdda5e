"""One answer: what was asked, the figure that stands for it, what is said beside the figure, and all of it as one sentence. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from meterhouse import formats

# What the views' reasons say in a sentence.
_REASONS = {
    "no_history": "fewer than seven days are loaded",
    "short_history": "fewer than eight weeks are loaded",
    "not_settled": "a day that it needs is not final",
    "amount_unknown": "an amount is unknown",
    "amount_missing": "an amount is unknown",
    "nothing_to_compare": "there are no final days to compare",
    "days_left_out": "some days have no counterpart",
    "not_allocated": "some costs are not allocated yet",
}


class State(StrEnum):
    """How a reader should take an answer."""

    PLAIN = "plain"
    ATTENTION = "attention"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    """A question of the first page, answered: `value` and `detail` are for a card, `sentence` says the same in one sentence."""

    key: str
    label: str
    value: str
    detail: str
    sentence: str
    state: State = State.PLAIN


def unknown(key: str, label: str, why: str) -> Answer:
    """Return an answer that there is none, as `why`, a sentence without its full stop, says."""
    return Answer(key, label, formats.UNKNOWN, why, f"{capital(why)}.", State.UNKNOWN)


def capital(words: str) -> str:
    """Return words as the beginning of a sentence."""
    return f"{words[:1].upper()}{words[1:]}"


def month(day: date) -> str:
    """Return a month as November 2026."""
    return f"{day:%B %Y}"


def total(amounts: list[Decimal | None]) -> Decimal | None:
    """Return the sum; None as soon as a part of it is unknown."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def difference(now: Decimal, before: Decimal, currency: str, *, than: str) -> str:
    """Return a difference as 12.1% (+$250.11) more than `than`."""
    change = formats.difference(now, before)
    if not change:
        return f"as much as {than}"
    word = "more" if change > 0 else "less"
    if before <= 0:
        return f"{formats.money(abs(change), currency)} {word} than {than}"
    return f"{formats.percent(abs(now - before) / before)} {word} ({formats.change(change, currency)}) than {than}"


def other_length(start: date, cost: Decimal, cost_before: Decimal) -> str:
    """Return that the month of a first day is shorter or longer than the one before, and what that makes per day; nothing if it is not."""
    before, length = start - timedelta(days=1), monthrange(start.year, start.month)[1]
    days = length - before.day
    if not days:
        return ""
    number = "a day" if abs(days) == 1 else f"{abs(days)} days"
    return f"; {start:%B} has {number} {'more' if days > 0 else 'fewer'}{_per_day(cost / length, cost_before / before.day)}"


def _per_day(now: Decimal, before: Decimal) -> str:
    if before <= 0:
        return ""
    share = (now - before) / before
    return f": {formats.percent(abs(share))} {'more' if share > 0 else 'less'} per day" if share else ": as much per day"


def quoted(name: str) -> str:
    """Return a name as a sentence has it: a number in it is not read as a figure."""
    return f"“{name}”"


def listed(names: list[str]) -> str:
    """Return some names as a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def because(reasons: Iterable[str | None]) -> str:
    """Return the reasons that views give, in words: nothing where they give none."""
    known = sorted({_REASONS.get(reason, reason.replace("_", " ")) for reason in reasons if reason})
    return f": {', and '.join(known)}" if known else ""
