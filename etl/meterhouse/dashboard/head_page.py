"""The first page of the report: sentences that answer what a reader comes for, what is to be done, and four pictures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from meterhouse.answers.answer import Answer, State, capital
from meterhouse.answers.five import five_answers
from meterhouse.answers.rows import AnswerRows
from meterhouse.answers.to_do import LABEL, NOTHING, ToDo, to_do, to_do_sentence
from meterhouse.answers.trust import KEY as TRUST
from meterhouse.dashboard.head_pictures import Picture, pictures

_MARKS = {State.PLAIN: "", State.ATTENTION: "Look at this: ", State.UNKNOWN: ""}


def head_page(rows: AnswerRows, currency: str) -> str:
    """Return the page as one section, which ends with a sheet of paper."""
    sentences = "".join(
        f'<li id="answer-{one.key}" class="{one.state}"><b>{escape(one.label)}</b><div>{_lines(one)}</div></li>'
        for one in five_answers(rows, currency)
    )
    drawn = "".join(_figure(one) for one in pictures(rows, currency))
    words = f'<ol class="answers">{sentences}{_to_do(to_do(rows))}</ol><div class="four">{drawn}</div>'
    return f'<section class="first-page" aria-label="In a few sentences">{words}</section>'


def sentences(rows: AnswerRows, currency: str) -> list[str]:
    """Return the same sentences as lines of text, for a mail."""
    return [*(one.sentence for one in five_answers(rows, currency)), to_do_sentence(to_do(rows))]


def _to_do(tasks: Sequence[ToDo]) -> str:
    """The last of the answers, with how each task is done."""
    if not tasks:
        return f'<li id="answer-to_do" class="{State.PLAIN}"><b>{LABEL}</b><span>{NOTHING}.</span></li>'
    lines = "".join(f"<li>{escape(capital(one.what))}. <small>{_how(one)}</small></li>" for one in tasks)
    return f'<li id="answer-to_do" class="{State.ATTENTION}"><b>{LABEL}</b><ol class="tasks">{lines}</ol></li>'


def _how(one: ToDo) -> str:
    before, command, behind = map(escape, one.explained)
    return f"{before}<code>{command}</code>{behind}" if command else before


def _lines(one: Answer) -> str:
    """The sentence, with a line for each statement of it."""
    first, *more = one.sentence.split("; ")
    # "Mostly" and "with care" say it themselves.
    mark = "" if one.key == TRUST else _MARKS[one.state]
    said = [f"{mark}{first}", *map(capital, more)]
    return "".join(f"<span>{escape(line if line.endswith('.') else f'{line}.')}</span>" for line in said)


def _figure(one: Picture) -> str:
    shown = one.svg or f'<p class="empty">{escape(one.empty)}</p>'
    return f'<figure id="picture-{one.key}"><figcaption>{escape(one.title)}</figcaption>{shown}</figure>'
