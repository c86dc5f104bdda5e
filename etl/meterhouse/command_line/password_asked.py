"""The password of a login: from the environment or from the terminal, never from the command line, which other users can see."""

from __future__ import annotations

import os
import sys
from getpass import getpass

from meterhouse.errors import FixConfiguration
from meterhouse.warehouse.passwords import fault

_VARIABLE = "METERHOUSE_READER_PASSWORD"


def password_for(name: str) -> str | None:
    """Return the password that was chosen for `name`, None if none was: from METERHOUSE_READER_PASSWORD, or asked on a terminal.

    Raises `FixConfiguration` for one that cannot be used, or that was typed in two ways.
    """
    chosen = os.environ.get(_VARIABLE)
    if chosen:
        return _usable(chosen, _VARIABLE)
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    typed = getpass(f"Password for {name} (Enter: none of your own): ")
    if not typed:
        return None
    usable = _usable(typed, "the password")
    if getpass("The same again: ") != usable:
        raise FixConfiguration("the two passwords are not the same: run the command again")
    return usable


def _usable(password: str, what: str) -> str:
    wrong = fault(password)
    if wrong is not None:
        raise FixConfiguration(f"{what} {wrong}")
    return password
