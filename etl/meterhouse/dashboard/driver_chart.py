"""The chart of what drives a change: what each member added to it, and why. Pure; the view splits the change."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal

from meterhouse import formats
from meterhouse.answers.causes import cause
from meterhouse.answers.rows import EFFECTS, Change, shown_change
from meterhouse.dashboard.chart import RANKS, Chart, Series, pick, total_of
from meterhouse.dashboard.filters import COMPARISONS, MEMBERS
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.tables import Column, Table

_COMPARED = {
    "day": "The last final day compared with the same weekday a week before.",
    "week": "The last seven final days compared with the seven before.",
    "month_to_date": "The final days of the month compared with the same days of the month before.",
    "month": "The last whole month compared with the month before.",
}
_OWN_DAYS = "This chart has days of its own, and follows only the filters for organization and project."
_DIMENSIONS = {"project": "projects", "model": "models", "api_key": "api_keys", "user": "users"}
_NAMED_EFFECTS = 2


def drivers(snapshot: Snapshot) -> Chart:
    """What each member of the chosen dimension added to the chosen change, largest first."""
    code, by = snapshot.currency, snapshot.filters.by
    rows = [row for row in snapshot.drivers or () if row.currency == code]
    known = [row for row in rows if row.is_comparable and row.change_cost is not None]
    members: dict[str, list[Change]] = defaultdict(list)
    for row in known:
        members[row.member_id or ""].append(row)
    ranked = sorted(members, key=lambda one: (-abs(_sum(members[one], "change_cost")), one))
    names = [_name(snapshot, members[one][0]) for one in ranked]
    amounts = {one: {name: _sum(members[one], name) for name in ("change_cost", "cost", "previous_cost", *EFFECTS)} for one in ranked}
    picks = [pick(_DIMENSIONS[by], one) if by in _DIMENSIONS else f":{one}" for one in ranked]
    heading = MEMBERS[by] if by == "api_key" else MEMBERS[by].lower()
    table = Table(
        f"{COMPARISONS[snapshot.filters.compare]} by {heading}, {code.upper()}",
        (
            Column(heading, "text"),
            Column(f"change, {code}", "money", code, difference_of=(2, 3)),
            *(Column(f"{name}, {code}", "money", code) for name in ("cost", "cost before", *EFFECTS.values())),
        ),
        tuple((name, *amounts[one].values()) for one, name in zip(ranked, names, strict=True)),
        picks=tuple(picks),
        id_name=f"{by}_id",
    )
    shown = ranked[:RANKS]
    total = _total(known, rows)
    about = f"{_COMPARED[snapshot.filters.compare]}{_periods(known)} {_OWN_DAYS}"
    return Chart(
        "drivers", f"What changed, by {heading}", about, "ranks", f"money:{code}",
         tuple(names[:RANKS]), (Series("Change", tuple(_shown(amounts[one]) for one in shown), 0),),
        formats.UNKNOWN if total is None else formats.change(total, code), table, empty="" if known else _nothing(snapshot, rows),
        notes=_notes(rows, len(ranked)), wide=True, is_change=True, hints=tuple(_why(amounts[one], code) for one in shown),
        picks=tuple(picks[:RANKS]) if by in _DIMENSIONS else (),
    )  # fmt: skip


def _name(snapshot: Snapshot, row: Change) -> str:
    names = snapshot.names(_DIMENSIONS[row.dimension]) if row.dimension in _DIMENSIONS else {}
    return names.get(row.member_id or "", row.name)


def _sum(rows: list[Change], column: str) -> Decimal:
    """Over organizations: amounts of one currency may be added up."""
    return Decimal(total_of(getattr(row, column) for row in rows) or 0)


def _total(known: list[Change], rows: list[Change]) -> Decimal | None:
    if not known or len(known) != len(rows):
        return None
    return shown_change(*(_sum(known, name) for name in ("change_cost", "cost", "previous_cost")))


def _shown(amounts: dict[str, Decimal]) -> Decimal:
    return shown_change(amounts["change_cost"], amounts["cost"], amounts["previous_cost"])


def _periods(known: list[Change]) -> str:
    """Both periods, where they are the same for all."""
    found = {(_span(one.period_first_date, one.period_last_date), _span(one.previous_first_date, one.previous_last_date)) for one in known}
    now, before = found.pop() if len(found) == 1 else ("", "")
    return f" {now} compared with {before}." if now and before else ""


def _span(first: date | None, last: date | None) -> str:
    return formats.span(first, last) if first and last else ""


def _why(amounts: dict[str, Decimal], code: str) -> str:
    """The largest parts of a change, whichever direction they go in."""
    parts = sorted((name for name in EFFECTS if amounts[name]), key=lambda name: -abs(amounts[name]))[:_NAMED_EFFECTS]
    return ", ".join(f"{formats.change(amounts[name], code)} from {cause(name, amounts[name])}" for name in parts)


def _notes(rows: list[Change], number: int) -> tuple[str, ...]:
    reasons = sorted({f"{row.organization}: {row.reason}" for row in rows if not row.is_comparable and row.reason})
    more = (f"The chart shows {RANKS} of {number:,}; the table has all.",) if number > RANKS else ()
    return (*(f"Not compared: {reason}." for reason in reasons), *more)


def _nothing(snapshot: Snapshot, rows: list[Change]) -> str:
    if snapshot.drivers is None:
        return "What changed is not known to this warehouse, or not shown to this role."
    if rows:
        return f"Not compared: {rows[0].reason or 'an amount is unknown'}."
    if snapshot.filters.projects and snapshot.filters.by not in {"project", "api_key"}:
        return "Within a project, changes are known by project and by API key: choose one of these, or clear the filter for projects."
    return "There is nothing to compare yet: a load compares what it knows when it ends."
