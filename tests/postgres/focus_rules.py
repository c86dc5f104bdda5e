"""Rules of FOCUS for the rows of focus_costs: each a query that counts what breaks it, and a fault that it must find."""

from __future__ import annotations

from dataclasses import dataclass

# The columns that FOCUS 1.2 wants in every file.
REQUIRED = (
    "billed_cost", "billing_account_id", "billing_account_name", "billing_currency", "billing_period_start_utc", "billing_period_end_utc",
    "charge_category", "charge_class", "charge_description", "charge_period_start_utc", "charge_period_end_utc", "contracted_cost",
    "effective_cost", "invoice_issuer_name", "list_cost", "pricing_quantity", "pricing_unit", "provider_name", "publisher_name",
    "service_category", "service_name",
)  # fmt: skip
NEVER_NULL = tuple(name for name in REQUIRED if name not in {"charge_class", "pricing_quantity", "pricing_unit"})
KNOWN_DETAILS = ("CoreCount", "DiskMaxIops", "DiskSpace", "DiskType", "GpuCount", "InstanceSeries", "InstanceType", "MemorySize")
_ONE = "WHERE ctid = (SELECT min(ctid) FROM focus_costs WHERE {})"


@dataclass(frozen=True)
class Rule:
    """`breaking` counts the rows that break it; after `fault`, an UPDATE of a copy of the view, there is at least one."""

    breaking: str
    fault: str


def _fault(change: str, of: str) -> str:
    return f"UPDATE focus_costs SET {change} " + _ONE.format(of)


_USAGE = "x_charge_origin = 'costs' AND charge_category = 'Usage' AND pricing_quantity > 0 AND contracted_unit_price > 0"
_DAILY = """
SELECT usage_date, upper(coalesce(currency, 'xxx')) AS billing_currency, sum(cost)::text AS billed FROM bi.costs_daily GROUP BY 1, 2
"""
_FOCUS = "SELECT usage_date, billing_currency, sum(billed_cost)::text FROM focus_costs WHERE x_charge_origin = 'costs' GROUP BY 1, 2"
_PAYABLE = "SELECT invoice_id, sum(amount)::text AS payable FROM bi.invoice_lines GROUP BY 1"
_CHARGED = "SELECT invoice_id, sum(billed_cost)::text FROM focus_costs WHERE invoice_id IS NOT NULL GROUP BY 1"


def _unequal(one: str, other: str) -> str:
    return f"SELECT count(*) FROM (({one} EXCEPT {other}) UNION ALL ({other} EXCEPT {one})) AS unequal"


RULES = {
    "1 billed as in costs_daily": Rule(
        _unequal(_DAILY, _FOCUS), _fault("billed_cost = billed_cost + 0.000000000001", "x_charge_origin = 'costs'")
    ),
    "2 nothing missing": Rule(
        f"SELECT count(*) FROM focus_costs WHERE num_nulls({', '.join(NEVER_NULL)}) > 0",
        _fault("publisher_name = NULL", "true"),
    ),
    "2 currency": Rule(
        "SELECT count(*) FROM focus_costs WHERE billing_currency !~ '^[A-Z]{3}$'", _fault("billing_currency = 'usd'", "true")
    ),
    "2 categories": Rule(
        "SELECT count(*) FROM focus_costs WHERE charge_category NOT IN ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment')",
        _fault("charge_category = 'usage'", "true"),
    ),
    "2 frequencies": Rule(
        "SELECT count(*) FROM focus_costs WHERE charge_frequency NOT IN ('One-Time', 'Recurring', 'Usage-Based')"
        " OR (charge_category = 'Purchase' AND charge_frequency = 'Usage-Based')",
        _fault("charge_frequency = 'Usage-Based'", "charge_category = 'Purchase'"),
    ),
    "3 a day": Rule(
        "SELECT count(*) FROM focus_costs WHERE charge_period_end_utc <> charge_period_start_utc + interval '1 day'",
        _fault("charge_period_end_utc = charge_period_start_utc", "true"),
    ),
    "3 in its month": Rule(
        "SELECT count(*) FROM focus_costs WHERE charge_class IS NULL"
        " AND (charge_period_start_utc < billing_period_start_utc OR charge_period_end_utc > billing_period_end_utc)",
        _fault("billing_period_start_utc = billing_period_start_utc + interval '1 month'", "charge_class IS NULL"),
    ),
    "3 a correction is of an earlier month": Rule(
        "SELECT count(*) FROM focus_costs WHERE charge_class = 'Correction' AND charge_period_end_utc > billing_period_start_utc",
        _fault("charge_period_end_utc = billing_period_end_utc", "charge_class = 'Correction'"),
    ),
    "4 contracted price": Rule(
        "SELECT count(*) FROM focus_costs WHERE pricing_quantity > 0 AND charge_category IN ('Usage', 'Purchase')"
        " AND x_conformance IS NULL AND (abs(contracted_unit_price * pricing_quantity - contracted_cost) <= 1e-12) IS NOT TRUE",
        _fault("contracted_unit_price = contracted_unit_price * 1.001", _USAGE),
    ),
    "4 list price": Rule(
        "SELECT count(*) FROM focus_costs WHERE pricing_quantity > 0 AND charge_category IN ('Usage', 'Purchase')"
        " AND x_conformance IS NULL AND (abs(list_unit_price * pricing_quantity - list_cost) <= 1e-12) IS NOT TRUE",
        _fault("list_cost = list_cost + 0.01", f"{_USAGE} AND x_list_cost_basis = 'price_list'"),
    ),
    "5 units": Rule(
        "SELECT count(*) FROM focus_costs WHERE (consumed_quantity IS NULL) <> (consumed_unit IS NULL)"
        " OR (pricing_quantity IS NULL) <> (pricing_unit IS NULL)"
        " OR (charge_category = 'Tax' AND num_nonnulls(consumed_quantity, pricing_quantity, list_unit_price, sku_id) > 0)",
        _fault("pricing_quantity = 1, pricing_unit = 'Taxes'", "charge_category = 'Tax'"),
    ),
    "6 one SKU for each price": Rule(
        "SELECT count(*) FROM (SELECT FROM focus_costs GROUP BY sku_price_id HAVING count(DISTINCT sku_id) > 1) AS several",
        _fault("sku_id = 'another'", _USAGE),
    ),
    "6 one price for each": Rule(
        "SELECT count(*) FROM (SELECT FROM focus_costs WHERE x_list_cost_basis = 'price_list' GROUP BY sku_price_id, billing_currency"
        " HAVING count(DISTINCT list_unit_price) > 1) AS several",
        _fault("list_unit_price = 2 * list_unit_price", f"{_USAGE} AND x_list_cost_basis = 'price_list'"),
    ),
    "6 one meter for each SKU": Rule(
        "SELECT count(*) FROM (SELECT FROM focus_costs GROUP BY sku_id HAVING count(DISTINCT sku_meter) > 1) AS several",
        _fault("sku_meter = 'another'", _USAGE),
    ),
    "7 objects": Rule(
        "SELECT count(*) FROM focus_costs WHERE jsonb_typeof(tags::jsonb) <> 'object'"
        " OR jsonb_typeof(sku_price_details::jsonb) <> 'object'",
        _fault("tags = '[]'", "tags IS NOT NULL"),
    ),
    "7 names of details": Rule(
        "SELECT count(*) FROM focus_costs CROSS JOIN LATERAL jsonb_object_keys(sku_price_details::jsonb) AS key"
        f" WHERE NOT starts_with(key, 'x_') AND key NOT IN {KNOWN_DETAILS}",
        _fault('sku_price_details = \'{"ModelId": "gpt-5"}\'', "sku_price_details IS NOT NULL"),
    ),
    "8 what is to be paid": Rule(_unequal(_PAYABLE, _CHARGED), _fault("billed_cost = billed_cost - 0.01", "charge_category = 'Tax'")),
    "a SKU and a price where something was used": Rule(
        "SELECT count(*) FROM focus_costs WHERE charge_category IN ('Usage', 'Purchase') AND charge_class IS NULL AND x_conformance IS NULL"
        " AND num_nulls(sku_id, sku_price_id, sku_meter, pricing_category, pricing_quantity, contracted_unit_price, list_unit_price) > 0",
        _fault("list_unit_price = NULL", _USAGE),
    ),
}
