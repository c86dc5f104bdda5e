"""The chart of cost by team, in whole calendar months, as the allocation found it. Pure."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal

from meterhouse import formats
from meterhouse.dashboard.chart import Chart, Series, folded, total_of
from meterhouse.dashboard.comparisons import months as month_words
from meterhouse.dashboard.snapshot import Snapshot, TeamMonthRow
from meterhouse.dashboard.tables import Column, Table

_NARROWER = ("projects", "models", "api_keys", "users")
UNASSIGNED = "(unassigned)"


def cost_by_team(snapshot: Snapshot) -> Chart:
    """Billed amount of each team in the calendar months that the chosen days touch."""
    code = snapshot.currency
    rows = [row for row in snapshot.team_months if row.currency == code]
    teams: dict[tuple[str, str], list[TeamMonthRow]] = defaultdict(list)
    for row in rows:
        teams[row.team, row.cost_centre or ""].append(row)
    costs = {team: _known(of) for team, of in teams.items()}
    ranked = sorted(costs, key=lambda team: (-(costs[team] or Decimal(0)), team))
    whole = _known(rows)
    table = Table(
        f"Cost by team, {code.upper()}",
        (Column("team", "text"), Column(f"cost, {code}", "money", code), Column("share", "share"), Column("cost centre", "text")),
        tuple((team, costs[team, centre], formats.share(costs[team, centre], whole), centre) for team, centre in ranked),
    )
    labels, values = folded([(f"{team}, {centre}" if centre else team, costs[team, centre]) for team, centre in ranked])
    return Chart(
        "cost_by_team", "Cost by team", f"Whole months: {_months(rows)}, whichever of their days are chosen.", "ranks", f"money:{code}",
        labels, (Series("Cost", values, 0),), formats.money(whole, code), table, empty=_nothing(snapshot, rows),
        notes=_notes(rows),
    )  # fmt: skip


def _known(rows: list[TeamMonthRow]) -> Decimal | None:
    """None as soon as a part is unknown."""
    total = None if any(row.cost is None for row in rows) else total_of(row.cost for row in rows)
    return None if total is None else Decimal(total)


def _months(rows: list[TeamMonthRow]) -> str:
    found: list[date] = sorted({row.month_start for row in rows})
    return month_words(found[0], found[-1]) if found else "none is loaded"


def _notes(rows: list[TeamMonthRow]) -> tuple[str, ...]:
    open_months = sorted({row.month_start for row in rows if not row.is_complete})
    late = (f"Not final to the last day: {', '.join(f'{month:%B %Y}' for month in open_months)}.",) if open_months else ()
    unnamed = {row.team for row in rows} == {UNASSIGNED}
    return (*late, *(("Nobody has said yet who belongs to which team: meterhouse teams import reads it from a file.",) if unnamed else ()))


def _nothing(snapshot: Snapshot, rows: list[TeamMonthRow]) -> str:
    if any(getattr(snapshot.filters, name) for name in _NARROWER):
        return "Costs of teams are known for whole organizations: clear the filters for project, model, API key and user."
    return "" if rows else "No costs of teams are known for these months."
