"""Growth: one figure per day by which a later reading shows how much of it an earlier one knew. Pure.

Costs are added up by currency; usage by the endpoint's first metric that can be added up. Levels have no growth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from meterhouse.catalogue.endpoints import Endpoint, Key, Values
from meterhouse.money import add

NO_CURRENCY = "-"


def growth_metric(endpoint: Endpoint) -> str | None:
    """Return the metric, as the vendor names it, whose growth is recorded; None for an endpoint that reports only a level."""
    return next((metric.name for metric in endpoint.metrics if metric.required and metric.additive), None)


def bucket_totals(endpoint: Endpoint, rows: Iterable[tuple[Key, Values]]) -> Mapping[str, Decimal] | None:
    """Return the total of one bucket's rows by currency for costs (`-` where the vendor gave none), by metric for usage; None for levels.

    A figure that the vendor left out adds nothing. Rows come as the decoder gives them: the currency closes a key of costs, and values
    are in the order of the endpoint's metrics.
    """
    metric = growth_metric(endpoint)
    if metric is None:
        return None
    position = [one.name for one in endpoint.metrics].index(metric)
    if not endpoint.is_costs:
        return {metric: Decimal(sum(values[position] or 0 for _, values in rows))}
    totals: dict[str, Decimal] = {}
    for key, values in rows:
        currency = str(key[-1] or NO_CURRENCY)
        totals[currency] = add(totals.get(currency, Decimal(0)), values[position] or Decimal(0))
    return totals
