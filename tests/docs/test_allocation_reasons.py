"""Every reason that the allocation can give is explained: in the table of docs/design.md, and in the meaning of the column."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.markdown import table

from meterhouse.catalogue.accounting_columns import ACCOUNTING_COLUMNS, REMARKS, WHY_UNALLOCATED
from meterhouse.vendors.openai import counterparts

ROOT = Path(__file__).resolve().parents[2]
SQL = ROOT / "etl/meterhouse/warehouse/sql/allocation"


def given_by_sql() -> set[str]:
    """The reasons that the statements write down: the texts of the cases that become `reason` or `remark`."""
    lines = (SQL / "lines.sql").read_text()
    parts = (SQL / "replace_days.sql").read_text()
    cases = [
        lines[lines.index("WHEN NOT d.is_settled") : lines.index("FROM open_piece p")],
        parts[parts.index("WHEN p.cost IS NULL") : parts.index("t.weight,")],
    ]
    return {text for case in cases for text in re.findall(r"(?:THEN|ELSE coalesce\(p\.reason,) '([a-z_]+)'", case)}


def given_by_words_of_lines() -> set[str]:
    return {*counterparts._REASONS.values(), counterparts.EVALS, counterparts.UNKNOWN_LINE_ITEM}


def test_every_reason_of_the_code_has_words_and_no_other() -> None:
    assert len(given_by_sql()) >= 10
    assert given_by_sql() | given_by_words_of_lines() == WHY_UNALLOCATED.keys() | REMARKS.keys()
    assert all(reason in ACCOUNTING_COLUMNS["reason"].text for reason in WHY_UNALLOCATED | REMARKS)


def test_the_table_says_what_the_code_says() -> None:
    rows = table((ROOT / "docs/design.md").read_text(), "| `reason` | comes with | what it means | what helps |")
    assert [(row[0].strip("`"), row[2]) for row in rows] == list((WHY_UNALLOCATED | REMARKS).items())
    with_what = {row[0].strip("`"): row[1] for row in rows}
    for reason, words in with_what.items():
        assert words == ("both" if reason in WHY_UNALLOCATED and reason in REMARKS else "allocated" if reason in REMARKS else "unallocated")
    assert all(row[3] for row in rows)
