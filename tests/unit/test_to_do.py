"""What is to be done: each task comes from rows that ask for it, none from what a reader may not see, and every page is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from meterhouse.answers.answer import State
from meterhouse.answers.five import five_answers
from meterhouse.answers.rows import AnswerRows, Budget
from meterhouse.answers.to_do import to_do, to_do_sentence, to_do_words

from .answer_rows import BUDGET, EVERY_ROW, FINE, LOADED, NOVEMBER, OCTOBER, ODD, TIED

ROOT = Path(__file__).resolve().parents[2]
CALM = replace(EVERY_ROW, odd_days=())
MISMATCH = replace(TIED, state="mismatch", state_reason="the invoice is 12.00 higher than what explains it")
WARNS = replace(FINE, check_name="price_drift", severity="warn", is_ok=False, finding_count=23)
NO_INVOICE = replace(TIED, state="no_invoice", invoiced=None, unexplained=None)


def words(**changes: Any) -> str:
    return to_do_words(to_do(replace(CALM, **changes)))


def over(name: str, state: str = "exceeded") -> Budget:
    return replace(BUDGET, budget=name, state=state, passes_on_date=date(2026, 11, 29))


def test_where_all_is_well_nothing_is_to_be_done() -> None:
    assert words() == "Nothing needs your attention"
    assert to_do_sentence(to_do(CALM)) == "Nothing needs your attention."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"budgets": ()}, "set a budget"),
        ({"budgets": (over("Search"),)}, "look into the budget “Search”, which is exceeded"),
        ({"budgets": (over("Search", "will_exceed"),)}, "look into the budget “Search”, which will be exceeded on 29 Nov 2026"),
        ({"budgets": (over("Search", "at_risk"), BUDGET)}, "look into the budget “Search”, which is at risk"),
        (
            {"budgets": (over("A"), over("B", "at_risk"), over("C"))},
            "look into 3 budgets: “A” is exceeded, “B” is at risk and 1 more",
        ),
        ({"odd_days": (ODD,)}, "look into the unusual day of 21 Nov 2026"),
        ({"odd_days": (ODD, replace(ODD, series_name="Intake"))}, "look into the unusual day of 21 Nov 2026"),
        ({"odd_days": (ODD, replace(ODD, usage_date=date(2026, 11, 3)))}, "look into 2 unusual days"),
        ({"tie_outs": (NO_INVOICE,)}, "compare the invoice of October 2026"),
        ({"tie_outs": (replace(NO_INVOICE, billed=None),)}, "compare the invoice of October 2026"),
        ({"tie_outs": (MISMATCH,)}, "find out why the invoice of October 2026 does not tie"),
        (
            {"tie_outs": (NO_INVOICE, replace(MISMATCH, organization="labs"))},
            "compare the invoice of October 2026 (acme); find out why the invoice of October 2026 (labs) does not tie",
        ),
        ({"loaded_costs": (replace(LOADED, missing_bucket_count=2),)}, "load 2 missing days of costs"),
        ({"loaded_costs": (LOADED, replace(LOADED, organization="labs", settled_through_date=None))}, "wait until the first day is final"),
        ({"check_results": ()}, "run the checks for the first time"),
        ({"check_results": (replace(FINE, is_ok=False, check_name="set_aside", finding_count=3),)}, "look into 3 rows that cannot be read"),
        (
            {"check_results": tuple(replace(FINE, is_ok=False, check_name=name) for name in ("set_aside", "freshness"))},
            "see why 2 checks fail",
        ),
        ({"check_results": (FINE, WARNS)}, "look into 23 unexpected unit prices"),
        ({"check_results": (replace(WARNS, check_name="unknown_units", finding_count=1),)}, "look into 1 unknown unit on the bill"),
        (
            {"check_results": (WARNS, *(replace(WARNS, check_name=name) for name in ("unknown_units", "usage_without_cost")))},
            "look into 23 unexpected unit prices; see why 2 checks warn",
        ),
        ({"loaded_costs": ()}, "load the costs"),
    ],
)
def test_each_row_that_asks_for_something_is_a_task(changes: dict[str, Any], said: str) -> None:
    assert words(**changes) == f"To do: {said}"


@pytest.mark.parametrize(
    "changes",
    [
        {"budgets": None},
        {"budgets": (), "is_of_projects": True},
        {"odd_days": None},
        {"tie_outs": None},
        {"check_results": None},
        # An invoice about nothing does not come, and one of a month that is not final is not compared yet.
        {"tie_outs": (replace(NO_INVOICE, billed=Decimal(0)),)},
        {"tie_outs": (replace(TIED, state="open", is_complete=False),)},
        # The newest final month counts.
        {"tie_outs": (TIED, replace(MISMATCH, month_start=date(2026, 9, 1)))},
        # An unusual day is a task of its own, and one that lies back further or is planned is none.
        {"check_results": (FINE, replace(WARNS, check_name="cost_anomalies"))},
    ],
)
def test_what_cannot_be_seen_or_asks_for_nothing_is_no_task(changes: dict[str, Any]) -> None:
    assert words(**changes) == "Nothing needs your attention"


def test_the_most_urgent_task_comes_first_and_a_mail_names_their_pages() -> None:
    checks = (replace(FINE, is_ok=False), WARNS)
    found = to_do(replace(CALM, budgets=(), odd_days=(ODD,), tie_outs=(NO_INVOICE,), check_results=checks))
    assert [one.key for one in found] == ["odd_days", "invoice", "checks", "prices", "budget"]
    assert to_do_sentence(found[1:2] + found[-1:]) == (
        "To do: compare the invoice of October 2026 (docs/invoices.md); set a budget (docs/budgets.md)."
    )
    # A budget that is exceeded does not wait.
    assert [one.key for one in to_do(replace(CALM, budgets=(over("Search"),), odd_days=(ODD,)))] == ["budget", "odd_days"]


def test_the_command_of_a_task_is_in_its_words() -> None:
    for one in (one for rows in every_kind_of_rows() for one in to_do(rows)):
        assert "".join(one.explained) == f"{one.how} See {one.page}."
        assert one.command in one.how
        assert ("meterhouse " in one.how) == bool(one.command)


def test_a_day_that_is_missing_is_one_task_and_not_a_failed_check_as_well() -> None:
    failed = (replace(FINE, check_name="coverage_gaps", is_ok=False, finding_count=1),)
    missing = (replace(LOADED, missing_bucket_count=1),)
    assert words(loaded_costs=missing, check_results=failed) == "To do: load 1 missing day of costs"
    assert words(check_results=failed) == "To do: look into 1 gap in what is loaded"


def test_a_month_that_is_over_asks_for_what_is_left_of_it() -> None:
    past = {"month": OCTOBER, "loaded_costs": (LOADED,)}
    assert words(**past, budgets=(over("Search", "at_risk"),)) == "Nothing needs your attention"
    assert words(**past, budgets=(over("Search"),)) == "To do: look into the budget “Search”, which is exceeded"
    assert words(**past, budgets=()) == "Nothing needs your attention"
    assert (
        words(**past, tie_outs=(replace(MISMATCH, month_start=date(2026, 9, 1)), NO_INVOICE))
        == "To do: compare the invoice of October 2026"
    )
    assert words(month=NOVEMBER) == "To do: wait until November 2026 is final"


def every_kind_of_rows() -> Iterator[AnswerRows]:
    """Every combination of what may be absent, well or wrong."""
    months: tuple[date | None, ...] = (None, OCTOBER, NOVEMBER)
    budgets = (None, (), (BUDGET,), (over("Search"),), (over("Search", "at_risk"),))
    odd, ties = (None, (), (ODD,)), (None, (), (TIED,), (MISMATCH,), (NO_INVOICE,))
    loaded = ((), (LOADED,), (replace(LOADED, missing_bucket_count=1),), (replace(LOADED, settled_through_date=None),))
    checks = (None, (), (FINE,), (replace(FINE, is_ok=False),), (WARNS,), (replace(WARNS, check_name="cost_anomalies"),))
    for month, budget, days, tie, load, check in product(months, budgets, odd, ties, loaded, checks):
        yield replace(EVERY_ROW, month=month, budgets=budget, odd_days=days, tie_outs=tie, loaded_costs=load, check_results=check)


def test_an_answer_that_needs_attention_never_comes_with_the_word_that_nothing_does() -> None:
    seen = set()
    for rows in every_kind_of_rows():
        tasks = to_do(rows)
        if not tasks:
            assert [one.label for one in five_answers(rows) if one.state is State.ATTENTION] == []
        seen |= {(one.key, one.page) for one in tasks}
    assert {key for key, _ in seen} == {"load", "budget", "odd_days", "invoice", "days", "final", "checks", "prices"}
    for _, page in seen:
        name, _, place = page.partition("#")
        headings = [line.lstrip("# ").lower().replace(",", "").replace(" ", "-") for line in (ROOT / name).read_text().splitlines()]
        assert not place or place in headings, page
