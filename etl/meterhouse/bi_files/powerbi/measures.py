"""Power BI's measures: one for each column of a fact that adds up, and those that need more than a sum."""

from __future__ import annotations

from dataclasses import dataclass

from meterhouse.bi_files.columns import Column, columns_of
from meterhouse.bi_files.powerbi.star import DATE_KEY, FACTS, TABLES, column_of, dax
from meterhouse.catalogue.endpoints import REPEATING_REQUESTS

MEASURE_TABLE = "Figures"
_USD, WHOLE, _NUMBER, _SHARE = r"\$#,0.00", "#,0", "#,0.00", "0.0%"


@dataclass(frozen=True)
class Measure:
    """One figure of the model: its DAX, how it is shown, what it says, and the folder it is listed in."""

    name: str
    expression: str
    shape: str
    description: str
    folder: str


def measures() -> list[Measure]:
    """Return all measures: one for each column of a fact that adds up, and those that need more than a sum."""
    special = {measure.name: measure for measure in _special_measures()}
    plain = [
        Measure(column.caption, f"SUM({dax(TABLES[fact], column.name)})", _shape(column), column.description, fact)
        for fact in FACTS
        for column in columns_of(TABLES[fact])
        if column.additive and column.caption not in special
    ]
    return [*special.values(), *_answers(), *plain]


def _special_measures() -> list[Measure]:
    def usage(name: str) -> str:
        return dax("fact_usage_daily", name)

    def cost(name: str) -> str:
        return dax("fact_costs_daily", name)

    def says(view: str, name: str) -> str:
        return column_of(view, name).description

    day = dax("dim_date", DATE_KEY)
    settled = f"KEEPFILTERS({cost('is_complete')} = TRUE())"
    no_repeats = " && ".join(f'{usage("endpoint")} <> "{name}"' for name in REPEATING_REQUESTS)
    bytes_on = f"CALCULATE(SUM({usage('storage_bytes')}))"
    return [
        Measure("Cost USD", f"SUM({cost('cost_usd')})", _USD, says("fact_costs_daily", "cost_usd"), "Cost"),
        Measure(
            "Settled cost USD", f"CALCULATE([Cost USD], {settled})", _USD,
            "Cost USD of the days that are settled: the vendor still adds to the others.", "Cost",
        ),
        Measure(
            "Cost USD a month before",
            f"VAR settled_through = CALCULATE(MAX({cost(DATE_KEY)}), {settled})"
            f" RETURN CALCULATE([Cost USD], DATEADD(FILTER(VALUES({day}), {day} <= settled_through), -1, MONTH))", _USD,
            "Cost USD of the same days one month earlier, up to the day through which costs are settled.", "Cost",
        ),
        Measure(
            "Cost USD change", "DIVIDE([Settled cost USD] - [Cost USD a month before], [Cost USD a month before])", _SHARE,
            "Change of Settled cost USD compared with the same days one month earlier, as a share. Null: nothing was billed then.", "Cost",
        ),
        Measure(
            "Cost", f"IF(HASONEVALUE({cost('currency')}), SUM({cost('cost')}))", _NUMBER,
            says("fact_costs_daily", "cost") + " Empty when several currencies would be added up.", "Cost",
        ),
        Measure(
            "Quantity",
            f"IF(HASONEVALUE({cost('line_item_key')}), IF(HASONEVALUE({cost('quantity_unit')}), SUM({cost('quantity')})))", _NUMBER,
            says("fact_costs_daily", "quantity") + " Empty for several line items or units.", "Cost",
        ),
        Measure("Last day of cost", f"MAX({cost(DATE_KEY)})", "yyyy-mm-dd", "Newest UTC day that has a cost.", "Cost"),
        Measure(
            "Incomplete days of cost",
            f"CALCULATE(DISTINCTCOUNT({cost(DATE_KEY)}), KEEPFILTERS({cost('is_complete')} = FALSE()))", WHOLE,
            "Days with a cost that are not settled; their figures will still grow.", "Cost",
        ),
        Measure(
            "Requests", f"CALCULATE(SUM({usage('requests')}), KEEPFILTERS({no_repeats}))", WHOLE,
            "Model requests. Those of web searches are left out: the model's own endpoint counts them too. Unit: requests.", "Usage",
        ),
        Measure(
            "Cached share",
            f"DIVIDE([Input cached tokens], CALCULATE([Input tokens], KEEPFILTERS(ISBLANK({usage('input_cached_tokens')}) = FALSE())))",
            _SHARE, says("tokens_by_model_daily", "cached_share"), "Usage",
        ),
        Measure(
            "Batch share",
            f"DIVIDE(CALCULATE([Total tokens], KEEPFILTERS({usage('is_batch')} = TRUE())),"
            f" CALCULATE([Total tokens], KEEPFILTERS(ISBLANK({usage('is_batch')}) = FALSE())))",
            _SHARE, says("tokens_by_model_daily", "batch_share"), "Usage",
        ),
        Measure(
            "Storage bytes", f"CALCULATE(SUM({usage('storage_bytes')}), LASTNONBLANK({day}, {bytes_on}))", WHOLE,
            says("fact_usage_daily", "storage_bytes") + " The newest day of the chosen ones is shown.", "Usage",
        ),
    ]  # fmt: skip


def _answers() -> list[Measure]:
    """The key figures of the page about this month, in US dollars."""

    def usd(view: str, name: str, *conditions: str) -> str:
        kept = [f'{dax(view, "currency")} = "usd"', *conditions]
        return f"CALCULATE(SUM({dax(view, name)}), {', '.join(f'KEEPFILTERS({one})' for one in kept)})"

    month = "spend_month_to_date"
    organizations = f'{dax("cost_forecast", "series_kind")} = "organization"'
    projects = f'{dax("cost_changes", "dimension")} = "project"'
    return [
        Measure(
            "Month to date USD", usd(month, "settled_cost"), _USD,
            "US dollars billed on the final days of the current month.", "This month",
        ),
        Measure(
            "Same days of last month USD", usd(month, "previous_compared_cost"), _USD,
            "US dollars billed on the same days of the month before, of those that are final.", "This month",
        ),
        Measure(
            "Last month USD", usd("cost_forecast", "previous_month_cost", organizations), _USD,
            "US dollars billed in the whole month before.", "This month",
        ),
        Measure(
            "Expected month USD", usd("cost_forecast", "expected_cost", organizations), _USD,
            "US dollars that the current month is expected to cost, as of the last final day.", "This month",
        ),
        Measure(
            "Change USD", usd("cost_changes", "change_cost", projects), _USD,
            "Change of the month to date compared with the same days of the month before, by project.", "This month",
        ),
    ]  # fmt: skip


def _shape(column: Column) -> str:
    return _USD if column.unit == "US dollars" else WHOLE if column.base_type == "bigint" else _NUMBER
