"""Records: files that people bring are read with every digit, and what is wrong with one is a line that names the place."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from meterhouse.errors import FixConfiguration
from meterhouse.imports import cells
from meterhouse.imports.records import read_records


def written(folder: Path, content: bytes, name: str = "given.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_with_any_of_the_usual_delimiters(tmp_path: Path, delimiter: str) -> None:
    content = "\r\n".join(delimiter.join(cells) for cells in (("Day", "amount", "note"), ("2026-01-31", "1.10", ""), ("", "", "")))
    read = read_records(written(tmp_path, b"\xef\xbb\xbf" + content.encode()))
    assert read.columns == ("day", "amount", "note")
    assert [(record.place, dict(record.values)) for record in read.records] == [
        ("given.csv, line 2", {"day": "2026-01-31", "amount": "1.10"})
    ]


@pytest.mark.parametrize("wrap", ["%s", '{"lines": %s}'])
def test_json_numbers_keep_every_digit(tmp_path: Path, wrap: str) -> None:
    read = read_records(written(tmp_path, (wrap % '[{"Amount": 0.10000000000000000000000000001, "is_ok": true, "none": null}]').encode()))
    assert dict(read.records[0].values) == {"amount": "0.10000000000000000000000000001", "is_ok": "true"}
    assert cells.decimal(read.records[0], "amount") == Decimal("0.10000000000000000000000000001")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b" \n", "given.csv is empty: give a file with a row of column names, or a JSON list of objects"),
        (b"a,b\n1,2,3\n", "given.csv, line 2: it has 3 cells and the heading 2: quote cells that hold a ','"),
        (b"a,A\n1,2\n", "given.csv, line 1: the column 'a' comes twice: remove or rename one"),
        (b"%PDF-1.7\n", "given.csv is a PDF: write what it says into a CSV file"),
        (b"PK\x03\x04\x14", "given.csv is a workbook of Excel or a ZIP archive: save its sheet as CSV (UTF-8), or unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1", "given.csv is an old workbook of Excel: save its sheet as CSV (UTF-8)"),
        (b"\x1f\x8b\x08", "given.csv is compressed by gzip: unpack it"),
        (b"a\n\xff\n", "given.csv, line 2: this is not UTF-8 text: save the file as UTF-8"),
        (b'a\n"x', "given.csv, line 2: this is not CSV (unexpected end of data): save the file as CSV again"),
        (b'[{"a": 1},', "given.csv, line 1: this is not JSON: give a JSON list of objects, or CSV"),
        (b'{"a": 1}', "given.csv: give a JSON list of objects, or an object with one such list"),
        (b'[{"a": 1}, {"Amount": 1, "amount": 2}]', "given.csv, entry 2: 'Amount' and 'amount' are the same name: remove or rename one"),
        (b'[{"amount": 1, "amount": 2}]', "given.csv: an object has the name 'amount' twice: remove or rename one"),
        (b'{"data": [{"a": {"b": 1, "b": 1}}]}', "given.csv: an object has the name 'b' twice: remove or rename one"),
        (b"[1]", "given.csv: give a JSON list of objects, or an object with one such list"),
    ],
)
def test_what_is_no_such_file_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(FixConfiguration) as raised:
        read_records(written(tmp_path, content))
    assert str(raised.value) == message


def test_a_path_that_is_no_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FixConfiguration, match="is not a file: give the path of one"):
        read_records(tmp_path)


def test_cells_are_typed(tmp_path: Path) -> None:
    (record,) = read_records(written(tmp_path, b"d,x,c,k\n2026-02-28,-1.5,USD,Tax\n")).records
    assert (cells.day(record, "d"), cells.decimal(record, "x")) == (date(2026, 2, 28), Decimal("-1.5"))
    assert (cells.currency(record, "c"), cells.choice(record, "k", ("tax", "usage"))) == ("usd", "tax")
    assert cells.optional_day(record, "none") is None


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda record: cells.day(record, "d"), "d is '20260228': write a day as 2026-01-31"),
        (lambda record: cells.decimal(record, "x"), "x is '1,50': write a plain number such as 1234.50"),
        (lambda record: cells.currency(record, "c"), "c is 'us': write a code of three letters such as usd"),
        (lambda record: cells.choice(record, "k", ("tax", "usage")), "k is 'other': choose from tax, usage"),
        (lambda record: cells.text(record, "e"), "e is empty: fill it in"),
    ],
)
def test_what_a_cell_may_not_say_is_one_line(tmp_path: Path, read: object, message: str) -> None:
    (record,) = read_records(written(tmp_path, b'd,x,c,k,e\n20260228,"1,50",US,Other,\n')).records
    assert callable(read)
    with pytest.raises(FixConfiguration) as raised:
        read(record)
    assert str(raised.value) == f"given.csv, line 2: {message}"


def test_columns_are_required_by_name(tmp_path: Path) -> None:
    read = read_records(written(tmp_path, b"day,amuont\n2026-01-01,1\n"))
    with pytest.raises(FixConfiguration) as raised:
        cells.require_columns(read, ("day", "amount"), ("note",))
    assert str(raised.value) == "given.csv has no column 'amount': it needs day, amount and may have note"
    with pytest.raises(FixConfiguration, match=r"given\.csv has an unknown column 'amuont': it needs day"):
        cells.require_columns(read, ("day",))
