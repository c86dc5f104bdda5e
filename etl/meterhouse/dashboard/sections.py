"""The order of the page and of the report: trend, changes, who spent what, what was used, what was saved, invoices. Pure."""

from __future__ import annotations

SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("trend", "Trend", ("cost_per_day", "tokens_over_time", "requests_over_time")),
    ("changed", "What changed, and why", ("drivers",)),
    (
        "spend",
        "Who spent what",
        (
            "cost_over_time_by_model",
            "cost_by_project",
            "cost_by_api_key",
            "cost_by_user",
            "cost_by_team",
            "cost_by_category",
            "cost_by_line_item",
        ),
    ),
    (
        "usage",
        "What was used, and by whom",
        ("requests_by_model", "requests_by_project", "requests_by_small_project", "usage_by_api_key", "usage_by_user"),
    ),
    ("waste", "What was saved, and where waste may be", ("savings", "cached_by_model", "batch_by_model")),
    ("invoice", "Does it match the invoice?", ("months",)),
)
FOOTNOTE = (
    "Days are UTC days, as the vendor counts and bills them. Totals are exact sums, rounded once; each table cell is rounded "
    "separately, and the CSV has every digit. A dash means unknown, never zero."
)
