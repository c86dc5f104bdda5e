"""Invoice months: how the months of invoices stand after an import, and what became of those that were closed before it, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, LiteralString

from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.load.closing import broken_months, close_tied_months, is_closed, reopen_month
from meterhouse.money import plain
from meterhouse.warehouse.database import Connection

_TIE_OUT: LiteralString = """
SELECT t.month_start, t.currency, t.billed, t.invoiced, t.tax, t.credit, t.bundle, t.adjustment, t.restatement, t.period_shift, t.rounding,
    t.unexplained, t.tolerance, t.state, t.state_reason, t.is_closed
FROM bi.invoice_tie_out t
JOIN warehouse.dim_organization o ON o.label = t.organization
WHERE o.organization_id = %(organization)s AND t.month_start = ANY(%(months)s)
    AND (t.invoice_count > 0 OR t.month_start = ANY(%(broken)s))
ORDER BY t.month_start, t.currency
"""
_RESIDUALS = ("tax", "credit", "bundle", "adjustment", "restatement", "period shift", "rounding", "unexplained")


@dataclass
class InvoiceMonths:
    """The months that an import of one organization's invoices touches. The caller holds the lock of its costs, in a transaction."""

    connection: Connection
    label: str
    organization_id: int
    now: datetime
    touched: set[date] = field(default_factory=set)
    _remarks: list[str] = field(default_factory=list)

    def change(self, months: Iterable[date], *, reopens: bool) -> None:
        """Take note that invoices of `months` change; closed ones are opened again if the import `reopens`, else only noticed."""
        for month in sorted(months):
            if not is_closed(self.connection, self.organization_id, month):
                continue
            if reopens:
                corrections = reopen_month(self.connection, self.organization_id, month, self.now)
                now_part = f", and {counted(corrections, 'correction')} became part of its figures" if corrections else ""
                self._remarks.append(f"{self._named(month)} was closed and is opened again{now_part}")
            else:
                self._remarks.append(f"{self._named(month)} was closed and stays closed: its invoices changed, its costs did not")

    def stand(self) -> list[str]:
        """Close the months that tie; return a line for each month and currency with an invoice, and what became of closed months.

        Raises `FixConfiguration` for a closed month that does not tie any more, or that no invoice is left of.
        """
        close_tied_months(self.connection, self.organization_id, self.now)
        broken = broken_months(self.connection, self.organization_id, self.touched)
        parameters = {"organization": self.organization_id, "months": sorted(self.touched), "broken": broken}
        rows = self.connection.execute(_TIE_OUT, parameters).fetchall()
        # A currency without an invoice may be the reason only where each that has one ties.
        for row in sorted(rows, key=lambda row: row[3] is None):
            if row[0] in broken and row[-2] is not None:
                raise FixConfiguration(
                    f"{self._stated(row)} would no longer tie ({row[-2]}), and the month is closed:"
                    " correct the file, or add --reopen to open the month again"
                )
        return [*(self._judged(row) for row in rows), *dict.fromkeys(self._remarks)]

    def _named(self, month: date) -> str:
        return f"{self.label} {month:%Y-%m}"

    def _stated(self, row: Sequence[Any]) -> str:
        month, currency, billed, invoiced = row[:4]
        shown, asked = ("not known" if billed is None else plain(billed)), ("nothing" if invoiced is None else plain(invoiced))
        return f"{self._named(month)} {visible(str(currency))}: billed {shown}, invoiced {asked}"

    def _judged(self, row: Sequence[Any]) -> str:
        *residuals, tolerance, state, reason, closed = row[4:]
        named = [f"{name} {plain(amount)}" for name, amount in zip(_RESIDUALS, residuals, strict=True) if amount]
        judged = f"{state.replace('_', ' ')}{f' ({reason})' if reason else ''}, tolerance {plain(tolerance)}"
        return f"{self._stated(row)}{''.join(f', {one}' for one in named)}: {judged}{', closed' if closed else ''}"
