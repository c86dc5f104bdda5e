"""Which days were unusual lately. Pure; the view judges, and only final days."""

from __future__ import annotations

from meterhouse import formats
from meterhouse.answers.answer import Answer, State, listed, unknown
from meterhouse.answers.rows import ODD_DAYS_REACH, AnswerRows, OddDay
from meterhouse.counts import counted

KEY, LABEL = "odd_days", "Unusual days"
_NAMED = 2


def odd_days(rows: AnswerRows, currency: str) -> Answer:
    """Return the unusual days of the month, or of the last thirty days up to the last final one, in one currency."""
    days = rows.odd_days_span
    if days is None:
        return unknown(KEY, LABEL, "no day could be judged, as none is final yet")
    if rows.odd_days is None:
        return unknown(KEY, LABEL, "unusual days cannot be seen with this role")
    span = f"{f'in the last {ODD_DAYS_REACH} final days, ' if rows.month is None else 'on '}{formats.span(*days)}"
    found = [row for row in rows.odd_days if row.currency == currency]
    if not found:
        return Answer(KEY, LABEL, "none", span, f"No day was unusual {span}.")
    more = [f"{len(found) - _NAMED} more"] if len(found) > _NAMED else []
    number = len({row.usage_date for row in found})
    said = listed([*(f"{series_words(row)}{_with(row, ' on ')}" for row in found[:_NAMED]), *more])
    # A card has a line for each, which begins with its day.
    detail = "; ".join([span, *(f"{formats.day(row.usage_date)}: {series_words(row)}{_with(row)}" for row in found[:_NAMED]), *more])
    return Answer(KEY, LABEL, counted(number, "day"), detail, f"{counted(number, 'unusual day')} {span}: {said}.", State.ATTENTION)


def series_words(row: OddDay) -> str:
    """Return what was unusual, as API key batch: names do not say what they are names of."""
    kind = "" if row.series_kind == "organization" else row.series_kind.replace("_", " ").replace("api", "API")
    return f"{kind} {row.name}".lstrip()


def _with(row: OddDay, on: str = "") -> str:
    """What a day's cost was, and what it should have been; with the day itself behind `on`."""
    new, cost = " new" if row.kind == "new_spender" else "", formats.money(row.actual_cost, row.currency)
    usual = "" if new else f" instead of {formats.money(row.expected_cost, row.currency)}"
    return f"{new}{f'{on}{formats.day(row.usage_date)}' if on else ''} with {cost}{usual}"
