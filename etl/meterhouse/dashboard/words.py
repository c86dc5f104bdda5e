"""The words of the page that people from finance and from engineering use differently, and what they mean here. Pure."""

from __future__ import annotations

WORDS_TITLE = "What the words mean"
WORDS = {
    "Billed cost": "What the vendor charges, as it reports it per UTC day: before tax, after discounts. Invoices are compared with it.",
    "Final": "A day that was read again long enough after its end that the vendor has stopped adding to it. Only final days are compared."
    " The views and their columns call it settled.",
    "Month to date": "The final days of the month so far, as an accrual; compared with the same days of the month before.",
    "Forecast": "What the whole month is expected to cost, with a range from how far off it was in past weeks. Not a commitment.",
    "Budget": "An amount that you set for a month, a quarter or a year; the vendor's own limits are something else.",
    "Driver": "A project, model, key, user or line item that a change in cost comes from. All drivers add up to the change.",
    "Unusual day": "A final day whose cost is far from what was to be expected of that weekday, by a fixed rule: docs/answers.md has it.",
    "Allocated": "Cost that was found to be caused by a user or a key, where the bill names only a project.",
    "Line item": "A line of the vendor's bill, such as input tokens of one model.",
    "Ties": "The invoice and the bill agree, apart from what is known: tax, credits, rounding.",
}
