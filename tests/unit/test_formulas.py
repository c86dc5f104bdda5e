"""Formulas: what a spreadsheet would run stays text, and numbers stay numbers."""

from __future__ import annotations

import pytest

from meterhouse.export.formulas import as_text


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1+1", "-", "-1.5.", "-.5", "--1", "-1 ", "-1\n", "-٣", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://a","b")']
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell: str):
    assert as_text(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "-1", "-1.5", "-0.000000000001", "1=1", "'=1", "a-b", "#x", " =1", "proj_abc", "gpt-4o, input"])
def test_anything_else_stays_as_it_is(cell: str):
    assert as_text(cell) == cell
