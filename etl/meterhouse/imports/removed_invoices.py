"""Removed invoices: one that should not be there is taken out of the warehouse, and its month is judged without it."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration
from meterhouse.imports.invoice_months import InvoiceMonths
from meterhouse.load.closing import is_closed, lock_costs
from meterhouse.load.followed import followed
from meterhouse.money import plain
from meterhouse.settings import Settings
from meterhouse.warehouse.rollups import WITHOUT_STATISTICS

_FOUND: LiteralString = """
SELECT o.organization_id, o.label, i.invoice_key, i.month_start, i.period_start, i.period_end, i.currency,
    (SELECT sum(l.amount) FROM warehouse.invoice_lines l WHERE l.invoice_key = i.invoice_key)
FROM warehouse.invoices i
JOIN warehouse.dim_organization o ON o.organization_id = i.organization_id
WHERE i.invoice_id = %(invoice_id)s AND (%(label)s::text IS NULL OR o.label = %(label)s)
ORDER BY o.label
"""


def remove_invoice(
    settings: Settings, invoice_id: str, label: str | None, now: datetime, *, dry_run: bool = False, reopens: bool = False
) -> list[str]:
    """Remove the invoice of a number; return lines that say what was done, or would be, and how its month stands without it.

    Raises `FixConfiguration`, and removes nothing, when there is no such invoice, when several organizations have one of this number and
    no label says which, and when its month is closed unless it `reopens`.
    """
    with followed(settings, "invoices", keeps=not dry_run) as connection:
        connection.execute(WITHOUT_STATISTICS)
        found = connection.execute(_FOUND, {"invoice_id": invoice_id, "label": label}).fetchall()
        if not found:
            whose = f" of {visible(label)}" if label else ""
            raise FixConfiguration(f"no invoice {visible(invoice_id)}{whose} is stored: bi.invoice_lines shows those that are")
        if len(found) > 1:
            labels = ", ".join(row[1] for row in found)
            raise FixConfiguration(f"invoice {visible(invoice_id)} is stored for {labels}: say whose to remove with --organization LABEL")
        organization_id, label, key, month, start, end, currency, total = found[0]
        lock_costs(connection, organization_id)
        connection.execute("LOCK TABLE warehouse.invoices IN SHARE ROW EXCLUSIVE MODE")
        if is_closed(connection, organization_id, month) and not reopens:
            raise FixConfiguration(
                f"{label} {month:%Y-%m} is closed, and invoice {visible(invoice_id)} is one of its invoices: add --reopen to open the month"
                " again"
            )
        months = InvoiceMonths(connection, str(label), organization_id, now, {month})
        months.change({month}, reopens=reopens)
        connection.execute("DELETE FROM warehouse.invoices WHERE invoice_key = %s", (key,))
        end_of_line = "nothing was removed, as this was a dry run" if dry_run else "removed"
        what = f"invoice {visible(invoice_id)} of {label}, {start} to {end}, {plain(total)} {currency}"
        return [f"{what}: {end_of_line}", *months.stand()]
