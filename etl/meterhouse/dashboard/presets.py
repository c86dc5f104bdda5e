"""Spans of days that a button names, and which of them is chosen. Pure."""

from __future__ import annotations

from datetime import date, timedelta

PRESETS = {"days-7": "7 days", "days-30": "30 days", "this-month": "This month", "last-month": "Last month", "days-365": "12 months"}


def preset(name: str, today: date) -> tuple[date, date]:
    """Return the first and the last day of a span that a button names."""
    if name == "this-month":
        return today.replace(day=1), today
    if name == "last-month":
        last = today.replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last
    return today - timedelta(days=int(name.removeprefix("days-")) - 1), today


def spans(today: date) -> dict[str, list[str]]:
    """Return the first and the last day of every button, as the browser sets them."""
    return {name: [str(day) for day in preset(name, today)] for name in PRESETS}


def chosen_preset(first: date, last: date, today: date) -> str:
    """Return the name of the button that these days are those of; nothing if there is none."""
    return next((name for name in PRESETS if preset(name, today) == (first, last)), "")
