"""The first row of the page: the five answers, what is to be done, and which filters all of that follows. Pure."""

from __future__ import annotations

from html import escape

from meterhouse.answers.answer import Answer, State, capital
from meterhouse.answers.five import five_answers
from meterhouse.answers.to_do import ToDo, to_do, to_do_words
from meterhouse.answers.trust import LABEL as TRUST
from meterhouse.dashboard.sections import SECTIONS
from meterhouse.dashboard.snapshot import Snapshot
from meterhouse.dashboard.words import WORDS_TITLE

# Where the figures behind an answer are on the page.
PANELS = {"month_to_date": "months", "forecast": "months", "driver": "drivers", "odd_days": "cost_per_day", "trust": "months"}
_NOT_FOLLOWED = {"models": "model", "api_keys": "API key", "users": "user"}
FOLLOWED = (
    "The answers above always show the current month, whichever days are chosen. They follow the filters for organization and project;"
    f" “{TRUST}” is about whole organizations. Everything below follows every filter, unless it says otherwise."
)


def first_row(snapshot: Snapshot) -> list[Answer]:
    """Return the answers in the currency of the page."""
    return five_answers(snapshot.answers, snapshot.currency)


def tasks(snapshot: Snapshot) -> list[ToDo]:
    """Return what is to be done."""
    return to_do(snapshot.answers)


def tasks_words(snapshot: Snapshot) -> str:
    """Return what is to be done in one line, or that nothing is."""
    return to_do_words(tasks(snapshot))


def task_lines(snapshot: Snapshot) -> list[tuple[str, str, str]]:
    """Return what each task is, how it is done and which page says more: words, the command in them, and the words behind it."""
    lines = [(one, one.explained) for one in tasks(snapshot)]
    return [(f"{capital(one.what)}. {before}", command, behind) for one, (before, command, behind) in lines]


def scope_words(snapshot: Snapshot) -> str:
    """Return which of the filters the answers follow, and of what they are where others are chosen."""
    names = [name for dimension, name in _NOT_FOLLOWED.items() if getattr(snapshot.filters, dimension)]
    if not names:
        return FOLLOWED
    of = "the chosen projects" if snapshot.filters.projects else "everything that is loaded"
    return f"These answers are of {of}: they do not follow the filter for {' or '.join(names)}. {FOLLOWED}"


def clauses(answer: Answer) -> list[str]:
    """Return what is said beside an answer's figure, a line for each statement."""
    return [capital(one) for one in answer.detail.split("; ")]


def state_words(answer: Answer) -> str:
    """Return what the colour of a card says, for readers who do not see it; nothing for a plain one."""
    return {State.ATTENTION: "Needs attention", State.UNKNOWN: "Not known"}.get(answer.state, "")


def first_row_html(snapshot: Snapshot, fresh: list[str]) -> str:
    """Return the row for the picture of the page, with how fresh the figures are."""
    cards = "".join(
        f'<div class="answer {one.state}"><dt>{escape(one.label)}</dt><dd class="value">{escape(one.value)}</dd>'
        f'<dd class="detail">{"".join(f"<span>{escape(line)}</span>" for line in clauses(one))}</dd></div>'
        for one in first_row(snapshot)
    )
    words = escape(tasks_words(snapshot))
    todo = f'<details class="to-do"><summary>{words}</summary></details>' if tasks(snapshot) else f'<p class="to-do">{words}</p>'
    lines = "".join(f"<li>{escape(line)}</li>" for line in fresh)
    return (
        f'<section><dl class="answers">{cards}</dl>{todo}<p class="scope">{escape(scope_words(snapshot))}</p></section>'
        f'<ul class="freshness">{lines}</ul>'
    )


def places_html() -> str:
    """Return the ways to the sections for the picture of the page."""
    names = "".join(f"<li><a>{escape(name)}</a></li>" for name in (*(name for _, name, _ in SECTIONS), WORDS_TITLE))
    return f'<nav class="contents"><ul>{names}</ul></nav>'
