"""Control characters: no name that somebody chose controls a terminal or starts a new line."""

from __future__ import annotations

import io
import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhouse.command_line.speech import say, say_table
from meterhouse.control_characters import VisibleFormatter, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with 'quotes' and umlauts: für 東京 🏠", "plain, with 'quotes' and umlauts: für 東京 🏠"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\nERROR forged\r\n", r"a\x0aERROR forged\x0d\x0a"),
        ("bell\a back\b tab\t del\x7f csi\x9b1m", r"bell\x07 back\x08 tab\x09 del\x7f csi\x9b1m"),
        ("line\u2028paragraph\u2029", r"line\u2028paragraph\u2029"),
        ("evil\u202etxt.exe", r"evil\u202etxt.exe"),
        ("no utf-8: \udcff, half: \ud800", r"no utf-8: \xff, half: \ud800"),
    ],
)
def test_control_characters_are_spelled_out(text: str, shown: str):
    assert visible(text) == shown


@given(st.text(st.characters(codec=None), max_size=60))
def test_what_is_shown_is_one_line_that_any_terminal_takes_and_stays_as_it_is(text: str):
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(character) == "Cc" for character in shown)
    shown.encode()
    assert visible(shown) == shown


def test_a_log_line_is_one_line_and_a_traceback_under_it_keeps_its_own():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(VisibleFormatter("%(levelname)s %(message)s"))
    log = logging.Logger("of a test")
    log.addHandler(handler)
    log.warning("the project %s is odd", "a\nERROR forged \x1b[2J")
    try:
        int("in a traceback")
    except ValueError:
        log.exception("it failed")
    first, second, *frames = stream.getvalue().splitlines()
    assert first == r"WARNING the project a\x0aERROR forged \x1b[2J is odd"
    assert second == "ERROR it failed"
    assert frames[0].startswith("Traceback")
    assert frames[-1] == "ValueError: invalid literal for int() with base 10: 'in a traceback'"


def test_a_commands_answer_is_a_line_per_row(capsys):
    say("project \x1b[1mbold\nforged")
    say_table(("id", "name"), [("p1", "a\x1b[2J"), (None, "long enough")])
    assert capsys.readouterr().out.splitlines() == [
        r"project \x1b[1mbold\x0aforged",
        "id  name",
        r"p1  a\x1b[2J",
        "    long enough",
    ]
