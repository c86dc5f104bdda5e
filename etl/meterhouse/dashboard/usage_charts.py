"""Charts of what was used: requests and tokens over time, by model, project, key and user. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from meterhouse import formats
from meterhouse.counts import counted
from meterhouse.dashboard.axis import STATE, Axis, axis, bucket_cell, bucket_column, day_picks, is_absent, value_at, will_grow
from meterhouse.dashboard.chart import (
    OTHER,
    RANKS,
    SLOTS,
    Chart,
    Number,
    Series,
    coverage_note,
    folded,
    folded_picks,
    nothing_words,
    pick,
    total_of,
)
from meterhouse.dashboard.coverage import Coverage
from meterhouse.dashboard.snapshot import UNNAMED, Snapshot, UsageRow
from meterhouse.dashboard.stream_words import hours_words
from meterhouse.dashboard.tables import Column, Table

SMALL_SHARE = Decimal("0.05")


def tokens_over_time(snapshot: Snapshot) -> Chart:
    """Input and output tokens per bucket."""
    states, rows = _drawn(snapshot)
    inputs = tuple(value_at(rows.get(one), "input_tokens", state) for one, state in states.items())
    outputs = tuple(value_at(rows.get(one), "output_tokens", state) for one, state in states.items())
    table = Table(
        f"Tokens per UTC {snapshot.filters.width}",
        (bucket_column(snapshot), Column("input tokens", "count"), Column("output tokens", "count"), Column("tokens", "count"), STATE),
        tuple(
            (bucket_cell(snapshot, one), taken, given, total_of((taken, given)), state.value)
            for (one, state), taken, given in zip(states.items(), inputs, outputs, strict=True)
        ),
    )
    series = (Series("Input", inputs, 0, formats.count(total_of(inputs))), Series("Output", outputs, 1, formats.count(total_of(outputs))))
    unknown = sum(row.unknown_tokens for row in rows.values())
    return Chart(
        "tokens_over_time", f"Input and output tokens per {snapshot.filters.width}", "Input includes tokens from the cache.", "lines",
        "tokens", tuple(states), series, f"{_count_of((*inputs, *outputs), 'token')}{_of_loaded(snapshot)}", table,
        empty=_drawn_empty(snapshot, rows), notes=_drawn_notes(snapshot, unknown, "tokens"),
        is_hourly=snapshot.filters.width == "hour", incomplete=will_grow(states), absent=is_absent(states, inputs, outputs),
        picks=day_picks(states),
    )  # fmt: skip


def requests_over_time(snapshot: Snapshot) -> Chart:
    """Number of model requests per bucket."""
    states, rows = _drawn(snapshot)
    values = tuple(value_at(rows.get(one), "requests", state) for one, state in states.items())
    table = Table(
        f"Requests per UTC {snapshot.filters.width}",
        (bucket_column(snapshot), Column("requests", "count"), STATE),
        tuple((bucket_cell(snapshot, one), value, state.value) for (one, state), value in zip(states.items(), values, strict=True)),
    )
    unknown = sum(row.unknown_requests for row in rows.values())
    return Chart(
        "requests_over_time", f"Requests per {snapshot.filters.width}", "Model requests to every endpoint that counts them.", "lines",
        "requests", tuple(states), (Series("Requests", values, 2),), f"{_count_of(values, 'request')}{_of_loaded(snapshot)}", table,
        empty=_drawn_empty(snapshot, rows), notes=_drawn_notes(snapshot, unknown, "requests"),
        is_hourly=snapshot.filters.width == "hour", incomplete=will_grow(states), absent=is_absent(states, values),
        picks=day_picks(states),
    )  # fmt: skip


def _drawn(snapshot: Snapshot) -> tuple[Axis, dict[datetime, UsageRow]]:
    """The buckets of charts over time with their states, and the rows of those that have any."""
    states = axis(snapshot.drawn_coverage)
    return states, {row.bucket: row for row in usage_rows(snapshot, "bucket") if row.bucket is not None and row.bucket in states}


def _of_loaded(snapshot: Snapshot) -> str:
    """What a chart's own total is of where it is not that of the chosen days: hours may be loaded, or drawn, for a part of them."""
    is_part = snapshot.filters.usage_first > snapshot.filters.first or not snapshot.drawn_coverage.is_whole
    return " of the loaded hours" if snapshot.filters.width == "hour" and is_part else ""


def _drawn_empty(snapshot: Snapshot, rows: Mapping[datetime, UsageRow]) -> str:
    if rows:
        return ""
    if snapshot.filters.width == "hour" and snapshot.drawn_coverage.is_none and not snapshot.usage_coverage.is_none:
        since = min((one.first_bucket_utc for one in snapshot.streams if one.bucket_width == "1h" and one.first_bucket_utc), default=None)
        if since is not None and since.date() > snapshot.filters.last:
            return f"Hours are loaded only from {formats.day(since)} onwards. Choose later days, or the bucket width day."
    return nothing_words(snapshot.drawn_coverage)


def _count_of(values: Iterable[Number | None], noun: str) -> str:
    return formats.counted(total_of(values), noun)


def requests_by_model(snapshot: Snapshot) -> Chart:
    """Requests by model, stacked by project, with each project's total in the legend."""
    names = snapshot.names("projects")
    cells = {(row.model or "", row.project_id or ""): row.requests for row in usage_rows(snapshot, "model and project")}
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
        series.append(Series(f"Other ({counted(len(rest), 'project')})", line(rest), OTHER, formats.count(value(models, rest))))
    shown_labels = [*map(model_name, labels), *([f"Other ({counted(len(models) - RANKS, 'model')})"] if len(models) > RANKS else [])]
    table = Table(
        "Requests by model and project",
        (Column("model", "text"), Column("requests", "count"), *(Column(names.get(one, one or UNNAMED), "count") for one in projects)),
        tuple((model_name(one), value([one], projects), *(cells.get((one, project)) for project in projects)) for one in models),
        picks=tuple(pick("models", one) for one in models),
        id_name="model_id",
    )
    return Chart(
        "requests_by_model", "Requests by model", "Stacked by project; the legend shows each project's total.", "ranks", "requests",
        tuple(shown_labels), tuple(series), _requests_total(snapshot), table, empty=_usage_empty(snapshot),
        notes=_usage_notes(snapshot, "requests"), wide=True,
        picks=(*(pick("models", one) for one in labels), *([""] if len(models) > RANKS else [])),
    )  # fmt: skip


def requests_shares(snapshot: Snapshot) -> tuple[Chart, Chart]:
    """Share of requests by project: one pie with everything under 5% as Other, and a second one that breaks Other down."""
    names = snapshot.names("projects")
    requests: dict[str, Number] = defaultdict(int)
    for row in usage_rows(snapshot, "model and project"):
        requests[row.project_id or ""] += row.requests or 0
    whole = sum(requests.values())
    ranked = sorted(requests, key=lambda one: (-requests[one], one))
    large = [one for one in ranked if whole and requests[one] / Decimal(whole) >= SMALL_SHARE]
    small = [one for one in ranked if one not in large]
    other = sum(requests[one] for one in small)
    slices = [(names.get(one, one or UNNAMED), requests[one], pick("projects", one)) for one in large]
    if small:
        slices.append((f"Other ({len(small)})", other, ""))
    first = _pie(
        snapshot, "requests_by_project", "Share of requests by project", "Projects under 5% are in Other.", slices, whole, len(large),
        _usage_empty(snapshot),
    )  # fmt: skip
    broken = [(names.get(one, one or UNNAMED), requests[one], pick("projects", one)) for one in small]
    second = _pie(
        snapshot, "requests_by_small_project", "Other, broken down", "Projects under 5% of all requests, as shares of Other.",
        broken, other, len(broken), _usage_empty(snapshot) or ("" if small else "No project has less than 5%."),
    )  # fmt: skip
    return first, second


def usage_by_api_key(snapshot: Snapshot) -> Chart:
    """Tokens and requests of each key."""
    about = "Keys and the projects they belong to."
    return _usage_ranks(snapshot, "api key", "api_keys", "usage_by_api_key", "Usage by API key", about, lambda row: row.api_key_id)


def usage_by_user(snapshot: Snapshot) -> Chart:
    """Tokens and requests of each user."""
    about = "People and service accounts."
    return _usage_ranks(snapshot, "user", "users", "usage_by_user", "Usage by user", about, lambda row: row.user_id)


def usage_total(snapshot: Snapshot) -> UsageRow | None:
    """Return the total of the chosen rows; None when there are none."""
    row = next((row for row in snapshot.usage if row.grain == "total"), None)
    return row if row is not None and row.row_count else None


def usage_rows(snapshot: Snapshot, grain: str) -> list[UsageRow]:
    """Return the rows that were added up by `grain`."""
    return [row for row in snapshot.usage if row.grain == grain]


def model_name(model: str) -> str:
    """Return what people read for a model of usage."""
    return model or UNNAMED


def _usage_ranks(
    snapshot: Snapshot, grain: str, dimension: str, key: str, title: str, about: str, member: Callable[[UsageRow], str | None]
) -> Chart:
    names = snapshot.names(dimension)
    rows = sorted(usage_rows(snapshot, grain), key=lambda row: (-(row.input_tokens or 0) - (row.output_tokens or 0), member(row) or ""))
    labels = [names.get(member(row) or "", member(row) or UNNAMED) for row in rows]
    picks = tuple(pick(dimension, member(row)) for row in rows)
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
        picks=picks, id_name=f"{grain.replace(' ', '_')}_id",
    )  # fmt: skip
    shown_labels, inputs = folded(list(zip(labels, (row.input_tokens for row in rows), strict=True)))
    _, outputs = folded(list(zip(labels, (row.output_tokens for row in rows), strict=True)))
    total = usage_total(snapshot)
    return Chart(
        key, title, about, "ranks", "tokens", shown_labels, _in_and_out(total, inputs, outputs), _tokens_total(total), table,
        empty=_usage_empty(snapshot), notes=_usage_notes(snapshot, "tokens"), picks=folded_picks(picks, shown_labels),
    )  # fmt: skip


def _pie(
    snapshot: Snapshot, key: str, title: str, about: str, slices: list[tuple[str, Number, str]], whole: Number, coloured: int, empty: str
) -> Chart:
    table = Table(
        title,
        (Column("project", "text"), Column("requests", "count"), Column("share", "share")),
        tuple((name, value, formats.share(value, whole)) for name, value, _ in slices),
        picks=tuple(one for _, _, one in slices),
        id_name="project_id",
    )
    series = tuple(
        Series(name, (value,), index if index < coloured else OTHER, formats.percent(formats.share(value, whole)), picked)
        for index, (name, value, picked) in enumerate(slices)
    )
    return Chart(
        key, title, about, "pie", "requests", tuple(name for name, _, _ in slices),
        tuple(replace(one, values=tuple(one.values[0] if one.name == name else 0 for name, _, _ in slices)) for one in series),
        formats.counted(whole, "request"), table, empty=empty, notes=_usage_notes(snapshot, "requests"),
    )  # fmt: skip


def _ranked(cells: Mapping[tuple[str, str], int | None], part: int) -> list[str]:
    sums: dict[str, int] = defaultdict(int)
    for key, value in cells.items():
        sums[key[part]] += value or 0
    return sorted(sums, key=lambda one: (-sums[one], one))


def _tokens_total(total: UsageRow | None) -> str:
    return formats.counted(total_of((total.input_tokens, total.output_tokens)) if total else None, "token")


def _in_and_out(total: UsageRow | None, inputs: tuple[Number | None, ...], outputs: tuple[Number | None, ...]) -> tuple[Series, Series]:
    return (
        Series("Input", inputs, 0, formats.count(total.input_tokens if total else None)),
        Series("Output", outputs, 1, formats.count(total.output_tokens if total else None)),
    )


def _requests_total(snapshot: Snapshot) -> str:
    total = usage_total(snapshot)
    return formats.counted(total.requests if total else None, "request")


def _usage_empty(snapshot: Snapshot) -> str:
    return "" if usage_total(snapshot) is not None else nothing_words(snapshot.usage_coverage)


def _usage_notes(snapshot: Snapshot, what: Literal["requests", "tokens"]) -> tuple[str, ...]:
    total = usage_total(snapshot)
    unknown = 0 if total is None else total.unknown_requests if what == "requests" else total.unknown_tokens
    return _notes(snapshot.usage_coverage, unknown, what)


def _drawn_notes(snapshot: Snapshot, unknown: int, what: Literal["requests", "tokens"]) -> tuple[str, ...]:
    hours = (hours_words(snapshot),) if snapshot.filters.width == "hour" and not snapshot.drawn_coverage.is_settled else ()
    return hours + _notes(snapshot.drawn_coverage, unknown, what)


def _notes(coverage: Coverage, unknown: int, what: Literal["requests", "tokens"]) -> tuple[str, ...]:
    return coverage_note(coverage) + (
        (f"{counted(unknown, 'row')} with unknown {what} {'is' if unknown == 1 else 'are'} not included.",) if unknown else ()
    )
