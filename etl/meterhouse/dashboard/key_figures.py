"""The figures that stand first: what was spent, what it will come to, how much was used, how much of it was saved. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from meterhouse.dashboard import formats
from meterhouse.dashboard.cost_charts import changes, cost_total
from meterhouse.dashboard.forecast import RULE, Forecast, forecast
from meterhouse.dashboard.queries import Snapshot
from meterhouse.dashboard.usage_charts import usage_total


@dataclass(frozen=True)
class KeyFigure:
    """One card: a value with its unit, what it is, what it is held against, and the rule or the exact figure behind it."""

    key: str
    label: str
    value: str
    detail: str = ""
    rule: str = ""


def key_figures(snapshot: Snapshot) -> list[KeyFigure]:
    """Return the cards in their order."""
    usage = usage_total(snapshot)
    requests = usage.requests if usage else None
    tokens = (usage.input_tokens, usage.output_tokens) if usage else (None, None)
    cached = formats.share(usage.cached_tokens, usage.cacheable_tokens) if usage else None
    batch = formats.share(usage.batch_tokens, usage.batchable_tokens) if usage else None
    return [
        _cost(snapshot),
        _forecast(snapshot),
        _changed(snapshot),
        KeyFigure("requests", "Requests", formats.short(requests), f"{formats.count(requests)} requests"),
        KeyFigure("input", "Input tokens", formats.short(tokens[0]), f"{formats.count(tokens[0])} tokens"),
        KeyFigure("output", "Output tokens", formats.short(tokens[1]), f"{formats.count(tokens[1])} tokens"),
        KeyFigure("cached", "Input from the cache", formats.percent(cached), "of input tokens whose cache is told"),
        KeyFigure("batch", "Through batches", formats.percent(batch), "of tokens whose batch flag is told"),
    ]


def month_forecast(snapshot: Snapshot) -> Forecast | None:
    """Return the forecast in the chosen currency; None where the rule cannot be applied."""
    return forecast(_days(snapshot), _known_since(snapshot), snapshot.last_complete_day) if snapshot.has_costs else None


def _cost(snapshot: Snapshot) -> KeyFigure:
    totals = [row for code in snapshot.currencies if (row := cost_total(snapshot, code)) is not None]
    if not totals:
        return KeyFigure("cost", "Cost", formats.UNKNOWN, "not billed by user" if not snapshot.has_costs else "nothing was billed")
    value = " + ".join(formats.money(row.cost, row.currency) for row in totals)
    days = f"{formats.day(snapshot.filters.first)} to {formats.day(snapshot.filters.last)}"
    return KeyFigure("cost", f"Cost, {days}", value, _against_before(snapshot))


def _against_before(snapshot: Snapshot) -> str:
    before, since = snapshot.filters.before(), _known_since(snapshot)
    total = cost_total(snapshot, snapshot.currency)
    if since is None or before.first < since or total is None or total.cost is None:
        return f"no {snapshot.filters.days} days before are loaded"
    costs = [
        row.cost for row in snapshot.recent_days if row.currency == snapshot.currency and before.first <= row.usage_date <= before.last
    ]
    if any(cost is None for cost in costs):
        return "an amount of the days before is not known"
    earlier = sum((cost for cost in costs if cost is not None), Decimal(0))
    part = formats.share(total.cost - earlier, earlier)
    percent = f" ({'+' if part > 0 else ''}{formats.percent(part)})" if part is not None else ""
    return f"{formats.change(total.cost - earlier, snapshot.currency)}{percent} against the {snapshot.filters.days} days before"


def _forecast(snapshot: Snapshot) -> KeyFigure:
    found = month_forecast(snapshot)
    if found is None:
        return KeyFigure("forecast", "This month may cost", formats.UNKNOWN, "needs seven complete days with known amounts", RULE)
    code = snapshot.currency
    return KeyFigure(
        "forecast",
        f"{found.month_start:%B %Y} may cost",
        formats.money(found.expected, code),
        f"{formats.money(found.spent, code)} up to {formats.day(found.last_day)}; {found.days_left} days left; "
        f"span {formats.money(found.low, code)} to {formats.money(found.high, code)}",
        RULE,
    )


def _changed(snapshot: Snapshot) -> KeyFigure:
    chart = changes(snapshot)
    if chart.empty or snapshot.last_complete_day is None:
        return KeyFigure("changed", "Last complete day", formats.UNKNOWN, "against the day before")
    cost = sum((row.cost for row in snapshot.changes if row.currency == snapshot.currency), Decimal(0))
    label = formats.day(snapshot.last_complete_day)
    return KeyFigure(
        "changed", label, formats.money(cost, snapshot.currency), f"{chart.total} against the day before; the last complete day"
    )


def _days(snapshot: Snapshot) -> Mapping[date, Decimal | None]:
    return {row.usage_date: row.cost for row in snapshot.recent_days if row.currency == snapshot.currency}


def _known_since(snapshot: Snapshot) -> date | None:
    found = [row.first_bucket_utc.date() for row in snapshot.freshness if row.dataset == "costs" and row.first_bucket_utc is not None]
    return max(found) if found else None
