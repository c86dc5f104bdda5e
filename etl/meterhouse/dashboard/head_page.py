"""The first page of the report: five sentences that answer what a reader comes for, and four pictures of them. Pure."""

from __future__ import annotations

from html import escape

from meterhouse.answers.answer import State
from meterhouse.answers.five import five_answers
from meterhouse.answers.rows import AnswerRows
from meterhouse.dashboard.head_pictures import Picture, pictures

_MARKS = {State.PLAIN: "", State.ATTENTION: "Look at this: ", State.UNKNOWN: ""}


def head_page(rows: AnswerRows, currency: str) -> str:
    """Return the page as one section, which ends with a sheet of paper."""
    sentences = "".join(
        f'<li id="answer-{one.key}" class="{one.state}"><b>{escape(one.label)}</b>'
        f"<span>{_MARKS[one.state]}{escape(one.sentence)}</span></li>"
        for one in five_answers(rows, currency)
    )
    drawn = "".join(_figure(one) for one in pictures(rows, currency))
    words = f'<ol class="answers">{sentences}</ol><div class="four">{drawn}</div>'
    return f'<section class="first-page" aria-label="In five sentences">{words}</section>'


def sentences(rows: AnswerRows, currency: str) -> list[str]:
    """Return the same sentences as lines of text, for a mail."""
    return [one.sentence for one in five_answers(rows, currency)]


def _figure(one: Picture) -> str:
    shown = one.svg or f'<p class="empty">{escape(one.empty)}</p>'
    return f'<figure id="picture-{one.key}"><figcaption>{escape(one.title)}</figcaption>{shown}</figure>'
