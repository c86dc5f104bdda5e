"""What a reader must know before trusting a figure: how fresh it is, and what of it is not complete. Pure."""

from __future__ import annotations

from meterhouse.dashboard import formats
from meterhouse.dashboard.filters import MAX_HOUR_DAYS
from meterhouse.dashboard.queries import Snapshot

OF_A_TEAM = (
    "Only the projects that were granted to you are shown. Totals, shares and the forecast cover only those, so they stay below the "
    "invoice unless you may see every project. How far figures are loaded is given for whole organizations."
)


def freshness(snapshot: Snapshot) -> list[str]:
    """Return how far usage and costs are loaded."""
    width = "1h" if snapshot.filters.width == "hour" else "1d"
    lines = []
    for dataset, wanted in (("costs", "1d"), ("usage", width)):
        row = next((one for one in snapshot.freshness if (one.dataset, one.bucket_width) == (dataset, wanted)), None)
        if row is None or row.loaded_until_utc is None:
            lines.append(f"{dataset.capitalize()}: not loaded by a schedule yet")
        else:
            lines.append(f"{dataset.capitalize()} until {formats.moment(row.loaded_until_utc)}")
    return lines


def notices(snapshot: Snapshot) -> list[str]:
    """Return what limits the shown figures."""
    found = [OF_A_TEAM] if snapshot.is_of_a_team else []
    if not any(one.dimension == "organizations" for one in snapshot.choices):
        found.append("Nothing is loaded yet: figures appear here after the first meterhouse sync.")
    late = sorted({row.bucket.date() for row in snapshot.coverage if row.is_loaded and not row.is_complete})
    if late:
        days = ", ".join(map(formats.day, late[-3:])) + (f" and {len(late) - 3} earlier days" if len(late) > 3 else "")
        found.append(f"Not complete yet: {days}. These figures will still grow; they are hatched or hollow in the charts.")
    missing = sorted({row.bucket.date() for row in snapshot.coverage if not row.is_loaded})
    if missing:
        found.append(
            f"Not loaded: {', '.join(map(formats.day, missing[:5]))}"
            f"{f' and {len(missing) - 5} more days' if len(missing) > 5 else ''}. Charts have a gap there, and totals leave these days out."
        )
    if not snapshot.has_costs:
        found.append("Costs are not shown: the vendor does not bill by user.")
    if snapshot.filters.width == "hour":
        found.append(_hours(snapshot))
    return found


def _hours(snapshot: Snapshot) -> str:
    since = [
        row.first_bucket_utc for row in snapshot.freshness if (row.dataset, row.bucket_width) == ("usage", "1h") and row.first_bucket_utc
    ]
    first = snapshot.filters.usage_first
    if since and max(since).date() > first:
        return f"Usage by hour is loaded from {formats.day(max(since))} on, and usage totals start there. Costs are by day."
    if first > snapshot.filters.first:
        return f"Usage by hour is shown for the last {MAX_HOUR_DAYS} days of the choice, and usage totals start there. Costs are by day."
    return "Costs are by day: the vendor does not bill by hour."
