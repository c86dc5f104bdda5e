"""Time axes: every bucket of the chosen days up to the latest loaded one, with the state of each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from meterhouse.dashboard.chart import pick
from meterhouse.dashboard.coverage import LOADED_WHOLE, Coverage, State
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.tables import Cell, Column

STATE = Column("state", "text")
Axis = Mapping[datetime, State]


def axis(coverage: Coverage) -> Axis:
    """Return the buckets that are drawn, with their states: all but those that are not there yet."""
    return {bucket: state for bucket, state in coverage.states.items() if state is not State.NOT_YET}


def value_at(row: object | None, column: str, state: State) -> Decimal | int | None:
    """Return what a bucket holds: a bucket without a row holds nothing when all of it is loaded, and is unknown otherwise."""
    if row is None:
        return 0 if state in LOADED_WHOLE else None
    value: Decimal | int | None = getattr(row, column)
    return value


def will_grow(states: Axis) -> tuple[bool, ...]:
    """Return of every bucket whether more may come: it is not settled, or loaded in part."""
    return tuple(state in (State.OPEN, State.SETTLING, State.IN_PART) for state in states.values())


def is_absent(states: Axis, *series: Sequence[Decimal | int | None]) -> tuple[bool, ...]:
    """Return of every bucket whether it has no figure because it is not loaded."""
    return tuple(
        state not in LOADED_WHOLE and all(values[index] is None for values in series) for index, state in enumerate(states.values())
    )


def bucket_column(snapshot: Snapshot) -> Column:
    """Return the column that names the buckets of usage."""
    return Column("day", "day") if snapshot.filters.width == "day" else Column("hour, UTC", "hour")


def bucket_cell(snapshot: Snapshot, bucket: datetime) -> Cell:
    """Return what the column of buckets shows for `bucket`."""
    return bucket.date() if snapshot.filters.width == "day" else bucket


def day_picks(states: Axis) -> tuple[str, ...]:
    """Return what a click on each bucket chooses: its day."""
    return tuple(pick("days", str(one.date())) for one in states)
