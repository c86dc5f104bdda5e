"""Invoices: the month that an invoice belongs to, and how much may be unexplained in a month that ties. Pure.

`bi.invoice_tie_out` says the rest in SQL: billed and the typed residuals add up to what was invoiced.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

LONGEST_PERIOD_DAYS = 45


@dataclass(frozen=True)
class Tolerance:
    """What may be unexplained, up or down: the larger of an amount in the invoice's currency and a share of the invoiced usage."""

    amount: Decimal
    share: Decimal


def month_of(period_start: date, period_end: date) -> date:
    """Return the first day of the month in which the middle of a period lies; of two middle days the first. Both ends are included."""
    return (period_start + (period_end - period_start) // 2).replace(day=1)
