"""The figures of the chosen days: what was spent, how much was used, and how much of that came cheaper. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from meterhouse import formats
from meterhouse.dashboard.comparisons import comparison_words
from meterhouse.dashboard.cost_charts import cost_total
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.usage_charts import usage_total


@dataclass(frozen=True)
class KeyFigure:
    """One card: a value with its unit, what it is and of which days, what it is compared with, and how much of it is loaded."""

    key: str
    label: str
    value: str
    detail: str = ""
    coverage: str = ""
    days: str = ""


def key_figures(snapshot: Snapshot) -> list[KeyFigure]:
    """Return the cards in their order."""
    usage, loaded = usage_total(snapshot), snapshot.usage_coverage
    # Where everything is loaded and has no row, there was nothing.
    none = 0 if usage is None and loaded.is_whole and not loaded.is_none else None
    requests = usage.requests if usage else none
    tokens = (usage.input_tokens, usage.output_tokens) if usage else (none, none)
    cached = formats.share(usage.cached_tokens, usage.cacheable_tokens) if usage else None
    batch = formats.share(usage.batch_tokens, usage.batchable_tokens) if usage else None
    words = usage_words(snapshot)
    found = [
        _cost(snapshot),
        KeyFigure("requests", "Requests", formats.short(requests), formats.counted(requests, "request"), coverage=words),
        KeyFigure("input", "Input tokens", formats.short(tokens[0]), formats.counted(tokens[0], "token"), coverage=words),
        KeyFigure("output", "Output tokens", formats.short(tokens[1]), formats.counted(tokens[1], "token"), coverage=words),
        KeyFigure("cached", "Input from the cache", formats.percent(cached), "of input tokens with known cache data"),
        KeyFigure("batch", "Through batches", formats.percent(batch), "of tokens with a known batch flag"),
    ]
    # Each says its days, as the answers above are of the month.
    days = formats.span(snapshot.filters.first, snapshot.filters.last)
    return [replace(one, days=days) for one in found]


def usage_words(snapshot: Snapshot) -> str:
    """Return how many buckets behind the totals of usage are loaded and settled, and that they are hours where no days are loaded."""
    words = snapshot.usage_coverage.words()
    return f"{words}; added up from hours because no days are loaded" if snapshot.totals_width == "1h" else words


def _cost(snapshot: Snapshot) -> KeyFigure:
    loaded, words = snapshot.cost_coverage, snapshot.cost_coverage.words()
    totals = [row for code in snapshot.currencies if (row := cost_total(snapshot, code)) is not None]
    if totals:
        value = " + ".join(formats.money(row.cost, row.currency) for row in totals)
        return KeyFigure("cost", "Cost", value, comparison_words(snapshot), coverage=words)
    if loaded.is_none or not loaded.is_whole:
        detail = "" if loaded.is_none else "nothing was billed on the loaded days"
        return KeyFigure("cost", "Cost", formats.UNKNOWN, detail, coverage=words)
    value = formats.money(Decimal(0), snapshot.currency)
    return KeyFigure("cost", "Cost", value, f"nothing was billed; {comparison_words(snapshot)}", coverage=words)
