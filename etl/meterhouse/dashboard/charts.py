"""Rows to charts: what is drawn, its total, its table and its words, the same for the page and for the report. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal, TypeVar

from meterhouse.dashboard import formats
from meterhouse.dashboard.queries import UNNAMED, CostRow, Snapshot, UsageRow
from meterhouse.dashboard.tables import Cell, Column, Table

Kind = Literal["bars", "lines", "ranks", "pie"]
Number = int | Decimal
K = TypeVar("K")
OTHER = -1
SLOTS = 6
RANKS = 10
SMALL_SHARE = Decimal("0.05")
NO_USERS = "The vendor bills by project, line item and API key, not by user. Clear the user filter to see costs."
NOTHING = "Nothing was reported for this choice. Choose more days, or clear a filter."


@dataclass(frozen=True)
class Series:
    """One colour of a chart: a value for each label, None where it is not known; `slot` picks the colour, OTHER is grey."""

    name: str
    values: tuple[Number | None, ...]
    slot: int
    legend: str = ""


@dataclass(frozen=True)
class Chart:
    """One chart with everything that stands around it."""

    key: str
    title: str
    about: str
    kind: Kind
    unit: str
    labels: tuple[str | datetime, ...]
    series: tuple[Series, ...]
    total: str
    table: Table
    empty: str = ""
    notes: tuple[str, ...] = ()
    wide: bool = False
    is_hourly: bool = False
    incomplete: tuple[bool, ...] = ()

    def show(self, value: Number | None) -> str:
        """Return a value with the chart's unit."""
        if value is None:
            return "not known"
        return formats.money(Decimal(value), self.unit.partition(":")[2]) if self.is_money else f"{formats.count(value)} {self.unit}"

    @property
    def is_money(self) -> bool:
        """Whether the values are amounts of the currency that the unit names."""
        return self.unit.startswith("money:")

    @property
    def alternative(self) -> str:
        """What the picture says, in words."""
        if self.empty:
            return f"{self.title}: {self.empty}"
        words = [f"{self.title}. Total {self.total}."]
        if self.kind in {"bars", "lines"}:
            words += [self._extremes()]
        if self.kind in {"ranks", "pie"} and self.labels:
            sums = [sum(one.values[index] or 0 for one in self.series) for index in range(len(self.labels))]
            words += [f"{label}: {self.show(value)}." for label, value in list(zip(self.labels, sums, strict=True))[:5]]
        elif len(self.series) > 1:
            words += [f"{one.name}: {self.show(total_of(one.values))}." for one in self.series]
        return " ".join([*(word for word in words if word), "The table below holds every figure."])

    def _extremes(self) -> str:
        sums = {
            label: sum(known)
            for index, label in enumerate(self.labels)
            if (known := [value for one in self.series if (value := one.values[index]) is not None])
        }
        if not sums:
            return ""
        top = max(sums, key=lambda label: sums[label])
        moment = top if isinstance(top, str) else (f"{formats.day(top)} {top:%H:%M}" if self.is_hourly else formats.day(top))
        return f"Highest on {moment}: {self.show(sums[top])}."


def all_charts(snapshot: Snapshot) -> list[Chart]:
    """Return every chart in the order in which the page shows them."""
    return [
        cost_per_day(snapshot),
        tokens_over_time(snapshot),
        requests_over_time(snapshot),
        cost_by_project(snapshot),
        cost_by_line_item(snapshot),
        cost_over_time_by_model(snapshot),
        cost_by_api_key(snapshot),
        requests_by_model(snapshot),
        *requests_shares(snapshot),
        usage_by_api_key(snapshot),
        usage_by_user(snapshot),
        changes(snapshot),
        cached_by_model(snapshot),
        batch_by_model(snapshot),
        months(snapshot),
    ]


def cost_per_day(snapshot: Snapshot) -> Chart:
    """Billed amount per UTC day."""
    rows = {row.usage_date: row for row in _costs(snapshot, "day")}
    days, complete = _day_axis(snapshot)
    values = tuple(_or_zero(rows.get(one.date()), "cost", one in complete) for one in days)
    table = Table(
        f"Cost per UTC day, {snapshot.currency.upper()}",
        (Column("day", "day"), _money(snapshot), Column("complete", "yes")),
        tuple((one.date(), value, complete.get(one, False)) for one, value in zip(days, values, strict=True)),
    )
    return _cost_chart(
        snapshot, "cost_per_day", "Cost per day", "Billed amounts per UTC day; these tie to the invoice.", "bars", days,
        (Series("Cost", values, 0),), table, wide=True, incomplete=tuple(not complete.get(one, False) for one in days),
    )  # fmt: skip


def tokens_over_time(snapshot: Snapshot) -> Chart:
    """Input and output tokens per bucket."""
    buckets, loaded = _usage_axis(snapshot)
    rows = {row.bucket: row for row in _usage(snapshot, "bucket")}
    inputs = tuple(_or_zero(rows.get(one), "input_tokens", one in loaded) for one in buckets)
    outputs = tuple(_or_zero(rows.get(one), "output_tokens", one in loaded) for one in buckets)
    table = Table(
        f"Tokens per UTC {snapshot.filters.width}",
        (_bucket(snapshot), Column("input tokens", "count"), Column("output tokens", "count"), Column("tokens", "count")),
        tuple(
            (_bucket_cell(snapshot, one), taken, given, total_of((taken, given)))
            for one, taken, given in zip(buckets, inputs, outputs, strict=True)
        ),
    )
    total = _total(snapshot)
    return Chart(
        "tokens_over_time", f"Input and output tokens per {snapshot.filters.width}", "Input holds what came from the cache.", "lines",
        "tokens", tuple(buckets), _in_and_out(total, inputs, outputs), _tokens_total(total), table,
        empty=_usage_empty(snapshot), notes=_usage_notes(snapshot, "tokens"), is_hourly=snapshot.filters.width == "hour",
        incomplete=tuple(not loaded.get(one, False) for one in buckets),
    )  # fmt: skip


def requests_over_time(snapshot: Snapshot) -> Chart:
    """Number of model requests per bucket."""
    buckets, loaded = _usage_axis(snapshot)
    rows = {row.bucket: row for row in _usage(snapshot, "bucket")}
    values = tuple(_or_zero(rows.get(one), "requests", one in loaded) for one in buckets)
    table = Table(
        f"Requests per UTC {snapshot.filters.width}",
        (_bucket(snapshot), Column("requests", "count")),
        tuple(zip((_bucket_cell(snapshot, one) for one in buckets), values, strict=True)),
    )
    return Chart(
        "requests_over_time", f"Requests per {snapshot.filters.width}", "Model requests of every endpoint that counts them.", "lines",
        "requests", tuple(buckets), (Series("Requests", values, 2),), _requests_total(snapshot), table,
        empty=_usage_empty(snapshot), notes=_usage_notes(snapshot, "requests"), is_hourly=snapshot.filters.width == "hour",
        incomplete=tuple(not loaded.get(one, False) for one in buckets),
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
    about = "Keys and the projects that they belong to."
    return _cost_ranks(snapshot, "api key", "api_keys", "cost_by_api_key", "Cost by API key", about, lambda row: row.api_key_id)


def cost_over_time_by_model(snapshot: Snapshot) -> Chart:
    """Billed amount per UTC day and model."""
    days, complete = _day_axis(snapshot)
    by_model: dict[str, dict[date, Decimal | None]] = defaultdict(dict)
    for row in _costs(snapshot, "day and model"):
        if row.usage_date is not None:
            by_model[row.model or ""][row.usage_date] = row.cost
    sums = {model: sum((cost for cost in costs.values() if cost is not None), Decimal(0)) for model, costs in by_model.items()}
    ranked = sorted(sums, key=lambda model: (-sums[model], model))

    def value(model: str, one: datetime) -> Decimal | None:
        return by_model[model].get(one.date(), Decimal(0) if one in complete else None)

    series = [
        Series(_no_model(model), tuple(value(model, one) for one in days), slot, formats.money(sums[model], snapshot.currency))
        for slot, model in enumerate(ranked[:SLOTS])
    ]
    if rest := ranked[SLOTS:]:
        values = tuple(total_of(value(model, one) for model in rest) for one in days)
        legend = formats.money(sum((sums[model] for model in rest), Decimal(0)), snapshot.currency)
        series.append(Series(f"Other ({len(rest)} models)", values, OTHER, legend))
    table = Table(
        f"Cost per UTC day and model, {snapshot.currency.upper()}",
        (Column("day", "day"), _money(snapshot), *(Column(_no_model(model), "money", snapshot.currency) for model in ranked)),
        tuple((one.date(), total_of(line), *line) for one in days for line in [[value(model, one) for model in ranked]]),
    )
    about = "Lines of the invoice that name no model, such as tool calls, stand together."
    return _cost_chart(
        snapshot, "cost_over_time_by_model", "Cost over time by model", about, "bars", days, tuple(series), table, wide=True,
        incomplete=tuple(not complete.get(one, False) for one in days),
    )  # fmt: skip


def requests_by_model(snapshot: Snapshot) -> Chart:
    """Requests by model, stacked by project, with each project's total in the legend."""
    names = snapshot.names("projects")
    cells = {(row.model or "", row.project_id or ""): row.requests for row in _usage(snapshot, "model and project")}
    models, projects = _ranked(cells, 0), _ranked(cells, 1)
    labels, groups = models[:RANKS], projects[:SLOTS]
    folded = [*labels, *([""] if len(models) > RANKS else [])]

    def value(wanted_models: Iterable[str], wanted_projects: Iterable[str]) -> Number | None:
        return total_of(cells.get((model, project)) for model in wanted_models for project in wanted_projects)

    def line(wanted: list[str]) -> tuple[Number | None, ...]:
        return tuple(value([model] if index < len(labels) else models[RANKS:], wanted) for index, model in enumerate(folded))

    series = [
        Series(names.get(one, one or UNNAMED), line([one]), slot, formats.count(value(models, [one]))) for slot, one in enumerate(groups)
    ]
    if rest := projects[SLOTS:]:
        series.append(Series(f"Other ({len(rest)} projects)", line(rest), OTHER, formats.count(value(models, rest))))
    shown_labels = [*map(_no_model_usage, labels), *([f"Other ({len(models) - RANKS} models)"] if len(models) > RANKS else [])]
    table = Table(
        "Requests by model and project",
        (Column("model", "text"), Column("requests", "count"), *(Column(names.get(one, one or UNNAMED), "count") for one in projects)),
        tuple((_no_model_usage(one), value([one], projects), *(cells.get((one, project)) for project in projects)) for one in models),
    )
    return Chart(
        "requests_by_model", "Requests by model", "Stacked by project; the legend holds each project's total.", "ranks", "requests",
        tuple(shown_labels), tuple(series), _requests_total(snapshot), table, empty=_usage_empty(snapshot),
        notes=_usage_notes(snapshot, "requests"), wide=True,
    )  # fmt: skip


def requests_shares(snapshot: Snapshot) -> tuple[Chart, Chart]:
    """Share of requests by project: one pie with everything under 5 % as Other, and a second one that breaks Other down."""
    names = snapshot.names("projects")
    requests: dict[str, Number] = defaultdict(int)
    for row in _usage(snapshot, "model and project"):
        requests[row.project_id or ""] += row.requests or 0
    whole = sum(requests.values())
    ranked = sorted(requests, key=lambda one: (-requests[one], one))
    large = [one for one in ranked if whole and requests[one] / Decimal(whole) >= SMALL_SHARE]
    small = [one for one in ranked if one not in large]
    other = sum(requests[one] for one in small)
    slices = [(names.get(one, one or UNNAMED), requests[one]) for one in large]
    if small:
        slices.append((f"Other ({len(small)})", other))
    first = _pie(
        snapshot, "requests_by_project", "Share of requests by project", "Everything under 5 % is Other.", slices, whole, len(large),
        _usage_empty(snapshot),
    )  # fmt: skip
    broken = [(names.get(one, one or UNNAMED), requests[one]) for one in small]
    second = _pie(
        snapshot, "requests_by_small_project", "Other, broken down", "Projects under 5 % of all requests; shares are of Other.",
        broken, other, len(broken), _usage_empty(snapshot) or ("" if small else "No project is under 5 %."),
    )  # fmt: skip
    return first, second


def usage_by_api_key(snapshot: Snapshot) -> Chart:
    """Tokens and requests of each key."""
    about = "Keys and the projects that they belong to."
    return _usage_ranks(snapshot, "api key", "api_keys", "usage_by_api_key", "Usage by API key", about, lambda row: row.api_key_id)


def usage_by_user(snapshot: Snapshot) -> Chart:
    """Tokens and requests of each user."""
    about = "People and service accounts."
    return _usage_ranks(snapshot, "user", "users", "usage_by_user", "Usage by user", about, lambda row: row.user_id)


def changes(snapshot: Snapshot) -> Chart:
    """What changed on the last complete day, by project."""
    names, code = snapshot.names("projects"), snapshot.currency
    rows = [row for row in snapshot.changes if row.currency == code]
    rows.sort(key=lambda row: -abs(row.cost - row.cost_before))
    day = snapshot.last_complete_day
    label = formats.day(day) if day else "the last complete day"
    table = Table(
        f"Cost of {label} beside the day before, {code.upper()}",
        (
            Column("project", "text"), Column(f"change, {code}", "money", code),
            Column(f"cost, {code}", "money", code), Column(f"day before, {code}", "money", code),
        ),
        tuple(
            (names.get(row.project_id or "", row.project_id or UNNAMED), row.cost - row.cost_before, row.cost, row.cost_before)
            for row in rows
        ),
    )  # fmt: skip
    total = sum((row.cost - row.cost_before for row in rows), Decimal(0))
    empty = "" if rows else (NO_USERS if not snapshot.has_costs else "No complete day is loaded for this choice.")
    unknown = sum(row.unknown_costs for row in rows)
    return Chart(
        "changes", f"What changed on {label}", "The last complete day against the day before, largest change first.", "ranks",
        f"money:{code}", tuple(str(row[0]) for row in table.rows[:RANKS]),
        (Series("Change", tuple(row.cost - row.cost_before for row in rows[:RANKS]), 0),),
        formats.change(total, code) if rows else formats.UNKNOWN, table, empty=empty,
        notes=(f"{unknown} rows have no amount and are not in it.",) if unknown else (),
    )  # fmt: skip


def cached_by_model(snapshot: Snapshot) -> Chart:
    """Input tokens that came from the cache, and those that did not, by model."""
    rows = _parts_by_model(snapshot, "cached_tokens", "cacheable_tokens")
    table = Table(
        "Input tokens from the cache, by model",
        (Column("model", "text"), Column("input tokens", "count"), Column("from the cache", "count"), Column("cached share", "share")),
        tuple((_no_model_usage(model), whole, part, formats.share(part, whole)) for model, part, whole in rows),
    )
    total = _total(snapshot)
    shared = formats.percent(formats.share(total.cached_tokens, total.cacheable_tokens)) if total else formats.UNKNOWN
    return Chart(
        "cached_by_model", "Input from the cache", "Where is waste: input that was read again and did not come from the cache costs most.",
        "ranks", "tokens", tuple(_no_model_usage(row[0]) for row in rows[:RANKS]),
        (
            Series("From the cache", tuple(row[1] for row in rows[:RANKS]), 2),
            Series("Not from the cache", tuple(_minus(row[2], row[1]) for row in rows[:RANKS]), 1),
        ),
        f"{shared} of {formats.count(total_of(row[2] for row in rows))} input tokens", table,
        empty="" if rows else NOTHING, notes=(f"{RANKS} of {len(rows)} models are drawn.",) if len(rows) > RANKS else (),
    )  # fmt: skip


def batch_by_model(snapshot: Snapshot) -> Chart:
    """Tokens that went through the Batch API, and those that did not, by model."""
    rows = _parts_by_model(snapshot, "batch_tokens", "batchable_tokens")
    table = Table(
        "Tokens of batches, by model",
        (Column("model", "text"), Column("tokens", "count"), Column("in batches", "count"), Column("batch share", "share")),
        tuple((_no_model_usage(model), whole, part, formats.share(part, whole)) for model, part, whole in rows),
    )
    total = _total(snapshot)
    shared = formats.percent(formats.share(total.batch_tokens, total.batchable_tokens)) if total else formats.UNKNOWN
    return Chart(
        "batch_by_model", "Tokens through batches", "Where is waste: work that can wait is cheaper through the Batch API.", "ranks",
        "tokens", tuple(_no_model_usage(row[0]) for row in rows[:RANKS]),
        (
            Series("In batches", tuple(row[1] for row in rows[:RANKS]), 2),
            Series("One by one", tuple(_minus(row[2], row[1]) for row in rows[:RANKS]), 0),
        ),
        f"{shared} of {formats.count(total_of(row[2] for row in rows))} tokens", table,
        empty="" if rows else NOTHING, notes=(f"{RANKS} of {len(rows)} models are drawn.",) if len(rows) > RANKS else (),
    )  # fmt: skip


def months(snapshot: Snapshot) -> Chart:
    """Exact totals of calendar months, to hold against invoices."""
    code = snapshot.currency
    rows = [row for row in snapshot.months if row.currency == code]
    table = Table(
        f"Cost per calendar month, {code.upper()}",
        (Column("month", "month"), _money(snapshot), Column("complete", "yes")),
        tuple((row.month_start, row.cost, row.is_complete) for row in rows),
    )
    unknown = sum(row.unknown_costs for row in rows)
    labels = tuple(f"{row.month_start:%b %Y}" for row in rows)
    return Chart(
        "months", "Cost per month", "All months that are loaded, whatever days are chosen. A complete month ties to its invoice.", "bars",
        f"money:{code}", labels, (Series("Cost", tuple(row.cost for row in rows), 0),),
        formats.money(_money_sum(row.cost for row in rows), code), table,
        empty="" if rows else (NO_USERS if not snapshot.has_costs else NOTHING),
        notes=(f"{unknown} rows have no amount and are not in it.",) if unknown else (), wide=True,
        incomplete=tuple(not row.is_complete for row in rows),
    )  # fmt: skip


def cost_total(snapshot: Snapshot, currency: str) -> CostRow | None:
    """Return the total of the chosen rows in one currency."""
    return next((row for row in snapshot.costs if row.grain == "total" and row.currency == currency), None)


def usage_total(snapshot: Snapshot) -> UsageRow | None:
    """Return the total of the chosen rows; None when there are none."""
    return _total(snapshot)


def _cost_chart(
    snapshot: Snapshot, key: str, title: str, about: str, kind: Kind, labels: Iterable[str | datetime], series: tuple[Series, ...],
    table: Table, *, wide: bool = False, incomplete: tuple[bool, ...] = (), notes: tuple[str, ...] = (),
) -> Chart:  # fmt: skip
    total = cost_total(snapshot, snapshot.currency)
    unknown = total.unknown_costs if total else 0
    notes += (f"{formats.count(unknown)} rows have no amount and are not in it.",) if unknown else ()
    if others := [code for code in snapshot.currencies if code != snapshot.currency]:
        notes += (f"Billed in {', '.join(code.upper() or 'an unknown currency' for code in others)} too: choose the currency above.",)
    return Chart(
        key, title, about, kind, f"money:{snapshot.currency}", tuple(labels), series,
        formats.money(total.cost, snapshot.currency) if total else formats.UNKNOWN, table,
        empty="" if total else (NO_USERS if not snapshot.has_costs else NOTHING), notes=notes, wide=wide, incomplete=incomplete,
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
    labels, values = _folded(labelled)
    return _cost_chart(snapshot, key, title, about, "ranks", labels, (Series("Cost", values, 0),), table)


def _usage_ranks(
    snapshot: Snapshot, grain: str, dimension: str, key: str, title: str, about: str, member: Callable[[UsageRow], str | None]
) -> Chart:
    names = snapshot.names(dimension)
    rows = sorted(_usage(snapshot, grain), key=lambda row: (-(row.input_tokens or 0) - (row.output_tokens or 0), member(row) or ""))
    labels = [names.get(member(row) or "", member(row) or UNNAMED) for row in rows]
    table = Table(
        title,
        (
            Column("API key" if grain == "api key" else grain, "text"), Column("requests", "count"),
            Column("input tokens", "count"), Column("output tokens", "count"), Column("tokens", "count"),
        ),
        tuple(
            (label, row.requests, row.input_tokens, row.output_tokens, total_of((row.input_tokens, row.output_tokens)))
            for label, row in zip(labels, rows, strict=True)
        ),
    )  # fmt: skip
    shown_labels, inputs = _folded(list(zip(labels, (row.input_tokens for row in rows), strict=True)))
    _, outputs = _folded(list(zip(labels, (row.output_tokens for row in rows), strict=True)))
    total = _total(snapshot)
    return Chart(
        key, title, about, "ranks", "tokens", shown_labels, _in_and_out(total, inputs, outputs), _tokens_total(total), table,
        empty=_usage_empty(snapshot), notes=_usage_notes(snapshot, "tokens"),
    )  # fmt: skip


def _pie(
    snapshot: Snapshot, key: str, title: str, about: str, slices: list[tuple[str, Number]], whole: Number, coloured: int, empty: str
) -> Chart:
    table = Table(
        title,
        (Column("project", "text"), Column("requests", "count"), Column("share", "share")),
        tuple((name, value, formats.share(value, whole)) for name, value in slices),
    )
    series = tuple(
        Series(name, (value,), index if index < coloured else OTHER, formats.percent(formats.share(value, whole)))
        for index, (name, value) in enumerate(slices)
    )
    return Chart(
        key, title, about, "pie", "requests", tuple(name for name, _ in slices),
        tuple(
            Series(one.name, tuple(one.values[0] if one.name == name else 0 for name, _ in slices), one.slot, one.legend) for one in series
        ),
        f"{formats.count(whole)} requests", table, empty=empty, notes=_usage_notes(snapshot, "requests"),
    )  # fmt: skip


def _folded(labelled: Sequence[tuple[str, Number | None]]) -> tuple[tuple[str, ...], tuple[Number | None, ...]]:
    """The largest members, and the rest as one."""
    if len(labelled) <= RANKS + 1:
        return tuple(label for label, _ in labelled), tuple(value for _, value in labelled)
    rest = labelled[RANKS:]
    return (
        (*(label for label, _ in labelled[:RANKS]), f"Other ({len(rest)})"),
        (*(value for _, value in labelled[:RANKS]), total_of(value for _, value in rest)),
    )


def _parts_by_model(snapshot: Snapshot, part: str, whole: str) -> list[tuple[str, Number | None, Number]]:
    """(model, part, whole) of each model whose whole is known and not nothing, largest first."""
    found: dict[str, list[UsageRow]] = defaultdict(list)
    for row in _usage(snapshot, "model and project"):
        found[row.model or ""].append(row)
    sums = [
        (model, total_of(getattr(row, part) for row in rows), total_of(getattr(row, whole) for row in rows))
        for model, rows in found.items()
    ]
    return sorted(((model, some, every) for model, some, every in sums if every), key=lambda line: (-line[2], line[0]))


def _ranked(cells: Mapping[tuple[str, str], int | None], part: int) -> list[str]:
    sums: dict[str, int] = defaultdict(int)
    for key, value in cells.items():
        sums[key[part]] += value or 0
    return sorted(sums, key=lambda one: (-sums[one], one))


def _usage(snapshot: Snapshot, grain: str) -> list[UsageRow]:
    return [row for row in snapshot.usage if row.grain == grain]


def _costs(snapshot: Snapshot, grain: str) -> list[CostRow]:
    return [row for row in snapshot.costs if row.grain == grain and row.currency == snapshot.currency]


def _total(snapshot: Snapshot) -> UsageRow | None:
    row = next((row for row in snapshot.usage if row.grain == "total"), None)
    return row if row is not None and row.row_count else None


def _tokens_total(total: UsageRow | None) -> str:
    return f"{formats.count(total_of((total.input_tokens, total.output_tokens)) if total else None)} tokens"


def _in_and_out(total: UsageRow | None, inputs: tuple[Number | None, ...], outputs: tuple[Number | None, ...]) -> tuple[Series, Series]:
    return (
        Series("Input", inputs, 0, formats.count(total.input_tokens if total else None)),
        Series("Output", outputs, 1, formats.count(total.output_tokens if total else None)),
    )


def _requests_total(snapshot: Snapshot) -> str:
    total = _total(snapshot)
    return f"{formats.count(total.requests if total else None)} requests"


def _usage_empty(snapshot: Snapshot) -> str:
    if _total(snapshot) is not None:
        return ""
    width = "1h" if snapshot.filters.width == "hour" else "1d"
    since = [
        row.first_bucket_utc for row in snapshot.freshness if row.dataset == "usage" and row.bucket_width == width and row.first_bucket_utc
    ]
    if width == "1h" and since and min(since).date() > snapshot.filters.last:
        return f"Hours are loaded from {formats.day(min(since))} on. Choose later days, or the bucket width day."
    return NOTHING


def _usage_notes(snapshot: Snapshot, what: Literal["requests", "tokens"]) -> tuple[str, ...]:
    total = _total(snapshot)
    unknown = 0 if total is None else total.unknown_requests if what == "requests" else total.unknown_tokens
    return (f"{formats.count(unknown)} rows do not tell their {what} and are not in it.",) if unknown else ()


def _day_axis(snapshot: Snapshot) -> tuple[list[datetime], dict[datetime, bool]]:
    return _axis(snapshot, "costs", snapshot.filters.first, timedelta(days=1), [row.usage_date for row in snapshot.costs if row.usage_date])


def _usage_axis(snapshot: Snapshot) -> tuple[list[datetime], dict[datetime, bool]]:
    step = timedelta(days=1) if snapshot.filters.width == "day" else timedelta(hours=1)
    found = [row.bucket.date() for row in snapshot.usage if row.bucket is not None]
    return _axis(snapshot, "usage", snapshot.filters.usage_first, step, found)


def _axis(
    snapshot: Snapshot, dataset: str, first: date, step: timedelta, seen: Iterable[date]
) -> tuple[list[datetime], dict[datetime, bool]]:
    """Every bucket of the range as far as anything is loaded, and for each loaded one whether it is complete."""
    loaded = {row.bucket: row.is_complete for row in snapshot.coverage if row.dataset == dataset and row.is_loaded}
    days = [*seen, *(bucket.date() for bucket in loaded)]
    if not days:
        return [], loaded
    start = datetime.combine(max(first, min(days)), time())
    end = max([*loaded, datetime.combine(max(days), time())])
    return [start + step * number for number in range(int((end - start) / step) + 1)], loaded


def _or_zero(row: object | None, column: str, is_loaded: bool) -> Decimal | int | None:
    """What a bucket holds; a loaded bucket without a row holds nothing, one that was not loaded is unknown."""
    if row is None:
        return 0 if is_loaded else None
    value: Decimal | int | None = getattr(row, column)
    return value


def total_of(values: Iterable[Number | None]) -> Number | None:
    """Add up what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def _money_sum(values: Iterable[Decimal | None]) -> Decimal | None:
    found = total_of(values)
    return None if found is None else Decimal(found)


def _minus(whole: Number | None, part: Number | None) -> Number | None:
    return None if whole is None else whole - (part or 0)


def _money(snapshot: Snapshot) -> Column:
    return Column(f"cost, {snapshot.currency or 'unknown currency'}", "money", snapshot.currency)


def _bucket(snapshot: Snapshot) -> Column:
    return Column("day", "day") if snapshot.filters.width == "day" else Column("hour, UTC", "hour")


def _bucket_cell(snapshot: Snapshot, bucket: datetime) -> Cell:
    return bucket.date() if snapshot.filters.width == "day" else bucket


def _no_model(model: str) -> str:
    return model or "(no model named)"


def _no_model_usage(model: str) -> str:
    return model or UNNAMED
