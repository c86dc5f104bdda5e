"""Charts of where money may be wasted: input that did not come from the cache, and tokens that did not go through batches. Pure."""

from __future__ import annotations

from collections import defaultdict

from meterhouse import formats
from meterhouse.dashboard.chart import RANKS, Chart, Number, Series, coverage_note, nothing_words, pick, total_of
from meterhouse.dashboard.snapshot import Snapshot, UsageRow
from meterhouse.dashboard.tables import Column, Table
from meterhouse.dashboard.usage_charts import model_name, usage_rows, usage_total


def cached_by_model(snapshot: Snapshot) -> Chart:
    """Input tokens that came from the cache, and those that did not, by model."""
    return _part_chart(
        snapshot, "cached_by_model", "Input from the cache",
        "Where waste may be: repeated input that did not come from the cache costs the most.", "Input tokens from the cache, by model",
        ("cached_tokens", "cacheable_tokens"), ("From the cache", "Not from the cache"),
        ("input tokens", "from the cache", "cached share"), 1,
    )  # fmt: skip


def batch_by_model(snapshot: Snapshot) -> Chart:
    """Tokens that went through the Batch API, and those that did not, by model."""
    return _part_chart(
        snapshot, "batch_by_model", "Tokens through batches", "Where waste may be: work that can wait is cheaper through the Batch API.",
        "Tokens through batches, by model", ("batch_tokens", "batchable_tokens"), ("In batches", "One by one"),
        ("tokens", "in batches", "batch share"), 0,
    )  # fmt: skip


def _part_chart(
    snapshot: Snapshot, key: str, title: str, about: str, caption: str, columns: tuple[str, str], names: tuple[str, str],
    headings: tuple[str, str, str], slot: int,
) -> Chart:  # fmt: skip
    """A part of a whole, by model: `columns` are those of the part and of the whole, `slot` is the colour of what is not in the part."""
    rows = _parts_by_model(snapshot, *columns)
    whole_name, part_name, share_name = headings
    table = Table(
        caption,
        (Column("model", "text"), Column(whole_name, "count"), Column(part_name, "count"), Column(share_name, "share")),
        tuple((model_name(model), whole, part, formats.share(part, whole)) for model, part, whole in rows),
        picks=tuple(pick("models", row[0]) for row in rows),
        id_name="model_id",
    )
    total, drawn = usage_total(snapshot), rows[:RANKS]
    shared = formats.percent(formats.share(*(getattr(total, column) for column in columns))) if total else formats.UNKNOWN
    return Chart(
        key, title, about, "ranks", "tokens", tuple(model_name(row[0]) for row in drawn),
        (
            Series(names[0], tuple(row[1] for row in drawn), 2),
            Series(names[1], tuple(_minus(row[2], row[1]) for row in drawn), slot),
        ),
        f"{shared} of {formats.count(total_of(row[2] for row in rows))} {whole_name}", table,
        empty="" if rows else nothing_words(snapshot.usage_coverage),
        notes=coverage_note(snapshot.usage_coverage) + ((f"The chart shows {RANKS} of {len(rows)} models.",) if len(rows) > RANKS else ()),
        picks=tuple(pick("models", row[0]) for row in drawn),
    )  # fmt: skip


def _parts_by_model(snapshot: Snapshot, part: str, whole: str) -> list[tuple[str, Number | None, Number]]:
    """(model, part, whole) of each model whose whole is known and not nothing, largest first."""
    found: dict[str, list[UsageRow]] = defaultdict(list)
    for row in usage_rows(snapshot, "model and project"):
        found[row.model or ""].append(row)
    sums = [
        (model, total_of(getattr(row, part) for row in rows), total_of(getattr(row, whole) for row in rows))
        for model, rows in found.items()
    ]
    return sorted(((model, some, every) for model, some, every in sums if every), key=lambda line: (-line[2], line[0]))


def _minus(whole: Number | None, part: Number | None) -> Number | None:
    return None if whole is None else whole - (part or 0)
