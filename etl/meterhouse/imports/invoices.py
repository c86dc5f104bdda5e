"""Invoices: those of some files, checked whole, and stored all or nothing; a month that ties by them is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import LiteralString

from meterhouse.accounting.invoices import Tolerance
from meterhouse.counts import counted
from meterhouse.imports.invoice_files import Invoice, InvoiceLine, read_invoices
from meterhouse.imports.invoice_months import InvoiceMonths
from meterhouse.imports.invoice_remarks import remarks
from meterhouse.imports.storing import organization_keys
from meterhouse.load.closing import lock_costs
from meterhouse.load.followed import followed
from meterhouse.money import add, plain
from meterhouse.settings import Settings
from meterhouse.warehouse.database import Connection
from meterhouse.warehouse.rollups import WITHOUT_STATISTICS

_STORED: LiteralString = (
    "SELECT i.invoice_key, i.month_start, i.tolerance_amount, i.tolerance_share, i.period_start, i.period_end, i.currency, i.issued_on"
    " FROM warehouse.invoices i WHERE i.organization_id = %s AND i.invoice_id = %s"
)
_STORED_LINES: LiteralString = (
    "SELECT l.kind, l.description, l.amount FROM warehouse.invoice_lines l WHERE l.invoice_key = %s ORDER BY l.position"
)
_INSERT: LiteralString = (
    "INSERT INTO warehouse.invoices (organization_id, invoice_id, month_start, period_start, period_end, currency, issued_on,"
    " tolerance_amount, tolerance_share, imported_at)"
    " VALUES (%(organization)s, %(invoice_id)s, %(month)s, %(period_start)s, %(period_end)s,"
    " %(currency)s, %(issued_on)s, %(tolerance_amount)s, %(tolerance_share)s, %(now)s) RETURNING invoice_key"
)
_INSERT_LINES: LiteralString = (
    "INSERT INTO warehouse.invoice_lines (invoice_key, position, kind, description, amount)"
    " SELECT %s, l.place, l.kind, l.description, l.amount FROM unnest(%s::text[], %s::text[], %s::numeric[]) WITH ORDINALITY"
    " AS l (kind, description, amount, place)"
)


def import_invoices(settings: Settings, paths: Sequence[Path], now: datetime, *, dry_run: bool = False, reopens: bool = False) -> list[str]:
    """Store the invoices of some files and close the months that tie; return lines that say what was done, or would be.

    An invoice that is stored as it is in the file stays; another one of the same number is replaced. Raises `FixConfiguration`, and stores
    nothing, for a file that is wrong, and for an invoice that would change a closed month unless it `reopens`.
    """
    invoices = read_invoices(paths)
    tolerance = Tolerance(settings.invoice_tolerance_amount, settings.invoice_tolerance_share)
    with followed(settings, "invoices", keeps=not dry_run) as connection:
        keys = organization_keys(connection, {invoice.organization: invoice.place for invoice in invoices})
        for key in sorted(keys.values()):
            lock_costs(connection, key)
        connection.execute("LOCK TABLE warehouse.invoices IN SHARE ROW EXCLUSIVE MODE")
        connection.execute(WITHOUT_STATISTICS)
        counts = dict.fromkeys(("new", "changed", "unchanged"), 0)
        months = {label: InvoiceMonths(connection, label, key, now) for label, key in keys.items()}
        found: list[str] = []
        for invoice in invoices:
            stored = _Stored.of(connection, invoice, keys[invoice.organization])
            what = stored.compared(tolerance)
            counts[what] += 1
            months[invoice.organization].touched |= stored.months
            found += remarks(connection, invoice, stored.organization)
            if what != "unchanged":
                months[invoice.organization].change(stored.months, reopens=reopens)
                stored.replace(connection, tolerance, now)
        stand = [line for of_one in months.values() for line in of_one.stand()]
        return [_summary(invoices, counts, dry_run=dry_run), *stand, *found]


@dataclass(frozen=True)
class _Stored:
    """An invoice of a file beside what the warehouse holds under its number: None, or the stored one with its key and tolerance."""

    invoice: Invoice
    organization: int
    key: int | None = None
    month: date | None = None
    tolerance: Tolerance | None = None
    content: tuple[object, ...] = ()

    @classmethod
    def of(cls, connection: Connection, invoice: Invoice, organization: int) -> _Stored:
        row = connection.execute(_STORED, (organization, invoice.invoice_id)).fetchone()
        if row is None:
            return cls(invoice, organization)
        key, month, amount, share, *head = row
        lines = tuple(InvoiceLine(*line) for line in connection.execute(_STORED_LINES, (key,)))
        return cls(invoice, organization, key, month, Tolerance(amount, share), (*head, lines))

    @property
    def months(self) -> set[date]:
        """The months that it belongs to, and belonged to before."""
        return {self.invoice.month, self.month or self.invoice.month}

    def compared(self, tolerance: Tolerance) -> str:
        one = self.invoice
        same = self.content == (one.period_start, one.period_end, one.currency, one.issued_on, one.lines)
        return "new" if self.key is None else "unchanged" if same and self.tolerance == tolerance else "changed"

    def replace(self, connection: Connection, tolerance: Tolerance, now: datetime) -> None:
        one = self.invoice
        connection.execute("DELETE FROM warehouse.invoices WHERE invoice_key = %s", (self.key,))
        parameters = {
            **{name: getattr(one, name) for name in ("invoice_id", "period_start", "period_end", "currency", "issued_on", "month")},
            "organization": self.organization,
            "tolerance_amount": tolerance.amount,
            "tolerance_share": tolerance.share,
            "now": now,
        }
        (key,) = connection.execute(_INSERT, parameters).fetchone() or (None,)
        columns = ([line.kind for line in one.lines], [line.description for line in one.lines], [line.amount for line in one.lines])
        connection.execute(_INSERT_LINES, (key, *columns))


def _summary(invoices: Sequence[Invoice], counts: Mapping[str, int], *, dry_run: bool) -> str:
    totals: dict[str, Decimal] = {}
    for invoice in invoices:
        totals[invoice.currency] = add(totals.get(invoice.currency, Decimal(0)), invoice.total)
    first, last = min(invoice.period_start for invoice in invoices), max(invoice.period_end for invoice in invoices)
    found = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    money = ", ".join(f"{plain(total)} {currency}" for currency, total in sorted(totals.items()))
    what = f"{counted(len(invoices), 'invoice')} ({found}) of {first} to {last}, {money} in all"
    if dry_run:
        return f"{what}: nothing was stored, as this was a dry run"
    return f"{what}: nothing had changed" if counts["unchanged"] == len(invoices) else f"{what}: stored"
