"""Every decision has its date, its three parts and its line in the list, and no line is about a record that is gone."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from tests.docs.markdown import table

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "decisions"
RECORDS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")


def title_and_date(record: Path) -> tuple[str, str]:
    """Return the title and the date line of a record."""
    lines = record.read_text().splitlines()
    return lines[0], lines[2]


def test_the_list_names_every_record_in_order_with_its_title_and_date() -> None:
    listed = table((FOLDER / "README.md").read_text(), "| record | decision | date |")
    assert len(RECORDS) >= 8
    assert [tuple(row) for row in listed] == [
        (
            f"[{number}]({record.name})",
            title_and_date(record)[0].removeprefix(f"# {number}. "),
            title_and_date(record)[1].removeprefix("Date: "),
        )
        for number, record in enumerate(RECORDS, start=1)
    ]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_a_date_and_says_what_why_and_which_alternatives(record: Path) -> None:
    title, dated = title_and_date(record)
    assert title.startswith(f"# {int(record.name[:2])}. ")
    date.fromisoformat(dated.removeprefix("Date: "))
    parts = re.findall(r"^## (.+)\n\n(\S[^#]+)", record.read_text(), re.MULTILINE)
    assert [heading for heading, _ in parts] == ["What", "Why", "Alternatives"]
    assert all(len(text.split()) > 10 for _, text in parts)
