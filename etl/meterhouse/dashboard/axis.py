"""Time axes: every bucket of the chosen days as far as anything is loaded, and which of them are complete. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from meterhouse.dashboard.queries import Snapshot
from meterhouse.dashboard.tables import Cell, Column


def day_axis(snapshot: Snapshot) -> tuple[list[datetime], dict[datetime, bool]]:
    """Return the days of costs, and for each loaded one whether it is complete."""
    return _axis(snapshot, "costs", snapshot.filters.first, timedelta(days=1), [row.usage_date for row in snapshot.costs if row.usage_date])


def usage_axis(snapshot: Snapshot) -> tuple[list[datetime], dict[datetime, bool]]:
    """Return the days or hours of usage, and for each loaded one whether it is complete."""
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


def or_zero(row: object | None, column: str, is_loaded: bool) -> Decimal | int | None:
    """What a bucket holds; a loaded bucket without a row holds nothing, one that was not loaded is unknown."""
    if row is None:
        return 0 if is_loaded else None
    value: Decimal | int | None = getattr(row, column)
    return value


def bucket_column(snapshot: Snapshot) -> Column:
    """Return the column that names the buckets of usage."""
    return Column("day", "day") if snapshot.filters.width == "day" else Column("hour, UTC", "hour")


def bucket_cell(snapshot: Snapshot, bucket: datetime) -> Cell:
    """Return what stands in it."""
    return bucket.date() if snapshot.filters.width == "day" else bucket
