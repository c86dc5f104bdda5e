"""Invoice files: invoices of the vendor as people write them down, with one record per line, read into typed invoices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from meterhouse.accounting.invoices import LONGEST_PERIOD_DAYS, month_of
from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration
from meterhouse.imports import cells
from meterhouse.imports.records import Record, read_records
from meterhouse.money import add, plain

COLUMNS = ("invoice_id", "organization", "period_start", "period_end", "currency", "issued_on", "kind", "amount")
KINDS = ("usage", "credit", "tax", "bundle", "adjustment", "other")


@dataclass(frozen=True)
class InvoiceLine:
    """One line of an invoice; a credit is negative. `place` names the line of the file, and makes no difference."""

    kind: str
    description: str | None
    amount: Decimal
    place: str = field(default="", compare=False)


@dataclass(frozen=True)
class Invoice:
    """One invoice: both ends of its period are included; `place` names the file and the first of its lines."""

    place: str
    invoice_id: str
    organization: str
    period_start: date
    period_end: date
    currency: str
    issued_on: date
    lines: tuple[InvoiceLine, ...]

    @property
    def month(self) -> date:
        """The first day of the month that it belongs to."""
        return month_of(self.period_start, self.period_end)

    @property
    def total(self) -> Decimal:
        """The sum of its lines."""
        total = Decimal(0)
        for line in self.lines:
            total = add(total, line.amount)
        return total


def read_invoices(paths: Iterable[Path]) -> list[Invoice]:
    """Return the invoices of some files, in the order of their first lines. Raises `FixConfiguration` for the first line that is wrong."""
    found: dict[tuple[str, str], Invoice] = {}
    file_of: dict[tuple[str, str], int] = {}
    for number, path in enumerate(paths):
        file = read_records(path)
        cells.require_columns(file, COLUMNS, ("description",))
        if not file.records:
            raise FixConfiguration(f"{file.name} has no lines: give a record for every line of an invoice")
        for record in file.records:
            head = _head(record)
            key = (head.organization, head.invoice_id)
            before = found.get(key, head)
            _require_same_head(before, head)
            if file_of.setdefault(key, number) != number:
                raise FixConfiguration(
                    f"{record.place}: {before.place} has invoice {visible(head.invoice_id)} too: put all lines of it into one file"
                )
            found[key] = Invoice(
                before.place,
                head.invoice_id,
                head.organization,
                head.period_start,
                head.period_end,
                head.currency,
                head.issued_on,
                (*(before.lines if key in found else ()), *head.lines),
            )
    return list(found.values())


def _head(record: Record) -> Invoice:
    start, end = cells.day(record, "period_start"), cells.day(record, "period_end")
    if end < start:
        raise FixConfiguration(f"{record.place}: period_end {end} is before period_start {start}: write the last day that is billed")
    if (end - start).days >= LONGEST_PERIOD_DAYS:
        raise FixConfiguration(f"{record.place}: the period has more than {LONGEST_PERIOD_DAYS} days: split the invoice by month")
    kind = cells.choice(record, "kind", KINDS)
    amount = cells.money(record, "amount")
    if kind == "credit" and amount > 0:
        raise FixConfiguration(
            f"{record.place}: a credit lowers the bill, so its amount is negative: write -{plain(amount)}; a credit that was taken back is"
            " an adjustment"
        )
    line = InvoiceLine(kind, record.values.get("description"), amount, record.place)
    return Invoice(
        record.place,
        cells.text(record, "invoice_id"),
        cells.text(record, "organization"),
        start,
        end,
        cells.currency(record, "currency"),
        cells.day(record, "issued_on"),
        (line,),
    )


def _require_same_head(first: Invoice, other: Invoice) -> None:
    for column in ("period_start", "period_end", "currency", "issued_on"):
        one, two = getattr(first, column), getattr(other, column)
        if one != two:
            raise FixConfiguration(
                f"{other.place}: {column} of invoice {visible(other.invoice_id)} is {two}, and {one} in {first.place}:"
                " write the same for all its lines"
            )
