"""Which days were unusual lately. Pure; the view judges, and only final days."""

from __future__ import annotations

from meterhouse import formats
from meterhouse.answers.answer import Answer, State, listed, unknown
from meterhouse.answers.rows import AnswerRows, OddDay
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
    span = formats.span(*days)
    found = [row for row in rows.odd_days if row.currency == currency]
    if not found:
        return Answer(KEY, LABEL, "none", f"from {span}", f"No day from {span} was unusual.")
    named = [_words(row) for row in found[:_NAMED]]
    if len(found) > _NAMED:
        named.append(f"{len(found) - _NAMED} more")
    days = len({row.usage_date for row in found})
    return Answer(KEY, LABEL, str(days), listed(named), f"{counted(days, 'unusual day')} from {span}: {listed(named)}.", State.ATTENTION)


def _words(row: OddDay) -> str:
    cost = formats.money(row.actual_cost, row.currency)
    if row.kind == "new_spender":
        return f"{row.name} new on {formats.day(row.usage_date)} with {cost}"
    return f"{row.name} on {formats.day(row.usage_date)} with {cost} instead of {formats.money(row.expected_cost, row.currency)}"
