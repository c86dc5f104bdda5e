"""The five sentences: each says what the rows say, what is unknown is said to be so, and nothing is made up of what is empty."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from meterhouse.answers.answer import State
from meterhouse.answers.causes import cause
from meterhouse.answers.driver import driver
from meterhouse.answers.five import five_answers
from meterhouse.answers.forecast import forecast
from meterhouse.answers.month_to_date import month_to_date
from meterhouse.answers.odd_days import odd_days
from meterhouse.answers.rows import EFFECTS, AnswerRows, ForecastMiss

from .answer_rows import BUDGET, CHANGE, FORECAST, LOADED, MONTH, OCTOBER, ODD, said


def test_nothing_loaded_is_five_sentences_that_say_so() -> None:
    found = five_answers(AnswerRows())
    assert [one.sentence for one in found] == [
        "No costs are loaded yet.",
        "There is no forecast yet.",
        "What changed is not known yet.",
        "No day could be judged, as none is final yet.",
        "No costs are loaded yet.",
    ]
    assert {one.state for one in found} == {State.UNKNOWN}
    assert {one.value for one in found} == {"—"}


def test_views_that_a_role_may_not_see_are_not_spoken_of() -> None:
    hidden = AnswerRows(None, (MONTH,), None, None, None, None, None, (LOADED,), None, None, None)
    sentences = [one.sentence for one in five_answers(hidden)]
    assert sentences[0].startswith("November 2026 cost $2,319.11")
    assert sentences[3:] == [
        "Unusual days cannot be seen with this role.",
        "Invoices and checks are not shown here; final through 28 Nov 2026.",
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "November 2026 cost $2,319.11 through 28 Nov 2026, 12.1% more (+$250.11) than the same days of October."),
        (
            {"compared_cost": Decimal(2000), "compared_days": 27},
            "November 2026 cost $2,319.11 through 28 Nov 2026, 3.3% less (\u2212$69.00) than the same days of October (27 days compared).",
        ),
        (
            {"settled_days": 30, "compared_days": 30, "settled_through_date": date(2026, 11, 30)},
            "November 2026 cost $2,319.11 through 30 Nov 2026, 12.1% more (+$250.11) than the whole of October;"
            " November has a day fewer: 15.8% more per day.",
        ),
        (
            {"previous_compared_cost": Decimal("2319.11")},
            "November 2026 cost $2,319.11 through 28 Nov 2026, as much as the same days of October.",
        ),
        (
            {"previous_compared_cost": Decimal(0)},
            "November 2026 cost $2,319.11 through 28 Nov 2026, with nothing billed on the same days of October.",
        ),
        (
            {"previous_compared_cost": None},
            "November 2026 cost $2,319.11 through 28 Nov 2026, not compared: an amount of October is unknown.",
        ),
        (
            {"compared_days": 0, "compared_cost": None, "previous_compared_cost": None},
            "November 2026 cost $2,319.11 through 28 Nov 2026, not compared: no final day has a final counterpart in October.",
        ),
        (
            {"settled_days": 26, "compared_days": 26},
            "November 2026 cost $2,319.11 through 28 Nov 2026 (26 final days of 28), 12.1% more (+$250.11) than the same days of October.",
        ),
        ({"settled_cost": None}, "The cost of November 2026 is not known, as the vendor left out an amount."),
        ({"settled_days": 0, "settled_cost": None}, "No day of November 2026 is final yet; October 2026 cost $2,819.40."),
        ({"settled_days": 0, "settled_cost": None, "previous_month_cost": None}, "No day of November 2026 is final yet."),
    ],
)
def test_the_month_to_date(changes: dict[str, Any], sentence: str) -> None:
    assert said(month_to_date, month_to_date=(replace(MONTH, **changes),)) == sentence


def test_organizations_are_added_up_and_one_that_is_behind_is_named() -> None:
    labs = replace(
        MONTH, organization="labs", settled_cost=Decimal("0.89"), compared_cost=Decimal("0.89"), previous_compared_cost=Decimal(1)
    )
    assert said(month_to_date, month_to_date=(MONTH, labs)) == (
        "November 2026 cost $2,320.00 through 28 Nov 2026, 12.1% more (+$250.00) than the same days of October."
    )
    late = replace(labs, month_start=OCTOBER)
    assert said(month_to_date, month_to_date=(MONTH, late)).endswith("October, without labs, which has no costs loaded of this month.")
    early = replace(labs, settled_through_date=date(2026, 11, 27))
    assert "through 27 Nov 2026 to 28 Nov 2026, which differs by organization" in said(month_to_date, month_to_date=(MONTH, early))


def test_two_currencies_are_never_in_one_number() -> None:
    euros = replace(MONTH, currency="eur", settled_cost=Decimal(5))
    rows = AnswerRows(month_to_date=(euros, MONTH))
    assert rows.currency == "usd"
    assert month_to_date(rows, "usd").value == "$2,319.11"
    assert month_to_date(rows, "eur").value == "5.00 EUR"


def test_the_forecast_says_its_range_the_month_before_and_the_budget() -> None:
    assert said(forecast, forecasts=(FORECAST,), budgets=(BUDGET,)) == (
        "November 2026 is expected to cost $2,490.20, between $2,460.00 and $2,520.00 (such ranges were right in 83.3% of earlier cases),"
        " 11.7% less (\u2212$329.20) than October; November has a day fewer: 8.7% less per day; within the budget of $3,000.00."
    )
    assert said(forecast, forecasts=(FORECAST,)).endswith("less per day; no budget is set.")
    of_projects = said(forecast, forecasts=(FORECAST,), is_of_projects=True)
    assert of_projects.endswith("less per day; no budget is set for these projects.")


@pytest.mark.parametrize(
    ("state", "passes", "words"),
    [
        ("on_track", None, "within the budget of $3,000.00"),
        ("at_risk", None, "the budget of $3,000.00 is at risk"),
        ("will_exceed", date(2026, 11, 29), "above the budget of $3,000.00, which it will pass on 29 Nov 2026"),
        ("exceeded", None, "the budget of $3,000.00 is exceeded"),
        ("unknown", None, "whether the budget of $3,000.00 will do is not known"),
    ],
)
def test_the_state_of_the_budget_is_the_views(state: str, passes: date | None, words: str) -> None:
    answer = forecast(AnswerRows(forecasts=(FORECAST,), budgets=(replace(BUDGET, state=state, passes_on_date=passes),)), "usd")
    assert answer.sentence.endswith(f"; {words}.")
    assert (answer.state is State.ATTENTION) == (state in {"at_risk", "will_exceed", "exceeded"})


def test_budgets_of_parts_are_counted_and_those_at_risk_are_named() -> None:
    search = replace(
        BUDGET, budget="Search", scope_kind="team", scope_name="Search", state="will_exceed", passes_on_date=date(2026, 11, 29)
    )
    voice = replace(BUDGET, budget="Voice", scope_kind="project", scope_name="Voice Line")
    assert said(forecast, forecasts=(FORECAST,), budgets=(BUDGET, search, voice)).endswith(
        "within the budget of $3,000.00; 1 of 2 other budgets: “Search” will be exceeded on 29 Nov 2026."
    )
    assert said(forecast, forecasts=(FORECAST,), budgets=(BUDGET, search)).endswith(
        "within the budget of $3,000.00; the budget “Search” will be exceeded on 29 Nov 2026."
    )
    assert said(forecast, forecasts=(FORECAST,), budgets=(voice,)).endswith("; 1 budget, none at risk.")
    assert said(forecast, forecasts=(), budgets=(BUDGET,)) == "There is no forecast yet; within the budget of $3,000.00."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"previous_month_cost": Decimal(2500)},
            "0.4% less (\u2212$9.80) than October, a difference within the range of the forecast;"
            " November has a day fewer: 2.9% more per day",
        ),
        (
            {"previous_month_cost": Decimal(2460)},
            "1.2% more (+$30.20) than October, a difference within the range of the forecast; November has a day fewer: 4.6% more per day",
        ),
        ({"previous_month_cost": Decimal("2490.20")}, "of earlier cases), as much as October; November has a day fewer: 3.3% more per day"),
        ({"previous_month_cost": Decimal("2459.99")}, "1.2% more (+$30.21) than October; November has a day fewer: 4.6% more per day"),
        (
            {"previous_month_cost": Decimal(2500), "low_cost": None},
            "0.4% less (\u2212$9.80) than October; November has a day fewer: 2.9% more per day",
        ),
        ({"month_start": date(2026, 12, 1)}, "than November; December has a day more: 14.5% less per day"),
        ({"month_start": date(2026, 8, 1)}, "11.7% less (\u2212$329.20) than July"),
        ({"month_start": date(2026, 3, 1)}, "than February; March has 3 days more: 20.2% less per day"),
        ({"month_start": date(2028, 2, 1)}, "than January; February has 2 days fewer: 5.6% less per day"),
        ({"previous_month_cost": None}, "of earlier cases)"),
    ],
)
def test_a_difference_from_the_month_before_is_always_said_and_whether_it_is_within_the_range(changes: dict[str, Any], words: str) -> None:
    assert said(forecast, forecasts=(replace(FORECAST, **changes),), budgets=None).endswith(f"{words}.")


def test_a_forecast_that_cannot_be_made_says_why_and_several_have_no_range() -> None:
    none = replace(FORECAST, expected_cost=None, low_cost=None, high_cost=None, reason="amount_missing")
    assert said(forecast, forecasts=(none,), budgets=None) == "There is no forecast yet: an amount is unknown."
    assert said(forecast, forecasts=(FORECAST, none), budgets=None) == "There is no forecast yet: an amount is unknown."
    both = said(forecast, forecasts=(FORECAST, replace(FORECAST, organization="labs")), budgets=None)
    assert (
        both == "November 2026 is expected to cost $4,980.40, 11.7% less (\u2212$658.40) than October;"
        " November has a day fewer: 8.7% less per day."
    )


def test_a_month_that_is_over_is_compared_with_its_budget_and_its_forecast() -> None:
    miss = ForecastMiss(OCTOBER, "acme", date(2026, 10, 16), "organization", "", "usd", Decimal(2900), Decimal("2819.40"), 15)
    late = replace(miss, as_of_date=date(2026, 10, 30), days_left=1, expected_cost=Decimal(2820))
    kept = replace(BUDGET, period_start=OCTOBER, used_share=Decimal("0.9398"))
    assert said(forecast, month=OCTOBER, budgets=(kept,), forecast_misses=(miss, late)) == (
        "For October 2026 the budget was kept: 94.0% of $3,000.00; the forecast of 16 Oct 2026, $2,900.00, was 2.9% too high."
    )
    over = replace(kept, state="exceeded", used_share=Decimal("1.2"))
    answer = forecast(AnswerRows(OCTOBER, budgets=(over, kept)), "usd")
    assert answer.sentence == "For October 2026 1 of 2 budgets was exceeded: “All of acme” (120.0% of $3,000.00)."
    assert (answer.value, answer.state) == ("1 budget exceeded", State.ATTENTION)
    assert said(forecast, month=OCTOBER) == "October 2026 had no budget, and no forecast to compare it with."
    # A forecast of only one of two organizations is not one of both.
    labs = replace(late, organization="labs")
    assert said(forecast, month=OCTOBER, forecast_misses=(miss, labs)) == "October 2026 had no budget, and no forecast to compare it with."


def test_the_driver_is_the_largest_change_in_the_direction_of_the_whole() -> None:
    voice = replace(CHANGE, volume_effect=Decimal(100), price_effect=Decimal(30))
    intake = replace(CHANGE, member_id="proj_2", member_name="Intake", change_cost=Decimal(-20), gone_cost=Decimal(-20))
    assert said(driver, changes=(voice, intake)) == (
        "Project “Voice Line” drives the change most, 1\u201328 Nov compared with 1\u201328 Oct 2026: +$130.00,"
        " more than the whole change of +$110.00;"
        " it comes from more usage (+$100.00) and higher unit prices (+$30.00); then “Intake” \u2212$20.00."
    )
    smaller = replace(voice, change_cost=Decimal(15), volume_effect=Decimal(15), price_effect=Decimal(0))
    many = [replace(smaller, member_id=f"proj_{number}", member_name=f"P{number}") for number in range(3, 6)]
    assert said(driver, changes=(smaller, intake, *many)).endswith(
        "+$15.00, 37.5% of the whole change of +$40.00;"
        " all of it comes from more usage; then “Intake” \u2212$20.00, “P3” +$15.00 and 2 others +$30.00."
    )


def test_a_second_driver_that_is_as_good_as_equal_is_said_to_be_close() -> None:
    first, second, third = (
        replace(CHANGE, member_id=name, member_name=name, change_cost=Decimal(amount))
        for name, amount in (("A", "26.80"), ("B", "26.72"), ("C", "-23.87"))
    )
    assert said(driver, changes=(first, second, third)).endswith("; closely followed by “B” +$26.72; then “C” \u2212$23.87.")
    far, opposite = replace(second, change_cost=Decimal("25.40")), replace(second, change_cost=Decimal("-26.79"))
    assert "; then “B” +$25.40" in said(driver, changes=(first, far, third))
    assert "; then “B” \u2212$26.79" in said(driver, changes=(first, opposite, replace(third, change_cost=Decimal(24))))


def test_a_month_to_date_that_ends_before_the_last_loaded_day_says_why() -> None:
    row = replace(MONTH, loaded_through_date=date(2026, 11, 30))
    assert said(month_to_date, month_to_date=(row,)).endswith("of October; 29\u201330 Nov are not final yet and are left out.")
    one = replace(MONTH, loaded_through_date=date(2026, 11, 29))
    assert said(month_to_date, month_to_date=(one,)).endswith("of October; 29 Nov is not final yet and is left out.")
    assert said(month_to_date, month_to_date=(replace(MONTH, loaded_through_date=date(2026, 11, 28)),)).endswith("of October.")


def test_what_cannot_be_compared_gives_way_to_the_week_and_then_says_why() -> None:
    no_month = replace(CHANGE, is_comparable=False, reason="nothing_to_compare")
    week = replace(CHANGE, comparison="week", change_cost=Decimal(7), volume_effect=Decimal(7), period_first_date=date(2026, 11, 22))
    week = replace(week, previous_first_date=date(2026, 11, 15), previous_last_date=date(2026, 11, 21))
    assert "22\u201328 Nov compared with 15\u201321 Nov 2026: +$7.00, which is the whole change" in said(driver, changes=(no_month, week))
    assert said(driver, changes=(no_month,)) == "What changed is not known yet: there are no final days to compare."
    # The 31st has no counterpart, and the other days have.
    fewer = replace(CHANGE, is_comparable=False, reason="days_left_out", volume_effect=Decimal(130))
    assert said(driver, changes=(fewer,)).startswith(
        "Project “Voice Line” drives the change most, 1\u201328 Nov compared with 1\u201328 Oct 2026: +$130.00"
    )
    assert (
        said(driver, changes=(replace(CHANGE, change_cost=Decimal(0)),))
        == said(driver, changes=(replace(CHANGE, change_cost=Decimal("0.004")),))
        == "No project's cost changed, 1\u201328 Nov compared with 1\u201328 Oct 2026."
    )


def test_the_share_of_a_driver_is_that_of_the_whole_change_whatever_its_direction() -> None:
    less = replace(CHANGE, change_cost=Decimal(-60))
    rest = replace(CHANGE, member_id="proj_2", member_name="Intake", change_cost=Decimal(-40))
    answer = driver(AnswerRows(changes=(less, rest)), "usd")
    assert (
        answer.detail == "a project: 60.0% of the whole change of \u2212$100.00, 1\u201328 Nov compared with 1\u201328 Oct 2026;"
        " then “Intake” \u2212$40.00"
    )
    assert answer.value == "Voice Line \u2212$60.00"
    even = replace(rest, change_cost=Decimal(60))
    assert "while the whole cost as much as before" in said(driver, changes=(less, even))


def test_an_organization_of_one_project_is_driven_by_a_model() -> None:
    models = [
        replace(CHANGE, dimension="model", member_id=name, member_name=name, change_cost=Decimal(65)) for name in ("a-mini", "b-maxi")
    ]
    assert said(driver, changes=(CHANGE, *models)).startswith("Model “a-mini” drives")
    nameless = replace(CHANGE, member_id=None, member_name=None)
    assert said(driver, changes=(nameless,)).startswith("(no project) drives")


def test_unusual_days_are_named_with_what_was_expected() -> None:
    assert said(odd_days, odd_days=(ODD,), loaded_costs=(LOADED,)) == (
        "1 unusual day in the last 30 final days, 30 Oct \u2013 28 Nov 2026:"
        " project “Voice Line” on 21 Nov 2026 with $40.00 instead of the usual $12.00 (+$28.00)."
    )
    new = replace(ODD, kind="new_spender", expected_cost=None, series_name="Fresh")
    whole = replace(ODD, series_kind="organization", series_name=None, usage_date=date(2026, 11, 3))
    assert said(odd_days, odd_days=(new, ODD, whole), loaded_costs=(LOADED,)) == (
        "2 unusual days in the last 30 final days, 30 Oct \u2013 28 Nov 2026: project “Fresh” new on 21 Nov 2026 with $40.00,"
        " project “Voice Line” on 21 Nov 2026 with $40.00 instead of the usual $12.00 (+$28.00) and 1 more."
    )
    card = odd_days(AnswerRows(odd_days=(new, ODD, whole), loaded_costs=(LOADED,)), "usd")
    assert card.value == "2 days"
    assert card.detail == (
        "in the last 30 final days, 30 Oct \u2013 28 Nov 2026; 21 Nov 2026: project “Fresh” new with $40.00;"
        " 21 Nov 2026: project “Voice Line” with $40.00 instead of the usual $12.00 (+$28.00); 1 more"
    )
    key = replace(ODD, series_kind="api_key", series_name="batch")
    assert "API key “batch” on 21 Nov" in said(odd_days, odd_days=(key,), loaded_costs=(LOADED,))
    assert ": organization “acme” on 3 Nov" in said(odd_days, odd_days=(whole,), loaded_costs=(LOADED,))
    assert said(odd_days, loaded_costs=(LOADED,)) == "No day was unusual in the last 30 final days, 30 Oct \u2013 28 Nov 2026."
    assert said(odd_days, month=OCTOBER, loaded_costs=(LOADED,)) == "No day was unusual on 1\u201331 Oct 2026."


def test_an_unusual_day_of_a_key_says_whose_it_is_and_how_that_stands_to_the_largest_driver() -> None:
    key = replace(
        ODD, series_kind="api_key", series_key="key_1", series_name="batch jobs 43", project_id="proj_1", project_name="Voice Line"
    )
    other = replace(CHANGE, member_id="proj_2", member_name="Intake", change_cost=Decimal(140))
    rows = AnswerRows(odd_days=(key,), loaded_costs=(LOADED,), changes=(CHANGE, other))
    assert odd_days(rows, "usd").detail.endswith(
        "; part of project “Voice Line”, whose whole change is +$130.00; not part of the largest driver"
    )
    assert odd_days(replace(rows, changes=(CHANGE,)), "usd").sentence.endswith("; part of project “Voice Line”, the largest driver.")
    assert odd_days(replace(rows, changes=()), "usd").sentence.endswith("; part of project “Voice Line”.")
    both = replace(rows, changes=(), odd_days=(key, replace(key, series_key="key_2", series_name="nightly")))
    assert odd_days(both, "usd").sentence.endswith("; “batch jobs 43” and “nightly” are part of project “Voice Line”.")
    # A key that the vendor names no project of.
    assert odd_days(replace(rows, odd_days=(replace(key, project_id=None, project_name=None),)), "usd").sentence.endswith("(+$28.00).")


def test_every_part_of_a_change_is_a_clause_in_both_directions() -> None:
    for name in EFFECTS:
        for sign in (1, -1):
            parts = dict.fromkeys(EFFECTS, Decimal(0)) | {name: Decimal(130 * sign)}
            change = replace(CHANGE, change_cost=Decimal(130 * sign), **parts)
            assert said(driver, changes=(change,)).endswith(f"all of it comes from {cause(name, Decimal(sign))}.")
