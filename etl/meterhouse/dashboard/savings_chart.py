"""The chart of what the cache and batches saved, in money, and what was left unused. Pure; the view has the prices."""

from __future__ import annotations

from decimal import Decimal

from meterhouse import formats
from meterhouse.dashboard.chart import Chart, Series, total_of
from meterhouse.dashboard.snapshot import SavingsRow, Snapshot
from meterhouse.dashboard.tables import Column, Table

_WITHOUT = ("api_keys", "users")


def savings(snapshot: Snapshot) -> Chart:
    """What was saved per calendar month that the chosen days touch, on final days."""
    code = snapshot.currency
    rows = [row for row in snapshot.savings or () if row.currency == code]
    names = ("saved", "saved by the cache", "saved by batches", "cache not used", "batches not used")
    table = Table(
        f"Savings per calendar month, {code.upper()}",
        (Column("month", "month"), *(Column(f"{name}, {code}", "money", code) for name in names)),
        tuple(
            (
                row.month_start,
                total_of((row.cache_saved_net, row.batch_saved)),
                row.cache_saved_net,
                row.batch_saved,
                row.cache_unused,
                row.batch_unused,
            )
            for row in rows
        ),
    )
    cache, batch = (tuple(getattr(row, name) for row in rows) for name in ("cache_saved_net", "batch_saved"))
    return Chart(
        "savings", "Savings", "What the cache and batches saved on final days, in whole months, at the prices of the bill.", "bars",
        f"money:{code}",
        tuple(f"{row.month_start:%b %Y}" for row in rows),
        (Series("Cache", cache, 2, _money(cache, code)), Series("Batches", batch, 0, _money(batch, code))),
        _money((*cache, *batch), code), table, empty=_nothing(snapshot, rows), notes=_notes(rows, code), wide=True,
    )  # fmt: skip


def _money(values: tuple[Decimal | None, ...], code: str) -> str:
    total = total_of(values)
    return formats.money(None if total is None else Decimal(total), code)


def _notes(rows: list[SavingsRow], code: str) -> tuple[str, ...]:
    cache, batch = (_money(tuple(getattr(row, name) for row in rows), code) for name in ("cache_unused", "batch_unused"))
    could = f"At most {cache} more if every input token had come from the cache, and {batch} more if everything else had been a batch."
    in_part = sum(row.rows_in_part for row in rows)
    return (could, *(("Tokens without a price are not included.",) if in_part else ()))


def _nothing(snapshot: Snapshot, rows: list[SavingsRow]) -> str:
    if any(getattr(snapshot.filters, name) for name in _WITHOUT):
        return "Savings are known by project and model: clear the filters for API key and user."
    if snapshot.savings is None:
        return "Prices are not looked up yet."
    return "" if rows else "No final day of these months has tokens with a price."
