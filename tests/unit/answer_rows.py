"""Rows of an invented month, one of each view that the answers are read from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from meterhouse.answers.rows import (
    EFFECTS,
    AnswerRows,
    Budget,
    Change,
    CheckResult,
    LoadedCosts,
    MonthForecast,
    MonthToDate,
    OddDay,
    TieOut,
)

NOVEMBER, OCTOBER = date(2026, 11, 1), date(2026, 10, 1)
MONTH = MonthToDate(
    NOVEMBER, "acme", "usd", Decimal("2319.11"), Decimal("2319.11"), Decimal("2069"), Decimal("2819.40"), date(2026, 11, 28), 30, 28, 28, 28
)
FORECAST = MonthForecast(
    NOVEMBER, "acme", date(2026, 11, 28), "organization", "", "usd", Decimal("2319.11"), Decimal("2490.20"), Decimal(2460), Decimal(2520),
    Decimal("2819.40"), 12, Decimal("0.833333"), 2, None,
)  # fmt: skip
BUDGET = Budget(
    NOVEMBER, "acme", "All of acme", "organization", "acme", "usd", "month", date(2026, 11, 30), Decimal(3000), Decimal("2319.11"),
    Decimal("0.773037"), Decimal("2490.20"), None, "on_track",
)  # fmt: skip
CHANGE = Change(
    comparison="month_to_date", organization="acme", dimension="project", member_id="proj_1", member_name="Voice Line", currency="usd",
    period_first_date=NOVEMBER, period_last_date=date(2026, 11, 28), previous_first_date=OCTOBER, previous_last_date=date(2026, 10, 28),
    days=28, previous_days=28, previous_cost=Decimal(300), cost=Decimal(430), change_cost=Decimal(130), is_comparable=True, reason=None,
    **dict.fromkeys(EFFECTS, Decimal(0)),
)  # fmt: skip
ODD = OddDay(
    date(2026, 11, 21), "acme", "project", "proj_1", "Voice Line", "usd", Decimal(40), Decimal(12), Decimal(28), "spike", "new", None
)
LOADED = LoadedCosts("acme", None, None, date(2026, 11, 28), 300, 0)
TIED = TieOut(OCTOBER, "acme", "usd", Decimal(10), Decimal(10), Decimal(0), "tied", None, is_complete=True)
FINE = CheckResult("freshness", "fail", is_ok=True, finding_count=0, checked_at_utc=datetime(2026, 11, 29))  # noqa: DTZ001  # UTC, as the view has it
EVERY_ROW = AnswerRows(
    month_to_date=(MONTH,),
    forecasts=(FORECAST,),
    budgets=(BUDGET,),
    changes=(CHANGE,),
    odd_days=(ODD,),
    loaded_costs=(LOADED,),
    tie_outs=(TIED,),
    check_results=(FINE,),
)

Answering = Callable[[AnswerRows, str], Any]


def said(answer: Answering, **rows: Any) -> str:
    return str(answer(AnswerRows(**rows), "usd").sentence)
