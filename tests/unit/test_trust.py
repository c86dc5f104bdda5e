"""Can I rely on this? What was checked and what was not, in the words of the first row."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from meterhouse.answers.answer import State
from meterhouse.answers.findings import findings
from meterhouse.answers.rows import AnswerRows
from meterhouse.answers.trust import trust
from meterhouse.checks.warehouse_checks import checks

from .answer_rows import FINE, LOADED, NOVEMBER, TIED, said


def test_trust_says_through_which_day_which_month_ties_and_which_checks_fail() -> None:
    assert said(lambda rows, _: trust(rows), loaded_costs=(LOADED,), tie_outs=(TIED,), check_results=(FINE,)) == (
        "You can rely on these figures: final through 28 Nov 2026; October 2026 ties to the invoice; every check passes."
    )
    warns = replace(FINE, check_name="price_drift", severity="warn", is_ok=False, finding_count=2)
    answer = trust(AnswerRows(loaded_costs=(LOADED,), check_results=(FINE, warns)))
    assert answer.sentence == (
        "Mostly: no invoice compared; final through 28 Nov 2026; no check fails, 1 check warns:"
        " 2 unit prices that differ from the contract, list or earlier price."
    )
    assert (answer.value, answer.state) == ("Mostly: no invoice compared", State.ATTENTION)
    tied = trust(AnswerRows(loaded_costs=(LOADED,), tie_outs=(TIED,), check_results=(FINE, warns)))
    assert (tied.value, tied.state) == ("Mostly: 1 check warns", State.ATTENTION)
    # An unusual day has an answer of its own, and is no reason against the figures.
    odd = replace(warns, check_name="cost_anomalies")
    assert trust(AnswerRows(loaded_costs=(LOADED,), tie_outs=(TIED,), check_results=(FINE, odd))).sentence == (
        "You can rely on these figures: final through 28 Nov 2026; October 2026 ties to the invoice; no check fails."
    )


@pytest.mark.parametrize(
    ("rows", "value", "detail"),
    [
        ({}, "Not yet: not checked, no invoice compared", "final through 28 Nov 2026"),
        ({"tie_outs": (TIED,)}, "Mostly: not checked", "final through 28 Nov 2026; October 2026 ties to the invoice"),
        ({"check_results": (FINE,)}, "Mostly: no invoice compared", "final through 28 Nov 2026; every check passes"),
        (
            {"check_results": (FINE,), "tie_outs": None},
            "Mostly: invoices are not shown here",
            "final through 28 Nov 2026; every check passes",
        ),
        (
            {"check_results": None, "tie_outs": (TIED,)},
            "Mostly: checks are not shown here",
            "final through 28 Nov 2026; October 2026 ties to the invoice",
        ),
        ({"check_results": (), "tie_outs": None}, "Not yet: not checked", "final through 28 Nov 2026"),
        ({"check_results": None, "tie_outs": None}, "Invoices and checks are not shown here", "final through 28 Nov 2026"),
    ],
)
def test_what_was_not_checked_is_said_where_a_reader_looks_first(rows: dict[str, Any], value: str, detail: str) -> None:
    answer = trust(AnswerRows(**{"loaded_costs": (LOADED,), **rows}))
    assert (answer.value, answer.detail) == (value, detail)
    assert answer.sentence == f"{value}; {detail}."


def test_findings_are_in_words_for_every_check_there_is() -> None:
    for check in checks():
        one, two = (replace(FINE, check_name=check.name, is_ok=False, finding_count=number) for number in (1, 2))
        assert findings([one]).startswith("1 "), check.name
        assert findings([two]).startswith("2 "), check.name
        assert findings([one])[2:] != findings([two])[2:], check.name
    assert findings([replace(FINE, check_name="of_tomorrow", finding_count=2)]) == "of tomorrow"
    late = replace(FINE, finding_count=1)
    assert findings([late] * 5) == f"{', '.join([findings([late])] * 3)} and 2 more"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"check_results": (replace(FINE, is_ok=False, finding_count=1),)}, "1 check fails: 1 source that is out of date"),
        (
            {"tie_outs": (replace(TIED, state="mismatch", state_reason="the invoice is 12.00 higher"),)},
            "October 2026 does not tie to the invoice: ",
        ),
        ({"loaded_costs": (replace(LOADED, missing_bucket_count=2),)}, "2 days of costs are missing"),
        ({"loaded_costs": (LOADED, replace(LOADED, organization="labs", settled_through_date=None))}, "no day is final yet"),
        ({"month": NOVEMBER}, "final through 28 Nov 2026; November 2026 was not compared with an invoice yet"),
    ],
)
def test_what_spoils_trust_is_said_first(rows: dict[str, Any], words: str) -> None:
    answer = trust(AnswerRows(**{"loaded_costs": (LOADED,), **rows}))
    assert answer.sentence.startswith("Read these figures with care: ")
    assert words in answer.sentence
    assert answer.state is State.ATTENTION


def test_the_newest_compared_month_counts_in_every_organization() -> None:
    wrong = replace(TIED, organization="labs", state="mismatch", state_reason="the invoice is 1.00 lower")
    older = replace(wrong, organization="acme", month_start=date(2026, 9, 1))
    assert "does not tie" in trust(AnswerRows(loaded_costs=(LOADED,), tie_outs=(TIED, wrong))).sentence
    assert "October 2026 ties" in trust(AnswerRows(loaded_costs=(LOADED,), tie_outs=(TIED, older))).sentence
    # A month that is still open was not compared.
    still_open = replace(TIED, month_start=NOVEMBER, state="open")
    assert "October 2026 ties" in trust(AnswerRows(loaded_costs=(LOADED,), tie_outs=(still_open, TIED))).sentence
