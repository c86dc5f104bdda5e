"""Psql on the warehouse, as its reader: the one on PATH, or that of the embedded PostgreSQL.

`python -m meterhouse.command_line.psql`, which `make psql` calls.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import NoReturn

import psycopg
from psycopg import pq

from meterhouse.command_line.speech import remark
from meterhouse.dashboard.reader_url import reader_url
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.local.postgres import wheel_programs
from meterhouse.settings import load_settings
from meterhouse.warehouse.database import MALFORMED_URL

# Whatever the role may do, a slip of the hand writes nothing; days are those of the views.
_OPTIONS = b"-c default_transaction_read_only=on -c TimeZone=UTC"


def main() -> int:
    """Become psql, or return the exit status of what kept it from that."""
    try:
        _become_psql()
    except MeterhouseError as error:
        remark(str(error))
        return error.exit_status


def _become_psql() -> NoReturn:
    """The password is passed in the environment, so no process list shows it."""
    url = reader_url(load_settings())
    try:
        named = {one.envvar: one.val for one in pq.Conninfo.parse(url.encode()) if one.envvar and one.val is not None}
    except psycopg.Error:
        raise FixConfiguration(MALFORMED_URL) from None
    options = b" ".join([named.pop(b"PGOPTIONS", b""), _OPTIONS]).strip()
    # It is to take over the terminal, Ctrl-C included.
    os.execve(_program(), ["psql"], {**os.environb, **named, b"PGOPTIONS": options})  # noqa: S606


def _program() -> str:
    if installed := shutil.which("psql"):
        return installed
    try:
        return str(wheel_programs() / "bin" / "psql")
    except FixConfiguration:
        raise FixConfiguration('there is no psql here: ask with meterhouse sql "SELECT ..."') from None


if __name__ == "__main__":
    sys.exit(main())
