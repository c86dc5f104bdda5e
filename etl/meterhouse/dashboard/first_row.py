"""The first row of the page: the five answers, and what they are of. Pure."""

from __future__ import annotations

from html import escape

from meterhouse.answers.answer import Answer, State
from meterhouse.answers.five import five_answers
from meterhouse.dashboard.sections import SECTIONS
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.words import WORDS_TITLE

# Where the figures behind an answer are on the page.
PANELS = {"month_to_date": "months", "forecast": "months", "driver": "drivers", "odd_days": "cost_per_day", "trust": "months"}
_NOT_FOLLOWED = {"models": "model", "api_keys": "API key", "users": "user"}


def first_row(snapshot: Snapshot) -> list[Answer]:
    """Return the answers in the currency of the page."""
    return five_answers(snapshot.answers, snapshot.currency)


def scope_words(snapshot: Snapshot) -> str:
    """Return which of the chosen filters the answers do not follow; nothing where they follow all of them."""
    names = [name for dimension, name in _NOT_FOLLOWED.items() if getattr(snapshot.filters, dimension)]
    if not names:
        return ""
    of = "the chosen projects" if snapshot.filters.projects else "everything that is loaded"
    return f"This row is of {of}, whichever days are chosen: it does not follow the filter for {' or '.join(names)}."


def state_words(answer: Answer) -> str:
    """Return what the colour of a card says, for readers who do not see it; nothing for a plain one."""
    return {State.ATTENTION: "Needs attention", State.UNKNOWN: "Not known"}.get(answer.state, "")


def first_row_html(snapshot: Snapshot) -> str:
    """Return the row for the picture of the page."""
    cards = "".join(
        f'<div class="answer {one.state}"><dt>{escape(one.label)}</dt><dd class="value">{escape(one.value)}</dd>'
        f'<dd class="detail">{escape(one.detail)}</dd></div>'
        for one in first_row(snapshot)
    )
    return f'<section><dl class="answers">{cards}</dl>{_scope(scope_words(snapshot))}</section>'


def _scope(words: str) -> str:
    return f'<p class="scope">{escape(words)}</p>' if words else ""


def places_html() -> str:
    """Return the ways to the sections for the picture of the page."""
    names = "".join(f"<li><a>{escape(name)}</a></li>" for name in (*(name for _, name, _ in SECTIONS), WORDS_TITLE))
    return f'<nav class="contents"><ul>{names}</ul></nav>'
