"""Which days were unusual lately. Pure; the view judges, and only final days."""

from __future__ import annotations

from meterhouse import formats
from meterhouse.answers.answer import Answer, State, listed, quoted, unknown
from meterhouse.answers.driver import comparable, largest, whole_change
from meterhouse.answers.rows import ODD_DAYS_REACH, AnswerRows, Change, OddDay
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
    of = _projects(rows, found[:_NAMED], currency)
    sentence = f"{counted(number, 'unusual day')} {span}: {said}{of}."
    return Answer(KEY, LABEL, counted(number, "day"), f"{detail}{of}", sentence, State.ATTENTION)


def series_words(row: OddDay) -> str:
    """Return what was unusual, as API key “batch”: names do not say what they are names of."""
    return f"{row.series_kind.replace('_', ' ').replace('api', 'API')} {quoted(row.name)}"


def _with(row: OddDay, on: str = "") -> str:
    """What a day's cost was, and what it should have been; with the day itself behind `on`."""
    new, cost = " new" if row.kind == "new_spender" else "", formats.money(row.actual_cost, row.currency)
    usual = "" if new else f" instead of {usual_words(row)}"
    return f"{new}{f'{on}{formats.day(row.usage_date)}' if on else ''} with {cost}{usual}"


def usual_words(row: OddDay) -> str:
    """Return what was expected of a day, and how far its cost was from that, as the usual $1.32 (+$40.59)."""
    usual = f"the usual {formats.money(row.expected_cost, row.currency)}"
    if row.actual_cost is None or row.expected_cost is None:
        return usual
    return f"{usual} ({formats.change(formats.difference(row.actual_cost, row.expected_cost), row.currency)})"


def _projects(rows: AnswerRows, found: list[OddDay], currency: str) -> str:
    """Which project the named keys belong to, and how that stands to the largest driver: a day may be more than the month's change."""
    keys = [row for row in found if row.series_kind == "api_key" and row.project_id]
    ids = list(dict.fromkeys(row.project_id for row in keys))
    changes = [row for row in comparable(rows.changes or (), currency) if row.dimension == "project" and row.change_cost is not None]
    said = []
    for one in ids:
        row = next(row for row in keys if row.project_id == one)
        own = [change for change in changes if change.member_id == one and change.organization == row.organization]
        names = list(dict.fromkeys(quoted(key.name) for key in keys if key.project_id == one))
        # One that was just named needs no name again.
        who = "" if len(found) == 1 else f"{listed(names)} {'is' if len(names) == 1 else 'are'} "
        said.append(f"{who}part of project {quoted(row.project_name or str(one))}{_of_driver(own, changes)}")
    return "".join(f"; {one}" for one in said)


def _of_driver(own: list[Change], changes: list[Change]) -> str:
    if not own:
        return ""
    top = largest(changes, whole_change(changes))
    if own[0] is top:
        return ", the largest driver"
    return f", whose whole change is {formats.change(own[0].shown_change, own[0].currency or '')}; not part of the largest driver"
