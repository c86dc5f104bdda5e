"""The figures that stand first: what was spent, what it will come to, how much was used, how much of it was saved. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from meterhouse.dashboard import formats
from meterhouse.dashboard.comparisons import comparison_words
from meterhouse.dashboard.cost_charts import changes, cost_total
from meterhouse.dashboard.forecast import RULE, Forecast, forecast
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.usage_charts import usage_total


@dataclass(frozen=True)
class KeyFigure:
    """One card: a value with its unit, what it is, what it is held against, how much of it is loaded, and the rule behind it."""

    key: str
    label: str
    value: str
    detail: str = ""
    rule: str = ""
    coverage: str = ""


def key_figures(snapshot: Snapshot) -> list[KeyFigure]:
    """Return the cards in their order."""
    usage, loaded = usage_total(snapshot), snapshot.usage_coverage
    # Where everything is loaded and has no row, there was nothing.
    none = 0 if usage is None and loaded.is_whole and not loaded.is_none else None
    requests = usage.requests if usage else none
    tokens = (usage.input_tokens, usage.output_tokens) if usage else (none, none)
    cached = formats.share(usage.cached_tokens, usage.cacheable_tokens) if usage else None
    batch = formats.share(usage.batch_tokens, usage.batchable_tokens) if usage else None
    days = usage_words(snapshot)
    return [
        _cost(snapshot),
        _forecast(snapshot),
        _changed(snapshot),
        KeyFigure("requests", "Requests", formats.short(requests), formats.counted(requests, "request"), coverage=days),
        KeyFigure("input", "Input tokens", formats.short(tokens[0]), formats.counted(tokens[0], "token"), coverage=days),
        KeyFigure("output", "Output tokens", formats.short(tokens[1]), formats.counted(tokens[1], "token"), coverage=days),
        KeyFigure("cached", "Input from the cache", formats.percent(cached), "of input tokens with known cache data"),
        KeyFigure("batch", "Through batches", formats.percent(batch), "of tokens with a known batch flag"),
    ]


def month_forecast(snapshot: Snapshot) -> Forecast | None:
    """Return the forecast in the chosen currency; None where the rule cannot be applied."""
    if not snapshot.has_costs:
        return None
    days = {row.usage_date: row.known_cost for row in snapshot.recent_days if row.currency == snapshot.currency}
    return forecast(days, snapshot.settled_days, snapshot.last_settled_day)


def usage_words(snapshot: Snapshot) -> str:
    """Return how many buckets behind the totals of usage are loaded and settled, and that they are hours where no days are loaded."""
    words = snapshot.usage_coverage.words()
    return f"{words}; added up from hours because no days are loaded" if snapshot.totals_width == "1h" else words


def _cost(snapshot: Snapshot) -> KeyFigure:
    if not snapshot.has_costs:
        return KeyFigure("cost", "Cost", formats.UNKNOWN, "not billed by user")
    days = f"{formats.day(snapshot.filters.first)} to {formats.day(snapshot.filters.last)}"
    loaded, words = snapshot.cost_coverage, snapshot.cost_coverage.words()
    totals = [row for code in snapshot.currencies if (row := cost_total(snapshot, code)) is not None]
    if totals:
        value = " + ".join(formats.money(row.cost, row.currency) for row in totals)
        return KeyFigure("cost", f"Cost, {days}", value, comparison_words(snapshot), coverage=words)
    if loaded.is_none or not loaded.is_whole:
        detail = "" if loaded.is_none else "nothing was billed on the loaded days"
        return KeyFigure("cost", f"Cost, {days}", formats.UNKNOWN, detail, coverage=words)
    value = formats.money(Decimal(0), snapshot.currency)
    return KeyFigure("cost", f"Cost, {days}", value, f"nothing was billed; {comparison_words(snapshot)}", coverage=words)


def _forecast(snapshot: Snapshot) -> KeyFigure:
    found, day = month_forecast(snapshot), snapshot.last_settled_day
    label = f"Forecast for {day + timedelta(days=1):%B %Y}" if day else "Forecast for the month"
    if found is None:
        why = (
            "not billed by user"
            if not snapshot.has_costs
            else "needs the last seven days and the whole month so far to be settled, with known amounts"
        )
        return KeyFigure("forecast", label, formats.UNKNOWN, why, RULE)
    code = snapshot.currency
    settled = f"{formats.money(found.spent, code)} up to {formats.day(found.last_day)}"
    if found.month_start > found.last_day:
        settled = f"no day of {found.month_start:%B} is settled yet"
    return KeyFigure(
        "forecast",
        label,
        formats.money(found.expected, code),
        f"{settled}; {formats.counted(found.days_left, 'day')} left; "
        f"range {formats.money(found.low, code)} to {formats.money(found.high, code)}",
        RULE,
    )


def _changed(snapshot: Snapshot) -> KeyFigure:
    chart, day = changes(snapshot), snapshot.last_settled_day
    if day is None or not snapshot.has_costs:
        return KeyFigure("changed", "Last settled day", formats.UNKNOWN, "against the day before")
    label = f"Last settled day, {formats.day(day)}"
    rows = [row for row in snapshot.recent_days if row.usage_date == day and row.currency == snapshot.currency]
    value = formats.money(rows[0].known_cost if rows else Decimal(0), snapshot.currency)
    return KeyFigure("changed", label, value, chart.empty or f"{chart.total} against the day before")
