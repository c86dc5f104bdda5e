"""Budget notices: what is reported of a budget in a period, and under which identity, so that each thing is reported once. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from meterhouse.accounting.budgets import Period, State
from meterhouse.accounting.notices import MONTHS, Finding, day_in_words, money_in_words
from meterhouse.money import EXACT, plain

THRESHOLD = "budget_threshold"
FORECAST = "budget_forecast"


@dataclass(frozen=True)
class Standing:
    """The status of a budget in one period, as it is kept; amounts in units of currency, thresholds as shares, ascending."""

    organization: str
    budget: str
    scope: str
    currency: str
    period: Period
    period_start: date
    amount: Decimal
    thresholds: tuple[Decimal, ...]
    spent: Decimal | None
    settled_through: date | None
    expected: Decimal | None
    passes_on: date | None
    state: State


def findings_of(one: Standing) -> Iterator[Finding]:
    """Yield what is to be reported of a budget in a period: each threshold that is reached, and that it is going to be passed.

    The amount is part of the identity: a budget that was raised and is reached again is news. All thresholds that are reached have the text
    of the highest, so that several at once are one line.
    """
    if one.spent is None or one.settled_through is None:
        return
    name = f"{one.budget} {plain(one.amount)} {one.currency}"
    days = f"spent to {day_in_words(one.settled_through)}"
    of = f"{one.organization}: the budget {one.budget} ({one.scope}) of {in_words(one.period, one.period_start)}"
    spent = f"{money_in_words(one.spent)} of {money_in_words(one.amount)} {one.currency}"
    reached = [share for share in one.thresholds if one.spent >= EXACT.multiply(share, one.amount)]
    if reached:
        # Never rounded up to a threshold that is not reached.
        percent = plain(EXACT.divide_int(EXACT.multiply(one.spent, Decimal(100)), one.amount))
        text = f"{of} has reached {plain(reached[-1] * 100)}%: {spent}, {percent}%, {days}"
        for threshold in reached:
            yield Finding(THRESHOLD, f"{name} {plain(threshold * 100)} %", text)
    if one.state is State.WILL_EXCEED:
        when = f"on {day_in_words(one.passes_on)}" if one.passes_on else "before it ends"
        end = f", and {money_in_words(one.expected)} are expected" if one.expected is not None else ""
        yield Finding(FORECAST, name, f"{of} will be passed {when}: {spent}, {days}{end}")


def in_words(period: Period, start: date) -> str:
    """Return a period as people call it, such as November 2026, the third quarter of 2026 or 2026."""
    if period is Period.YEAR:
        return str(start.year)
    if period is Period.QUARTER:
        return f"the {('first', 'second', 'third', 'fourth')[start.month // 3]} quarter of {start.year}"
    return f"{MONTHS[start.month - 1]} {start.year}"
