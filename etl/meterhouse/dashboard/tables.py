"""The table under a chart: what it holds, how it reads in a page, and the same as CSV. Pure."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from html import escape
from itertools import pairwise
from math import ceil
from typing import Literal
from xml.sax.saxutils import quoteattr

from meterhouse import formats
from meterhouse.export.formulas import as_text

Cell = str | int | Decimal | date | datetime | bool | None
Kind = Literal["text", "day", "hour", "month", "count", "money", "share", "yes"]
NUMBERS = {"count", "money", "share"}
# Columns besides the first that fit on a sheet of paper.
PAPER_COLUMNS = 7
# It is the one that is on the invoice and in every other table, and not always the sum of the rounded rows.
ROUNDED = "Total of the exact amounts"


@dataclass(frozen=True)
class Column:
    """A column: its heading with the unit, what its cells are, and whether they may be added up."""

    name: str
    kind: Kind
    currency: str = ""
    # The places of two columns of amounts in the same row of which this one is the difference, the first less the second.
    difference_of: tuple[int, int] | None = None

    @property
    def is_number(self) -> bool:
        """Whether its cells stand to the right."""
        return self.kind in NUMBERS


@dataclass(frozen=True)
class Table:
    """Rows under headings; the total adds up what is known of each column that may be added up, exactly."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    has_total: bool = True
    # Of each row: what a click on its name chooses, and the name of the column that says its id in a file.
    picks: tuple[str, ...] = ()
    id_name: str = ""

    def total(self) -> tuple[Cell, ...]:
        """Return the last line: sums of counts and money, nothing elsewhere."""
        return ("Total", *(self._sum(index) for index in range(1, len(self.columns))))

    def _sum(self, index: int) -> Cell:
        if self.columns[index].kind not in {"count", "money"}:
            return None
        known = [value for row in self.rows if isinstance(value := row[index], int | Decimal)]
        return sum(known[1:], known[0]) if known else None

    def _is_apart(self, index: int) -> bool:
        """Whether the total of a column of amounts is not the sum of what its rows show."""
        column = self.columns[index]
        if column.kind != "money" or column.difference_of is not None:
            return False
        amounts = [value for row in self.rows if isinstance(value := row[index], Decimal)]
        return bool(amounts) and sum(map(formats.cents, amounts), Decimal(0)) != formats.cents(sum(amounts, Decimal(0)))

    def to_csv(self) -> str:
        """Return the table as CSV with every digit and ids, without the total; a cell that a spreadsheet would run as a formula is text."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow([*(column.name for column in self.columns), *([self.id_name] if self.id_name else [])])
        ids = [[as_text(one.partition(":")[2])] for one in self.picks] if self.id_name else [[]] * len(self.rows)
        for row, own in zip(self.rows, ids, strict=True):
            writer.writerow([*(_raw(cell) for cell in row), *own])
        return out.getvalue()

    def to_html(self) -> str:
        """Return table elements, more than one for more columns than a sheet of paper is wide: headings for rows and columns in each.

        Exact figures are in `data-value`.
        """
        beside = len(self.columns) - 1
        count = max(1, ceil(beside / PAPER_COLUMNS))
        # About as many in each, so that none is left with one.
        edges = [1 + beside * block // count for block in range(count + 1)]
        return "".join(self._block(range(start, end)) for start, end in pairwise(edges))

    def _block(self, places: range) -> str:
        columns = (self.columns[0], *(self.columns[index] for index in places))
        head = "".join(f'<th scope="col"{_right(column)}>{escape(column.name)}</th>' for column in columns)
        picks = self.picks or ("",) * len(self.rows)
        body = "".join(
            f"<tr{f' data-pick={quoteattr(one)}' if one and not one.startswith(':') else ''}>{self._line(row, places)}</tr>"
            for row, one in zip(self.rows, picks, strict=True)
        )
        name = ROUNDED if any(self._is_apart(index) for index in places) else "Total"
        total = (name, *self.total()[1:])
        foot = f"<tfoot><tr>{self._line(total, places, is_total=True)}</tr></tfoot>" if self.has_total and self.rows else ""
        caption = self.caption if places.start == 1 else f"{self.caption}, continued"
        return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table>"

    def _line(self, row: tuple[Cell, ...], places: range, *, is_total: bool = False) -> str:
        cells = [f'<th scope="row">{escape(str(row[0]) if is_total else shown(row[0], self.columns[0]))}</th>']
        for index in places:
            column, cell = self.columns[index], row[index]
            text = "" if is_total and cell is None else shown(of_shown(row, cell, column), column)
            value = f' data-value="{escape(_raw(cell))}"' if column.is_number else ""
            cells.append(f"<td{_right(column)}{value}>{escape(text)}</td>")
        return "".join(cells)


def of_shown(row: tuple[Cell, ...], cell: Cell, column: Column) -> Cell:
    """Return what a row shows of a cell: a difference is that of both amounts as they are shown; everything else is itself."""
    if column.difference_of is None or not isinstance(cell, Decimal):
        return cell
    now, before = (row[place] for place in column.difference_of)
    # A total leaves out what is unknown, which may be more of one column than of the other.
    if isinstance(now, Decimal) and isinstance(before, Decimal) and now - before == cell:
        return formats.difference(now, before)
    return cell


def shown(cell: Cell, column: Column) -> str:
    """Return a cell as people read it."""
    match cell:
        case None:
            text = formats.UNKNOWN
        case bool():
            text = "yes" if cell else "not yet"
        case datetime():
            text = f"{formats.day(cell)} {cell:%H:%M}"
        case date():
            text = f"{cell:%b %Y}" if column.kind == "month" else formats.day(cell)
        case int() | Decimal():
            text = _number(cell, column)
        case _:
            text = cell
    return text


def _number(cell: int | Decimal, column: Column) -> str:
    if column.kind == "money":
        return formats.money(Decimal(cell), column.currency)
    return formats.percent(Decimal(cell)) if column.kind == "share" else formats.count(cell)


def _right(column: Column) -> str:
    return ' class="number"' if column.is_number else ""


def _raw(cell: Cell) -> str:
    match cell:
        case None:
            text = ""
        case bool():
            text = "true" if cell else "false"
        case datetime():
            text = cell.isoformat(timespec="minutes")
        case date():
            text = cell.isoformat()
        case int() | Decimal():
            text = f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
        case _:
            text = as_text(cell)
    return text
