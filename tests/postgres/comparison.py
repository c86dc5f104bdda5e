"""The warehouse compared with the source: totals of `bi` views as a BI user reads them, and the same from the organization itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from meterhouse.catalogue.endpoints import BATCH, COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS, ENDPOINTS, MODEL, Endpoint

from .added_up import not_added_up
from .loaded_organization import LoadedOrganization

# By (dimensions of the grouping, day, *their values): the totals by metric.
Totals = dict[tuple[Any, ...], dict[str, int | Decimal]]
COSTS_BY_API_KEY_SINCE = datetime.fromtimestamp(COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS, UTC).date()


def groupings(endpoint: Endpoint) -> list[tuple[str, ...]]:
    """No dimension, each dimension on its own, and all of them together."""
    names = tuple(dimension.name for dimension in endpoint.dimensions)
    return list(dict.fromkeys([(), *((name,) for name in names), names]))


def warehouse_totals(loaded: LoadedOrganization, endpoint: Endpoint, start: date, end: date) -> Totals:
    """What the view says, added up by PostgreSQL for the reader's role; unknown figures are left out."""
    names = [dimension.name for dimension in endpoint.dimensions]
    # The source has the vendor's words.
    columns = {name: {BATCH.name: "is_batch", MODEL.name: "model_reported"}.get(name, name) for name in names}
    if endpoint.is_costs:
        view, condition = f"{endpoint.name}_daily", "organization = %s"
        figures = {"amount": "sum(cost)", "exactly": "sum(cost_exact::numeric)", "in dollars": "sum(cost_usd)"}
        parameters: list[Any] = [loaded.label]
    else:
        view, condition = "usage_daily", "organization = %s AND endpoint = %s"
        figures = {metric.name: f"sum({metric.column})" for metric in endpoint.metrics}
        parameters = [loaded.label, endpoint.name]
    wanted = groupings(endpoint)
    sets = ", ".join(f"({', '.join(['usage_date', *(columns[name] for name in grouping)])})" for grouping in wanted)
    found = loaded.read(
        f"SELECT grouping({', '.join(columns.values())}), usage_date, {', '.join([*columns.values(), *figures.values()])} FROM bi.{view}"
        f" WHERE {condition} AND usage_date >= %s AND usage_date < %s GROUP BY GROUPING SETS ({sets})",
        [*parameters, start, end],
    )
    by_mask = {sum(1 << (len(names) - 1 - i) for i, name in enumerate(names) if name not in grouping): grouping for grouping in wanted}
    totals: Totals = {}
    for mask, day, *rest in found:
        values = dict(zip(names, rest[: len(names)], strict=True))
        grouping = by_mask[mask]
        sums = dict(zip(figures, rest[len(names) :], strict=True))
        totals[grouping, day, *(values[name] for name in grouping)] = {name: value for name, value in sums.items() if value is not None}
    return totals


def source_totals(loaded: LoadedOrganization, endpoint: Endpoint, start: date, end: date) -> Totals:
    """What the organization itself knows to be true now, added up here, without SQL."""
    names = [dimension.name for dimension in endpoint.dimensions]
    wanted = [(grouping, [names.index(name) for name in grouping]) for grouping in groupings(endpoint)]
    totals: Totals = {}
    for (day, *values), figures in loaded.fake.truth(endpoint.name, start, end, names).items():
        if endpoint.is_costs:
            figures = {"amount": figures["amount"], "exactly": figures["amount"], "in dollars": figures["amount"]}  # noqa: PLW2901
            # The vendor refuses these groupings of days before.
            for dimension, since in endpoint.dimension_history:
                if day < datetime.fromtimestamp(since, UTC).date():
                    values[names.index(dimension.name)] = None
        for grouping, positions in wanted:
            total = totals.setdefault((grouping, day, *(values[position] for position in positions)), {})
            for name, figure in figures.items():
                total[name] = total.get(name, 0) + figure
    return totals


def assert_equals_source(
    loaded: LoadedOrganization, start: date, end: date, endpoints: Iterable[str] = tuple(ENDPOINTS), when: str = ""
) -> int:
    """Compare to the token and the last decimal, and daily totals with the rows too; return how many totals were compared."""
    compared = assert_rows_equal_source(loaded, start, end, endpoints, when)
    assert_added_up(loaded, start, end, when)
    return compared


def assert_rows_equal_source(loaded: LoadedOrganization, start: date, end: date, endpoints: Iterable[str], when: str = "") -> int:
    """Compare one organization's rows with its truth, and return how many totals were compared."""
    compared = 0
    for name in endpoints:
        ours = warehouse_totals(loaded, ENDPOINTS[name], start, end)
        theirs = source_totals(loaded, ENDPOINTS[name], start, end)
        odd = [
            (key, ours.get(key), theirs.get(key))
            for key in sorted(ours.keys() | theirs.keys(), key=repr)
            if ours.get(key) != theirs.get(key)
        ]
        assert not odd, f"{name} {when}: {len(odd)} of {len(theirs)} totals differ, the first (key, warehouse, source): {odd[:3]}"
        compared += len(theirs)
    assert compared, f"{when}: the source has nothing to compare"
    return compared


def assert_added_up(loaded: LoadedOrganization, start: date, end: date, when: str = "") -> None:
    """Compare the daily totals of every organization of the warehouse with its rows."""
    odd_sums = not_added_up(loaded.warehouse.superuser_url, start, end)
    assert not odd_sums, f"{when}: {len(odd_sums)} sums by day are not those of the rows, the first: {odd_sums[0]}"


def days_without_rows(loaded: LoadedOrganization, endpoint: str, days: Sequence[date]) -> list[date]:
    """Those of `days` for which the view shows nothing."""
    view = f"bi.{endpoint}_daily" if ENDPOINTS[endpoint].is_costs else "bi.usage_daily"
    condition = "" if ENDPOINTS[endpoint].is_costs else " AND endpoint = %s"
    parameters = [loaded.label, *([] if ENDPOINTS[endpoint].is_costs else [endpoint])]
    seen = {row[0] for row in loaded.read(f"SELECT DISTINCT usage_date FROM {view} WHERE organization = %s{condition}", parameters)}
    return [day for day in days if day not in seen]
