"""Charts of what was billed: by day, model, project, line item, key and month, and what changed since the day before. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from meterhouse.counts import counted
from meterhouse.dashboard import formats
from meterhouse.dashboard.axis import STATE, axis, is_absent, value_at, will_grow
from meterhouse.dashboard.chart import NO_USERS, OTHER, RANKS, SLOTS, Chart, Kind, Series, coverage_note, folded, nothing_words, total_of
from meterhouse.dashboard.coverage import LOADED_WHOLE
from meterhouse.dashboard.snapshot import UNNAMED, CostRow, MonthRow, Snapshot
from meterhouse.dashboard.tables import Column, Table


def cost_per_day(snapshot: Snapshot) -> Chart:
    """Billed amount per UTC day."""
    rows = {row.usage_date: row for row in _costs(snapshot, "day")}
    states = axis(snapshot.cost_coverage)
    values = tuple(value_at(rows.get(one.date()), "cost", state) for one, state in states.items())
    table = Table(
        f"Cost per UTC day, {snapshot.currency.upper()}",
        (Column("day", "day"), _money(snapshot), STATE),
        tuple((one.date(), value, state.value) for (one, state), value in zip(states.items(), values, strict=True)),
    )
    about = (
        "Billed amounts per UTC day, of the granted projects."
        if snapshot.is_of_a_team
        else "Billed amounts per UTC day; these tie to the invoice."
    )
    return _cost_chart(
        snapshot, "cost_per_day", "Cost per day", about, "bars", states,
        (Series("Cost", values, 0),), table, wide=True, incomplete=will_grow(states), absent=is_absent(states, values),
    )  # fmt: skip


def cost_over_time_by_model(snapshot: Snapshot) -> Chart:
    """Billed amount per UTC day and model."""
    states = axis(snapshot.cost_coverage)
    by_model: dict[str, dict[date, Decimal | None]] = defaultdict(dict)
    for row in _costs(snapshot, "day and model"):
        if row.usage_date is not None:
            by_model[row.model_or_category][row.usage_date] = row.cost
    sums = {model: sum((cost for cost in costs.values() if cost is not None), Decimal(0)) for model, costs in by_model.items()}
    ranked = sorted(sums, key=lambda model: (-sums[model], model))

    def value(model: str, one: datetime) -> Decimal | None:
        return by_model[model].get(one.date(), Decimal(0) if states[one] in LOADED_WHOLE else None)

    series = [
        Series(model, tuple(value(model, one) for one in states), slot, formats.money(sums[model], snapshot.currency))
        for slot, model in enumerate(ranked[:SLOTS])
    ]
    if rest := ranked[SLOTS:]:
        values = tuple(total_of(value(model, one) for model in rest) for one in states)
        legend = formats.money(sum((sums[model] for model in rest), Decimal(0)), snapshot.currency)
        series.append(Series(f"Other ({counted(len(rest), 'model')})", values, OTHER, legend))
    table = Table(
        f"Cost per UTC day and model, {snapshot.currency.upper()}",
        (Column("day", "day"), _money(snapshot), *(Column(model, "money", snapshot.currency) for model in ranked), STATE),
        tuple(
            (one.date(), total_of(line), *line, state.value)
            for one, state in states.items()
            for line in [[value(model, one) for model in ranked]]
        ),
    )
    about = "Lines of the bill without a model are shown by kind: storage is billed per project, tools per call."
    return _cost_chart(
        snapshot, "cost_over_time_by_model", "Cost over time by model", about, "bars", states, tuple(series), table, wide=True,
        incomplete=will_grow(states), absent=is_absent(states, *(one.values for one in series)),
    )  # fmt: skip


def cost_by_project(snapshot: Snapshot) -> Chart:
    """Who spent what, by project."""
    return _cost_ranks(snapshot, "project", "projects", "cost_by_project", "Cost by project", "Who spent what.", lambda row: row.project_id)


def cost_by_line_item(snapshot: Snapshot) -> Chart:
    """Cost by line of the invoice."""
    about = "The lines of the invoice."
    return _cost_ranks(snapshot, "line item", "", "cost_by_line_item", "Cost by line item", about, lambda row: row.line_item)


def cost_by_api_key(snapshot: Snapshot) -> Chart:
    """Who spent what, by key."""
    about = "Keys and the projects they belong to. The bill names no key for anything not billed per request, such as storage."
    return _cost_ranks(snapshot, "api key", "api_keys", "cost_by_api_key", "Cost by API key", about, lambda row: row.api_key_id)


@dataclass(frozen=True)
class ProjectChange:
    """What a project cost on a day and on the day before it; None: a part of it is not known."""

    project_id: str
    cost: Decimal | None
    cost_before: Decimal | None

    @property
    def change(self) -> Decimal | None:
        """The difference; None where a side is not known."""
        return None if self.cost is None or self.cost_before is None else self.cost - self.cost_before


def project_changes(snapshot: Snapshot) -> list[ProjectChange]:
    """Return the changes of the last settled day in the chosen currency, largest first; none unless the day before is settled too."""
    day = snapshot.last_settled_day
    if day is None or day - timedelta(days=1) not in snapshot.settled_days:
        return []
    rows = {(row.usage_date, row.project_id or ""): row.known_cost for row in snapshot.project_days if row.currency == snapshot.currency}
    found = [
        # A project without a row on a settled day cost nothing.
        ProjectChange(one, rows.get((day, one), Decimal(0)), rows.get((day - timedelta(days=1), one), Decimal(0)))
        for one in sorted({project for _, project in rows})
    ]
    return sorted(found, key=lambda one: (one.change is None, -abs(one.change or Decimal(0)), one.project_id))


def changes(snapshot: Snapshot) -> Chart:
    """What changed on the last settled day, by project."""
    names, code = snapshot.names("projects"), snapshot.currency
    rows, day = project_changes(snapshot), snapshot.last_settled_day
    label = formats.day(day) if day else "the last settled day"
    table = Table(
        f"Cost on {label} and on the day before, {code.upper()}",
        (
            Column("project", "text"), Column(f"change, {code}", "money", code),
            Column(f"cost, {code}", "money", code), Column(f"day before, {code}", "money", code),
        ),
        tuple((names.get(one.project_id, one.project_id or UNNAMED), one.change, one.cost, one.cost_before) for one in rows),
    )  # fmt: skip
    unknown = sum(one.change is None for one in rows)
    total = None if unknown else _money_sum(one.change for one in rows)
    return Chart(
        "changes", f"What changed on {label}", "The last settled day compared with the day before, largest change first.", "ranks",
        f"money:{code}", tuple(str(row[0]) for row in table.rows[:RANKS]),
        (Series("Change", tuple(one.change for one in rows[:RANKS]), 0),),
        formats.UNKNOWN if total is None else formats.change(total, code), table, empty="" if rows else _no_changes(snapshot),
        notes=(f"An amount is unknown for {counted(unknown, 'project')}, so the total change is unknown too.",) if unknown else (),
    )  # fmt: skip


def _no_changes(snapshot: Snapshot) -> str:
    day = snapshot.last_settled_day
    if not snapshot.has_costs:
        return NO_USERS
    if day is None:
        return "No day is settled yet for this choice."
    before = day - timedelta(days=1)
    if before not in snapshot.settled_days:
        state = next(iter(snapshot.cost_coverage_of(before, before).states.values()))
        return f"The last settled day, {formats.day(day)}, cannot be compared: the day before is {state}."
    return f"Nothing was billed for this choice on {formats.day(day)} or on the day before."


def months(snapshot: Snapshot) -> Chart:
    """Exact totals of calendar months, to hold against invoices."""
    code = snapshot.currency
    rows = [row for row in snapshot.months if row.currency == code]
    table = Table(
        f"Cost per calendar month, {code.upper()}",
        (Column("month", "month"), _money(snapshot), Column("complete", "yes"), STATE),
        tuple((row.month_start, row.cost, row.is_complete, _month_state(row)) for row in rows),
    )
    unknown = sum(row.unknown_costs for row in rows)
    labels = tuple(f"{row.month_start:%b %Y}" for row in rows)
    ties = (
        "An invoice covers all projects, not only the granted ones." if snapshot.is_of_a_team else "A complete month ties to its invoice."
    )
    notes = [f"{row.month_start:%B %Y}: {_month_state(row)}." for row in rows if not row.is_complete]
    return Chart(
        "months", "Cost per month", f"All loaded months, whichever days are chosen. {ties}", "bars",
        f"money:{code}", labels, (Series("Cost", tuple(row.cost for row in rows), 0),),
        formats.money(_money_sum(row.cost for row in rows), code), table,
        empty="" if rows else (NO_USERS if not snapshot.has_costs else nothing_words(snapshot.cost_coverage)),
        notes=(*notes[-4:], *without_amount(unknown)), wide=True,
        incomplete=tuple(not row.is_complete and row.cost is not None for row in rows),
        absent=tuple(not row.loaded_days and row.cost is None for row in rows),
    )  # fmt: skip


def _month_state(row: MonthRow) -> str:
    if row.is_complete:
        return "settled"
    if not row.loaded_days:
        return "not loaded"
    through = row.settled_through
    if through is None:
        return f"no day settled, {row.loaded_days} of {counted(row.days_in_month, 'day')} loaded"
    held = "" if row.settled_days == through.day else f", {row.settled_days} of {counted(row.days_in_month, 'day')} settled"
    return f"settled through {formats.span(through, through)}{held}"


def without_amount(number: int) -> tuple[str, ...]:
    """Return the line that says how many rows a sum leaves out, none for none."""
    return (f"{counted(number, 'row')} of costs without an amount {'is' if number == 1 else 'are'} not included.",) if number else ()


def cost_total(snapshot: Snapshot, currency: str) -> CostRow | None:
    """Return the total of the chosen rows in one currency."""
    return next((row for row in snapshot.costs if row.grain == "total" and row.currency == currency), None)


def _cost_chart(
    snapshot: Snapshot, key: str, title: str, about: str, kind: Kind, labels: Iterable[str | datetime], series: tuple[Series, ...],
    table: Table, *, wide: bool = False, incomplete: tuple[bool, ...] = (), absent: tuple[bool, ...] = (),
) -> Chart:  # fmt: skip
    total = cost_total(snapshot, snapshot.currency)
    unknown = total.unknown_costs if total else 0
    notes = coverage_note(snapshot.cost_coverage)
    notes += without_amount(unknown)
    if others := [code for code in snapshot.currencies if code != snapshot.currency]:
        notes += (f"Also billed in {', '.join(code.upper() or 'an unknown currency' for code in others)}: choose the currency above.",)
    return Chart(
        key, title, about, kind, f"money:{snapshot.currency}", tuple(labels), series,
        formats.money(total.cost, snapshot.currency) if total else formats.UNKNOWN, table,
        empty="" if total else (NO_USERS if not snapshot.has_costs else nothing_words(snapshot.cost_coverage)), notes=notes, wide=wide,
        incomplete=incomplete, absent=absent,
    )  # fmt: skip


def _cost_ranks(
    snapshot: Snapshot, grain: str, dimension: str, key: str, title: str, about: str, member: Callable[[CostRow], str | None]
) -> Chart:
    names = snapshot.names(dimension) if dimension else {}
    rows = sorted(_costs(snapshot, grain), key=lambda row: (-(row.cost or Decimal(0)), member(row) or ""))
    labelled = [(names.get(member(row) or "", member(row) or UNNAMED), row.cost) for row in rows]
    whole = cost_total(snapshot, snapshot.currency)
    table = Table(
        f"{title}, {snapshot.currency.upper()}",
        (Column("API key" if grain == "api key" else grain, "text"), _money(snapshot), Column("share", "share")),
        tuple((label, cost, formats.share(cost, whole.cost if whole else None)) for label, cost in labelled),
    )
    labels, values = folded(labelled)
    return _cost_chart(snapshot, key, title, about, "ranks", labels, (Series("Cost", values, 0),), table)


def _costs(snapshot: Snapshot, grain: str) -> list[CostRow]:
    return [row for row in snapshot.costs if row.grain == grain and row.currency == snapshot.currency]


def _money_sum(values: Iterable[Decimal | None]) -> Decimal | None:
    found = total_of(values)
    return None if found is None else Decimal(found)


def _money(snapshot: Snapshot) -> Column:
    return Column(f"cost, {snapshot.currency or 'unknown currency'}", "money", snapshot.currency)
