"""The five answers of the first page, in their order: spent, expected, driven by, unusual, relied on. Pure."""

from __future__ import annotations

from meterhouse.answers.answer import Answer
from meterhouse.answers.driver import driver
from meterhouse.answers.forecast import forecast
from meterhouse.answers.month_to_date import month_to_date
from meterhouse.answers.odd_days import odd_days
from meterhouse.answers.rows import AnswerRows
from meterhouse.answers.trust import trust


def five_answers(rows: AnswerRows, currency: str | None = None) -> list[Answer]:
    """Return the answers in one currency: the chosen one, or that of the rows. What is empty or unknown says so."""
    code = rows.currency if currency is None else currency
    return [month_to_date(rows, code), forecast(rows, code), driver(rows, code), odd_days(rows, code), trust(rows)]
