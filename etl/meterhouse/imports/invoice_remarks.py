"""Invoice remarks: what may be stored and is probably a mistake, such as a line that the bill has too, or a currency that it has not."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import LiteralString

from meterhouse.control_characters import visible
from meterhouse.imports.invoice_files import Invoice
from meterhouse.money import plain
from meterhouse.warehouse.database import Connection

# Usage, and what counts as usage, is what the bill is compared with.
_BESIDE_USAGE = frozenset({"credit", "bundle", "tax", "adjustment"})
_HALF_A_CENT = Decimal("0.005")
_CURRENCIES_SHOWN = 3
# The lines of the whole period, and of each day those that are no usage: a credit is one line of one day.
_LINES: LiteralString = """
WITH daily AS (
    SELECT r.usage_date, r.line_item, sum(r.cost) AS cost
    FROM warehouse.rollup_costs_by_line_item r
    WHERE r.organization_id = %(organization)s AND r.usage_date BETWEEN %(period_start)s AND %(period_end)s AND r.currency = %(currency)s
    GROUP BY r.usage_date, r.line_item
)

SELECT d.line_item, sum(d.cost) FROM daily d WHERE d.line_item IS NOT NULL GROUP BY d.line_item
UNION
SELECT d.line_item, d.cost
FROM daily d
JOIN warehouse.dim_line_item l ON l.line_item = d.line_item AND l.category IN ('credits', 'taxes', 'other')
ORDER BY 1, 2
"""
_CURRENCIES: LiteralString = """
SELECT DISTINCT r.currency
FROM warehouse.rollup_costs_by_project r
WHERE r.organization_id = %(organization)s AND r.usage_date BETWEEN %(period_start)s AND %(period_end)s
ORDER BY 1
"""


def remarks(connection: Connection, invoice: Invoice, organization_id: int) -> Iterator[str]:
    """Yield a line for everything about an invoice that is probably a mistake, with what to do."""
    parameters = {
        "organization": organization_id,
        "period_start": invoice.period_start,
        "period_end": invoice.period_end,
        "currency": invoice.currency,
    }
    currencies = [currency for (currency,) in connection.execute(_CURRENCIES, parameters) if currency]
    if currencies and invoice.currency not in currencies:
        others = ", ".join(visible(one) for one in currencies[:_CURRENCIES_SHOWN])
        yield (
            f"{invoice.place}: invoice {visible(invoice.invoice_id)} is in {invoice.currency}, and the bill of these days is in {others}:"
            " amounts of different currencies are never compared, so write the invoice in the bill's currency and import it again"
        )
    if not any(line.kind in _BESIDE_USAGE and line.amount for line in invoice.lines):
        return
    billed = connection.execute(_LINES, parameters).fetchall()
    for line in invoice.lines:
        same = next((item for item, cost in billed if cost is not None and abs(cost - line.amount) <= _HALF_A_CENT), None)
        if line.kind in _BESIDE_USAGE and line.amount and same is not None:
            yield (
                f"{line.place}: {line.kind} {plain(line.amount)} equals {visible(same)!r} on the bill, which billed contains: if it is the"
                " same money, it counts twice, so give the line the kind usage and import it again"
            )
